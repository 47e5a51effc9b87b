"""Compiled Rauch-Tung-Striebel smoother of one joint whose measurements have covariances of their own."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def smooth_joint(times_s, place_m, covariance_m2, measured, acceleration, first_speed):
    """Smoothed places (t, 3) and covariances (t, 3, 3) of a joint that moves with nearly constant velocity.

    The state is place and velocity; `measured` (t,) says which instants count; the first must.
    """
    count = len(times_s)
    means, spreads = np.zeros((count, 6)), np.zeros((count, 6, 6))
    guesses, guess_spreads, moves = np.zeros((count, 6)), np.zeros((count, 6, 6)), np.zeros((count, 6, 6))
    pick = np.zeros((3, 6))
    mean, spread = np.zeros(6), np.zeros((6, 6))
    for axis in range(3):
        pick[axis, axis] = 1.0
        mean[axis] = place_m[0, axis]
        spread[3 + axis, 3 + axis] = first_speed**2
        for other in range(3):
            spread[axis, other] = covariance_m2[0, axis, other]
    for k in range(count):
        if k > 0:
            step = times_s[k] - times_s[k - 1]
            move, drive = np.eye(6), np.zeros((6, 6))
            for axis in range(3):
                move[axis, 3 + axis] = step
                drive[axis, axis] = acceleration**2 * step**3 / 3
                drive[axis, 3 + axis] = drive[3 + axis, axis] = acceleration**2 * step**2 / 2
                drive[3 + axis, 3 + axis] = acceleration**2 * step
            mean = move @ mean
            spread = move @ spread @ move.T + drive
            moves[k] = move
        guesses[k], guess_spreads[k] = mean, spread
        if k > 0 and measured[k]:
            total = np.ascontiguousarray(spread[:3, :3]) + covariance_m2[k]
            gain = np.ascontiguousarray(spread[:, :3]) @ np.linalg.inv(total)
            mean = mean + gain @ (place_m[k] - mean[:3])
            left = np.eye(6) - gain @ pick
            spread = left @ spread @ left.T + gain @ covariance_m2[k] @ gain.T
        means[k], spreads[k] = mean, spread
    for k in range(count - 2, -1, -1):
        gain = spreads[k] @ moves[k + 1].T @ np.linalg.inv(guess_spreads[k + 1])
        means[k] = means[k] + gain @ (means[k + 1] - guesses[k + 1])
        spreads[k] = spreads[k] + gain @ (spreads[k + 1] - guess_spreads[k + 1]) @ gain.T
    return means[:, :3].copy(), spreads[:, :3, :3].copy()
