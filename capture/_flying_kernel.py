"""The per-pixel test of the flying-pixel filter, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def flying_returns(
    depth_raw, unit_m, pixel_x, pixel_y, constant_m, quadratic_per_m, sigmas, floor_m, tangent,
    most_beside, most_around, share_around,
):  # fmt: skip
    """Which returns lie on no surface of their neighbours, though neighbours lie before or behind them.

    Args:
        depth_raw: (h, w) uint16 counts, 0 = no return.
        unit_m: metres per count.
        pixel_x, pixel_y: width and height of a pixel at depth 1.
        constant_m, quadratic_per_m: the frontal noise of the sensor.
        sigmas, floor_m: two returns of one surface differ by at most max(sigmas * sigma, floor) and its slant.
        tangent: the steepest slant of a surface, depth per width.
        most_beside: a flying return has at most so many companions on its surface within 3x3 pixels.
        most_around, share_around: and at most so many, and at most this share of the returns, within 5x5.

    Returns:
        (h, w) bool.
    """
    height, width = depth_raw.shape
    flying = np.zeros((height, width), np.bool_)
    for row in range(height):
        for column in range(width):
            if depth_raw[row, column] == 0:
                continue
            z = depth_raw[row, column] * unit_m
            gate = max(sigmas * (constant_m + quadratic_per_m * z * z), floor_m)
            alike = 0
            if 0 < row < height - 1 and 0 < column < width - 1:
                raw_gate = gate / unit_m
                own = np.int32(depth_raw[row, column])
                alike += abs(np.int32(depth_raw[row - 1, column]) - own) < raw_gate
                alike += abs(np.int32(depth_raw[row + 1, column]) - own) < raw_gate
                alike += abs(np.int32(depth_raw[row, column - 1]) - own) < raw_gate
                alike += abs(np.int32(depth_raw[row, column + 1]) - own) < raw_gate
            if alike > most_beside:
                continue
            beside, around, returns, against = 0, 0, 0, 0
            for down in range(-2, 3):
                y = row + down
                if y < 0 or y >= height:
                    continue
                for right in range(-2, 3):
                    x = column + right
                    if x < 0 or x >= width or depth_raw[y, x] == 0 or (down == 0 and right == 0):
                        continue
                    returns += 1
                    step = tangent * z * np.sqrt((down * pixel_y) ** 2 + (right * pixel_x) ** 2)
                    near = abs(down) <= 1 and abs(right) <= 1
                    if abs(depth_raw[y, x] * unit_m - z) < gate + step:
                        around += 1
                        beside += near
                    else:
                        against += near
            flying[row, column] = (
                against > 0 and beside <= most_beside and around <= most_around and around <= share_around * returns
            )
    return flying
