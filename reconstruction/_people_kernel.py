"""Compiled loop over the people of an instant: a first guess, the Gaussians worth a fit, the fit, and joints set free.

The rules are written down in pose_fit.py and _free_joints_kernel.py.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ._free_joints_kernel import loosen
from ._mixture_kernel import LONG, NUM_JOINTS, SUMS, WIDE
from ._pose_fit_kernel import fit, gather, invert3, judge, lines_of

FARTHEST_GUESS_M = 8.0
NEAREST_GUESS_M = 1.0
GUESS_HEIGHT_M = 1.1
FORETOLD_WIDTH = 2.0


@numba.njit(cache=True, nogil=True)
def fit_people(first, members, followed, foretold, doubt, table, mixture, setting):
    """Fit a body to each of g groups of detections.

    Args:
        first, members: (g + 1,) where the detections of each begin in `members`, rows of the table.
        followed: (g,) in which turn of the mixture he looked a moment ago, -1 = nobody knows.
        foretold, doubt: (g, 17, 3) and (g, 17) where joints are foretold, and how surely; of those who are followed.
        table: the detections (glances.Table).
        mixture: what is known of bodies (pose_prior.Mixture).
        setting: how to fit (pose_fit.Setting).

    Returns:
        log evidence (g,), joints (g, 17, 3), covariances (g, 17, 3, 3), turns (g,); and joints and covariances set
        free, where that is asked for and several cameras see him, else the same.
    """
    groups = len(first) - 1
    evidence, turn = np.empty(groups), np.empty(groups, np.int64)
    joints, covariance = np.empty((groups, NUM_JOINTS, 3)), np.empty((groups, NUM_JOINTS, 3, 3))
    placed, spread = np.empty((groups, NUM_JOINTS, 3)), np.empty((groups, NUM_JOINTS, 3, 3))
    for g in range(groups):
        mine = members[first[g] : first[g + 1]]
        place = guess_place(mine, table)
        views = len(mine)
        uv, sigma, depth = (
            np.empty((views, NUM_JOINTS, 2)),
            np.empty((views, NUM_JOINTS, 2)),
            np.empty((views, NUM_JOINTS, 2)),
        )
        score, rotation, translation = np.empty((views, NUM_JOINTS)), np.empty((views, 3, 3)), np.empty((views, 3))
        for n in range(views):
            row, camera = mine[n], table.camera[mine[n]]
            uv[n], sigma[n], score[n], depth[n] = table.uv[row], table.sigma[row], table.score[row], table.depth[row]
            rotation[n] = table.rotation[camera]
            for k in range(3):
                translation[n, k] = table.translation[camera, k]
                for m in range(3):
                    translation[n, k] += rotation[n, k, m] * place[m]
        seen, line = np.empty((views, 9 * WIDE)), np.empty((views, 18 * WIDE))
        deep = lines_of(uv, sigma, score, depth, rotation, translation, seen, line)
        given = np.empty((views, 2 * WIDE))
        coarse = False
        if followed[g] >= 0 and views > 1:
            now = begin_from(foretold[g] - place, doubt[g], seen, line, deep, rotation, translation, setting, given)
            rows = worth(followed[g], setting.reach, now, mixture, setting.screened)
            rounds = setting.followed_rounds
        else:
            for n in range(views):
                far = rotation[n, 2, 2] * GUESS_HEIGHT_M + translation[n, 2]
                given[n, :WIDE] = max(far, NEAREST_GUESS_M)
                given[n, WIDE:] = seen[n, 4 * WIDE : 5 * WIDE]
            coarse = setting.near and followed[g] < 0
            rows = all_rows(followed[g], coarse, len(mixture.mean), len(mixture.turns), setting.reach)
            rounds = setting.followed_rounds if coarse else setting.rounds
        evidence[g], joints[g], covariance[g], turn[g] = fit(
            rows, coarse, mixture, seen, line, deep, rotation, translation, given, setting.freedom, setting.keep,
            setting.width, rounds, setting.tempering,
        )  # fmt: skip
        placed[g], spread[g] = joints[g], covariance[g]
        if setting.near and views > 1:
            loosen(
                placed[g], spread[g], seen, line, deep, rotation, translation, setting.loose_m, setting.freedom,
                setting.widths,
            )  # fmt: skip
        joints[g] += place
        placed[g] += place
    return evidence, joints, covariance, turn, placed, spread


@numba.njit(cache=True, nogil=True)
def guess_place(mine, table):
    """(3,) a place on the floor below somebody: where rays meet, or where one meets the height of a body's middle."""
    matrix, inverse, right = np.zeros((3, 3)), np.empty((3, 3)), np.zeros(3)
    middle, count, several = np.zeros(3), 0, False
    for row in mine:
        several = several or table.camera[row] != table.camera[mine[0]]
        eye = table.eye[table.camera[row]]
        for j in range(NUM_JOINTS):
            if not table.score[row, j] > 0.0:
                continue
            count += 1
            ray = table.rays[row, j]
            for k in range(3):
                middle[k] += ray[k]
                for m in range(3):
                    across = (1.0 if k == m else 0.0) - ray[k] * ray[m]
                    matrix[k, m] += across
                    right[k] += across * eye[m]
    place = np.zeros(3)
    if several:
        for k in range(3):
            matrix[k, k] += 1e-6
        invert3(matrix, inverse)
        for k in range(2):
            place[k] = inverse[k, 0] * right[0] + inverse[k, 1] * right[1] + inverse[k, 2] * right[2]
        return place
    eye = table.eye[table.camera[mine[0]]]
    middle /= math.sqrt((middle**2).sum())
    down = middle[2] if abs(middle[2]) > 1e-3 else -1e-3
    far = (GUESS_HEIGHT_M - eye[2]) / down
    far = min(max(far if far > 0 else FARTHEST_GUESS_M / 2, NEAREST_GUESS_M), FARTHEST_GUESS_M)
    for k in range(2):
        place[k] = eye[k] + far * middle[k]
    return place


@numba.njit(cache=True, nogil=True)
def all_rows(followed, coarse, own, turns, reach):
    """All Gaussians in the turns in which he may look; of all turns every third, where `coarse` says so."""
    count = turns // 3 if coarse else (turns if followed < 0 else 2 * reach + 1)
    rows = np.empty(count * own, np.int64)
    for n in range(count):
        turn = 3 * n if coarse else (n if followed < 0 else (followed + n - reach) % turns)
        for k in range(own):
            rows[n * own + k] = turn * own + k
    return rows


@numba.njit(cache=True, nogil=True, fastmath=SUMS)
def begin_from(foretold, doubt, seen, line, deep, rotation, translation, setting, given):
    """(60,) places of the joints from what is foretold and what is seen; leaves distances and robust weights there."""
    place, total, off = np.zeros(LONG), np.empty(9 * WIDE), np.empty(WIDE)
    for j in range(NUM_JOINTS):
        for k in range(3):
            place[k * WIDE + j] = foretold[j, k]
    judge(place, 1.0, 0.0, seen, deep, rotation, translation, setting.freedom, FORETOLD_WIDTH, given, off)
    gather(seen, line, deep, given, total)
    joint_places(total, place, doubt)
    judge(place, 1.0, 0.0, seen, deep, rotation, translation, setting.freedom, 1.0, given, off)
    return place


@numba.njit(cache=True, nogil=True, fastmath=SUMS)
def joint_places(total, place, doubt):
    """Bring places (60), sure to within `doubt` (17), to what measurements say that `gather` summed."""
    info, inverse, pull = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
    for j in range(NUM_JOINTS):
        hold = 1.0 / doubt[j] ** 2
        info[0, 0], info[0, 1], info[0, 2] = total[j] + hold, total[WIDE + j], total[2 * WIDE + j]
        info[1, 1], info[1, 2], info[2, 2] = total[3 * WIDE + j] + hold, total[4 * WIDE + j], total[5 * WIDE + j] + hold
        info[1, 0], info[2, 0], info[2, 1] = info[0, 1], info[0, 2], info[1, 2]
        invert3(info, inverse)
        for k in range(3):
            pull[k] = total[(6 + k) * WIDE + j] + hold * place[k * WIDE + j]
        for k in range(3):
            place[k * WIDE + j] = inverse[k, 0] * pull[0] + inverse[k, 1] * pull[1] + inverse[k, 2] * pull[2]


@numba.njit(cache=True, nogil=True, fastmath=SUMS)
def worth(followed, reach, places, mixture, most):
    """Those `most` Gaussians, of the turns within `reach` of `followed`, that are likeliest if joints were seen at

    `places` (60), all equally surely.
    """
    own, size, turns, count = len(mixture.mean), mixture.white.shape[1], len(mixture.turns), 2 * reach + 1
    rows, score = np.empty(count * own, np.int64), np.empty(count * own)
    turned, off = np.zeros((count, LONG)), np.empty((count, LONG))
    for n in range(count):
        turn = (followed + n - reach) % turns
        cosine, sine = mixture.turns[turn, 0], mixture.turns[turn, 1]
        for j in range(NUM_JOINTS):
            x, y = places[j], places[WIDE + j]
            turned[n, j], turned[n, WIDE + j] = cosine * x + sine * y, cosine * y - sine * x
            turned[n, 2 * WIDE + j] = places[2 * WIDE + j]
    for k in range(own):
        mean, heft = mixture.mean[k], mixture.heft[k]
        for n in range(count):
            squared, here, there = 0.0, turned[n], off[n]
            for i in range(LONG):
                there[i] = here[i] - mean[i]
                squared += heft[i] * there[i] * there[i]
            rows[n * own + k] = (followed + n - reach) % turns * own + k
            score[n * own + k] = mixture.normal[k] - 0.5 * squared
        for p in range(0, size, 4):
            a, b, c, d = mixture.white[k, p], mixture.white[k, p + 1], mixture.white[k, p + 2], mixture.white[k, p + 3]
            for n in range(count):
                x, y, z, w, there = 0.0, 0.0, 0.0, 0.0, off[n]
                for i in range(LONG):
                    x += a[i] * there[i]
                    y += b[i] * there[i]
                    z += c[i] * there[i]
                    w += d[i] * there[i]
                score[n * own + k] += 0.5 * (x * x + y * y + z * z + w * w)
    return rows[np.sort(np.argsort(-score)[:most])]
