"""Compiled loops of the fit of a body to its surface points; the model is written down in person_points.py."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def place_ends(mean, basis, latent, ends):
    """Ends of capsules (e, 3) at a latent (l,): mean (e, 3) + basis (e, 3, l) latent."""
    for e in range(mean.shape[0]):
        for k in range(3):
            total = mean[e, k]
            for p in range(len(latent)):
                total += basis[e, k, p] * latent[p]
            ends[e, k] = total


@numba.njit(cache=True, nogil=True)
def nearest_capsule(point, ends, radius, first, second):
    """Signed distance of a point (3,) from the union of capsules, the capsule, and the place along its bone."""
    best, chosen, along = 1e9, 0, 0.0
    for c in range(len(first)):
        a, b = first[c], second[c]
        length2, dot = 1e-12, 0.0
        for k in range(3):
            bone = ends[b, k] - ends[a, k]
            length2 += bone * bone
            dot += bone * (point[k] - ends[a, k])
        s = min(max(dot / length2, 0.0), 1.0)
        square = 0.0
        for k in range(3):
            off = point[k] - ends[a, k] - s * (ends[b, k] - ends[a, k])
            square += off * off
        distance = math.sqrt(square) - (1.0 - s) * radius[a] - s * radius[b]
        if distance < best:
            best, chosen, along = distance, c, s
    return best, chosen, along


@numba.njit(cache=True, nogil=True)
def distances(points, ends, radius, first, second):
    """Signed distances (n,) of points (n, 3) from the union of capsules."""
    found = np.empty(len(points))
    for i in range(len(points)):
        found[i], _, _ = nearest_capsule(points[i], ends, radius, first, second)
    return found


@numba.njit(cache=True, nogil=True)
def add_row(info, pull, row, gain, value):
    """Add one linear measurement row . latent = value with a gain."""
    size = len(row)
    for p in range(size):
        if row[p] == 0.0:
            continue
        pull[p] += gain * row[p] * value
        for q in range(p + 1):
            info[p, q] += gain * row[p] * row[q]


@numba.njit(cache=True, nogil=True)
def gather(
    mean, basis, latent, radius, first, second, tips, points, sigma, tip_sigma, freedom, share, ends, info, pull
):
    """Normal equations (l, l), (l,) of a step from `latent`; returns the log likelihood there.

    Points pull the surface to themselves; tips that lie in no surface are pulled to the nearest point.
    """
    size = len(latent)
    place_ends(mean, basis, latent, ends)
    for p in range(size):
        pull[p] = -latent[p]
        for q in range(p + 1):
            info[p, q] = 1.0 if p == q else 0.0
    row = np.empty(size)
    log_p = 0.0
    for i in range(len(points)):
        distance, c, s = nearest_capsule(points[i], ends, radius, first, second)
        a, b = first[c], second[c]
        reach = distance + (1.0 - s) * radius[a] + s * radius[b]
        square = (distance / sigma) ** 2
        log_p -= share * 0.5 * (freedom + 1.0) * math.log(1.0 + square / freedom)
        gain = share * (freedom + 1.0) / (freedom + square) / sigma**2
        row[:] = 0.0
        for k in range(3):
            normal = (points[i, k] - (1.0 - s) * ends[a, k] - s * ends[b, k]) / max(reach, 1e-6)
            for p in range(size):
                row[p] += normal * ((1.0 - s) * basis[a, k, p] + s * basis[b, k, p])
        add_row(info, pull, row, gain, distance)
    for t in range(len(tips)):
        e = tips[t]
        nearest, at = 1e9, 0
        for i in range(len(points)):
            square = 0.0
            for k in range(3):
                square += (points[i, k] - ends[e, k]) ** 2
            if square < nearest:
                nearest, at = square, i
        reach = math.sqrt(nearest)
        distance = reach - radius[e]
        if distance <= 0.0:
            continue
        square = (distance / tip_sigma) ** 2
        log_p -= 0.5 * (freedom + 1.0) * math.log(1.0 + square / freedom)
        gain = (freedom + 1.0) / (freedom + square) / tip_sigma**2
        row[:] = 0.0
        for k in range(3):
            normal = (points[at, k] - ends[e, k]) / max(reach, 1e-6)
            for p in range(size):
                row[p] += normal * basis[e, k, p]
        add_row(info, pull, row, gain, distance)
    return log_p


@numba.njit(cache=True, nogil=True)
def factorize(info, factor):
    """Cholesky factor (l, l), lower; returns half the log determinant."""
    size = len(info)
    log_det = 0.0
    for p in range(size):
        for q in range(p + 1):
            total = info[p, q]
            for o in range(q):
                total -= factor[p, o] * factor[q, o]
            factor[p, q] = math.sqrt(max(total, 1e-12)) if p == q else total / factor[q, q]
        log_det += math.log(factor[p, p])
    return log_det


@numba.njit(cache=True, nogil=True)
def solve(factor, vector):
    """Solve factor factor^T x = vector in place."""
    size = len(vector)
    for p in range(size):
        for o in range(p):
            vector[p] -= factor[p, o] * vector[o]
        vector[p] /= factor[p, p]
    for p in range(size - 1, -1, -1):
        for o in range(p + 1, size):
            vector[p] -= factor[o, p] * vector[o]
        vector[p] /= factor[p, p]


@numba.njit(cache=True, nogil=True)
def descend(
    mean, basis, latents, radius, first, second, tips, points, sigmas, tip_sigma, freedom, share, factors
):  # fmt: skip
    """Fit every Gaussian (c) from its latent (c, l), one Gauss-Newton step per deviation in `sigmas`.

    Changes `latents`; leaves the Cholesky factor of the information of each in `factors` (c, l, l).

    Returns:
        (c,) log evidence of each at the last deviation (Laplace's approximation).
    """
    count, size = latents.shape
    evidence = np.empty(count)
    ends = np.empty((mean.shape[1], 3))
    info, pull = np.empty((size, size)), np.empty(size)
    for c in range(count):
        for step in range(len(sigmas)):
            gather(
                mean[c], basis[c], latents[c], radius, first, second, tips, points, sigmas[step], tip_sigma, freedom,
                share, ends, info, pull,
            )  # fmt: skip
            factorize(info, factors[c])
            solve(factors[c], pull)
            for p in range(size):
                latents[c, p] += pull[p]
        log_p = gather(
            mean[c], basis[c], latents[c], radius, first, second, tips, points, sigmas[-1], tip_sigma, freedom, share,
            ends, info, pull,
        )  # fmt: skip
        evidence[c] = log_p - factorize(info, factors[c])
        for p in range(size):
            evidence[c] -= 0.5 * latents[c, p] ** 2
    return evidence
