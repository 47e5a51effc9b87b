"""Bones that keep their length: learned from a whole track, then held at every instant.

A joint that is smoothed for itself knows nothing of its neighbours, so that an arm grows and shrinks with the noise.
Where a track has seen a bone often enough, its length is the median of what was seen, less what noise adds to a length
(its square grows by the variance across it); left and right are of one length. Then the joints of an instant are the
most likely ones under their covariances and these lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _bones_kernel as kernel
from .skeleton import BONES, OTHER_SIDE

FIRST = 5  # joints before this one are of the head and on no bone


@dataclass(frozen=True, slots=True)
class BoneConfig:
    """How bones are held.

    Args:
        min_seen: at how many instants two cameras must have seen both ends of a bone.
        limb_m: by how much the length of an arm's or leg's bone may differ from instant to instant.
        trunk_m: the same for the trunk, whose joints are not at the ends of one bone.
        rounds: of Gauss-Newton.
    """

    min_seen: int = 10
    limb_m: float = 0.004
    trunk_m: float = 0.012
    rounds: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class BoneLengths:
    """The bones of one person that are known.

    Args:
        bones: (b, 2) joints.
        length_m: (b,).
        sigma_m: (b,) by how much they may differ from instant to instant.
    """

    bones: np.ndarray
    length_m: np.ndarray
    sigma_m: np.ndarray


def learn_bones(
    joints_m: np.ndarray, covariance_m2: np.ndarray, num_views: np.ndarray, config: BoneConfig
) -> BoneLengths:
    """The lengths of the bones of one track.

    Args:
        joints_m: (t, 17, 3).
        covariance_m2: (t, 17, 3, 3).
        num_views: (t, 17) by how many cameras each joint was seen.
        config: see BoneConfig.
    """
    ends = np.array(BONES)
    off_m = joints_m[:, ends[:, 0]] - joints_m[:, ends[:, 1]]
    squared_m2 = (off_m**2).sum(axis=-1)
    along = off_m / np.sqrt(np.maximum(squared_m2, 1e-6))[..., None]
    spread_m2 = covariance_m2[:, ends[:, 0]] + covariance_m2[:, ends[:, 1]]
    own_m2 = np.matmul(np.matmul(along[..., None, :], spread_m2), along[..., None])[..., 0, 0]
    across_m2 = np.trace(spread_m2, axis1=2, axis2=3) - own_m2
    lengths_m = np.sqrt(np.maximum(squared_m2 - across_m2, 0.25 * squared_m2))
    both = np.asarray((num_views[:, ends] >= 2).all(axis=-1))
    seen = {bone: lengths_m[both[:, number], number] for number, bone in enumerate(BONES)}
    bones, length_m, sigma_m = [], [], []
    for begin, end in BONES:
        mirrored = (OTHER_SIDE[begin], OTHER_SIDE[end])
        measured_m = np.concatenate([seen[begin, end], seen.get(mirrored, np.zeros(0))])
        if len(measured_m) >= config.min_seen:
            bones.append((begin, end))
            length_m.append(float(np.median(measured_m)))
            is_trunk = {begin, end} <= {5, 6, 11, 12}
            sigma_m.append(config.trunk_m if is_trunk else config.limb_m)
    return BoneLengths(np.array(bones, dtype=np.int64).reshape(-1, 2), np.array(length_m), np.array(sigma_m))


def hold_bones(
    joints_m: np.ndarray, covariance_m2: np.ndarray, lengths: BoneLengths, config: BoneConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Joints (t, 17, 3) and covariances (t, 17, 3, 3) brought to the lengths of the bones."""
    joints_m, covariance_m2 = joints_m.copy(), covariance_m2.copy()
    if not len(lengths.bones):
        return joints_m, covariance_m2
    begin, end = (np.ascontiguousarray(lengths.bones[:, side] - FIRST) for side in (0, 1))
    places_m, spreads_m2 = joints_m[:, FIRST:].copy(), covariance_m2[:, FIRST:].copy()
    kernel.impose(places_m, spreads_m2, begin, end, lengths.length_m, lengths.sigma_m, config.rounds)
    joints_m[:, FIRST:], covariance_m2[:, FIRST:] = places_m, spreads_m2
    return joints_m, covariance_m2
