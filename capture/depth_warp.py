"""Depth as the colour lens sees it: each colour pixel with the depth of the surface it shows.

The returns of a depth lens are joined to a surface and the surface is drawn into the colour image, the nearest first
(a z-buffer, Catmull 1974). Looking up single returns instead leaves holes where the colour image is finer, and shows
through them the wall behind a person whom the colour lens sees.
"""

from __future__ import annotations

import functools

import numpy as np

from .arrays import DepthImage
from .camera import CameraModel, Intrinsics
from .errors import InputError

#: Neighbouring returns whose depths differ by more than this share belong to two surfaces.
LARGEST_STEP = 0.03
TABLE_STEP_PX = 4
#: The table reaches so far beyond the colour image, in parts of its size.
TABLE_MARGIN = 0.1


def depth_on_color_grid(camera: CameraModel, depth_m: DepthImage) -> np.ndarray:
    """(hc, wc) float32 depth along the optical axis of the colour lens, metres, per colour pixel; 0 = not known.

    A colour pixel is not known where the depth lens had no return, and where it could not look: behind the edge of
    something near, which the two lenses pass on different sides.

    Args:
        camera: its lenses and how they sit to each other.
        depth_m: (hd, wd) float32 along the axis of the depth lens, 0 = no return; corrected.

    Raises:
        InputError: the camera has no depth lens, or the image is not of its size.
    """
    from ._warp_kernel import draw_surface, place_returns

    if camera.depth is None:
        raise InputError("the camera has no depth", where=f"camera {camera.camera_id}")
    expected = (camera.depth.height_px, camera.depth.width_px)
    if depth_m.shape != expected:
        raise InputError(
            f"a depth image of {depth_m.shape[1]}x{depth_m.shape[0]} pixels, and a lens of {expected[1]}x{expected[0]}",
            where=f"camera {camera.camera_id}", todo="take the calibration of the mode in which was recorded",
        )  # fmt: skip
    table, low, per = _color_table(camera.color.key)
    pose = camera.color_from_depth
    placed = place_returns(
        np.asarray(depth_m, np.float32), camera.depth.rays(), pose.rotation.astype(np.float32),
        pose.translation_m.astype(np.float32), table, *low, *per,
    )  # fmt: skip
    nearest_m = np.full((camera.color.height_px, camera.color.width_px), np.inf, np.float32)
    draw_surface(placed, nearest_m, np.float32(LARGEST_STEP), np.float32(0.5 * camera.color.fx_px / camera.depth.fx_px))
    nearest_m[np.isinf(nearest_m)] = 0.0
    return nearest_m


@functools.lru_cache(maxsize=32)
def _color_table(key: tuple) -> tuple[np.ndarray, tuple[np.float32, np.float32], tuple[np.float32, np.float32]]:
    """Pixels (rows, columns, 2) float32 by place at depth 1, every 4 pixels; where it begins, entries per unit."""
    lens = Intrinsics(*key[:7], distortion=np.array(key[7:], dtype=np.float64))
    rays = lens.rays()[..., :2]
    seen = rays[np.abs(rays).sum(axis=-1) > 0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    low, high = low - TABLE_MARGIN * (high - low), high + TABLE_MARGIN * (high - low)
    per = np.array([lens.fx_px, lens.fy_px]) / TABLE_STEP_PX
    columns, rows = np.ceil((high - low) * per).astype(int) + 1
    x, y = np.meshgrid(low[0] + np.arange(columns) / per[0], low[1] + np.arange(rows) / per[1])
    table = lens.project(np.stack([x, y, np.ones_like(x)], axis=-1)).astype(np.float32)
    table.flags.writeable = False
    return table, (np.float32(low[0]), np.float32(low[1])), (np.float32(per[0]), np.float32(per[1]))
