"""Where cameras hang: on the ceiling and high on the walls around the table, or where a rig.json says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...capture.camera import Camera, CameraRig
from ...capture.errors import ConfigError
from ...capture.geometry import look_at
from ...capture.rig_file import read_rig
from .camera_presets import PRESETS, CameraPreset, presets_of
from .line_of_sight import LineOfSight
from .performance import StandingRoom

__all__ = ["PRESETS", "CameraPreset", "cameras_from_json", "hang_cameras", "presets_of"]

MOST_CAMERAS = 12
#: Directions from the table, degrees, in the order in which places are taken: the corners face each other first.
DIRECTIONS_DEG = (-128.0, -52.0, 52.0, 128.0, 0.0, 90.0, 180.0, -90.0, -20.0, 160.0, 20.0, -160.0)
#: How far from the walls, and from the table at most: a time-of-flight camera sees badly beyond four metres.
WALL_M, FARTHEST_M = 0.25, 3.1
BELOW_CEILING_M, LOWEST_M, HIGHEST_M = 0.25, 2.2, 2.9
CLEAR_M = 0.12
TRIALS = 24
GOOD_VIEW = 0.8


def hang_cameras(
    room: StandingRoom, num_cameras: int, rng: np.random.Generator, preset: str | Sequence[str], scale: float = 1.0
) -> CameraRig:
    """A rig whose cameras look at the operating table from all around.

    Each camera gets a direction from the table and hangs at the wall or, in a large room, at the ceiling. Of several
    places about there it takes the first that lies clear of all furniture and sees the region around the table, and
    of a full room the one that sees most of it.

    Args:
        room: what stands.
        num_cameras: 1 to 12, named cam_1, cam_2, ...
        rng: jitters places and views.
        preset: a name of PRESETS, or several that take turns.
        scale: size of the images against the camera's own.

    Raises:
        ConfigError: no such number or kind of cameras, or there is no free place.
    """
    if not 1 <= num_cameras <= MOST_CAMERAS:
        raise ConfigError(f"a room has places for 1 to {MOST_CAMERAS} cameras, not {num_cameras}")
    sight = LineOfSight(room.mesh.vertices_m, room.mesh.faces)
    center_m = table_center_m(room)
    region_m = _working_region_m(center_m)
    cameras: dict[str, Camera] = {}
    for number, kind in enumerate(presets_of(preset, num_cameras), start=1):
        best: tuple[float, np.ndarray] | None = None
        taken_m = [camera.world_from_camera.translation_m for camera in cameras.values()]
        for eye_m in _places(room, center_m, np.deg2rad(DIRECTIONS_DEG[number - 1]), rng):
            if not _is_free(eye_m, room, sight, taken_m):
                continue
            view = float(sight.sees(eye_m, region_m).mean())
            if best is None or view > best[0]:
                best = view, eye_m
            if view > GOOD_VIEW:
                break
        if best is None:
            raise ConfigError(f"there is no free place for camera {number} in this room", todo="take fewer cameras")
        target_m = center_m + rng.uniform([-0.25, -0.25, -0.1], [0.25, 0.25, 0.15])
        pose = look_at(best[1], target_m, up=(*rng.normal(0.0, 0.012, 2), 1.0))
        cameras[f"cam_{number}"] = kind.model(f"cam_{number}", scale).placed(pose)
    return CameraRig(cameras, "floor")


def cameras_from_json(path: Path | str, preset: str = "azure_kinect_nfov", scale: float = 1.0) -> CameraRig:
    """The rig of a rig.json; a camera without a depth lens there gets that of a kind of camera.

    Args:
        path: the file.
        preset: the kind that supplies what the file leaves out.
        scale: size of the images against those of the file.

    Raises:
        InputError: the file is unreadable or a pose is impossible.
        ConfigError: there is no such kind of camera.
    """
    (kind,) = presets_of(preset, 1)
    cameras = {}
    for name, camera in read_rig(Path(path)).cameras.items():
        if camera.depth is None:
            camera = replace(camera, depth=kind.depth, color_from_depth=kind.color_from_depth)
        color, depth = camera.color.scaled(scale), (camera.depth or kind.depth).scaled(scale)
        cameras[name] = replace(camera, color=color, depth=depth, depth_unit_m=kind.depth_unit_m)
    return CameraRig(cameras, "floor")


def table_center_m(room: StandingRoom) -> np.ndarray:
    """(3,) metres: the middle of the operating table's top, or of a room without one at 0.9 m."""
    try:
        box = room.fixture("operating_table").box
    except KeyError:
        low, high = _bounds_m(room)
        return np.array([*(low + high)[:2] / 2, 0.9])
    return np.array([*box.center_m[:2], min(float(box.corners_m()[:, 2].max()), 1.0)])


def _bounds_m(room: StandingRoom) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the room proper: its floor zone and its height, not the corridors beyond its doors."""
    low, high = room.mesh.vertices_m.min(axis=0), room.mesh.vertices_m.max(axis=0)
    floor = next((zone.polygon_m for zone in room.zones if zone.label == "room"), None)
    if floor is not None:
        low, high = np.array([*floor.min(axis=0), low[2]]), np.array([*floor.max(axis=0), high[2]])
    return low, high


def _places(
    room: StandingRoom, center_m: np.ndarray, direction_rad: float, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Places about a direction from the table, ever farther from the first."""
    low, high = _bounds_m(room)
    ceiling_m = min(max(high[2] - BELOW_CEILING_M, LOWEST_M), HIGHEST_M)
    for trial in range(TRIALS):
        spread = 0.06 + 0.02 * trial
        angle = direction_rad + rng.normal() * spread
        step = np.array([np.cos(angle), np.sin(angle)])
        with np.errstate(divide="ignore"):
            ways = np.where(
                step > 0, (high[:2] - WALL_M - center_m[:2]) / step, (low[:2] + WALL_M - center_m[:2]) / step
            )
        reach_m = min(float(ways.min()), FARTHEST_M) - abs(rng.normal()) * spread
        yield np.array([*(center_m[:2] + step * reach_m), ceiling_m - abs(rng.normal()) * spread])


def _is_free(eye_m: np.ndarray, room: StandingRoom, sight: LineOfSight, taken_m: Sequence[np.ndarray]) -> bool:
    if any(solid.box.distance_m(eye_m) < CLEAR_M for solid in room.solids):
        return False
    if any(np.linalg.norm(eye_m - other) < 0.4 for other in taken_m):
        return False
    return bool(sight.distance_m(eye_m[None])[0] >= CLEAR_M)


def _working_region_m(center_m: np.ndarray) -> np.ndarray:
    """(n, 3) points around the table at the heights of hands and heads."""
    x, y, z = np.meshgrid(np.linspace(-1.3, 1.3, 7), np.linspace(-1.0, 1.0, 5), [1.15, 1.5, 1.75], indexing="ij")
    return np.stack([x + center_m[0], y + center_m[1], z], axis=-1).reshape(-1, 3)
