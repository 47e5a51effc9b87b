"""How far the surface that one camera sees lies off that of another, at many delays between them, compiled."""

from __future__ import annotations

import numba
import numpy as np

#: A point counts when it moved by so many times the noise, and lies on a surface, not on an outline.
MOVED_SIGMAS, MOST_MOVED_M, OUTLINE_M = 3.0, 0.4, 0.08
#: The other camera's surface goes on from frame to frame.
SAME_SURFACE_M, MOST_SPEED_M_S = 0.25, 3.0
LEAST_COSINE, NEAREST_M = 0.2, 0.3
NOISE_M, NOISE_PER_M = 0.004, 0.0015
#: Frames of a run of three and of four may lack one, those that are interpolated none.
RUN_OF_TWO, RUN_OF_THREE, RUN_OF_FOUR = 1.6, 3.5, 4.6


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def add_delays(
    seen_m, seen_s, from_s, to_s, seen_interval_s, rays, rotation, translation_m,
    other_m, other_s, other_interval_s, pixel_of, low_x, low_y, per_x, per_y,
    begin_s, lag_step_s, most_points, least_speed_m_s, scale_m, sums,
):  # fmt: skip
    """Add, for every second and delay, how the moving surface of one camera lies to that of another.

    Args:
        seen_m, seen_s: (b, h, w) float32 depths of the camera that gives the points, and their times (b,).
        from_s, to_s: only frames in [from_s, to_s) give points.
        seen_interval_s, other_interval_s: usual times between frames.
        rays, rotation, translation_m: (h, w, 3) of its pixels, and its pose in the frame of the other camera.
        other_m, other_s: (a, rows, columns) float32 and (a,) of the other camera.
        pixel_of: (i, j) int32 flat pixel of the other by place at depth 1 before it, -1 = none.
        low_x, low_y, per_x, per_y: where that grid begins, and cells per unit.
        begin_s: when second 0 of the sums begins.
        lag_step_s: step between delays.
        most_points: how many points a frame gives at most.
        least_speed_m_s: what is slower along the ray tells no time.
        scale_m: surfaces that lie further apart than some of these are not the same.
        sums: (seconds, delays, 2 or 6) sums over points that grow in place, each weighed by how near the surface is:
            speed times distance, speed times rate of the surface; and 1, distance, rate, speed.
    """
    height, width = seen_m.shape[1:]
    rows, columns = pixel_of.shape
    flat = other_m.reshape(len(other_s), -1)
    half = sums.shape[1] // 2
    most_s = half * lag_step_s
    chosen = np.empty(height * width, np.int64)
    first_k = 0
    r = rotation
    for j in range(1, len(seen_s) - 1):
        second = int(seen_s[j] - begin_s)
        if seen_s[j] < from_s or seen_s[j] >= to_s or second < 0 or second >= len(sums):
            continue
        if seen_s[j + 1] - seen_s[j - 1] > RUN_OF_THREE * seen_interval_s:
            continue
        count = _moving(seen_m[j - 1], seen_m[j], seen_m[j + 1], chosen)
        while first_k < len(other_s) and other_s[first_k] < seen_s[j] - most_s - RUN_OF_TWO * other_interval_s:
            first_k += 1
        stride = max(1.0, count / most_points)
        at = 0.0
        while int(at) < count:
            row, column = chosen[int(at)] // width, chosen[int(at)] % width
            at += stride
            x, y, z, cosine = _facing(seen_m[j], rays, row, column, r, translation_m)
            if cosine < LEAST_COSINE or z < NEAREST_M:
                continue
            right, down = x / z - low_x, y / z - low_y
            u, v = int(right * per_x), int(down * per_y)
            if right < 0 or down < 0 or v >= rows or u >= columns or pixel_of[v, u] < 0:
                continue
            pixel = pixel_of[v, u]
            for k in range(max(first_k, 1), len(other_s) - 2):
                if other_s[k] - seen_s[j] > most_s:
                    break
                _add_between(
                    z, seen_s[j], k, flat, pixel, other_s, other_interval_s, lag_step_s, least_speed_m_s, scale_m,
                    sums[second],
                )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _moving(before_m, here_m, after_m, chosen):
    """How many pixels move, and which: by the frames around, so that the noise of this one has no say."""
    height, width = here_m.shape
    count = 0
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            z, before, after = here_m[row, column], before_m[row, column], after_m[row, column]
            if z == 0 or before == 0 or after == 0:
                continue
            moved = abs(after - before)
            if MOVED_SIGMAS * (NOISE_M + NOISE_PER_M * z * z) < moved < MOST_MOVED_M:
                chosen[count] = row * width + column
                count += 1
    return count


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _facing(depth_m, rays, row, column, r, t):
    """A pixel's point in the other camera's frame, and the cosine at which that looks at its surface; -1 = none."""
    z = depth_m[row, column]
    left, right = depth_m[row, column - 1], depth_m[row, column + 1]
    above, below = depth_m[row - 1, column], depth_m[row + 1, column]
    apart = max(max(abs(left - z), abs(right - z)), max(abs(above - z), abs(below - z)))
    if apart > OUTLINE_M:
        return 0.0, 0.0, 0.0, -1.0
    point = rays[row, column] * z
    along = rays[row, column + 1] * right - rays[row, column - 1] * left
    across = rays[row + 1, column] * below - rays[row - 1, column] * above
    nx = along[1] * across[2] - along[2] * across[1]
    ny = along[2] * across[0] - along[0] * across[2]
    nz = along[0] * across[1] - along[1] * across[0]
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    if nx * point[0] + ny * point[1] + nz * point[2] > 0:
        length = -length
    x = r[0, 0] * point[0] + r[0, 1] * point[1] + r[0, 2] * point[2] + t[0]
    y = r[1, 0] * point[0] + r[1, 1] * point[1] + r[1, 2] * point[2] + t[1]
    z = r[2, 0] * point[0] + r[2, 1] * point[1] + r[2, 2] * point[2] + t[2]
    toward = (
        x * (r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz)
        + y * (r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz)
        + z * (r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz)
    )
    return x, y, z, -toward / (length * np.sqrt(x * x + y * y + z * z))


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _add_between(
    z, seen_s, k, flat, pixel, other_s, interval_s, lag_step_s, least_speed_m_s, scale_m, sums
):  # fmt: skip
    """Compare a point with what the other camera saw on its ray between its frames k and k + 1.

    The distance to the surface between two frames is weighed by the speed that the frames around those two tell: noise
    of depth is in one or the other, never in both, so that it draws the delay to neither side.
    """
    early_s, late_s = other_s[k] - seen_s, other_s[k + 1] - seen_s
    half = len(sums) // 2
    if late_s < -half * lag_step_s or late_s - early_s > RUN_OF_TWO * interval_s:
        return
    around_s = other_s[k + 2] - other_s[k - 1]
    if around_s > RUN_OF_FOUR * interval_s:
        return
    a, b, c, d = flat[k - 1, pixel], flat[k, pixel], flat[k + 1, pixel], flat[k + 2, pixel]
    if a == 0 or b == 0 or c == 0 or d == 0:
        return
    if max(max(abs(b - a), abs(c - b)), abs(d - c)) > SAME_SURFACE_M:
        return
    speed = (d - a) / around_s
    if abs(speed) < least_speed_m_s:
        return
    speed = min(max(speed, -MOST_SPEED_M_S), MOST_SPEED_M_S)
    rate = (c - b) / (late_s - early_s)
    first, last = int(np.ceil(early_s / lag_step_s)), int(np.ceil(late_s / lag_step_s)) - 1
    for lag in range(max(first, -half), min(last, half) + 1):
        apart = z - (b + rate * (lag * lag_step_s - early_s))
        weight = np.exp(-0.5 * (apart / scale_m) ** 2)
        sums[lag + half, 0] += weight * speed * apart
        sums[lag + half, 1] += weight * speed * rate
        if sums.shape[1] > 2:
            sums[lag + half, 2] += weight
            sums[lag + half, 3] += weight * apart
            sums[lag + half, 4] += weight * rate
            sums[lag + half, 5] += weight * speed
