"""The vote of the other cameras on each return, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def add_votes(
    votes, depth_raw, unit_m, rays, rotation, translation_m, free_to_m, low_x, low_y, per_x, per_y
):  # fmt: skip
    """Add one to the votes of every return that another camera looks through.

    Args:
        votes: (h, w) uint8, changed in place.
        depth_raw, unit_m, rays: counts, metres per count and (h, w, 3) rays of the camera that is judged.
        rotation, translation_m: from its depth lens to that of the other.
        free_to_m: (rows, columns) float32 by place at depth 1 before the other camera, its lens straightened: up to
            this depth there is nothing; 0 = not known.
        low_x, low_y, per_x, per_y: where that image begins, and cells per unit.
    """
    height, width = depth_raw.shape
    rows, columns = free_to_m.shape
    r = rotation
    for row in range(height):
        for column in range(width):
            raw = depth_raw[row, column]
            if raw == 0:
                continue
            z = raw * unit_m
            x, y = rays[row, column, 0] * z, rays[row, column, 1] * z
            depth = r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + translation_m[2]
            if depth <= 0.1:
                continue
            right = (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + translation_m[0]) / depth
            down = (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + translation_m[1]) / depth
            j, i = int((right - low_x) * per_x), int((down - low_y) * per_y)
            if right < low_x or down < low_y or i >= rows or j >= columns:
                continue
            if free_to_m[i, j] > depth:
                votes[row, column] += np.uint8(1)
