"""Compiled smoother of joints whose measurements have covariances of their own.

Forwards a Kalman filter, backwards the adjoint of Bryson and Frazier, which gives what the Rauch-Tung-Striebel smoother
gives without inverting a covariance. A state is a place and a velocity, three numbers each, so that all matrices are
made of 3 x 3 blocks: pp, pv and vv.
"""

from __future__ import annotations

import numba
import numpy as np

from ._pose_fit_kernel import invert3


@numba.njit(cache=True, nogil=True)
def smooth_joints(times_s, place_m, covariance_m2, measured, acceleration, first_speed):
    """Smooth places (t, j, 3) and covariances (t, j, 3, 3) of joints that move with nearly constant velocity.

    `measured` (t,) says which instants count; the first must. `acceleration` is by joint. Changes both arrays.
    """
    count = len(times_s)
    pp, pv, inverse = np.empty((count, 3, 3)), np.empty((count, 3, 3)), np.empty((count, 3, 3))
    gain_p, gain_v = np.empty((count, 3, 3)), np.empty((count, 3, 3))
    places, off = np.empty((count, 3)), np.empty((count, 3))
    for j in range(place_m.shape[1]):
        forwards(
            times_s, place_m[:, j], covariance_m2[:, j], measured, acceleration[j] ** 2, first_speed, places, off, pp,
            pv, inverse, gain_p, gain_v,
        )  # fmt: skip
        backwards(
            times_s, measured, places, off, pp, pv, inverse, gain_p, gain_v, place_m[:, j], covariance_m2[:, j]
        )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def forwards(
    times_s, place_m, covariance_m2, measured, drive, first_speed, places, off, pp, pv, inverse, gain_p, gain_v
):
    """The filter: leaves by instant the place, pp and pv; where measured innovation, its information and gains."""
    vv, total, gp, gv = np.zeros((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    place, speed = place_m[0].copy(), np.zeros(3)
    p, c = covariance_m2[0].copy(), np.zeros((3, 3))
    for k in range(3):
        vv[k, k] = first_speed**2
    for t in range(len(times_s)):
        if t > 0:
            step = times_s[t] - times_s[t - 1]
            for k in range(3):
                place[k] += step * speed[k]
                for m in range(3):
                    p[k, m] += step * (c[k, m] + c[m, k]) + step**2 * vv[k, m]
            for k in range(3):
                for m in range(3):
                    c[k, m] += step * vv[k, m]
                p[k, k] += drive * step**3 / 3
                c[k, k] += drive * step**2 / 2
                vv[k, k] += drive * step
        if t > 0 and measured[t]:
            for k in range(3):
                off[t, k] = place_m[t, k] - place[k]
                for m in range(3):
                    total[k, m] = p[k, m] + covariance_m2[t, k, m]
            invert3(total, inverse[t])
            for k in range(3):
                for m in range(3):
                    gp[k, m], gv[k, m] = 0.0, 0.0
                    for o in range(3):
                        gp[k, m] += p[k, o] * inverse[t, o, m]
                        gv[k, m] += c[o, k] * inverse[t, o, m]
            for k in range(3):
                for m in range(3):
                    place[k] += gp[k, m] * off[t, m]
                    speed[k] += gv[k, m] * off[t, m]
                    gain_p[t, k, m], gain_v[t, k, m] = gp[k, m], gv[k, m]
                    for o in range(3):
                        vv[k, m] -= gv[k, o] * c[o, m]
            for m in range(3):
                c0, c1, c2, p0, p1, p2 = c[0, m], c[1, m], c[2, m], p[0, m], p[1, m], p[2, m]
                for k in range(3):
                    c[k, m] -= gp[k, 0] * c0 + gp[k, 1] * c1 + gp[k, 2] * c2
                    p[k, m] -= gp[k, 0] * p0 + gp[k, 1] * p1 + gp[k, 2] * p2
        for k in range(3):
            places[t, k] = place[k]
            for m in range(k):  # rounding must not make them lopsided, or it grows
                p[k, m] = p[m, k] = 0.5 * (p[k, m] + p[m, k])
                vv[k, m] = vv[m, k] = 0.5 * (vv[k, m] + vv[m, k])
            for m in range(3):
                pv[t, k, m] = c[k, m]
        pp[t] = p


@numba.njit(cache=True, nogil=True)
def backwards(times_s, measured, places, off, pp, pv, inverse, gain_p, gain_v, place_m, covariance_m2):
    """The adjoint: leaves smoothed places (t, 3) and covariances (t, 3, 3)."""
    push_p, push_v = np.zeros(3), np.zeros(3)
    lpp, lpv, lvv = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    half_p, half_v, next_pp, next_pv = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    mixed, pulled = np.empty((3, 3)), np.empty(3)
    for t in range(len(times_s) - 1, -1, -1):
        for k in range(3):
            place_m[t, k] = places[t, k]
            for m in range(3):
                place_m[t, k] -= pp[t, k, m] * push_p[m] + pv[t, k, m] * push_v[m]
                half_p[k, m], half_v[k, m] = 0.0, 0.0
                for o in range(3):
                    half_p[k, m] += pp[t, k, o] * lpp[o, m] + pv[t, k, o] * lpv[m, o]
                    half_v[k, m] += pp[t, k, o] * lpv[o, m] + pv[t, k, o] * lvv[o, m]
        for k in range(3):
            for m in range(k + 1):
                left = pp[t, k, m]
                for o in range(3):
                    left -= half_p[k, o] * pp[t, m, o] + half_v[k, o] * pv[t, m, o]
                covariance_m2[t, k, m], covariance_m2[t, m, k] = left, left
        if t == 0:
            return
        if measured[t]:
            for k in range(3):
                pulled[k] = push_p[k]
                for m in range(3):
                    pulled[k] -= (
                        inverse[t, k, m] * off[t, m] + gain_p[t, m, k] * push_p[m] + gain_v[t, m, k] * push_v[m]
                    )
                    mixed[k, m], next_pv[k, m], next_pp[k, m] = lpp[k, m], lpv[k, m], lpp[k, m] + inverse[t, k, m]
                    for o in range(3):
                        mixed[k, m] -= gain_p[t, o, k] * lpp[o, m] + gain_v[t, o, k] * lpv[m, o]
                        next_pv[k, m] -= gain_p[t, o, k] * lpv[o, m] + gain_v[t, o, k] * lvv[o, m]
            for k in range(3):
                push_p[k] = pulled[k]
                for m in range(3):
                    next_pp[k, m] = mixed[k, m] + inverse[t, k, m]
                    for o in range(3):
                        next_pp[k, m] -= mixed[k, o] * gain_p[t, o, m] + next_pv[k, o] * gain_v[t, o, m]
            for k in range(3):
                for m in range(3):
                    lpp[k, m], lpv[k, m] = 0.5 * (next_pp[k, m] + next_pp[m, k]), next_pv[k, m]
        step = times_s[t] - times_s[t - 1]
        for k in range(3):
            push_v[k] += step * push_p[k]
            for m in range(3):
                lvv[k, m] += step * (lpv[k, m] + lpv[m, k]) + step**2 * lpp[k, m]
        for k in range(3):
            for m in range(3):
                lpv[k, m] += step * lpp[k, m]
