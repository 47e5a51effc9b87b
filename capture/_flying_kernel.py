"""The per-pixel test of the flying-pixel filter, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def flying_returns(
    depth_raw, unit_m, constant_m, quadratic_per_m, sigmas, floor_m, most_alike, least_evidence, evidence
):  # fmt: skip
    """Which returns the neighbours within 5x5 pixels say to hang between surfaces.

    Args:
        depth_raw: (h, w) uint16 counts, 0 = no return.
        unit_m: metres per count.
        constant_m, quadratic_per_m: the frontal noise of the sensor.
        sigmas, floor_m: the gate in which differences count is max(sigmas * sigma, floor).
        most_alike: returns within a gate of more of the four beside them stay unseen.
        least_evidence: log-odds above which a return flies.
        evidence: (5, 5, 43) log-odds by place and by quarter gates from -21 to 20; last: no return.

    Returns:
        (h, w) bool.
    """
    height, width = depth_raw.shape
    flying = np.zeros((height, width), np.bool_)
    none, low, high = evidence.shape[2] - 1, -((evidence.shape[2] - 1) // 2), (evidence.shape[2] - 1) // 2 - 1
    for row in range(height):
        for column in range(width):
            own = np.int32(depth_raw[row, column])
            if own == 0:
                continue
            z = own * unit_m
            gate = max(sigmas * (constant_m + quadratic_per_m * z * z), floor_m) / unit_m
            alike = 0
            if 0 < row < height - 1 and 0 < column < width - 1:
                alike += abs(np.int32(depth_raw[row - 1, column]) - own) < gate
                alike += abs(np.int32(depth_raw[row + 1, column]) - own) < gate
                alike += abs(np.int32(depth_raw[row, column - 1]) - own) < gate
                alike += abs(np.int32(depth_raw[row, column + 1]) - own) < gate
            if alike > most_alike:
                continue
            total, against, steps_per_count = np.float32(0), 0, np.float32(4) / gate
            for down in range(-2, 3):
                y = row + down
                for right in range(-2, 3):
                    x = column + right
                    place = none
                    if 0 <= y < height and 0 <= x < width and depth_raw[y, x] != 0:
                        apart = np.float32(np.int32(depth_raw[y, x]) - own)
                        against += abs(apart) > gate
                        place = int(min(max(np.floor(apart * steps_per_count), low), high)) - low
                    total += evidence[down + 2, right + 2, place]
            flying[row, column] = against > 0 and total > least_evidence
    return flying
