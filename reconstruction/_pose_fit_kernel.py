"""Compiled loops of the fit of a body to what cameras saw of its joints; the algebra is written down in pose_fit.py."""

from __future__ import annotations

import math

import numba
import numpy as np

NEAREST_M = 0.2


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


@numba.njit(cache=True, nogil=True)
def gather(joint, view, uv, sigma, weight, depth, range_m, rotation, translation, info, pull):
    """Sum the measurements (n,) of each joint: information (17, 3, 3) and pull (17, 3); see pose_fit.py."""
    info[:] = 0.0
    pull[:] = 0.0
    row = np.empty(3)
    for i in range(len(joint)):
        j, v, z = joint[i], view[i], range_m[i]
        gain = weight[i] / (sigma[i, 0] ** 2 + (sigma[i, 1] / z) ** 2)
        for axis in range(3):
            if axis < 2:
                for k in range(3):
                    row[k] = (rotation[v, axis, k] - uv[i, axis] * rotation[v, 2, k]) / z
                value = -(translation[v, axis] - uv[i, axis] * translation[v, 2]) / z
            else:
                if not depth[i, 1] > 0.0:
                    continue
                for k in range(3):
                    row[k] = rotation[v, 2, k]
                value = depth[i, 0] - translation[v, 2]
                gain = weight[i] / depth[i, 1] ** 2
            for k in range(3):
                pull[j, k] += gain * row[k] * value
                for m in range(3):
                    info[j, k, m] += gain * row[k] * row[m]


@numba.njit(cache=True, nogil=True)
def solve(mean, basis, rest_var, info, pull, seen, factor, latent, joints, gains):
    """Most likely joints (17, 3) of one Gaussian; returns the log of its prior there, less half the log of curvature.

    Leaves the Cholesky factor (l, l) of the information in `factor` and (I + rest info)^-1 by joint in `gains`.
    """
    size = basis.shape[2]
    step, bend, tilt = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
    spread = np.empty((3, size))
    for p in range(size):
        latent[p] = 0.0
        for q in range(p + 1):
            factor[p, q] = 1.0 if p == q else 0.0
    log_p = 0.0
    for j in range(mean.shape[0]):
        if not seen[j]:
            continue
        for k in range(3):
            for m in range(3):
                step[k, m] = rest_var[j] * info[j, k, m] + (1.0 if k == m else 0.0)
        log_p -= 0.5 * math.log(invert3(step, gains[j]))
        for k in range(3):
            tilt[k] = 0.0
            for m in range(3):
                tilt[k] += gains[j, k, m] * pull[j, m]
                bend[k, m] = 0.0
                for o in range(3):
                    bend[k, m] += gains[j, k, o] * info[j, o, m]
        for k in range(3):
            for m in range(3):
                tilt[k] -= bend[k, m] * mean[j, m]
            for p in range(size):
                spread[k, p] = bend[k, 0] * basis[j, 0, p] + bend[k, 1] * basis[j, 1, p] + bend[k, 2] * basis[j, 2, p]
        for p in range(size):
            b0, b1, b2 = basis[j, 0, p], basis[j, 1, p], basis[j, 2, p]
            latent[p] += b0 * tilt[0] + b1 * tilt[1] + b2 * tilt[2]
            for q in range(p + 1):
                factor[p, q] += b0 * spread[0, q] + b1 * spread[1, q] + b2 * spread[2, q]
    for p in range(size):
        for q in range(p + 1):
            total = factor[p, q]
            for o in range(q):
                total -= factor[p, o] * factor[q, o]
            factor[p, q] = math.sqrt(total) if p == q else total / factor[q, q]
        log_p -= math.log(factor[p, p])
    for p in range(size):
        for o in range(p):
            latent[p] -= factor[p, o] * latent[o]
        latent[p] /= factor[p, p]
    for p in range(size - 1, -1, -1):
        for o in range(p + 1, size):
            latent[p] -= factor[o, p] * latent[o]
        latent[p] /= factor[p, p]
        log_p -= 0.5 * latent[p] ** 2
    for j in range(mean.shape[0]):
        for k in range(3):
            joints[j, k] = mean[j, k]
            for p in range(size):
                joints[j, k] += basis[j, k, p] * latent[p]
        if not seen[j]:
            continue
        for k in range(3):
            tilt[k] = pull[j, k]
            for m in range(3):
                tilt[k] -= info[j, k, m] * joints[j, m]
        for k in range(3):
            off = 0.0
            for m in range(3):
                off += rest_var[j] * gains[j, k, m] * tilt[m]
            bend[k, 0] = off
        for k in range(3):
            joints[j, k] += bend[k, 0]
            log_p -= 0.5 * bend[k, 0] ** 2 / rest_var[j]
    return log_p


@numba.njit(cache=True, nogil=True)
def miss(place, rotation, translation, uv, sigma, score, depth, width):
    """One measurement beside a joint: its distance along the axis, variance in the image, and squared residual.

    The residual counts `score` times; `width` multiplies all standard deviations. Joints behind the camera and before
    the nearest distance are taken to be there.
    """
    z = rotation[2, 0] * place[0] + rotation[2, 1] * place[1] + rotation[2, 2] * place[2] + translation[2]
    near = max(z, NEAREST_M)
    variance = width**2 * (sigma[0] ** 2 + (sigma[1] / near) ** 2)
    squared = 0.0
    for axis in range(2):
        p = translation[axis]
        for k in range(3):
            p += rotation[axis, k] * place[k]
        squared += (p / near - uv[axis]) ** 2
    squared *= score / variance
    if depth[1] > 0.0:
        squared += score * ((near - depth[0]) / (width * depth[1])) ** 2
    return z, variance, squared


@numba.njit(cache=True, nogil=True)
def judge(joints, joint, view, uv, sigma, score, depth, rotation, translation, freedom, range_m, weight):
    """Log likelihood (Student's t) of the measurements; leaves their distances along the axis and robust weights."""
    log_p = 0.0
    for i in range(len(joint)):
        j, v = joint[i], view[i]
        z, variance, squared = miss(joints[j], rotation[v], translation[v], uv[i], sigma[i], score[i], depth[i], 1.0)
        if z < NEAREST_M:
            return -1e9
        log_p -= 0.5 * (freedom + 2.0) * math.log(1.0 + squared / freedom) + math.log(variance)
        range_m[i] = z
        weight[i] = score[i] * (freedom + 2.0) / (freedom + squared)
    return log_p


@numba.njit(cache=True, nogil=True)
def spread_of(basis, rest_var, seen, factor, gains, covariance):
    """Covariance (17, 3, 3) of the joints from what `solve` left."""
    size = basis.shape[2]
    half = np.empty((3, size))
    for j in range(basis.shape[0]):
        for k in range(3):
            for p in range(size):
                if seen[j]:
                    total = (
                        gains[j, k, 0] * basis[j, 0, p]
                        + gains[j, k, 1] * basis[j, 1, p]
                        + gains[j, k, 2] * basis[j, 2, p]
                    )
                else:
                    total = basis[j, k, p]
                for o in range(p):
                    total -= factor[p, o] * half[k, o]
                half[k, p] = total / factor[p, p]
        for k in range(3):
            for m in range(3):
                total = rest_var[j] * (gains[j, k, m] if seen[j] else (1.0 if k == m else 0.0))
                for p in range(size):
                    total += half[k, p] * half[m, p]
                covariance[j, k, m] = total


@numba.njit(cache=True, nogil=True)
def fit(
    rows, mean, basis, rest_var, log_weight, joint, view, uv, sigma, score, depth, rotation, translation, range_m,
    freedom, keep, width, rounds, tempering,
):  # fmt: skip
    """Fit every Gaussian of `rows` (c,) once, the best `keep` within `width` for `rounds` more, and average these.

    Returns:
        log evidence; joints (17, 3); their covariance (17, 3, 3); share (c,) of each Gaussian in the average.
    """
    count, size, num_joints = len(rows), basis.shape[3], mean.shape[1]
    info, pull = np.empty((num_joints, 3, 3)), np.empty((num_joints, 3))
    factor, latent, gains = np.empty((size, size)), np.empty(size), np.empty((num_joints, 3, 3))
    seen = np.zeros(num_joints, np.bool_)
    for i in range(len(joint)):
        seen[joint[i]] = True
    joints, spread = np.empty((num_joints, 3)), np.empty((num_joints, 3, 3))
    there, weight = np.empty(len(joint)), np.empty(len(joint))
    log_p = np.empty(count)
    gather(joint, view, uv, sigma, score, depth, range_m, rotation, translation, info, pull)
    for n in range(count):
        c = rows[n]
        log_p[n] = log_weight[c] + solve(
            mean[c], basis[c], rest_var[c], info, pull, seen, factor, latent, joints, gains
        )
        log_p[n] += judge(joints, joint, view, uv, sigma, score, depth, rotation, translation, freedom, there, weight)
    order = np.argsort(-log_p)
    share = np.zeros(count)
    kept = 0
    while kept < min(keep, count) and (kept == 0 or log_p[order[kept]] > log_p[order[0]] - width):
        kept += 1
    all_joints, all_spread = np.empty((kept, num_joints, 3)), np.empty((kept, num_joints, 3, 3))
    refined = np.empty(kept)
    for n in range(kept):
        c = rows[order[n]]
        there[:] = range_m
        prior, likelihood = 0.0, -1e9
        weight[:] = score
        for _ in range(rounds + 1):
            gather(joint, view, uv, sigma, weight, depth, there, rotation, translation, info, pull)
            prior = solve(mean[c], basis[c], rest_var[c], info, pull, seen, factor, latent, joints, gains)
            likelihood = judge(
                joints, joint, view, uv, sigma, score, depth, rotation, translation, freedom, there, weight
            )
            if likelihood < -1e8:
                break
        spread_of(basis[c], rest_var[c], seen, factor, gains, all_spread[n])
        all_joints[n] = joints
        refined[n] = log_weight[c] + prior + likelihood
    best = refined.max()
    total = 0.0
    for n in range(kept):
        share[order[n]] = math.exp((refined[n] - best) * tempering)
        total += share[order[n]]
    share /= total
    joints[:] = 0.0
    for n in range(kept):
        joints += share[order[n]] * all_joints[n]
    spread[:] = 0.0
    for n in range(kept):
        part = share[order[n]]
        if part < 1e-6:
            continue
        for j in range(num_joints):
            for k in range(3):
                for m in range(3):
                    off = (all_joints[n, j, k] - joints[j, k]) * (all_joints[n, j, m] - joints[j, m])
                    spread[j, k, m] += part * (all_spread[n, j, k, m] + off)
    return best + math.log(total), joints, spread, share
