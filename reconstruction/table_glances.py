"""What cameras measure on and around a table, from time to time: the input of the patient's fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..capture.camera import Camera, CameraRig
from ..capture.geometry import SE3
from .patient_surface import HIGHEST_M, LOWEST_M, TableGlance
from .state import Fixture, OrientedBox
from .surfaces import thin

AROUND_M = 0.16
THINNED_M = 0.012
TABLE_LENGTH_M, TABLE_WIDTH_M, TABLE_HEIGHT_M = (1.6, 2.6), (0.4, 1.0), (0.6, 1.25)
Image = np.ndarray


def table_likes(fixtures: Iterable[Fixture]) -> list[Fixture]:
    """The fixtures on which somebody could lie: what is called an operating table, or else has the size of one."""
    fixtures = list(fixtures)
    named = [fixture for fixture in fixtures if fixture.label == "operating_table" and not fixture.guessed]
    return named or [fixture for fixture in fixtures if _could_carry(fixture.box)]


def _could_carry(box: OrientedBox) -> bool:
    up = int(np.abs(box.rotation[2]).argmax())
    width_m, length_m = sorted(np.delete(box.extent_m, up))
    top_m = box.center_m[2] + box.extent_m[up] / 2
    ranges = ((length_m, TABLE_LENGTH_M), (width_m, TABLE_WIDTH_M), (top_m, TABLE_HEIGHT_M))
    return abs(box.rotation[2, up]) > 0.95 and all(low <= value <= high for value, (low, high) in ranges)


def glance_at(
    table: SE3,
    extent_m: np.ndarray,
    time_ns: int,
    rig: CameraRig,
    read_depth: Callable[[str], Image | None],
    read_color: Callable[[str], Image | None],
) -> TableGlance:
    """What is seen of a table at one instant, thinned to one point per camera and small voxel.

    Args:
        table: world_from_table, see `table_frame`.
        extent_m: (3,) length, width and height of the table.
        time_ns: rig clock.
        rig: where the cameras stand at that time.
        read_depth: raw depth of a camera, or None.
        read_color: colour of a camera at any reduction, or None.
    """
    points, colors = [np.zeros((0, 3))], [np.zeros((0, 3), np.uint8)]
    for name, camera in rig.cameras.items():
        raw = read_depth(name)
        if raw is None or camera.depth is None:
            continue
        own_m = _above(camera, raw, table, extent_m)
        if len(own_m):
            image = read_color(name)
            points.append(own_m)
            colors.append(np.zeros((len(own_m), 3), np.uint8) if image is None else _colors(camera, own_m, image))
    colors_rgb = np.concatenate(colors)
    return TableGlance(time_ns, table, np.concatenate(points), colors_rgb if colors_rgb.any() else None)


def _above(camera: Camera, raw: Image, table: SE3, extent_m: np.ndarray) -> np.ndarray:
    """(n, 3) the points of a depth image that lie over the table and beside it, world."""
    assert camera.depth is not None
    seen = raw > 0
    depth_m = raw[seen].astype(np.float32) * np.float32(camera.depth_unit_m)
    points_m = camera.world_from_depth @ (camera.depth.rays()[seen] * depth_m[:, None]).astype(np.float64)
    local_m = table.inverse() @ points_m
    over = (np.abs(local_m[:, :2]) < extent_m[:2] / 2 + AROUND_M).all(axis=1)
    over &= (local_m[:, 2] > LOWEST_M) & (local_m[:, 2] < HIGHEST_M)
    points_m = points_m[over]
    return points_m[thin(points_m.astype(np.float32), THINNED_M)] if len(points_m) else points_m


def _colors(camera: Camera, points_m: np.ndarray, image: Image) -> np.ndarray:
    """(n, 3) uint8, black where the colour lens does not reach."""
    uv_px = camera.color.project(camera.camera_from_world @ points_m)
    inside = camera.color.contains(uv_px)
    scale = np.array([image.shape[1] / camera.color.width_px, image.shape[0] / camera.color.height_px])
    limit = np.array([image.shape[1] - 1, image.shape[0] - 1])
    column, row = np.clip(np.rint(uv_px[inside] * scale), 0, limit).astype(int).T
    colors = np.zeros((len(points_m), 3), np.uint8)
    colors[inside] = image[row, column]
    return colors
