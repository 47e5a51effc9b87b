"""The per-pixel test of the flying-pixel filter, compiled."""

from __future__ import annotations

import numba
import numpy as np

#: Pixels to each side that are asked.
REACH = 3
#: Of the eight around a flying return at most so many are within a gate of it; who has more is not asked further.
MOST_ALIKE_AROUND = 3


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def flying_returns(
    depth_raw, unit_m, constant_m, quadratic_per_m, sigmas, floor_m, most_alike, least_evidence, table, bias, joined
):  # fmt: skip
    """Which returns the neighbours within 7x7 pixels say to hang between surfaces.

    Args:
        depth_raw: (h, w) uint16 counts, 0 = no return.
        unit_m: metres per count.
        constant_m, quadratic_per_m: the frontal noise of the sensor.
        sigmas, floor_m: the gate in which differences count is max(sigmas * sigma, floor).
        most_alike: returns within a gate of more of the four beside them stay unseen.
        least_evidence: log-odds above which a return flies.
        table: (48, 43, 16) what a neighbour says to each unit, by place (row by row) and by quarter gates from
            -21 to 20; last: no return.
        bias: (16,) of the units.
        joined: (17,) weights with which they speak; last, the bias of the sum.

    Returns:
        (h, w) bool.
    """
    height, width = depth_raw.shape
    flying = np.zeros((height, width), np.bool_)
    padded = np.zeros((height + 2 * REACH, width + 2 * REACH), np.uint16)
    padded[REACH : height + REACH, REACH : width + REACH] = depth_raw
    none = table.shape[1] - 1
    most, middle = np.float32(none // 2), np.float32(none // 2)
    count = len(bias)
    units = np.empty(count, np.float32)
    for row in range(height):
        for column in range(width):
            own = np.int32(depth_raw[row, column])
            if own == 0:
                continue
            z = own * unit_m
            gate = max(sigmas * (constant_m + quadratic_per_m * z * z), floor_m) / unit_m
            y, x = row + REACH, column + REACH
            alike = abs(np.int32(padded[y - 1, x]) - own) < gate
            alike += abs(np.int32(padded[y + 1, x]) - own) < gate
            alike += abs(np.int32(padded[y, x - 1]) - own) < gate
            alike += abs(np.int32(padded[y, x + 1]) - own) < gate
            if alike > most_alike:
                continue
            for down in (-1, 1):
                for right in (-1, 1):
                    alike += abs(np.int32(padded[y + down, x + right]) - own) < gate
            if alike > MOST_ALIKE_AROUND:
                continue
            units[:] = bias
            against, steps_per_count, number = 0, np.float32(4) / gate, 0
            for down in range(-REACH, REACH + 1):
                for right in range(-REACH, REACH + 1):
                    if down == 0 and right == 0:
                        continue
                    raw, place = np.int32(padded[y + down, x + right]), none
                    if raw != 0:
                        apart = np.float32(raw - own)
                        against += abs(apart) > gate
                        place = int(min(max(apart * steps_per_count, -most), most - np.float32(1)) + middle)
                    says = table[number, place]
                    number += 1
                    for unit in range(count):
                        units[unit] += says[unit]
            total = joined[count]
            for unit in range(count):
                total += joined[unit] * max(units[unit], np.float32(0))
            flying[row, column] = against > 0 and total > least_evidence
    return flying
