"""Compiled loops of joints that several cameras see, no longer held to the poses that people usually take."""

from __future__ import annotations

import numba
import numpy as np

from ._pose_fit_kernel import gather, invert3

NEAREST_M = 0.2


@numba.njit(cache=True, nogil=True)
def loosen(
    joints, covariance, joint, view, uv, sigma, score, depth, rotation, translation, loose_m, freedom, widths,
):  # fmt: skip
    """Fit every joint that two views see again, alone: around where it was, as loose as `loose_m` more.

    One round per entry of `widths`, a factor on all standard deviations that goes down to 1, so that a start that is
    off does not shut good views out. Changes joints (17, 3) and covariance (17, 3, 3).
    """
    num_joints = len(joints)
    count = np.zeros(num_joints, np.int64)
    for i in range(len(joint)):
        count[joint[i]] += 1
    base = np.empty((num_joints, 3, 3))
    spread, part = np.empty((3, 3)), np.empty((3, 3))
    for j in range(num_joints):
        for k in range(3):
            for m in range(3):
                spread[k, m] = covariance[j, k, m] + (loose_m**2 if k == m else 0.0)
        invert3(spread, base[j])
    start = joints.copy()
    info, pull = np.empty((num_joints, 3, 3)), np.empty((num_joints, 3))
    range_m, weight = np.empty(len(joint)), np.empty(len(joint))
    for width in widths:
        for i in range(len(joint)):
            j, v = joint[i], view[i]
            z = translation[v, 2]
            for k in range(3):
                z += rotation[v, 2, k] * joints[j, k]
            z = max(z, NEAREST_M)
            variance = width**2 * (sigma[i, 0] ** 2 + (sigma[i, 1] / z) ** 2)
            squared = 0.0
            for axis in range(2):
                p = translation[v, axis]
                for k in range(3):
                    p += rotation[v, axis, k] * joints[j, k]
                squared += (p / z - uv[i, axis]) ** 2
            squared *= score[i] / variance
            if depth[i, 1] > 0.0:
                squared += score[i] * ((z - depth[i, 0]) / (width * depth[i, 1])) ** 2
            range_m[i] = z
            weight[i] = score[i] * (freedom + 2.0) / (freedom + squared)
        gather(joint, view, uv, sigma, weight, depth, range_m, rotation, translation, info, pull)
        for j in range(num_joints):
            if count[j] < 2:
                continue
            for k in range(3):
                for m in range(3):
                    info[j, k, m] += base[j, k, m]
                    pull[j, k] += base[j, k, m] * start[j, m]
            invert3(info[j], part)
            for k in range(3):
                joints[j, k] = part[k, 0] * pull[j, 0] + part[k, 1] * pull[j, 1] + part[k, 2] * pull[j, 2]
                for m in range(3):
                    covariance[j, k, m] = part[k, m]
