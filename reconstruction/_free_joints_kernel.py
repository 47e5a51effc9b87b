"""Compiled loops of joints that several cameras see, no longer held to the poses that people usually take."""

from __future__ import annotations

import math

import numba
import numpy as np

from ._pose_fit_kernel import NEAREST_M, gather, invert3, miss


@numba.njit(cache=True, nogil=True)
def weigh(joints, joint, view, uv, sigma, score, depth, rotation, translation, freedom, width, range_m, weight, cost):
    """Leave distances along the axis and robust weights (Student) of the measurements (n,), and the cost by joint."""
    cost[:] = 0.0
    for i in range(len(joint)):
        j, v = joint[i], view[i]
        z, _, squared = miss(joints[j], rotation[v], translation[v], uv[i], sigma[i], score[i], depth[i], width)
        range_m[i] = max(z, NEAREST_M)
        weight[i] = score[i] * (freedom + 2.0) / (freedom + squared)
        cost[j] += 0.5 * (freedom + 2.0) * math.log(1.0 + squared / freedom)


@numba.njit(cache=True, nogil=True)
def settle(
    joints, covariance, start, base, joint, view, uv, sigma, score, depth, rotation, translation, freedom, widths, held,
):  # fmt: skip
    """Fit every joint alone, from where `joints` (17, 3) are, around `start` with information `base`.

    One round per entry of `widths`, a factor on all standard deviations that goes down to 1. Where `held` is False the
    first round forgets `start`. Changes joints and covariance; returns the cost of each joint.
    """
    num_joints = len(joints)
    info, pull = np.empty((num_joints, 3, 3)), np.empty((num_joints, 3))
    range_m, weight = np.empty(len(joint)), np.empty(len(joint))
    cost, off = np.empty(num_joints), np.empty(3)
    for step in range(len(widths)):
        weigh(
            joints, joint, view, uv, sigma, score, depth, rotation, translation, freedom, widths[step], range_m, weight,
            cost,
        )  # fmt: skip
        if step == 0 and not held:
            weight[:] = score
        gather(joint, view, uv, sigma, weight, depth, range_m, rotation, translation, info, pull)
        for j in range(num_joints):
            squared = 0.0
            for k in range(3):
                off[k] = joints[j, k] - start[j, k]
            for k in range(3):
                for m in range(3):
                    squared += off[k] * base[j, k, m] * off[m]
            gain = (freedom + 3.0) / (freedom + squared)
            if step == 0 and not held:
                gain = 1e-3
            for k in range(3):
                for m in range(3):
                    info[j, k, m] += gain * base[j, k, m]
                    pull[j, k] += gain * base[j, k, m] * start[j, m]
            invert3(info[j], covariance[j])
            for k in range(3):
                joints[j, k] = 0.0
                for m in range(3):
                    joints[j, k] += covariance[j, k, m] * pull[j, m]
    weigh(joints, joint, view, uv, sigma, score, depth, rotation, translation, freedom, 1.0, range_m, weight, cost)
    for j in range(num_joints):
        squared = 0.0
        for k in range(3):
            for m in range(3):
                squared += (joints[j, k] - start[j, k]) * base[j, k, m] * (joints[j, m] - start[j, m])
        cost[j] += 0.5 * (freedom + 3.0) * math.log(1.0 + squared / freedom)
    return cost


@numba.njit(cache=True, nogil=True)
def loosen(
    joints, covariance, joint, view, uv, sigma, score, depth, rotation, translation, loose_m, freedom, widths,
):  # fmt: skip
    """Fit every joint that two views see again, alone: from where it was, and from where the views say without it.

    The likelier of the two is taken. Changes joints (17, 3) and covariance (17, 3, 3).
    """
    num_joints = len(joints)
    count = np.zeros(num_joints, np.int64)
    for i in range(len(joint)):
        count[joint[i]] += 1
    base, spread = np.empty((num_joints, 3, 3)), np.empty((3, 3))
    for j in range(num_joints):
        for k in range(3):
            for m in range(3):
                spread[k, m] = covariance[j, k, m] + (loose_m**2 if k == m else 0.0)
        invert3(spread, base[j])
    start, best = joints.copy(), np.full(num_joints, np.inf)
    for held in (True, False):
        moved, left = start.copy(), np.empty((num_joints, 3, 3))
        cost = settle(
            moved, left, start, base, joint, view, uv, sigma, score, depth, rotation, translation, freedom, widths, held
        )
        for j in range(num_joints):
            if count[j] >= 2 and cost[j] < best[j]:
                best[j] = cost[j]
                joints[j] = moved[j]
                covariance[j] = left[j]
