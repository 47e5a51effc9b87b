"""Compiled loop that brings the joints of one instant to given bone lengths; the rule is written down in bones.py."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def impose(joints, covariance, begin, end, length, sigma, rounds):
    """Joints (j, 3) most likely under their covariances (j, 3, 3) and bones of `length` (b,) from `begin` to `end`.

    Returns the joints and their covariances. Gauss-Newton.
    """
    count = len(joints)
    base = np.zeros((3 * count, 3 * count))
    for j in range(count):
        base[3 * j : 3 * j + 3, 3 * j : 3 * j + 3] = np.linalg.inv(covariance[j])
    moved = joints.copy()
    info = base.copy()
    away = np.empty(3 * count)
    across = np.empty(3)
    for _ in range(rounds):
        info[:] = base
        for j in range(count):
            for k in range(3):
                away[3 * j + k] = joints[j, k] - moved[j, k]
        pull = base @ away
        for b in range(len(begin)):
            first, second = begin[b], end[b]
            far = 0.0
            for k in range(3):
                across[k] = moved[first, k] - moved[second, k]
                far += across[k] ** 2
            far = max(np.sqrt(far), 1e-3)
            gain = 1.0 / sigma[b] ** 2
            for k in range(3):
                across[k] /= far
            for k in range(3):
                push = gain * (length[b] - far) * across[k]
                pull[3 * first + k] += push
                pull[3 * second + k] -= push
                for m in range(3):
                    part = gain * across[k] * across[m]
                    info[3 * first + k, 3 * first + m] += part
                    info[3 * second + k, 3 * second + m] += part
                    info[3 * first + k, 3 * second + m] -= part
                    info[3 * second + k, 3 * first + m] -= part
        step = np.linalg.solve(info, pull)
        for j in range(count):
            for k in range(3):
                moved[j, k] += step[3 * j + k]
    whole = np.linalg.inv(info)
    left = np.empty((count, 3, 3))
    for j in range(count):
        left[j] = whole[3 * j : 3 * j + 3, 3 * j : 3 * j + 3]
    return moved, left
