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

from . import _matching_kernel as kernel
from .pose_fit import View
from .skeleton import BONES, NUM_JOINTS, OTHER_SIDE


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
SIDES = np.array([range(NUM_JOINTS), OTHER_SIDE])
BONE_ENDS, BONE_LENGTHS_M = np.array(list(BONE_M)), np.array(list(BONE_M.values()))


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """The keypoints of n detections as rays in the world.

    Args:
        camera: (n,) number of the camera.
        origin_m: (n, 3) where it stands.
        rays: (n, 17, 3) unit vectors, NaN = not seen.
        seen: (n, 17) bool.
        sigma: (n, 17, 2) as in View.
    """

    camera: np.ndarray
    origin_m: np.ndarray
    rays: np.ndarray
    seen: np.ndarray
    sigma: np.ndarray


def rays_of(views: Sequence[View]) -> Rays:
    """All detections of an instant."""
    names: dict[str, int] = {}
    return Rays(
        np.array([names.setdefault(view.camera_id, len(names)) for view in views], dtype=np.int64),
        np.array([view.camera_m for view in views]).reshape(-1, 3),
        np.array([view.rays for view in views]).reshape(-1, NUM_JOINTS, 3),
        np.array([view.seen for view in views]).reshape(-1, NUM_JOINTS),
        np.array([view.sigma for view in views]).reshape(-1, NUM_JOINTS, 2),
    )


def pair_gains(rays: Rays, config: MatchConfig) -> np.ndarray:
    """(n, n) log odds of each two detections being one person; NEVER on the diagonal and within one camera."""
    return kernel.pair_odds(
        rays.camera, rays.origin_m, rays.rays, rays.seen, rays.sigma, SIDES, BONE_ENDS, BONE_LENGTHS_M, config.sigma_m,
        config.inlier_share, config.spread_m, config.correlation, config.swap_penalty, config.prior, *config.height_m,
    )  # fmt: skip


def track_gains(rays: Rays, joints_m: np.ndarray, sigma_m: np.ndarray, config: MatchConfig) -> np.ndarray:
    """(n, k) log odds of detections being the people that tracks foretell.

    Args:
        rays: of n detections.
        joints_m: (k, 17, 3) where the tracks foretell their joints.
        sigma_m: (k, 17) how sure they are.
        config: see MatchConfig.
    """
    return kernel.track_odds(
        rays.origin_m, rays.rays, rays.seen, rays.sigma, SIDES, joints_m, sigma_m, config.sigma_m, config.inlier_share,
        config.spread_m, config.correlation, config.swap_penalty, config.prior,
    )  # fmt: skip


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
    joints_m, sigma_m = tracks if tracks is not None else (np.zeros((0, NUM_JOINTS, 3)), np.zeros((0, NUM_JOINTS)))
    return group_rays(rays_of(views), joints_m, sigma_m, config)


def group_rays(
    rays: Rays, joints_m: np.ndarray, sigma_m: np.ndarray, config: MatchConfig
) -> list[tuple[list[int], int | None]]:
    """The same from the rays of n detections; see `group`."""
    count = len(rays.camera)
    numbers = kernel.match(
        rays.camera, rays.origin_m, rays.rays, rays.seen, rays.sigma, joints_m, sigma_m, SIDES, BONE_ENDS,
        BONE_LENGTHS_M, config.sigma_m, config.inlier_share, config.spread_m, config.correlation, config.swap_penalty,
        config.prior, *config.height_m,
    )  # fmt: skip
    groups: dict[int, list[int]] = {}
    for node, number in enumerate(numbers.tolist()):
        groups.setdefault(number, []).append(node)
    return [
        ([node for node in nodes if node < count], nodes[-1] - count if nodes[-1] >= count else None)
        for nodes in groups.values()
        if nodes[0] < count
    ]


assert set(BONE_M) == set(BONES)
