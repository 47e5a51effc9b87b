"""What a proposed rig would see of a room: floor and working volume, with the furniture in the way.

A point counts as seen by a camera where it lies on the depth image, in the range for which its maker vouches, and on a
free way. Nobody stands in the room: people hide a good part of what is counted here, so plan for two cameras more than
the least that will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...capture.camera import CameraRig
from ...capture.errors import ConfigError
from ...reconstruction.state import Fixture, Zone
from .camera_presets import CameraPreset
from .line_of_sight import LineOfSight
from .meshes import TexturedMesh, box, merge
from .performance import StandingRoom
from .sensor_noise import SensorConfig, sigma_m

FLOOR_STEP_M, VOLUME_STEP_M = 0.1, 0.15
#: Heights of hands, instruments and heads; how far around the table people work.
VOLUME_M, WORKING_M = (0.5, 1.9), 1.2
#: A point of the floor is looked for a little above it, so that the floor itself is not in the way.
ABOVE_FLOOR_M = 0.03
SMALLEST_SPOT_M2 = 0.05
MOST_SPOTS = 12
COUNTS = (0, 1, 2, 3)
NAMELESS = ("fixture", "unknown")


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Where it matters what cameras see.

    Args:
        room: what stands.
        floor_m: (n, 2) corners of the floor, in order.
        table_m, table_half_m: (2,) the middle of the operating table, and half its size along x and y; the working
            volume lies around it.
    """

    room: StandingRoom
    floor_m: np.ndarray
    table_m: np.ndarray
    table_half_m: np.ndarray

    @classmethod
    def of(cls, room: StandingRoom) -> Site:
        """The floor is the zone "room", or else the rectangle of all surfaces; without a table, one in its middle."""
        low, high = np.quantile(room.mesh.vertices_m[:, :2], (0.001, 0.999), axis=0)
        zone = next((zone.polygon_m for zone in room.zones if zone.label == "room"), None)
        floor_m = np.array([low, (high[0], low[1]), high, (low[0], high[1])]) if zone is None else np.asarray(zone)
        table = next((fixture for fixture in room.fixtures if fixture.label == "operating_table"), None)
        if table is None:
            return cls(room, floor_m, floor_m.mean(axis=0), np.array([1.0, 0.3]))
        corners_m = table.box.corners_m()[:, :2]
        return cls(room, floor_m, np.array(table.box.center_m[:2]), np.ptp(corners_m, axis=0) / 2)


def bare_room(
    vertices_m: np.ndarray, faces: np.ndarray, fixtures: Sequence[Fixture], zones: Sequence[Zone]
) -> StandingRoom:
    """A room that was measured, or known by the boxes of its furniture only, as something to hang cameras in.

    Args:
        vertices_m, faces: (n, 3) and (f, 3) its surfaces; without any, the boxes of the fixtures stand for them.
        fixtures, zones: what is called how.

    Raises:
        ConfigError: there are neither surfaces nor fixtures.
    """
    if not len(faces):
        if not fixtures:
            raise ConfigError("the room has no surfaces, so nothing can stand in the way", todo="give a triangle mesh")
        solid = merge([box(one.box.center_m, one.box.rotation, one.box.extent_m, 0) for one in fixtures])
        vertices_m, faces = solid.vertices_m, solid.faces
    nothing = np.zeros(len(faces), np.int64)
    mesh = TexturedMesh(np.asarray(vertices_m, np.float64), faces, np.zeros((len(vertices_m), 2)), nothing, nothing)
    return StandingRoom(mesh, (), tuple(fixtures), tuple(zones), tuple(fixtures), ())


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How well some points are seen.

    Args:
        points_m: (n, 3) metres, world.
        seen_by: (n, c) bool, by which camera.
        sigma_m: (n,) standard deviation of the depth of a surface there that faces each camera at 45 degrees, of all
            cameras that see it together (inverse variances added); NaN where none does.
    """

    points_m: np.ndarray
    seen_by: np.ndarray
    sigma_m: np.ndarray

    @property
    def count(self) -> np.ndarray:
        """(n,) how many cameras see each point."""
        return self.seen_by.sum(axis=1)

    def shares(self) -> dict[str, float]:
        """Share of the points seen by exactly 0, 1 and 2 cameras, and by 3 or more."""
        count = np.minimum(self.count, COUNTS[-1])
        return {f"{n}+" if n == COUNTS[-1] else str(n): float(np.mean(count == n)) for n in COUNTS}

    def to_json(self) -> dict[str, Any]:
        """The figures."""
        sigma = self.sigma_m[np.isfinite(self.sigma_m)]
        return {
            "points": len(self.points_m),
            "share_by_cameras": self.shares(),
            "mean_sigma_m": float(sigma.mean()) if len(sigma) else None,
        }


@dataclass(frozen=True, slots=True, eq=False)
class BlindSpot:
    """A connected part of the floor, or of the working volume as seen from above, of which no camera sees all.

    Args:
        where: in words: what stands nearest, and on which side.
        center_m: (2,) its middle.
        area_m2: how large it is, seen from above.
        of_volume: whether it belongs to the working volume; else to the floor.
    """

    where: str
    center_m: np.ndarray
    area_m2: float
    of_volume: bool


@dataclass(frozen=True, slots=True, eq=False)
class CoveragePlan:
    """What a rig would see.

    Args:
        site, rig: what was asked.
        floor: of all points of the floor on which nothing stands.
        volume: of the working volume: 0.5 to 1.9 m high, up to 1.2 m around the table.
        blind_spots: the largest first.
    """

    site: Site
    rig: CameraRig
    floor: Coverage
    volume: Coverage
    blind_spots: tuple[BlindSpot, ...]

    def to_json(self) -> dict[str, Any]:
        """The figures."""
        share = {name: float(self.volume.seen_by[:, n].mean()) for n, name in enumerate(self.rig.cameras)}
        return {
            "cameras": {
                name: {
                    "place_m": [round(float(v), 3) for v in camera.world_from_camera.translation_m],
                    "share_of_volume": share[name],
                }
                for name, camera in self.rig.cameras.items()
            },
            "floor": self.floor.to_json(),
            "volume": self.volume.to_json(),
            "blind_spots": [
                {
                    "where": spot.where, "center_m": [round(float(v), 2) for v in spot.center_m],
                    "area_m2": round(spot.area_m2, 2), "part": "working volume" if spot.of_volume else "floor",
                }
                for spot in self.blind_spots
            ],
        }  # fmt: skip


def plan_coverage(room: StandingRoom, rig: CameraRig, kinds: Mapping[str, CameraPreset]) -> CoveragePlan:
    """How much of a room a rig sees.

    Args:
        room: what stands.
        rig: where the cameras would hang.
        kinds: the kind of each camera, for its range and its noise.
    """
    site, sight = Site.of(room), LineOfSight(room.mesh.vertices_m, room.mesh.faces)
    floor, volume = (cover(points_m, rig, kinds, sight) for points_m in (floor_points_m(site), volume_points_m(site)))
    spots = [*_blind_spots(site, floor, FLOOR_STEP_M, False), *_blind_spots(site, volume, VOLUME_STEP_M, True)]
    spots.sort(key=lambda spot: -spot.area_m2)
    return CoveragePlan(site, rig, floor, volume, tuple(spots[:MOST_SPOTS]))


def cover(
    points_m: np.ndarray, rig: CameraRig, kinds: Mapping[str, CameraPreset], sight: LineOfSight
) -> Coverage:  # fmt: skip
    """Who sees points (n, 3), and how well."""
    seen_by = np.zeros((len(points_m), len(rig.cameras)), dtype=bool)
    information = np.zeros(len(points_m))
    for number, (name, camera) in enumerate(rig.cameras.items()):
        lens, kind = camera.depth or camera.color, kinds[name]
        local_m = camera.world_from_depth.inverse() @ points_m
        uv_px = lens.project(local_m)
        seen = lens.contains(uv_px) & _in_field(uv_px, (lens.width_px, lens.height_px), kind.sensor)
        seen &= (local_m[:, 2] > kind.range_m[0]) & (local_m[:, 2] < kind.range_m[1])
        seen[seen] = sight.sees(camera.world_from_depth.translation_m, points_m[seen])
        seen_by[seen, number] = True
        sigma = sigma_m(local_m[seen, 2], np.full(int(seen.sum()), np.sqrt(0.5)), kind.sensor)
        information[seen] += 1.0 / sigma**2
    with np.errstate(divide="ignore"):
        fused_m = np.where(information > 0, 1.0 / np.sqrt(information), np.nan)
    return Coverage(points_m, seen_by, fused_m)


def _in_field(uv_px: np.ndarray, size_px: tuple[int, int], sensor: SensorConfig) -> np.ndarray:
    if sensor.field_radius == 0:
        return np.ones(len(uv_px), dtype=bool)
    from_center = (uv_px + 0.5) / np.array(size_px) * 2 - 1
    return (from_center**2).sum(axis=1) <= sensor.field_radius**2


def floor_points_m(site: Site) -> np.ndarray:
    """(n, 3) points of the floor on which no furniture stands."""
    points_m = _grid(site.floor_m, FLOOR_STEP_M)
    points_m = np.column_stack([points_m, np.full(len(points_m), ABOVE_FLOOR_M)])
    for fixture in site.room.solids:
        points_m = points_m[~_under(fixture, points_m)]
    return points_m


def _under(fixture: Fixture, points_m: np.ndarray) -> np.ndarray:
    """(n,) bool: whether points lie in a fixture as seen from above; what hangs higher than 1.9 m takes no floor."""
    corners_m = fixture.box.corners_m()
    if corners_m[:, 2].min() > VOLUME_M[1]:
        return np.zeros(len(points_m), dtype=bool)
    return fixture.box.contains(np.column_stack([points_m[:, :2], np.full(len(points_m), fixture.box.center_m[2])]))


def volume_points_m(site: Site) -> np.ndarray:
    """(n, 3) points around the table at working heights, outside of all furniture."""
    xy = _grid(site.floor_m, VOLUME_STEP_M)
    beyond = np.maximum(np.abs(xy - site.table_m) - site.table_half_m, 0.0)
    xy = xy[np.linalg.norm(beyond, axis=1) <= WORKING_M]
    heights_m = np.arange(VOLUME_M[0], VOLUME_M[1] + 1e-9, VOLUME_STEP_M)
    points_m = np.column_stack([np.repeat(xy, len(heights_m), axis=0), np.tile(heights_m, len(xy))])
    for fixture in site.room.solids:
        points_m = points_m[~fixture.box.contains(points_m)]
    return points_m


def _grid(polygon_m: np.ndarray, step_m: float) -> np.ndarray:
    """(n, 2) grid points inside a polygon (even-odd rule), half a step from its bounds."""
    low, high = polygon_m.min(axis=0), polygon_m.max(axis=0)
    axes = [np.arange(begin + step_m / 2, end, step_m) for begin, end in zip(low, high, strict=True)]
    points_m = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = np.zeros(len(points_m), dtype=bool)
    for (ax, ay), (bx, by) in zip(polygon_m, np.roll(polygon_m, -1, axis=0), strict=True):
        crosses = (points_m[:, 1] < ay) != (points_m[:, 1] < by)
        if crosses.any():
            inside ^= crosses & (points_m[:, 0] < ax + (bx - ax) * (points_m[:, 1] - ay) / (by - ay))
    return points_m[inside]


def _blind_spots(site: Site, part: Coverage, step_m: float, of_volume: bool) -> Iterator[BlindSpot]:
    """The connected places, seen from above, at which some height is seen by nobody; each by what stands nearest."""
    from scipy.ndimage import label

    corner_m = site.floor_m.min(axis=0)
    cells = np.rint((part.points_m[:, :2] - corner_m) / step_m - 0.5).astype(np.int64)
    blind = np.zeros(cells.max(axis=0, initial=0) + 1, dtype=bool)
    blind[tuple(cells[part.count == 0].T)] = True
    marked = np.zeros(blind.shape, dtype=np.int32)
    label(blind, output=marked)
    found = np.argwhere(blind)
    places_m = corner_m + (found + 0.5) * step_m
    named = [fixture for fixture in site.room.fixtures if fixture.label not in NAMELESS]
    gaps_m = np.array([_gap_m(fixture, places_m) for fixture in named]).reshape(len(named), len(places_m))
    nearest = gaps_m.argmin(axis=0) if named else np.full(len(places_m), -1)
    spots = np.column_stack([marked[tuple(found.T)], nearest])
    for spot in np.unique(spots, axis=0):
        mine = (spots == spot).all(axis=1)
        area_m2, center_m = float(mine.sum()) * step_m**2, places_m[mine].mean(axis=0)
        if area_m2 >= SMALLEST_SPOT_M2:
            where = _in_words(site, named[spot[1]] if named else None, center_m)
            yield BlindSpot(where, center_m, area_m2, of_volume)


def _gap_m(fixture: Fixture, places_m: np.ndarray) -> np.ndarray:
    """(n,) metres along the floor from places (n, 2) to a fixture."""
    return fixture.box.distance_m(np.column_stack([places_m, np.full(len(places_m), fixture.box.center_m[2])]))


def _in_words(site: Site, nearest: Fixture | None, place_m: np.ndarray) -> str:
    """A place by what stands nearest: "north of the operating table"; without furniture, by its side of the room."""
    if nearest is None:
        return f"{_side(place_m - site.floor_m.mean(axis=0))} of the middle of the room"
    name = nearest.label.replace("_", " ")
    if _gap_m(nearest, place_m[None])[0] == 0.0:
        return f"about the {name}"
    return f"{_side(place_m - nearest.box.center_m[:2])} of the {name}"


def _side(step_m: np.ndarray) -> str:
    """The world's y axis is north, x is east."""
    names = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")
    return names[round(float(np.arctan2(step_m[1], step_m[0])) / (np.pi / 4)) % 8]
