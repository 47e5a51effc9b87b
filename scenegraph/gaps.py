"""Gaps between surfaces that are known as points: robust against the few points that lie where nothing is.

The smallest of many noisy distances is an outlier by construction. The gap is therefore the fourth smallest (of fewer
than 80 points: that of one twentieth, at least the first). It needs four wrong points in the same place to fall below
the true gap. How far it lies above does not depend on how much else there is to see of the thing: on a ball of radius r
with one point per v x v of skin it is 4 v^2 / (2 pi r), for a hand (5 cm) at 2.5 cm spacing 8 mm, for a trunk less.
"""

from __future__ import annotations

import numpy as np

from ..capture.arrays import PointList
from ..reconstruction.state import OrientedBox

FIRST_GUESS = 64
ROBUST_RANK = 4
POINTS_PER_RANK = 20


class Cloud:
    """The surface of one thing at one instant, with its search tree built when first needed."""

    __slots__ = ("_tree", "high_m", "low_m", "points_m")

    def __init__(self, points_m: PointList) -> None:
        self.points_m = np.asarray(points_m, dtype=np.float64)
        self.low_m, self.high_m = self.points_m.min(axis=0), self.points_m.max(axis=0)
        self._tree = None

    @classmethod
    def of_box(cls, center_m: np.ndarray, extent_m: np.ndarray, per_edge: int = 9) -> Cloud:
        """The skin of an axis-aligned box as a grid of points; it stands for a thing whose surface nobody saw."""
        steps = np.linspace(-0.5, 0.5, per_edge)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        return cls(grid[np.abs(grid).max(axis=1) == 0.5] * extent_m + center_m)

    def distances_m(self, points_m: np.ndarray, within_m: float = np.inf) -> np.ndarray:
        """(n,) metres from points (n, 3) to the nearest point of the cloud; infinite beyond `within_m`."""
        if self._tree is None:
            from scipy.spatial import KDTree

            self._tree = KDTree(self.points_m, balanced_tree=False, compact_nodes=False)
        return self._tree.query(points_m, distance_upper_bound=within_m)[0]


def robust_rank(num_points: int) -> int:
    """Which of the sorted distances of so many points is taken for the gap, counted from 1."""
    return min(ROBUST_RANK, max(1, num_points // POINTS_PER_RANK))


def cloud_to_box_m(cloud: Cloud, box: OrientedBox, exact: bool = False) -> float:
    """The robust gap from a cloud to a solid box, 0 where it reaches in; of an exact cloud, the smallest distance."""
    return _kth_smallest(box.distance_m(cloud.points_m), 1 if exact else robust_rank(len(cloud.points_m)))


def cloud_to_cloud_m(first: Cloud, second: Cloud, guess_m: float = np.inf, exact: bool = False) -> float:
    """The robust gap between two clouds, over the points of the smaller one (the first where both are equal).

    A point's distance to the other cloud's bounding box bounds its true distance from below, so that after the most
    promising points only those need the search tree whose bound beats what was found. A guess from above, such as the
    gap a moment ago and a bit more, spares most of the search; where it was too low, the search begins anew. The result
    does not depend on the guess. Of exact clouds it is the smallest distance.
    """
    near, far = (first, second) if len(first.points_m) <= len(second.points_m) else (second, first)
    outside = np.maximum(np.maximum(far.low_m - near.points_m, near.points_m - far.high_m), 0.0)
    bound = np.sqrt(np.einsum("ij,ij->i", outside, outside))
    rank = 1 if exact else robust_rank(len(bound))
    if np.isfinite(guess_m):
        found = far.distances_m(near.points_m[bound < guess_m], guess_m)
        if np.isfinite(found).sum() >= rank:
            return _kth_smallest(found, rank)
    if len(bound) <= FIRST_GUESS:
        return _kth_smallest(far.distances_m(near.points_m), rank)
    order = np.argpartition(bound, FIRST_GUESS)
    found = far.distances_m(near.points_m[order[:FIRST_GUESS]])
    best_m, rest = _kth_smallest(found, rank), order[FIRST_GUESS:]
    rest = rest[bound[rest] < best_m]
    if len(rest):
        found = np.concatenate([found, far.distances_m(near.points_m[rest], best_m)])
    return _kth_smallest(found, rank)


def _kth_smallest(values: np.ndarray, rank: int) -> float:
    return float(np.partition(values, rank - 1)[rank - 1])
