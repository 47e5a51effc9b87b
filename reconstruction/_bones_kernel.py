"""Compiled loop that brings the joints of all instants to given bone lengths; the rule is written down in bones.py.

A bone is one measurement, so that the update of an extended Kalman filter, iterated, is Gauss-Newton with a matrix as
large as there are bones.
"""

from __future__ import annotations

import math

import numba
import numpy as np

SETTLED_M = 1e-9


@numba.njit(cache=True, nogil=True)
def impose(joints, covariance, begin, end, length, sigma, rounds):
    """Make joints (t, j, 3) most likely under their covariances (t, j, 3, 3) and bones (b,) from `begin` to `end`.

    Changes the joints and their covariances.
    """
    bones = len(begin)
    moved, before = np.empty(joints.shape[1:]), np.empty(joints.shape[1:])
    gain, spread = np.empty((bones, 2, 3)), np.empty((bones, 3))
    factor, miss = np.empty((bones, bones)), np.empty(bones)
    for t in range(len(joints)):
        moved[:] = joints[t]
        for _ in range(rounds):
            linearise(moved, joints[t], covariance[t], begin, end, length, sigma, gain, factor, miss)
            before[:] = moved
            moved[:] = joints[t]
            for b in range(bones):
                for k in range(3):
                    moved[begin[b], k] += gain[b, 0, k] * miss[b]
                    moved[end[b], k] += gain[b, 1, k] * miss[b]
            if np.abs(moved - before).max() < SETTLED_M:
                break
        joints[t] = moved
        for j in range(len(moved)):
            for k in range(3):
                for b in range(bones):
                    total = gain[b, 0, k] if begin[b] == j else (gain[b, 1, k] if end[b] == j else 0.0)
                    for o in range(b):
                        total -= factor[b, o] * spread[o, k]
                    spread[b, k] = total / factor[b, b]
            for k in range(3):
                for m in range(3):
                    for b in range(bones):
                        covariance[t, j, k, m] -= spread[b, k] * spread[b, m]


@numba.njit(cache=True, nogil=True)
def linearise(moved, joints, covariance, begin, end, length, sigma, gain, factor, miss):
    """Bones at `moved`: how much their ends move with each (b, 2, 3), the Cholesky factor (b, b) of their spread, and

    by how much of that (b,) the joints must move from where they were to have the right lengths.
    """
    bones = len(begin)
    along = np.empty((bones, 3))
    for b in range(bones):
        first, second, far = begin[b], end[b], 0.0
        for k in range(3):
            along[b, k] = moved[first, k] - moved[second, k]
            far += along[b, k] ** 2
        far = max(math.sqrt(far), 1e-3)
        miss[b] = length[b] - far
        for k in range(3):
            along[b, k] /= far
            miss[b] += along[b, k] * (moved[first, k] - joints[first, k] - moved[second, k] + joints[second, k])
        for k in range(3):
            gain[b, 0, k], gain[b, 1, k] = 0.0, 0.0
            for m in range(3):
                gain[b, 0, k] += covariance[first, k, m] * along[b, m]
                gain[b, 1, k] -= covariance[second, k, m] * along[b, m]
        for o in range(b + 1):
            total = 0.0
            for side in range(2):
                joint, sign = (begin[b], 1.0) if side == 0 else (end[b], -1.0)
                part = sign if begin[o] == joint else (-sign if end[o] == joint else 0.0)
                if part != 0.0:
                    for k in range(3):
                        total += part * sign * gain[b, side, k] * along[o, k]
            factor[b, o] = total
        factor[b, b] += sigma[b] ** 2
    for b in range(bones):
        for o in range(b + 1):
            total = factor[b, o]
            for p in range(o):
                total -= factor[b, p] * factor[o, p]
            factor[b, o] = math.sqrt(total) if b == o else total / factor[o, o]
    for b in range(bones):
        for o in range(b):
            miss[b] -= factor[b, o] * miss[o]
        miss[b] /= factor[b, b]
    for b in range(bones - 1, -1, -1):
        for o in range(b + 1, bones):
            miss[b] -= factor[o, b] * miss[o]
        miss[b] /= factor[b, b]
