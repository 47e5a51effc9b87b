"""How two cameras stand to each other, from the boards that both saw: robust means of many single estimates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..geometry import SE3
from .rotations import exp_rotation, log_rotation
from .view_poses import ViewPose

SURE_RATIO = 1.5
MEAN_ROUNDS = 50
STARTS = 100
SOFTEST_RAD, SOFTEST_M = 1e-4, 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class PairPose:
    """Two cameras of a rig.

    Args:
        first, second: their numbers.
        first_from_second: the robust mean; identity where `num_used` is 0.
        num_instants: instants at which both saw the board.
        num_used: of these, how many gave a pose that is not ambiguous in either camera.
        spread_rad, spread_m: median distance of the single estimates from the mean.
        weight: how much the start of the rig may rest on it.
    """

    first: int
    second: int
    first_from_second: SE3
    num_instants: int
    num_used: int
    spread_rad: float
    spread_m: float
    weight: float


def pair_poses(num_cameras: int, views: Mapping[tuple[int, int], ViewPose]) -> tuple[PairPose, ...]:
    """All pairs of cameras, those without a common instant included.

    Args:
        num_cameras: cameras are numbered from 0.
        views: the board in each view, by (camera, instant).
    """
    seen: dict[int, dict[int, ViewPose]] = defaultdict(dict)
    for (camera, instant), view in views.items():
        seen[camera][instant] = view
    return tuple(
        _pair(first, second, seen[first], seen[second]) for first, second in combinations(range(num_cameras), 2)
    )


def robust_mean(poses: Sequence[SE3]) -> SE3:
    """The geodesic L1 mean of rotations (Hartley et al. 2011), the geometric median of positions (Weiszfeld 1937)."""
    turns = np.stack([pose.rotation for pose in poses])
    places_m = np.stack([pose.translation_m for pose in poses])
    few = turns[:: max(1, len(turns) // STARTS)]
    apart = np.linalg.norm(log_rotation(few.transpose(0, 2, 1)[:, None] @ turns[None]), axis=-1).sum(axis=1)
    turn, place_m = few[np.argmin(apart)], np.median(places_m, axis=0)
    for _ in range(MEAN_ROUNDS):
        away = log_rotation(turns @ turn.T)
        share = 1 / np.maximum(np.linalg.norm(away, axis=1), SOFTEST_RAD)
        turn = exp_rotation(share @ away / share.sum()) @ turn
        far = 1 / np.maximum(np.linalg.norm(places_m - place_m, axis=1), SOFTEST_M)
        place_m = far @ places_m / far.sum()
    return SE3(turn, place_m)


def _pair(first: int, second: int, mine: Mapping[int, ViewPose], other: Mapping[int, ViewPose]) -> PairPose:
    common = sorted(set(mine) & set(other))
    sure = [instant for instant in common if min(mine[instant].ratio, other[instant].ratio) >= SURE_RATIO]
    if not sure:
        return PairPose(first, second, SE3.identity(), len(common), 0, np.inf, np.inf, 0.0)
    single = [mine[i].camera_from_board @ other[i].camera_from_board.inverse() for i in sure]
    mean = robust_mean(single)
    away = [mean.inverse() @ pose for pose in single]
    spread_rad = float(np.median([pose.angle_rad() for pose in away]))
    spread_m = float(np.median([np.linalg.norm(pose.translation_m - mean.translation_m) for pose in single]))
    precision = np.mean([min(1.0, mine[i].tilt_rad + other[i].tilt_rad) for i in sure])
    return PairPose(first, second, mean, len(common), len(sure), spread_rad, spread_m, float(len(sure) * precision))
