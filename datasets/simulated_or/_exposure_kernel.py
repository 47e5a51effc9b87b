"""From light to counts, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def count_light(light, gains, grain, shifts, shot, read, curve, levels):
    """(h, w, 3) uint8 picture.

    Args:
        light: (h, w, 3) float32.
        gains: (h, w, 3) float32 factor on it.
        grain: (h + s, w + s) float32 unit noise, or (1, 1) where there is none.
        shifts: (3, 2) int64 row and column from which each channel takes its noise.
        shot, read: float32 variance per light, and of no light; both 0 = no noise.
        curve: (levels,) uint8 count by light.
        levels: float32 steps that full light has.
    """
    height, width = light.shape[:2]
    picture = np.empty((height, width, 3), np.uint8)
    noisy, zero = shot > 0 or read > 0, np.float32(0)
    for i in range(height):
        for j in range(width):
            for channel in range(3):
                value = light[i, j, channel] * gains[i, j, channel]
                if noisy:
                    value += math.sqrt(value * shot + read) * grain[i + shifts[channel, 0], j + shifts[channel, 1]]
                picture[i, j, channel] = curve[np.int64(min(max(value * levels, zero), levels))]
    return picture
