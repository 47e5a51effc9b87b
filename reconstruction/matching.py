"""Which detections of an instant are one person: rays that meet, bones of human length, and tracks that foretell.

Two detections of different cameras are compared joint by joint: their rays pass each other at some distance (Pluecker),
which is small for one person and anything up to a person's reach for two. Every joint, and every bone between two
joints that both have, gives a log likelihood ratio that no single outlier can drive far; a track gives the same for the
distance of its foretold joints from the rays of a detection. Groups grow by the best sum first, one detection per
camera and one track per group, while joining is likelier than staying apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .pose_fit import View
from .skeleton import BONES, OTHER_SIDE

NEVER = -1e6


@dataclass(frozen=True, slots=True)
class MatchConfig:
    """How detections are matched.

    Args:
        sigma_m: deviation of a joint between two views beyond that of the detector, metres: clothes and bulk.
        inlier_share: of the joints of one person, how many follow the noise model.
        spread_m: distances between rays of different people are spread evenly up to this.
        correlation: joints err together; so much of their sum counts.
        swap_penalty: log odds against a detector that swaps left and right.
        prior: log odds of two detections being one person before they are compared.
        height_m: lowest and highest place of a joint.
    """

    sigma_m: float = 0.06
    inlier_share: float = 0.8
    spread_m: float = 0.8
    correlation: float = 0.5
    swap_penalty: float = 1.5
    prior: float = -0.5
    height_m: tuple[float, float] = (-0.3, 2.4)


BONE_M = {
    (5, 6): (0.36, 0.08), (11, 12): (0.27, 0.08), (5, 11): (0.50, 0.10), (6, 12): (0.50, 0.10), (5, 7): (0.30, 0.07),
    (6, 8): (0.30, 0.07), (7, 9): (0.26, 0.07), (8, 10): (0.26, 0.07), (11, 13): (0.42, 0.08), (12, 14): (0.42, 0.08),
    (13, 15): (0.42, 0.08), (14, 16): (0.42, 0.08),
}  # fmt: skip
"""Length of each bone and how far it may be off, detector and all (shares of a stature of 1.72 m)."""


def pair_gains(views: Sequence[View], config: MatchConfig) -> np.ndarray:
    """(n, n) log odds of each two detections being one person; NEVER on the diagonal and within one camera."""
    count = len(views)
    gains = np.full((count, count), NEVER)
    first, second = np.triu_indices(count, 1)
    camera = np.array([view.camera_id for view in views])
    apart = camera[first] != camera[second]
    first, second = first[apart], second[apart]
    if not len(first):
        return gains
    origin = np.stack([view.camera_m for view in views])
    rays = np.stack([view.rays for view in views])
    seen = np.stack([view.seen for view in views])
    sigma = np.stack([view.sigma for view in views])
    straight = _pair_log_odds(origin, rays, seen, sigma, first, second, np.arange(rays.shape[1]), config)
    crossed = _pair_log_odds(origin, rays, seen, sigma, first, second, np.array(OTHER_SIDE), config)
    best = np.maximum(straight, crossed - config.swap_penalty)
    gains[first, second] = gains[second, first] = best
    return gains


def _pair_log_odds(
    origin: np.ndarray, rays: np.ndarray, seen: np.ndarray, sigma: np.ndarray, first: np.ndarray, second: np.ndarray,
    side: np.ndarray, config: MatchConfig,
) -> np.ndarray:  # fmt: skip
    a, b = rays[first], rays[second][:, side]
    both = seen[first] & seen[second][:, side]
    base = (origin[second] - origin[first])[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (a * b).sum(-1)
        along_a, along_b = (a * base).sum(-1), (b * base).sum(-1)
        below = np.maximum(1 - cosine**2, 1e-6)
        far_a, far_b = (along_a - cosine * along_b) / below, (cosine * along_a - along_b) / below
        near_a = origin[first][:, None] + far_a[..., None] * a
        near_b = origin[second][:, None] + far_b[..., None] * b
        distance = np.linalg.norm(near_a - near_b, axis=-1)
        middle = (near_a + near_b) / 2
        variance = (
            (sigma[first][..., 0] * far_a) ** 2 + (sigma[second][:, side, 0] * far_b) ** 2
            + 2 * sigma[first][..., 1] ** 2 + config.sigma_m**2
        )  # fmt: skip
        odds = _ratio(distance**2 / variance, 2 / np.sqrt(2 * np.pi * variance), 1 / config.spread_m, config)
        low, high = config.height_m
        inside = (far_a > 0.2) & (far_b > 0.2) & (middle[..., 2] > low) & (middle[..., 2] < high)
        worst = np.log(1 - config.inlier_share)
        total = np.where(both, np.where(inside, odds, worst), 0.0).sum(-1)
        for (begin, end), (length, off) in BONE_M.items():
            known = both[:, begin] & both[:, end] & inside[:, begin] & inside[:, end]
            measured = np.linalg.norm(middle[:, begin] - middle[:, end], axis=-1)
            odds = _ratio(((measured - length) / off) ** 2, 1 / (np.sqrt(2 * np.pi) * off), 1 / 1.5, config)
            total += np.where(known, odds, 0.0)
    return np.where(both.any(-1), config.correlation * total + config.prior, NEVER)


def track_gains(views: Sequence[View], joints_m: np.ndarray, sigma_m: np.ndarray, config: MatchConfig) -> np.ndarray:
    """(n, k) log odds of detections being the people that tracks foretell.

    Args:
        views: n detections.
        joints_m: (k, 17, 3) where the tracks foretell their joints.
        sigma_m: (k, 17) how sure they are.
        config: see MatchConfig.
    """
    if not len(views) or not len(joints_m):
        return np.full((len(views), len(joints_m)), NEVER)
    origin, rays = np.stack([view.camera_m for view in views]), np.stack([view.rays for view in views])
    seen, sigma = np.stack([view.seen for view in views]), np.stack([view.sigma for view in views])
    off = joints_m[None] - origin[:, None, None]
    best = None
    for side, penalty in ((np.arange(rays.shape[1]), 0.0), (np.array(OTHER_SIDE), config.swap_penalty)):
        ray, there = rays[:, None, side], seen[:, None, side] & np.isfinite(sigma_m)[None]
        with np.errstate(invalid="ignore", divide="ignore"):
            far = (off * ray).sum(-1)
            distance = np.linalg.norm(off - far[..., None] * ray, axis=-1)
            variance = (
                (sigma[:, None, side, 0] * far) ** 2 + sigma[:, None, side, 1] ** 2
                + config.sigma_m**2 + sigma_m[None] ** 2
            )  # fmt: skip
            # The distance of a point from a ray is Rayleigh within one person; people are spread over a disc.
            odds = _ratio(distance**2 / variance, 1 / (2 * np.pi * variance), 1 / (np.pi * config.spread_m**2), config)
        total = np.where(there, np.where(far > 0.2, odds, np.log(1 - config.inlier_share)), 0.0).sum(-1)
        total = np.where(there.any(-1), config.correlation * total + config.prior - penalty, NEVER)
        best = total if best is None else np.maximum(best, total)
    assert best is not None
    return best


def _ratio(squared: np.ndarray, top: np.ndarray | float, broad: float, config: MatchConfig) -> np.ndarray:
    """Log of (share of inliers' density + the rest's) over the broad density."""
    inlier = config.inlier_share * top * np.exp(-0.5 * squared) / broad
    return np.log(inlier + (1 - config.inlier_share))


def group(
    views: Sequence[View], config: MatchConfig, tracks: tuple[np.ndarray, np.ndarray] | None = None
) -> list[tuple[list[int], int | None]]:
    """Groups of detections that are one person, and the track of each.

    Args:
        views: all detections of an instant.
        config: see MatchConfig.
        tracks: joints (k, 17, 3) and deviations (k, 17) that tracks foretell.

    Returns:
        (detections, track or None) by group; every detection is in one group, a track in at most one.
    """
    count = len(views)
    num_tracks = 0 if tracks is None else len(tracks[0])
    gains = np.full((count + num_tracks, count + num_tracks), NEVER)
    gains[:count, :count] = pair_gains(views, config)
    if tracks is not None and num_tracks:
        to_tracks = track_gains(views, *tracks, config)
        gains[:count, count:], gains[count:, :count] = to_tracks, to_tracks.T
    groups = [[node] for node in range(count + num_tracks)]
    while len(groups) > 1:
        first, second = np.unravel_index(int(gains.argmax()), gains.shape)
        if gains[first, second] <= 0:
            break
        keep, drop = min(first, second), max(first, second)
        groups[keep] += groups[drop]
        del groups[drop]
        joined = np.maximum(gains[keep] + gains[drop], 2 * NEVER)
        gains[keep], gains[:, keep] = joined, joined
        gains[keep, keep] = NEVER
        gains = np.delete(np.delete(gains, drop, axis=0), drop, axis=1)
    found = []
    for nodes in groups:
        members = sorted(node for node in nodes if node < count)
        bound = [node - count for node in nodes if node >= count]
        if members:
            found.append((members, bound[0] if bound else None))
    return found


assert set(BONE_M) == set(BONES)
