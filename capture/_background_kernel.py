"""The per-pixel search of the background model, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def farthest_mode(stack, unit_m, min_support, min_hits, gate_sigmas, quantum_m, constant_m, quadratic_per_m):
    """The farthest depth on which enough returns of a pixel agree.

    Args:
        stack: (h, w, n) uint16 raw counts, 0 = no return.
        unit_m: metres per count.
        min_support, min_hits: share and number of returns that must agree.
        gate_sigmas: half width of agreement in standard deviations of the noise model.
        quantum_m, constant_m, quadratic_per_m: the noise model.

    Returns:
        depth_m and noise_m (h, w) float32 with 0 = unknown, hits (h, w) int32.
    """
    height, width, count = stack.shape
    depth_m = np.zeros((height, width), np.float32)
    noise_m = np.zeros((height, width), np.float32)
    hits = np.zeros((height, width), np.int32)
    values = np.empty(count, np.float64)
    for row in range(height):
        for column in range(width):
            valid = 0
            for k in range(count):
                raw = stack[row, column, k]
                if raw > 0:
                    # insertion sort, near to far
                    value = raw * unit_m
                    at = valid
                    while at > 0 and values[at - 1] > value:
                        values[at] = values[at - 1]
                        at -= 1
                    values[at] = value
                    valid += 1
            needed = max(min_hits, int(math.ceil(min_support * valid)))
            if valid < needed:
                continue
            last = valid - 1
            while last >= needed - 1:
                far = values[last]
                gate = gate_sigmas * (constant_m + quadratic_per_m * far * far) + 2 * quantum_m * far * far
                first = last
                while first > 0 and far - values[first - 1] <= gate:
                    first -= 1
                if last - first + 1 >= needed:
                    total = 0.0
                    for k in range(first, last + 1):
                        total += values[k]
                    number = last - first + 1
                    mean = total / number
                    square = 0.0
                    for k in range(first, last + 1):
                        square += (values[k] - mean) ** 2
                    floor = unit_m / math.sqrt(12.0) + 0.5 * (constant_m + quadratic_per_m * mean * mean)
                    depth_m[row, column] = mean
                    noise_m[row, column] = max(math.sqrt(square / number), floor)
                    hits[row, column] = number
                    break
                last -= 1
    return depth_m, noise_m, hits


@numba.njit(cache=True, nogil=True)
def visible_median(images, hidden):
    """The median of each pixel and channel over the images in which it is not hidden; grey where it always is.

    Args:
        images: (h, w, n, 3) uint8.
        hidden: (h, w, n) bool.

    Returns:
        (h, w, 3) uint8.
    """
    height, width, count, _ = images.shape
    result = np.full((height, width, 3), np.uint8(128))
    values = np.empty(count, np.uint8)
    for row in range(height):
        for column in range(width):
            for channel in range(3):
                seen = 0
                for k in range(count):
                    if not hidden[row, column, k]:
                        value = images[row, column, k, channel]
                        at = seen
                        while at > 0 and values[at - 1] > value:
                            values[at] = values[at - 1]
                            at -= 1
                        values[at] = value
                        seen += 1
                if seen > 0:
                    result[row, column, channel] = values[seen // 2]
    return result
