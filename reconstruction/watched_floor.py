"""The floor that the cameras watch: where somebody who stands up would be in view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .depth_view import DepthView
from .state import Zone

CELL_M = 0.10
HEIGHTS_M = (0.5, 1.0, 1.5)
CLEARANCE_M = 0.05
SMALLEST_CELLS = 3
ROOM_HEIGHT_M = 3.0


def room_zone(views: Sequence[DepthView], floor_m: float, farthest_m: float) -> Zone:
    """The zone `room`: the convex hull of the floor over which some camera sees free space, up to what it sees behind.

    Args:
        views: the background depth of every camera.
        floor_m: height of the floor.
        farthest_m: how far a camera watches.
    """
    from scipy.ndimage import label, maximum_filter, minimum_filter
    from scipy.spatial import ConvexHull

    eyes = np.array([view.world_from_depth.translation_m[:2] for view in views]).reshape(-1, 2)
    if len(eyes) == 0:
        return Zone("room", np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * farthest_m, ROOM_HEIGHT_M)
    low, high = eyes.min(axis=0) - farthest_m, eyes.max(axis=0) + farthest_m
    axes = [np.arange(low[i], high[i] + CELL_M, CELL_M) for i in range(2)]
    x, y = np.meshgrid(*axes, indexing="ij")
    watched = np.zeros(x.shape, bool)
    for height_m in HEIGHTS_M:
        points_m = np.stack([x, y, np.full_like(x, floor_m + height_m)], axis=-1)
        for view in views:
            watched |= sees_free(view, points_m)
    opened = maximum_filter(minimum_filter(watched, SMALLEST_CELLS), SMALLEST_CELLS) & watched
    part = np.zeros(watched.shape, np.int32)
    label(opened if opened.any() else watched, output=part)
    if not part.any():
        return Zone("room", np.array([low, [high[0], low[1]], high, [low[0], high[1]]]), ROOM_HEIGHT_M)
    largest = part == 1 + int(np.argmax(np.bincount(part.ravel())[1:]))
    cells = np.stack([x[largest], y[largest]], axis=1)
    corners = (cells[:, None] + CELL_M / 2 * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])).reshape(-1, 2)
    return Zone("room", corners[ConvexHull(corners).vertices], ROOM_HEIGHT_M)


def sees_free(view: DepthView, points_m: np.ndarray) -> np.ndarray:
    """(...) bool: whether the view measured something behind points (..., 3), world metres."""
    in_lens = view.world_from_depth.inverse() @ points_m
    with np.errstate(invalid="ignore"):
        pixel = view.lens.project(in_lens)
        inside = view.lens.contains(pixel) & (in_lens[..., 2] > 0)
    column, row = (
        np.rint(np.where(inside[..., None], pixel, 0)).astype(np.int64).transpose(-1, *range(points_m.ndim - 1))
    )
    height, width = view.inverse_depth.shape
    inverse = view.inverse_depth[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    return inside & (inverse > 0) & (inverse * (in_lens[..., 2] + CLEARANCE_M) < 1)
