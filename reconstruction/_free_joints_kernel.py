"""Joints that several cameras see, freed from the poses that people usually take.

The fit of an instant (pose_fit.py) leans on what is known of bodies. Where instants lie near each other that is a
fault: noise will be averaged away by smoothing, and what stays is how far the body was from anything that the prior
foresaw, say somebody who kicks. So there every joint that two cameras see is fitted again by itself, around where it
was but loosely, with Student's t against views that err and against the prior. Two starts are tried, where it was and
where the views say without it, with the noise first taken for larger than it is; the likelier end is taken.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._mixture_kernel import LONG, NUM_JOINTS, SUMS, WIDE
from ._pose_fit_kernel import gather, invert3, judge


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def settle(start, base, seen, line, deep, rotation, translation, freedom, widths, held, place, covariance, cost):
    """Fit every joint alone around `start` (60) with information `base` (17, 3, 3), and from there.

    One round per entry of `widths`, a factor on all standard deviations that goes down to 1. Where `held` is False the
    first round forgets `start`. Leaves places (60), covariances (17, 3, 3) and the cost of each joint (20).
    """
    given, total, off = np.empty((len(seen), 2 * WIDE)), np.empty(9 * WIDE), np.empty(WIDE)
    info, pull, away = np.empty((3, 3)), np.empty(3), np.empty(3)
    place[:] = start
    for step in range(len(widths)):
        judge(place, 1.0, 0.0, seen, deep, rotation, translation, freedom, widths[step], given, off)
        forgets = step == 0 and not held
        if forgets:
            for n in range(len(seen)):
                given[n, WIDE:] = seen[n, 4 * WIDE : 5 * WIDE]
        gather(seen, line, deep, given, total)
        for j in range(NUM_JOINTS):
            gain = 1e-3 if forgets else (freedom + 3.0) / (freedom + apart(place, start, base, j, away))
            info[0, 0], info[0, 1], info[0, 2] = total[j], total[WIDE + j], total[2 * WIDE + j]
            info[1, 1], info[1, 2], info[2, 2] = total[3 * WIDE + j], total[4 * WIDE + j], total[5 * WIDE + j]
            info[1, 0], info[2, 0], info[2, 1] = info[0, 1], info[0, 2], info[1, 2]
            for k in range(3):
                pull[k] = total[(6 + k) * WIDE + j]
                for m in range(3):
                    info[k, m] += gain * base[j, k, m]
                    pull[k] += gain * base[j, k, m] * start[m * WIDE + j]
            invert3(info, covariance[j])
            for k in range(3):
                place[k * WIDE + j] = (
                    covariance[j, k, 0] * pull[0] + covariance[j, k, 1] * pull[1] + covariance[j, k, 2] * pull[2]
                )
    judge(place, 1.0, 0.0, seen, deep, rotation, translation, freedom, 1.0, given, off)
    for j in range(NUM_JOINTS):
        misses = 1.0
        for n in range(len(seen)):
            score = seen[n, 4 * WIDE + j]
            if score > 0.0:
                misses *= score * (freedom + 2.0) / (freedom * given[n, WIDE + j])
        cost[j] = 0.5 * (freedom + 2.0) * math.log(misses)
        cost[j] += 0.5 * (freedom + 3.0) * math.log(1.0 + apart(place, start, base, j, away) / freedom)


@numba.njit(cache=True, nogil=True, fastmath=SUMS)
def apart(place, start, base, j, away):
    """How far a joint is from where it was, squared, in deviations; `away` (3) is room."""
    squared = 0.0
    for k in range(3):
        away[k] = place[k * WIDE + j] - start[k * WIDE + j]
    for k in range(3):
        for m in range(3):
            squared += away[k] * base[j, k, m] * away[m]
    return squared


@numba.njit(cache=True, nogil=True, fastmath=SUMS)
def loosen(joints, covariance, seen, line, deep, rotation, translation, loose_m, freedom, widths):
    """Fit every joint that two views see again, alone: from where it was, and from where the views say without it.

    The likelier of the two is taken. Changes joints (17, 3) and covariance (17, 3, 3).
    """
    base, spread = np.empty((NUM_JOINTS, 3, 3)), np.empty((3, 3))
    start, place, cost, best = np.zeros(LONG), np.empty(LONG), np.empty(WIDE), np.full(WIDE, np.inf)
    left = np.empty((NUM_JOINTS, 3, 3))
    for j in range(NUM_JOINTS):
        for k in range(3):
            start[k * WIDE + j] = joints[j, k]
            for m in range(3):
                spread[k, m] = covariance[j, k, m] + (loose_m**2 if k == m else 0.0)
        invert3(spread, base[j])
    for held in (True, False):
        settle(start, base, seen, line, deep, rotation, translation, freedom, widths, held, place, left, cost)
        for j in range(NUM_JOINTS):
            views = 0
            for n in range(len(seen)):
                views += seen[n, 4 * WIDE + j] > 0.0
            if views >= 2 and cost[j] < best[j]:
                best[j] = cost[j]
                covariance[j] = left[j]
                for k in range(3):
                    joints[j, k] = place[k * WIDE + j]
