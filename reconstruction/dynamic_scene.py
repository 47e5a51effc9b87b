"""What moves in the room, one instant after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..capture.arrays import RawDepthImage
from ..capture.background import BackgroundModel
from ..capture.camera import CameraRig
from ..capture.flying_pixels import FlyingPixelConfig, find_flying
from .clusters import Cluster, ClusterConfig, find_clusters
from .dynamic_mask import DynamicMask, MaskConfig
from .follower import Follower, TrackingConfig
from .moving_points import MovingPoints, lift_moving
from .state import Visibility
from .surfaces import encode_surface, thin
from .tracking import Tracker
from .visibility import RayVerdict, VisibilityConfig, ray_test

NUM_PROBES = 48


@dataclass(frozen=True, slots=True)
class DynamicConfig:
    """How moving things are found, followed and kept.

    Args:
        spacing_rad: angle between lifted pixels; rows and columns in between are passed over.
        surface_voxel_m: surface points are thinned to one per voxel of this edge.
        thickness_m: the thinnest part of a moving thing (a hand); so much lies hidden behind each seen point.
        flying: which returns hang in the air and are left out of what moves.
        mask, cluster, tracking, visibility: the stages' own settings.
    """

    spacing_rad: float = 0.004
    surface_voxel_m: float = 0.025
    thickness_m: float = 0.04
    flying: FlyingPixelConfig = field(default_factory=FlyingPixelConfig)
    mask: MaskConfig = field(default_factory=MaskConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    visibility: VisibilityConfig = field(default_factory=VisibilityConfig)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One followed thing at one instant, as measured, before smoothing.

    Args:
        number: the raw number of the thing.
        measured: False where it was carried on unseen.
        center_m, extent_m: (3,) its box, world.
        area_m2: seen surface.
        has_head: whether a head tops it.
        num_points: measured points.
        visibility: what each camera of the rig says, in the rig's order.
        surface: its thinned coloured points as a packet, or None.
    """

    number: int
    measured: bool
    center_m: np.ndarray
    extent_m: np.ndarray
    area_m2: float
    has_head: bool
    num_points: int
    visibility: tuple[Visibility, ...]
    surface: bytes | None


@dataclass(slots=True)
class DynamicScene:
    """Finds and follows what moves; feed it instants in order with `observe`.

    Args:
        rig: where the cameras stand.
        masks: the compiled background of each camera.
        config: see DynamicConfig.
    """

    rig: CameraRig
    masks: Mapping[str, DynamicMask]
    config: DynamicConfig
    tracker: Tracker
    probes_m: dict[int, np.ndarray]
    pool: ThreadPoolExecutor

    @classmethod
    def start(
        cls, rig: CameraRig, backgrounds: Mapping[str, BackgroundModel], config: DynamicConfig | None = None
    ) -> DynamicScene:
        """A scene in which nothing moves yet."""
        config = config or DynamicConfig()
        masks = _masks(rig, backgrounds, config.mask)
        return cls(rig, masks, config, Tracker(config.tracking), {}, ThreadPoolExecutor(2))

    def stand(self, rig: CameraRig, backgrounds: Mapping[str, BackgroundModel]) -> None:
        """From now on the cameras stand elsewhere; what is followed is followed on. The cameras are the same ones."""
        self.rig, self.masks = rig, _masks(rig, backgrounds, self.config.mask)

    def observe(
        self,
        time_ns: int,
        read_depth: Callable[[str], RawDepthImage | None],
        read_color: Callable[[str], np.ndarray | None],
    ) -> list[Sighting]:
        """Take one instant: mask, lift, cluster, match, and say for every followed thing what was seen.

        Args:
            time_ns: the instant, rig clock; later than the one before.
            read_depth: raw depth of a camera at this instant, or None; called from threads.
            read_color: colour of a camera, at any reduction of its grid, or None; called from threads.
        """
        elapsed_ns = time_ns - (self.tracker.time_ns if self.tracker.time_ns is not None else time_ns)
        depths, points = self.see(read_depth)
        self.tracker.predict(time_ns)
        clusters, matches = self.tracker.match(find_clusters(points, self.config.cluster))
        verdicts = self._ask_about_unmatched(matches, depths)
        somebody_looked = any(depth is not None for depth in depths.values())
        gone = [
            position
            for position in verdicts
            if self._is_gone(self.tracker.followers[position], verdicts[position], somebody_looked)
        ]
        carried = [
            (self.tracker.followers[position].number, verdicts[position])
            for position in verdicts
            if position not in gone
        ]
        numbers = self.tracker.commit(clusters, matches, gone, elapsed_ns)
        surfaces = self._surfaces(clusters, read_color)
        sightings = [self._measured(numbers[k], clusters[k], depths, surfaces[k]) for k in range(len(clusters))]
        by_number = {follower.number: follower for follower in self.tracker.followers}
        sightings += [self._carried(by_number[number], verdict) for number, verdict in carried]
        self.probes_m = {number: probe for number, probe in self.probes_m.items() if number in by_number}
        return sorted(sightings, key=lambda sighting: sighting.number)

    def see(
        self, read_depth: Callable[[str], RawDepthImage | None]
    ) -> tuple[dict[str, RawDepthImage | None], MovingPoints]:
        """Raw depth by camera at an instant, and the points of all that moves."""

        def see(item: tuple[int, str]) -> tuple[RawDepthImage | None, MovingPoints | None]:
            index, name = item
            depth_raw = read_depth(name)
            if depth_raw is None or name not in self.masks:
                return depth_raw, None
            moving = self.masks[name].of(depth_raw)
            lens, flying_m = self.rig[name].depth, self.config.mask.flying_m
            if lens is not None and self.config.flying.enabled:
                moving &= ~find_flying(depth_raw, self.rig[name].depth_unit_m, self.config.flying)
            stride_px = 1 if lens is None else max(1, round(self.config.spacing_rad * lens.fx_px))
            return depth_raw, lift_moving(self.rig[name], index, depth_raw, moving, stride_px, flying_m)

        names = list(self.rig.cameras)
        seen = list(self.pool.map(see, enumerate(names)))
        depths = {name: depth_raw for name, (depth_raw, _) in zip(names, seen, strict=True)}
        return depths, MovingPoints.join([points for _, points in seen if points is not None])

    def _ask_about_unmatched(
        self, matches: Mapping[int, int], depths: Mapping[str, RawDepthImage | None]
    ) -> dict[int, list[RayVerdict]]:
        return {
            position: self._ask(self._expected_points(follower), depths)
            for position, follower in enumerate(self.tracker.followers)
            if position not in matches
        }

    def _expected_points(self, follower: Follower) -> np.ndarray:
        center_m = np.array([*follower.mean[:2], follower.center_z_m])
        return self.probes_m.get(follower.number, np.zeros((1, 3))) + center_m

    def _ask(self, points_m: np.ndarray, depths: Mapping[str, RawDepthImage | None]) -> list[RayVerdict]:
        return [
            ray_test(camera, depths[name], points_m, self.config.visibility)
            for name, camera in self.rig.cameras.items()
        ]

    def _is_gone(self, follower: Follower, verdicts: Sequence[RayVerdict], somebody_looked: bool) -> bool:
        missing_s = follower.misses_ns * 1e-9
        if follower.hits < self.config.tracking.confirm_hits or any(verdict.looked_through for verdict in verdicts):
            return True
        if not somebody_looked:
            return False
        hidden = any(verdict.visibility is Visibility.HIDDEN for verdict in verdicts)
        return missing_s > self.config.tracking.coast_s * (1.0 if hidden else 0.1)

    def _surfaces(
        self, clusters: Sequence[Cluster], read_color: Callable[[str], np.ndarray | None]
    ) -> list[tuple[bytes, np.ndarray]]:
        kept = [cluster.points.take(thin(cluster.points.points_m, self.config.surface_voxel_m)) for cluster in clusters]
        names = list(self.rig.cameras)
        needed = sorted({int(index) for points in kept for index in np.unique(points.camera_index)})
        images = dict(zip(needed, self.pool.map(lambda index: read_color(names[index]), needed), strict=True))
        return [(encode_surface(points.points_m, self._colors(points, images)), points.points_m) for points in kept]

    def _colors(self, points: MovingPoints, images: Mapping[int, np.ndarray | None]) -> np.ndarray:
        colors_rgb = np.full((len(points.points_m), 3), 128, np.uint8)
        for index, image in images.items():
            own = np.flatnonzero(points.camera_index == index)
            if image is None or len(own) == 0:
                continue
            camera = list(self.rig.cameras.values())[index]
            uv_px = camera.color.project(camera.camera_from_world @ points.points_m[own])
            scale = np.array([image.shape[1] / camera.color.width_px, image.shape[0] / camera.color.height_px])
            columns, rows = np.nan_to_num((uv_px + 0.5) * scale - 0.5, nan=-1).round().astype(int).T
            inside = (columns >= 0) & (rows >= 0) & (columns < image.shape[1]) & (rows < image.shape[0])
            colors_rgb[own[inside]] = image[rows[inside], columns[inside]]
        return colors_rgb

    def _measured(
        self,
        number: int,
        cluster: Cluster,
        depths: Mapping[str, RawDepthImage | None],
        surface: tuple[bytes, np.ndarray],
    ) -> Sighting:
        packet, points_m = surface
        chosen = np.linspace(0, len(points_m) - 1, min(NUM_PROBES, len(points_m))).astype(int)
        self.probes_m[number] = points_m[chosen].astype(np.float64) - cluster.center_m
        counts = np.bincount(cluster.points.camera_index, minlength=len(self.rig.cameras))
        visibility = [
            Visibility.SEEN
            if counts[index] >= self.config.visibility.min_points
            else self._unseen(ray_test(camera, depths[name], points_m[chosen], self.config.visibility).visibility)
            for index, (name, camera) in enumerate(self.rig.cameras.items())
        ]
        return Sighting(
            number, True, cluster.center_m, cluster.extent_m, cluster.area_m2, cluster.has_head,
            len(cluster.points.points_m), tuple(visibility), packet,
        )  # fmt: skip

    @staticmethod
    def _unseen(visibility: Visibility) -> Visibility:
        """A camera that measured nothing of a thing in its view did not see it, whatever stands at that depth."""
        return Visibility.HIDDEN if visibility is Visibility.SEEN else visibility

    def _carried(self, follower: Follower, verdicts: Sequence[RayVerdict]) -> Sighting:
        center_m = np.array([*follower.mean[:2], follower.center_z_m])
        visibility = tuple(self._unseen(verdict.visibility) for verdict in verdicts)
        return Sighting(follower.number, False, center_m, follower.extent_m, 0.0, False, 0, visibility, None)

    def to_json(self) -> dict[str, Any]:
        """The working state as JSON values, so that a later run can go on exactly from here."""
        probes = {str(number): probe.tolist() for number, probe in sorted(self.probes_m.items())}
        return {"tracker": self.tracker.to_json(), "probes_m": probes}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self.tracker.restore(value["tracker"])
        self.probes_m = {int(number): np.array(probe, np.float64) for number, probe in value["probes_m"].items()}


def _masks(rig: CameraRig, backgrounds: Mapping[str, BackgroundModel], config: MaskConfig) -> dict[str, DynamicMask]:
    return {
        name: DynamicMask.from_background(rig[name], background, config) for name, background in backgrounds.items()
    }
