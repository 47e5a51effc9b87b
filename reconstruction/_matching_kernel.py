"""Compiled loops of matching: log odds of two detections, or of a detection and a track, being one person.

The rules are written down in matching.py. Joints are laid out along x, then y, then z, 20 places each, so that all of a
person are taken at once. Factors are multiplied before one logarithm is taken: there are 29 at most, each between 0.1
and 100. What is so far off that its term is lost beside the other in rounding is not raised to a power.
"""

from __future__ import annotations

import math

import numba
import numpy as np

NEVER = -1e6
NEAREST_M = 0.2
LONGEST_BONE_M = 1.5
WIDE = 20
LEAST = -50.0  # exp of this is lost beside 0.01 in double precision
SUMS = {"reassoc", "contract", "nsz"}


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def lay_out(rays, seen, sigma, side):
    """(2, n, 120) x y z, whether seen, and deviations of detections, by joint and by the joint of the other side."""
    count, num_joints = seen.shape
    laid = np.zeros((2, count, 6 * WIDE))
    for way in range(2):
        for n in range(count):
            for j in range(num_joints):
                mine = side[way, j]
                if seen[n, mine]:
                    for k in range(3):
                        laid[way, n, k * WIDE + j] = rays[n, mine, k]
                    laid[way, n, 3 * WIDE + j] = 1.0
                    laid[way, n, 4 * WIDE + j], laid[way, n, 5 * WIDE + j] = sigma[n, mine, 0], sigma[n, mine, 1]
    return laid


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def pair_odds(
    camera, origin, rays, seen, sigma, side, bone, bone_m, place_m, inliers, spread_m, correlation, swap, prior, low,
    high,
):  # fmt: skip
    """(n, n) log odds of each two detections of different cameras; NEVER on the diagonal and within one camera."""
    count = len(camera)
    gains, laid, room = np.full((count, count), NEVER), lay_out(rays, seen, sigma, side), np.empty(7 * WIDE)
    for a in range(count):
        for b in range(a + 1, count):
            if camera[a] == camera[b]:
                continue
            for way in range(2):
                total = pair(
                    origin[a], origin[b], laid[0, a], laid[way, b], bone, bone_m, place_m, inliers, spread_m, low, high,
                    room,
                )  # fmt: skip
                if total == NEVER:
                    continue
                total = correlation * total + prior - (swap if way == 1 else 0.0)
                gains[a, b] = max(gains[a, b], total)
            gains[b, a] = gains[a, b]
    return gains


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def pair(eye_a, eye_b, one, other, bone, bone_m, place_m, inliers, spread_m, low, high, room):
    """Sum over joints and bones of two detections; NEVER where they have no joint in common."""
    rest, top, common = 1 - inliers, inliers * 2 * spread_m / math.sqrt(2 * math.pi), 0.0
    base_x, base_y, base_z = eye_b[0] - eye_a[0], eye_b[1] - eye_a[1], eye_b[2] - eye_a[2]
    ax, ay, az, bx, by, bz = eye_a[0], eye_a[1], eye_a[2], eye_b[0], eye_b[1], eye_b[2]
    for j in range(WIDE):
        x, y, z, u, v, w = one[j], one[WIDE + j], one[2 * WIDE + j], other[j], other[WIDE + j], other[2 * WIDE + j]
        cosine = x * u + y * v + z * w
        along_a, along_b = x * base_x + y * base_y + z * base_z, u * base_x + v * base_y + w * base_z
        below = max(1 - cosine * cosine, 1e-6)
        far_a, far_b = (along_a - cosine * along_b) / below, (cosine * along_a - along_b) / below
        x, y, z, u, v, w = (
            ax + far_a * x,
            ay + far_a * y,
            az + far_a * z,
            bx + far_b * u,
            by + far_b * v,
            bz + far_b * w,
        )
        room[j], room[WIDE + j], room[2 * WIDE + j] = (x + u) / 2, (y + v) / 2, (z + w) / 2
        room[3 * WIDE + j] = (x - u) ** 2 + (y - v) ** 2 + (z - w) ** 2
        variance = (one[4 * WIDE + j] * far_a) ** 2 + (other[4 * WIDE + j] * far_b) ** 2
        variance += 2 * one[5 * WIDE + j] ** 2 + place_m**2
        room[4 * WIDE + j] = -0.5 * room[3 * WIDE + j] / variance
        ahead = min(far_a, far_b) > NEAREST_M and low < room[2 * WIDE + j] < high
        both = one[3 * WIDE + j] * other[3 * WIDE + j]
        room[5 * WIDE + j] = both * top / math.sqrt(variance) if ahead else 0.0
        room[6 * WIDE + j] = 1.0 - both * inliers
        common += both
    if common == 0.0:
        return NEVER
    odds = 1.0
    for j in range(WIDE):
        factor = room[6 * WIDE + j]
        if room[5 * WIDE + j] > 0.0 and room[4 * WIDE + j] > LEAST:
            factor += room[5 * WIDE + j] * math.exp(room[4 * WIDE + j])
        odds *= factor
    for n in range(len(bone)):
        begin, end = bone[n, 0], bone[n, 1]
        if room[5 * WIDE + begin] * room[5 * WIDE + end] == 0.0:
            continue
        squared = 0.0
        for k in range(3):
            squared += (room[k * WIDE + begin] - room[k * WIDE + end]) ** 2
        length, off = bone_m[n, 0], bone_m[n, 1]
        power = -0.5 * ((math.sqrt(squared) - length) / off) ** 2
        likely = math.exp(power) / (math.sqrt(2 * math.pi) * off) if power > LEAST else 0.0
        odds *= inliers * likely * LONGEST_BONE_M + rest
    return math.log(odds)


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def track_odds(origin, rays, seen, sigma, side, joints, spread, place_m, inliers, spread_m, correlation, swap, prior):
    """(n, k) log odds of detections being the people whose joints (k, 17, 3) and deviations (k, 17) are foretold."""
    count, num_tracks, num_joints = len(seen), len(joints), joints.shape[1]
    gains, laid, told = np.full((count, num_tracks), NEVER), lay_out(rays, seen, sigma, side), np.zeros(4 * WIDE)
    rest, room, known = 1 - inliers, np.empty(3 * WIDE), np.zeros(WIDE)
    for t in range(num_tracks):
        for j in range(num_joints):
            known[j] = 1.0 if math.isfinite(spread[t, j]) else 0.0
            told[3 * WIDE + j] = spread[t, j] ** 2 + place_m**2
            for k in range(3):
                told[k * WIDE + j] = joints[t, j, k]
        for a in range(count):
            eye_x, eye_y, eye_z = origin[a, 0], origin[a, 1], origin[a, 2]
            for way in range(2):
                mine = laid[way, a]
                for j in range(WIDE):
                    x, y, z = told[j] - eye_x, told[WIDE + j] - eye_y, told[2 * WIDE + j] - eye_z
                    far = x * mine[j] + y * mine[WIDE + j] + z * mine[2 * WIDE + j]
                    x, y, z = x - far * mine[j], y - far * mine[WIDE + j], z - far * mine[2 * WIDE + j]
                    room[j], room[WIDE + j] = far, x * x + y * y + z * z
                    room[2 * WIDE + j] = (mine[4 * WIDE + j] * far) ** 2 + mine[5 * WIDE + j] ** 2 + told[3 * WIDE + j]
                odds, common = 1.0, 0
                for j in range(num_joints):
                    if mine[3 * WIDE + j] * known[j] == 0.0:
                        continue
                    common += 1
                    power = -0.5 * room[WIDE + j] / room[2 * WIDE + j]
                    if room[j] <= NEAREST_M or power <= LEAST:
                        odds *= rest
                        continue
                    # A point's distance from a ray is Rayleigh within one person; people are spread over a disc.
                    likely = math.exp(power) / (2 * math.pi * room[2 * WIDE + j]) * math.pi * spread_m**2
                    odds *= inliers * likely + rest
                if common > 0:
                    total = correlation * math.log(odds) + prior - (swap if way == 1 else 0.0)
                    gains[a, t] = max(gains[a, t], total)
    return gains


@numba.njit(cache=True, nogil=True)
def grow(gains):
    """(n,) number of the group of each node: the two of the best sum are joined, while that is likelier than not.

    Changes gains (n, n).
    """
    count = len(gains)
    group = np.arange(count)
    alive = np.ones(count, np.bool_)
    while True:
        best, keep, drop = 0.0, -1, -1
        for a in range(count):
            if not alive[a]:
                continue
            for b in range(a + 1, count):
                if alive[b] and gains[a, b] > best:
                    best, keep, drop = gains[a, b], a, b
        if keep < 0:
            return group
        alive[drop] = False
        for n in range(count):
            if group[n] == drop:
                group[n] = keep
            joined = max(gains[keep, n] + gains[drop, n], 2 * NEVER)
            gains[keep, n] = gains[n, keep] = joined
        gains[keep, keep] = NEVER


@numba.njit(cache=True, nogil=True)
def match(
    camera, origin, rays, seen, sigma, joints, spread, side, bone, bone_m, place_m, inliers, spread_m, correlation,
    swap, prior, low, high,
):  # fmt: skip
    """(n + k,) numbers of the groups of n detections and the k tracks that foretell joints; see `grow`."""
    count, num_tracks = len(camera), len(joints)
    gains = np.full((count + num_tracks, count + num_tracks), NEVER)
    gains[:count, :count] = pair_odds(
        camera, origin, rays, seen, sigma, side, bone, bone_m, place_m, inliers, spread_m, correlation, swap, prior,
        low, high,
    )  # fmt: skip
    if num_tracks:
        gains[:count, count:] = track_odds(
            origin, rays, seen, sigma, side, joints, spread, place_m, inliers, spread_m, correlation, swap, prior
        )
        gains[count:, :count] = gains[:count, count:].T
    return grow(gains)
