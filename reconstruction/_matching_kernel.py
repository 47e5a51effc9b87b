"""Compiled loops of matching: log odds of two detections, or of a detection and a track, being one person.

The rules are written down in matching.py. `side` is (2, 17): the joints as they are, and each that of the other side.
"""

from __future__ import annotations

import math

import numba
import numpy as np

NEVER = -1e6
NEAREST_M = 0.2
LONGEST_BONE_M = 1.5


@numba.njit(cache=True, nogil=True, error_model="numpy")
def pair_odds(
    camera, origin, rays, seen, sigma, side, bone, bone_m, place_m, inliers, spread_m, correlation, swap, prior, low,
    high,
):  # fmt: skip
    """(n, n) log odds of each two detections of different cameras; NEVER on the diagonal and within one camera."""
    count, num_joints = seen.shape
    gains = np.full((count, count), NEVER)
    middle, inside = np.empty((num_joints, 3)), np.empty(num_joints, np.bool_)
    for a in range(count):
        for b in range(a + 1, count):
            if camera[a] == camera[b]:
                continue
            for way in range(2):
                total = _pair(
                    origin[a], origin[b], rays[a], rays[b], seen[a], seen[b], sigma[a], sigma[b], side[way], bone,
                    bone_m, place_m, inliers, spread_m, low, high, middle, inside,
                )  # fmt: skip
                if total == NEVER:
                    continue
                total = correlation * total + prior - (swap if way == 1 else 0.0)
                gains[a, b] = max(gains[a, b], total)
            gains[b, a] = gains[a, b]
    return gains


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pair(
    eye_a, eye_b, rays_a, rays_b, seen_a, seen_b, sigma_a, sigma_b, side, bone, bone_m, place_m, inliers, spread_m, low,
    high, middle, inside,
):  # fmt: skip
    """Sum over joints and bones of two detections; NEVER where they have no joint in common."""
    worst, rest = math.log(1 - inliers), 1 - inliers
    total, common = 0.0, 0
    for j in range(len(seen_a)):
        other = side[j]
        inside[j] = False
        if not (seen_a[j] and seen_b[other]):
            continue
        common += 1
        cosine, along_a, along_b = 0.0, 0.0, 0.0
        for k in range(3):
            base = eye_b[k] - eye_a[k]
            cosine += rays_a[j, k] * rays_b[other, k]
            along_a += rays_a[j, k] * base
            along_b += rays_b[other, k] * base
        below = max(1 - cosine**2, 1e-6)
        far_a, far_b = (along_a - cosine * along_b) / below, (cosine * along_a - along_b) / below
        squared = 0.0
        for k in range(3):
            near_a, near_b = eye_a[k] + far_a * rays_a[j, k], eye_b[k] + far_b * rays_b[other, k]
            squared += (near_a - near_b) ** 2
            middle[j, k] = (near_a + near_b) / 2
        if far_a > NEAREST_M and far_b > NEAREST_M and low < middle[j, 2] < high:
            inside[j] = True
            variance = (sigma_a[j, 0] * far_a) ** 2 + (sigma_b[other, 0] * far_b) ** 2
            variance += 2 * sigma_a[j, 1] ** 2 + place_m**2
            top = 2 / math.sqrt(2 * math.pi * variance)
            total += math.log(inliers * top * math.exp(-0.5 * squared / variance) * spread_m + rest)
        else:
            total += worst
    if common == 0:
        return NEVER
    for n in range(len(bone)):
        begin, end = bone[n, 0], bone[n, 1]
        if not (inside[begin] and inside[end]):
            continue
        squared = 0.0
        for k in range(3):
            squared += (middle[begin, k] - middle[end, k]) ** 2
        length, off = bone_m[n, 0], bone_m[n, 1]
        odds = math.exp(-0.5 * ((math.sqrt(squared) - length) / off) ** 2) / (math.sqrt(2 * math.pi) * off)
        total += math.log(inliers * odds * LONGEST_BONE_M + rest)
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def track_odds(origin, rays, seen, sigma, side, joints, spread, place_m, inliers, spread_m, correlation, swap, prior):
    """(n, k) log odds of detections being the people whose joints (k, 17, 3) and deviations (k, 17) are foretold."""
    count, num_tracks = len(seen), len(joints)
    gains = np.full((count, num_tracks), NEVER)
    worst, rest = math.log(1 - inliers), 1 - inliers
    for a in range(count):
        for t in range(num_tracks):
            for way in range(2):
                total, common = 0.0, 0
                for j in range(joints.shape[1]):
                    mine = side[way, j]
                    if not (seen[a, mine] and math.isfinite(spread[t, j])):
                        continue
                    common += 1
                    far, squared = 0.0, 0.0
                    for k in range(3):
                        off = joints[t, j, k] - origin[a, k]
                        far += off * rays[a, mine, k]
                    for k in range(3):
                        squared += (joints[t, j, k] - origin[a, k] - far * rays[a, mine, k]) ** 2
                    if far <= NEAREST_M:
                        total += worst
                        continue
                    variance = (sigma[a, mine, 0] * far) ** 2 + sigma[a, mine, 1] ** 2 + place_m**2 + spread[t, j] ** 2
                    # A point's distance from a ray is Rayleigh within one person; people are spread over a disc.
                    odds = math.exp(-0.5 * squared / variance) / (2 * math.pi * variance) * math.pi * spread_m**2
                    total += math.log(inliers * odds + rest)
                if common > 0:
                    total = correlation * total + prior - (swap if way == 1 else 0.0)
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
