"""Depth drawn on the colour grid, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def place_returns(depth_m, rays, rotation, translation_m, table, low_x, low_y, per_x, per_y):
    """(h, w, 3) float32 column, row and depth of every return in the colour image; depth 0 = not there.

    Args:
        depth_m: (h, w) float32, 0 = no return.
        rays: (h, w, 3) float32 of the depth lens.
        rotation, translation_m: colour lens from depth lens.
        table: (rows, columns, 2) float32 pixel of the colour image by place at depth 1, NaN = none.
        low_x, low_y, per_x, per_y: place of the table's first entry, and entries per unit.
    """
    height, width = depth_m.shape
    rows, columns = table.shape[:2]
    placed = np.zeros((height, width, 3), np.float32)
    r = rotation
    for row in range(height):
        for column in range(width):
            z = depth_m[row, column]
            if not z > 0:
                continue
            x, y = rays[row, column, 0] * z, rays[row, column, 1] * z
            z *= rays[row, column, 2]
            far = r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + translation_m[2]
            if not far > 0.01:
                continue
            right = ((r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + translation_m[0]) / far - low_x) * per_x
            down = ((r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + translation_m[1]) / far - low_y) * per_y
            if right < 0 or down < 0 or right >= columns - 1 or down >= rows - 1:
                continue
            j, i = int(right), int(down)
            a, b = right - j, down - i
            u = (1 - b) * ((1 - a) * table[i, j, 0] + a * table[i, j + 1, 0])
            u += b * ((1 - a) * table[i + 1, j, 0] + a * table[i + 1, j + 1, 0])
            v = (1 - b) * ((1 - a) * table[i, j, 1] + a * table[i, j + 1, 1])
            v += b * ((1 - a) * table[i + 1, j, 1] + a * table[i + 1, j + 1, 1])
            if np.isfinite(u) and np.isfinite(v):
                placed[row, column, 0], placed[row, column, 1], placed[row, column, 2] = u, v, far
    return placed


@numba.njit(cache=True, nogil=True)
def draw_surface(placed, nearest_m, largest_step, reach_px):
    """Draw neighbouring returns as triangles, single ones as squares; the nearest surface of each pixel stays.

    Args:
        placed: what `place_returns` gives.
        nearest_m: (hc, wc) float32 colour grid, infinite where nothing was drawn; changed in place.
        largest_step: neighbours are one surface when their depths differ by at most this share.
        reach_px: half the width of a single return in the colour image.
    """
    height, width = placed.shape[:2]
    joined = np.zeros((height, width), np.bool_)
    corners = np.empty((4, 3), np.float32)
    for row in range(height - 1):
        for column in range(width - 1):
            for corner in range(4):
                corners[corner] = placed[row + corner // 2, column + corner % 2]
            for first, second, third in ((0, 1, 2), (1, 3, 2)):
                a, b, c = corners[first], corners[second], corners[third]
                low, high = min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
                if low <= 0 or high - low > largest_step * low:
                    continue
                _draw_triangle(a, b, c, nearest_m)
                for corner in (first, second, third):
                    joined[row + corner // 2, column + corner % 2] = True
    rows, columns = nearest_m.shape
    for row in range(height):
        for column in range(width):
            u, v, far = placed[row, column]
            if joined[row, column] or far <= 0:
                continue
            for i in range(max(0, int(np.ceil(v - reach_px))), min(rows - 1, int(np.floor(v + reach_px))) + 1):
                for j in range(max(0, int(np.ceil(u - reach_px))), min(columns - 1, int(np.floor(u + reach_px))) + 1):
                    nearest_m[i, j] = min(nearest_m[i, j], far)


@numba.njit(cache=True, nogil=True, inline="always")
def _draw_triangle(a, b, c, nearest_m):
    rows, columns = nearest_m.shape
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if area == 0:
        return
    top, bottom = max(0, int(np.ceil(min(a[1], b[1], c[1])))), min(rows - 1, int(np.floor(max(a[1], b[1], c[1]))))
    left, right = max(0, int(np.ceil(min(a[0], b[0], c[0])))), min(columns - 1, int(np.floor(max(a[0], b[0], c[0]))))
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            second = ((j - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (i - a[1])) / area
            third = ((b[0] - a[0]) * (i - a[1]) - (j - a[0]) * (b[1] - a[1])) / area
            first = 1 - second - third
            if first >= -1e-4 and second >= -1e-4 and third >= -1e-4:
                # Along a plane it is the inverse of depth that is linear in the picture.
                far = 1 / (first / a[2] + second / b[2] + third / c[2])
                if far < nearest_m[i, j]:
                    nearest_m[i, j] = far
