"""Where in a colour image somebody may be: what moves in the depth image beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..capture.arrays import MaskImage, RawDepthImage
from ..capture.camera import Camera
from .estimators import Region

SMALLEST_SHARE = 2e-4
MARGIN = 0.15
STEP_PX = 3


def moving_regions(camera: Camera, moving: MaskImage, depth_raw: RawDepthImage) -> tuple[Region, ...]:
    """Boxes of the colour image around everything that moves, nearer borders first.

    Args:
        camera: with both lenses.
        moving: (h, w) bool, pixels of the depth image that move (dynamic_mask.py).
        depth_raw: (h, w) uint16 counts of the same frame.

    Returns:
        A box per connected piece that covers 0.02 % of the depth image at least, widened by 15 % of its larger side on
        every side (cloth that gives no depth, and the hair) and cut at the border; none where nothing moves.
    """
    import cv2

    if camera.depth is None:
        return ()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(moving.astype(np.uint8), connectivity=8)
    found = []
    for piece in range(1, count):
        left, top, width, height, area = stats[piece].tolist()
        if area < SMALLEST_SHARE * moving.size:
            continue
        inside = labels[top : top + height, left : left + width] == piece
        inside &= depth_raw[top : top + height, left : left + width] > 0
        rows, columns = np.nonzero(inside)
        rows, columns = rows[::STEP_PX] + top, columns[::STEP_PX] + left
        if not len(rows):
            continue
        uv_px = np.column_stack([columns, rows]).astype(np.float64)
        depth_m = depth_raw[rows, columns].astype(np.float64) * camera.depth_unit_m
        points_m = camera.color_from_depth.apply(camera.depth.back_project(uv_px, depth_m))
        color_px = camera.color.project(points_m[points_m[:, 2] > 0])
        color_px = color_px[np.isfinite(color_px).all(axis=1)]
        if len(color_px):
            found.append(_region(color_px, camera.color.width_px, camera.color.height_px))
    return _in_order(found)


def surface_regions(camera: Camera, surfaces_m: Sequence[np.ndarray]) -> tuple[Region, ...]:
    """Boxes of the colour image around measured surfaces, nearer borders first.

    Args:
        camera: whose image.
        surfaces_m: points (n, 3) in the world, of each thing that moves.

    Returns:
        A box per surface that has points in the image, widened as in `moving_regions`.
    """
    found = []
    for points_m in surfaces_m:
        local_m = camera.camera_from_world.apply(np.asarray(points_m, dtype=np.float64))
        uv_px = camera.color.project(local_m[local_m[:, 2] > 0])
        uv_px = uv_px[camera.color.contains(uv_px)]
        if len(uv_px):
            found.append(_region(uv_px, camera.color.width_px, camera.color.height_px))
    return _in_order(found)


def _in_order(found: Sequence[Region | None]) -> tuple[Region, ...]:
    return tuple(
        sorted((region for region in found if region is not None), key=lambda each: (each.left_px, each.top_px))
    )


def _region(points_px: np.ndarray, width_px: int, height_px: int) -> Region | None:
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    margin = MARGIN * (high - low).max()
    left, top = np.floor(np.maximum(low - margin, 0)).astype(int).tolist()
    right, bottom = np.ceil(high + margin + 1).astype(int).tolist()
    right, bottom = min(right, width_px), min(bottom, height_px)
    return Region(left, top, right, bottom) if right > left and bottom > top else None
