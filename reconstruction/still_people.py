"""People in the background: who stood still for nearly the whole recording looks like furniture to a background model.

Two witnesses bring him back. What one camera took for the room and another camera's room looks through is no room.
And a head with a chest below it, through which nobody looks and about which something moves now and then, is a person:
the body is laid into the points below the head, and the pixels on its surface are released. A released pixel keeps a
depth, but with the support 0: the room is somewhere beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..capture.background import BackgroundModel
from ..capture.camera import Camera, CameraRig
from ..capture.frame_reader import FrameReader
from ..capture.storage import StoredRecording
from ..capture.sync import SyncTable
from .clusters import ClusterConfig, find_heads
from .dynamic_scene import DynamicConfig, DynamicScene
from .moving_points import MovingPoints, lift_moving
from .person_points import PointFitConfig, distance_to_body_m, fit_points

UNKNOWN_RGB = 128


@dataclass(frozen=True, slots=True)
class StillPeopleConfig:
    """How people are found in the background.

    Args:
        enabled: False leaves the background as it is.
        num_samples: instants at which is looked for motion about a head.
        tops_m: heads are looked for below each of these heights, since lamps hang over some.
        above_m, above_area_m2: between a head and this height above it is less surface than this.
        core_m: radius of the core of a person ...
        core_span_m: ... between these depths below the top of the head ...
        through_share: ... and of it at most this share is looked through.
        motion_reach_m, motion_span_m: motion counts so near the axis, from so far below to so far above the top ...
        motion_area_m2, motion_share: ... where at this share of the instants there is so much of it.
        reach_m: points so near the axis may be the person's.
        skin_m: pixels so near the surface of the body are released.
        behind_m: the room begins at least so far behind a released pixel.
        stride_px: every n-th row and column is compared between cameras.
        margin_m: a camera looks through a point where its room is farther by this ...
        least_area_m2: ... and only whole patches of at least this surface are released.
        cluster, fit: what a head is, and how a body is laid into points.
    """

    enabled: bool = True
    num_samples: int = 24
    tops_m: tuple[float, ...] = (2.3, 2.1, 1.95, 1.85, 1.75, 1.65)
    above_m: float = 0.12
    above_area_m2: float = 0.002
    core_m: float = 0.06
    core_span_m: tuple[float, float] = (0.2, 0.5)
    through_share: float = 0.9
    motion_reach_m: float = 0.22
    motion_span_m: tuple[float, float] = (0.35, 0.08)
    motion_area_m2: float = 0.002
    motion_share: float = 0.08
    reach_m: float = 0.45
    skin_m: float = 0.07
    behind_m: float = 0.5
    stride_px: int = 2
    margin_m: float = 0.2
    least_area_m2: float = 0.04
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    fit: PointFitConfig = field(default_factory=PointFitConfig)


def without_people(
    recording: StoredRecording,
    rig: CameraRig,
    sync: SyncTable,
    quiet_ns: int,
    backgrounds: Mapping[str, BackgroundModel],
    dynamic: DynamicConfig,
    config: StillPeopleConfig,
) -> dict[str, BackgroundModel]:
    """The backgrounds of a recording without those who stood still, who are found by what moves about them.

    Args:
        recording, rig, sync: what was recorded.
        quiet_ns: the backgrounds hold from here until a camera is moved.
        backgrounds: by camera, each with depth.
        dynamic: how moving points are found.
        config: see StillPeopleConfig.
    """
    epochs = np.array([rig.epoch(time_ns) for time_ns in sync.times_ns.tolist()])
    quiet = np.flatnonzero(epochs == rig.epoch(quiet_ns))
    chosen = quiet[np.unique(np.linspace(0, len(quiet) - 1, config.num_samples).astype(int))] if len(quiet) else quiet
    placed, reader = rig.at(quiet_ns), FrameReader(recording, sync, rig)
    scene = DynamicScene.start(placed, backgrounds, dynamic)
    motion = (scene.see(reader.at(instant)[0])[1] for instant in chosen.tolist())
    return release_people(placed, backgrounds, motion, config)


def release_people(
    rig: CameraRig,
    backgrounds: Mapping[str, BackgroundModel],
    motion: Iterable[MovingPoints],
    config: StillPeopleConfig | None = None,
) -> dict[str, BackgroundModel]:
    """The backgrounds without the people that stood still in them.

    Args:
        rig: where the cameras stand; the floor is near z = 0.
        backgrounds: by camera, each with depth.
        motion: what moves before these backgrounds at some instants; taken only where there are heads.
        config: see StillPeopleConfig.
    """
    config = config or StillPeopleConfig()
    if not config.enabled:
        return dict(backgrounds)
    cleared = {
        name: _released(rig[name], background, _seen_through(rig, backgrounds, name, config), config)
        for name, background in backgrounds.items()
    }
    points = _points(rig, cleared, config)
    heads_m = still_heads(rig, cleared, points, motion, config)
    if not len(heads_m):
        return cleared
    owner = np.linalg.norm(points.points_m[:, None, :2] - heads_m[None, :, :2], axis=2).argmin(axis=1)
    bodies_m = []
    for k, head_m in enumerate(heads_m):
        away_m = np.linalg.norm(points.points_m[:, :2] - head_m[:2], axis=1)
        own = (owner == k) & (away_m < config.reach_m) & (points.points_m[:, 2] < head_m[2] + 0.02)
        bodies_m.append(fit_points(points.points_m[own], head_m, config.fit)[0].joints_m)
    return {
        name: _released(rig[name], background, _on_bodies(rig[name], background, bodies_m, config), config)
        for name, background in cleared.items()
    }


def still_heads(
    rig: CameraRig,
    backgrounds: Mapping[str, BackgroundModel],
    points: MovingPoints,
    motion: Iterable[MovingPoints],
    config: StillPeopleConfig,
) -> np.ndarray:
    """(k, 3) tops of the heads of people in the background; `points` are its surface."""
    heads_m = [
        head_m for head_m in _heads(points, config)
        if _looked_through(rig, backgrounds, _core(head_m, config), 0.1).mean() <= config.through_share
    ]  # fmt: skip
    if not heads_m:
        return np.zeros((0, 3))
    samples = list(motion)
    alive = [head_m for head_m in heads_m if _moves(head_m, samples, config)]
    return np.array(alive).reshape(-1, 3)


def _points(rig: CameraRig, backgrounds: Mapping[str, BackgroundModel], config: StillPeopleConfig) -> MovingPoints:
    """The surface of the background as points, below the highest head."""
    parts = []
    for index, name in enumerate(sorted(backgrounds)):
        depth_raw = np.rint(_known_m(backgrounds[name]) / rig[name].depth_unit_m).astype(np.uint16)
        parts.append(lift_moving(rig[name], index, depth_raw, depth_raw > 0, config.stride_px, 0.05))
    points = MovingPoints.join(parts)
    height = points.points_m[:, 2]
    return points.take((height > config.cluster.lowest_m) & (height < config.tops_m[0]))


def _known_m(background: BackgroundModel) -> np.ndarray:
    return np.where(background.support > 0, background.depth_m, np.float32(0.0))


def _heads(points: MovingPoints, config: StillPeopleConfig) -> list[np.ndarray]:
    """Tops of heads, of several layers: below each height, with nothing close above."""
    heads_m: list[np.ndarray] = []
    height = points.points_m[:, 2]
    for top_m in config.tops_m:
        layer = points.take(height < top_m)
        for head_m in find_heads(layer, config.cluster) if len(layer.points_m) else ():
            near = np.linalg.norm(points.points_m[:, :2] - head_m[:2], axis=1) < config.above_m
            above = near & (height > head_m[2] + 0.03) & (height < head_m[2] + config.above_m)
            new = all(np.linalg.norm(head_m[:2] - other[:2]) > 0.25 for other in heads_m)
            if new and float(points.area_m2[above].sum()) < config.above_area_m2:
                heads_m.append(head_m)
    return heads_m


def _core(head_m: np.ndarray, config: StillPeopleConfig) -> np.ndarray:
    """(n, 3) places inside the chest of somebody with this head."""
    angle = np.arange(8) * np.pi / 4
    ring = config.core_m * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(8)])
    depths_m = np.linspace(*config.core_span_m, 6)
    return np.concatenate([head_m + ring - np.array([0.0, 0.0, depth_m]) for depth_m in depths_m])


def _looked_through(
    rig: CameraRig, backgrounds: Mapping[str, BackgroundModel], places_m: np.ndarray, margin_m: float
) -> np.ndarray:
    """(n,) bool: the room of some camera is farther than the place."""
    through = np.zeros(len(places_m), bool)
    for name, background in backgrounds.items():
        through |= _room_beyond(rig[name], _known_m(background), places_m, margin_m)
    return through


def _room_beyond(camera: Camera, room_m: np.ndarray, places_m: np.ndarray, margin_m: float) -> np.ndarray:
    assert camera.depth is not None
    local_m = camera.world_from_depth.inverse() @ np.asarray(places_m, np.float64)
    uv_px = camera.depth.project(local_m)
    inside = camera.depth.contains(uv_px)
    beyond = np.zeros(len(places_m), bool)
    column, row = np.rint(uv_px[inside]).astype(int).T
    beyond[inside] = room_m[row, column] > local_m[inside, 2] + margin_m
    return beyond


def _moves(head_m: np.ndarray, samples: Sequence[MovingPoints], config: StillPeopleConfig) -> bool:
    """Whether something moves about a head now and then."""
    below_m, above_m = config.motion_span_m
    often = 0
    for points in samples:
        off_m = points.points_m - head_m
        near = np.linalg.norm(off_m[:, :2], axis=1) < config.motion_reach_m
        near &= (off_m[:, 2] > -below_m) & (off_m[:, 2] < above_m)
        often += float(points.area_m2[near].sum()) >= config.motion_area_m2
    return often > 0 and often >= config.motion_share * len(samples)


def _seen_through(
    rig: CameraRig, backgrounds: Mapping[str, BackgroundModel], name: str, config: StillPeopleConfig
) -> np.ndarray:
    """(h, w) bool: patches of a camera's room that other cameras' rooms look through."""
    import cv2

    camera, depth_m = rig[name], _known_m(backgrounds[name])
    assert camera.depth is not None
    others = {other: model for other, model in backgrounds.items() if other != name}
    eroded = {
        other: replace(model, depth_m=cv2.erode(_known_m(model), np.ones((5, 5), np.uint8)))
        for other, model in others.items()
    }
    small = depth_m[:: config.stride_px, :: config.stride_px]
    rays = camera.depth.rays()[:: config.stride_px, :: config.stride_px]
    row, column = np.nonzero(small)
    places_m = camera.world_from_depth @ (rays[row, column] * small[row, column, None]).astype(np.float64)
    through = np.zeros(small.shape, np.uint8)
    through[row, column] = _looked_through(rig, eroded, places_m, config.margin_m)
    through = cv2.morphologyEx(through, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    area_m2 = (small / (camera.depth.fx_px / config.stride_px)) ** 2
    count, labels = cv2.connectedComponents(through, connectivity=8)
    patch_m2 = np.bincount(labels.ravel(), area_m2.ravel(), count)
    large = patch_m2 >= config.least_area_m2
    large[0] = False
    grown = cv2.dilate(large[np.asarray(labels, np.int64)].astype(np.uint8), np.ones((3, 3), np.uint8))
    size = depth_m.shape[1], depth_m.shape[0]
    return cv2.resize(grown, size, interpolation=cv2.INTER_NEAREST).view(bool) & (depth_m > 0)


def _on_bodies(
    camera: Camera, background: BackgroundModel, bodies_m: Sequence[np.ndarray], config: StillPeopleConfig
) -> np.ndarray:
    """(h, w) bool: the pixels on the surfaces of bodies (17, 3)."""
    assert camera.depth is not None
    depth_m = _known_m(background)
    on = np.zeros(depth_m.shape, bool)
    for joints_m in bodies_m:
        middle_m = joints_m.mean(axis=0)
        row, column = np.nonzero(depth_m)
        points_m = camera.world_from_depth @ (camera.depth.rays()[row, column] * depth_m[row, column, None])
        near = (np.linalg.norm(points_m[:, :2] - middle_m[:2], axis=1) < 0.9) & (points_m[:, 2] > 0.1)
        row, column = row[near], column[near]
        on[row, column] |= distance_to_body_m(points_m[near], joints_m, config.fit) < config.skin_m
    return on


def _released(
    camera: Camera, background: BackgroundModel, gone: np.ndarray, config: StillPeopleConfig
) -> BackgroundModel:
    """A background in which pixels (h, w) are no room any more; their colour is gone too."""
    if not gone.any():
        return background
    depth_m = np.where(gone, background.depth_m + np.float32(config.behind_m), background.depth_m)
    nothing = {name: np.where(gone, np.float32(0), getattr(background, name)) for name in ("sigma_m", "noise_m")}
    support = np.where(gone, np.float32(0), background.support)
    color_rgb = _without_colour(camera, background, gone)
    return replace(background, depth_m=depth_m, support=support, color_rgb=color_rgb, **nothing)


def _without_colour(camera: Camera, background: BackgroundModel, gone: np.ndarray) -> np.ndarray | None:
    import cv2

    if background.color_rgb is None or camera.depth is None:
        return background.color_rgb
    row, column = np.nonzero(gone)
    points_m = camera.depth.rays()[row, column] * background.depth_m[row, column, None]
    uv_px = camera.color.project(camera.color_from_depth @ points_m.astype(np.float64))
    u, v = np.rint(uv_px[camera.color.contains(uv_px)]).astype(int).T
    mask = np.zeros(background.color_rgb.shape[:2], np.uint8)
    mask[v, u] = 1
    reach = 8 + int(np.ceil(camera.color.fx_px / camera.depth.fx_px))
    hidden = cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8)).view(bool)
    return np.where(hidden[..., None], np.uint8(UNKNOWN_RGB), background.color_rgb)


def known_room(backgrounds: Mapping[str, BackgroundModel]) -> dict[str, BackgroundModel]:
    """The backgrounds with depth 0 where only a bound is known: what a room is made of."""
    return {name: replace(model, depth_m=_known_m(model)) for name, model in backgrounds.items()}
