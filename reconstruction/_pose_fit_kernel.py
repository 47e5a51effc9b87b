"""Compiled loops of the fit of a body to what cameras saw of its joints; the algebra is written down in pose_fit.py."""

from __future__ import annotations

import math

import numba
import numpy as np

from ._mixture_kernel import AROUND, LONG, NUM_JOINTS, SUMS, WIDE, blend, solve, spread_of

NEAREST_M = 0.2
FARTHEST_M = 1e6


@numba.njit(cache=True, nogil=True, inline="always")
def invert3(m, out):
    """Inverse of a (3, 3) matrix into `out`; returns its determinant."""
    a = m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]
    b = m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2]
    c = m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]
    determinant = m[0, 0] * a + m[0, 1] * b + m[0, 2] * c
    scale = 1.0 / determinant
    out[0, 0] = a * scale
    out[0, 1] = (m[0, 2] * m[2, 1] - m[0, 1] * m[2, 2]) * scale
    out[0, 2] = (m[0, 1] * m[1, 2] - m[0, 2] * m[1, 1]) * scale
    out[1, 0] = b * scale
    out[1, 1] = (m[0, 0] * m[2, 2] - m[0, 2] * m[2, 0]) * scale
    out[1, 2] = (m[0, 2] * m[1, 0] - m[0, 0] * m[1, 2]) * scale
    out[2, 0] = c * scale
    out[2, 1] = (m[0, 1] * m[2, 0] - m[0, 0] * m[2, 1]) * scale
    out[2, 2] = (m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]) * scale
    return determinant


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def lines_of(uv, sigma, score, depth, rotation, translation, seen, line):
    """Lay out what n views saw, `seen` (n, 180), and what it says of joints whose distance is known, `line` (n, 360).

    `seen` holds by joint (20 places each) u, v, the keypoint's deviation in the image and on the body, its score, its
    depth and the weight of that; where nothing was seen scores are 0. `line` holds xx xy xz yy yz zz of the information
    times the square of the distance per inverse variance of the keypoint, x y z of the pull the same, and nine more of
    the depth, where no distance enters. Returns whether there are depths.
    """
    seen[:] = 0.0
    line[:] = 0.0
    deep = False
    for n in range(len(seen)):
        turn, shift = rotation[n], translation[n]
        for j in range(WIDE):
            seen[n, 2 * WIDE + j], seen[n, 3 * WIDE + j] = 1.0, 1.0
        for j in range(NUM_JOINTS):
            if not score[n, j] > 0.0:
                continue
            u, v = uv[n, j, 0], uv[n, j, 1]
            seen[n, j], seen[n, WIDE + j] = u, v
            seen[n, 2 * WIDE + j], seen[n, 3 * WIDE + j] = sigma[n, j, 0], sigma[n, j, 1]
            seen[n, 4 * WIDE + j] = score[n, j]
            a0, a1, a2 = turn[0, 0] - u * turn[2, 0], turn[0, 1] - u * turn[2, 1], turn[0, 2] - u * turn[2, 2]
            b0, b1, b2 = turn[1, 0] - v * turn[2, 0], turn[1, 1] - v * turn[2, 1], turn[1, 2] - v * turn[2, 2]
            a, b = u * shift[2] - shift[0], v * shift[2] - shift[1]
            line[n, j], line[n, WIDE + j], line[n, 2 * WIDE + j] = (
                a0 * a0 + b0 * b0,
                a0 * a1 + b0 * b1,
                a0 * a2 + b0 * b2,
            )
            line[n, 3 * WIDE + j], line[n, 4 * WIDE + j] = a1 * a1 + b1 * b1, a1 * a2 + b1 * b2
            line[n, 5 * WIDE + j] = a2 * a2 + b2 * b2
            line[n, 6 * WIDE + j], line[n, 7 * WIDE + j] = a0 * a + b0 * b, a1 * a + b1 * b
            line[n, 8 * WIDE + j] = a2 * a + b2 * b
            if not depth[n, j, 1] > 0.0:
                continue
            deep = True
            seen[n, 5 * WIDE + j], seen[n, 6 * WIDE + j] = depth[n, j, 0], 1.0 / depth[n, j, 1] ** 2
            c0, c1, c2, c = turn[2, 0], turn[2, 1], turn[2, 2], depth[n, j, 0] - shift[2]
            line[n, 9 * WIDE + j], line[n, 10 * WIDE + j], line[n, 11 * WIDE + j] = c0 * c0, c0 * c1, c0 * c2
            line[n, 12 * WIDE + j], line[n, 13 * WIDE + j], line[n, 14 * WIDE + j] = c1 * c1, c1 * c2, c2 * c2
            line[n, 15 * WIDE + j], line[n, 16 * WIDE + j], line[n, 17 * WIDE + j] = c0 * c, c1 * c, c2 * c
    return deep


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def gather(seen, line, deep, given, total):
    """Sum the views: information xx xy xz yy yz zz and pull x y z of all joints, by 20s in `total` (180).

    `given` (n, 40) are the distances of the joints and the weights of the keypoints; `deep` says that there are depths.
    """
    total[:] = 0.0
    for n in range(len(seen)):
        now, what, told = seen[n], line[n], given[n]
        for j in range(WIDE):
            gain = told[WIDE + j] / ((now[2 * WIDE + j] * told[j]) ** 2 + now[3 * WIDE + j] ** 2)
            total[j] += gain * what[j]
            total[WIDE + j] += gain * what[WIDE + j]
            total[2 * WIDE + j] += gain * what[2 * WIDE + j]
            total[3 * WIDE + j] += gain * what[3 * WIDE + j]
            total[4 * WIDE + j] += gain * what[4 * WIDE + j]
            total[5 * WIDE + j] += gain * what[5 * WIDE + j]
            total[6 * WIDE + j] += gain * what[6 * WIDE + j]
            total[7 * WIDE + j] += gain * what[7 * WIDE + j]
            total[8 * WIDE + j] += gain * what[8 * WIDE + j]
        if deep:
            for part in range(9):
                for j in range(WIDE):
                    total[part * WIDE + j] += told[WIDE + j] * now[6 * WIDE + j] * what[(9 + part) * WIDE + j]


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def judge(place, cosine, sine, seen, deep, rotation, translation, freedom, width, given, off):
    """Log likelihood (Student's t) of what was seen; leaves distances along the axis and robust weights in `given`.

    `place` (60 or more) are the joints of a body that is turned by the angle of `cosine` and `sine`; `off` (20) is
    room.
    `width` multiplies all standard deviations. A joint behind a camera that saw it cannot be; it is taken to be at the
    nearest distance.
    """
    log_p, behind, narrow = 0.0, False, 1.0 / width**2
    for n in range(len(seen)):
        now, told, turn, shift = seen[n], given[n], rotation[n], translation[n]
        a0, a1 = cosine * turn[0, 0] + sine * turn[0, 1], cosine * turn[0, 1] - sine * turn[0, 0]
        b0, b1 = cosine * turn[1, 0] + sine * turn[1, 1], cosine * turn[1, 1] - sine * turn[1, 0]
        c0, c1 = cosine * turn[2, 0] + sine * turn[2, 1], cosine * turn[2, 1] - sine * turn[2, 0]
        a2, b2, c2, a3, b3, c3 = turn[0, 2], turn[1, 2], turn[2, 2], shift[0], shift[1], shift[2]
        nearest = FARTHEST_M
        for j in range(WIDE):
            far = c0 * place[j] + c1 * place[WIDE + j] + c2 * place[2 * WIDE + j] + c3
            nearest = min(nearest, far if now[4 * WIDE + j] > 0.0 else FARTHEST_M)
            told[j] = max(far, NEAREST_M)
        behind = behind or nearest < NEAREST_M
        apart, spread = 1.0, 1.0
        for j in range(WIDE):
            x, y, z, scale = place[j], place[WIDE + j], place[2 * WIDE + j], 1.0 / told[j]
            variance = now[2 * WIDE + j] ** 2 + (now[3 * WIDE + j] * scale) ** 2
            u = (a0 * x + a1 * y + a2 * z + a3) * scale - now[j]
            v = (b0 * x + b1 * y + b2 * z + b3) * scale - now[WIDE + j]
            off[j] = narrow * now[4 * WIDE + j] * (u * u + v * v) / variance
            spread *= variance if now[4 * WIDE + j] > 0.0 else 1.0
        if deep:
            for j in range(WIDE):
                off[j] += narrow * now[4 * WIDE + j] * now[6 * WIDE + j] * (told[j] - now[5 * WIDE + j]) ** 2
        for j in range(WIDE):
            apart *= 1.0 + off[j] / freedom
            told[WIDE + j] = now[4 * WIDE + j] * (freedom + 2.0) / (freedom + off[j])
        log_p -= 0.5 * (freedom + 2.0) * math.log(apart) + math.log(spread)
    return -1e9 if behind else log_p


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def fit(
    rows, coarse, mixture, seen, line, deep, rotation, translation, given, freedom, keep, width, rounds, tempering,
):  # fmt: skip
    """Fit every Gaussian of `rows` (c,) once, the best `keep` within `width` for `rounds` more, and average these.

    Row by row these are the Gaussians of `mixture` (pose_prior.Mixture), turned by one of its angles after the other.
    Where `coarse` says so, those one turn beside the best `keep` follow before it is chosen. `seen` and `line` are of
    `lines_of`; `given` (n, 40) are the distances and weights to start with.

    Returns:
        log evidence; joints (17, 3); their covariance (17, 3, 3); the turn in which he most likely faces.
    """
    mean, basis, rest, turns, own = mixture.mean, mixture.basis, mixture.rest, mixture.turns, len(mixture.mean)
    size, most = basis.shape[1], len(rows) + (2 * keep if coarse else 0)
    total, gain, push, off = np.empty(9 * WIDE), np.zeros(3 * LONG), np.zeros(LONG), np.empty(WIDE)
    scaled, factor, latent, work = np.zeros((size, 64)), np.zeros((size, size + 4)), np.empty(size), np.zeros(64)
    log_p, places, told = np.empty(most), np.empty((most, AROUND)), np.empty((most, len(seen), 2 * WIDE))
    taken = np.empty(most, np.int64)
    taken[: len(rows)] = rows
    begin, end = 0, len(rows)
    gather(seen, line, deep, given, total)
    while True:
        for n in range(begin, end):
            k, cosine, sine = taken[n] % own, turns[taken[n] // own, 0], turns[taken[n] // own, 1]
            log_p[n] = mixture.log_weight[k] - blend(
                rest[k], total[: 6 * WIDE], total[6 * WIDE :], cosine, sine, gain, push
            )
            log_p[n] += solve(mean[k], basis[k], rest[k], gain, push, scaled, factor, latent, places[n], work)
            log_p[n] += judge(
                places[n], cosine, sine, seen, deep, rotation, translation, freedom, 1.0, told[n], off
            )  # fmt: skip
        order = np.argsort(-log_p[:end])
        begin = end
        if coarse:
            end = beside(taken, order[:keep], own, len(turns), end)
            coarse = False
        if begin == end:
            break
    kept = 0
    while kept < min(keep, end) and (kept == 0 or log_p[order[kept]] > log_p[order[0]] - width):
        kept += 1
    half, spreads, share = np.empty((size, LONG)), np.empty((kept, 6 * WIDE)), np.zeros(end)
    for m in range(kept):
        n = order[m]
        k, cosine, sine = taken[n] % own, turns[taken[n] // own, 0], turns[taken[n] // own, 1]
        for _ in range(max(rounds, 1)):
            if log_p[n] < -1e8:
                break
            gather(seen, line, deep, told[n], total)
            log_p[n] = mixture.log_weight[k] - blend(
                rest[k], total[: 6 * WIDE], total[6 * WIDE :], cosine, sine, gain, push
            )
            log_p[n] += solve(mean[k], basis[k], rest[k], gain, push, scaled, factor, latent, places[n], work)
            log_p[n] += judge(
                places[n], cosine, sine, seen, deep, rotation, translation, freedom, 1.0, told[n], off
            )  # fmt: skip
        spread_of(basis[k], rest[k], gain, factor, half, spreads[m])
    best, whole, likeliest = -np.inf, 0.0, 0
    for m in range(kept):
        best = max(best, log_p[order[m]])
    for m in range(kept):
        share[order[m]] = math.exp((log_p[order[m]] - best) * tempering)
        whole += share[order[m]]
        if share[order[m]] > share[order[likeliest]]:
            likeliest = m
    share /= whole
    joints, covariance = np.zeros((NUM_JOINTS, 3)), np.zeros((NUM_JOINTS, 3, 3))
    average(taken, own, order[:kept], share, turns, places, spreads, joints, covariance)
    return best + math.log(whole), joints, covariance, taken[order[likeliest]] // own


@numba.njit(cache=True, nogil=True)
def beside(taken, best, own, turns, end):
    """Add the Gaussians one turn to either side of the best to `taken`; returns how many there are then."""
    begin = end
    for n in best:
        for step in (-1, 1):
            row = (taken[n] // own + step) % turns * own + taken[n] % own
            known = False
            for m in range(end):
                known = known or taken[m] == row
            if not known:
                taken[end] = row
                end += 1
    return max(begin, end)


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def average(rows, own, order, share, turns, places, spreads, joints, covariance):
    """Add up mean (17, 3) and covariance (17, 3, 3) of the Gaussians `order`, turned to where they look."""
    turned = np.empty((len(order), NUM_JOINTS, 3))
    for m in range(len(order)):
        n = order[m]
        cosine, sine = turns[rows[n] // own, 0], turns[rows[n] // own, 1]
        for j in range(NUM_JOINTS):
            x, y = places[n, j], places[n, WIDE + j]
            turned[m, j, 0], turned[m, j, 1] = cosine * x - sine * y, sine * x + cosine * y
            turned[m, j, 2] = places[n, 2 * WIDE + j]
            for k in range(3):
                joints[j, k] += share[n] * turned[m, j, k]
    for m in range(len(order)):
        part, sector = share[order[m]], rows[order[m]] // own
        if part < 1e-6:
            continue
        c, s = turns[sector, 0], turns[sector, 1]
        for j in range(NUM_JOINTS):
            xx, xy, xz = spreads[m, j], spreads[m, WIDE + j], spreads[m, 2 * WIDE + j]
            yy, yz, zz = spreads[m, 3 * WIDE + j], spreads[m, 4 * WIDE + j], spreads[m, 5 * WIDE + j]
            dx, dy, dz = turned[m, j, 0] - joints[j, 0], turned[m, j, 1] - joints[j, 1], turned[m, j, 2] - joints[j, 2]
            covariance[j, 0, 0] += part * (c * c * xx - 2 * c * s * xy + s * s * yy + dx * dx)
            covariance[j, 0, 1] += part * (c * s * (xx - yy) + (c * c - s * s) * xy + dx * dy)
            covariance[j, 0, 2] += part * (c * xz - s * yz + dx * dz)
            covariance[j, 1, 1] += part * (s * s * xx + 2 * c * s * xy + c * c * yy + dy * dy)
            covariance[j, 1, 2] += part * (s * xz + c * yz + dy * dz)
            covariance[j, 2, 2] += part * (zz + dz * dz)
    for j in range(NUM_JOINTS):
        covariance[j, 1, 0] = covariance[j, 0, 1]
        covariance[j, 2, 0], covariance[j, 2, 1] = covariance[j, 0, 2], covariance[j, 1, 2]
