"""Gaps between surfaces that are known as points: robust against the few points that lie where nothing is.

The smallest of many noisy distances is an outlier by construction. The gap is therefore the fourth smallest (of fewer
than 80 points: that of one twentieth, at least the first). It needs four wrong points in the same place to fall below
the true gap. How far it lies above does not depend on how much else there is to see of the thing: on a ball of radius r
with one point per v x v of skin it is 4 v^2 / (2 pi r), for a hand (5 cm) at 2.5 cm spacing 8 mm, for a trunk less.

Points are kept in blocks with boxes of their own, and a search visits the blocks in the order of their distance until
none can hold anything nearer: exact, and for most pairs of things a few blocks only.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from ..reconstruction.state import OrientedBox

ROBUST_RANK = 4
POINTS_PER_RANK = 20


class Surfaces:
    """The surfaces of S things, each at its own instant, ready to be measured.

    Args:
        clouds: S arrays (n, 3) of world points, metres; an empty one is no surface, and must not be asked for.
        exact: whether the points are free of noise, so that the smallest distance of all is the gap.
    """

    __slots__ = ("_begin", "_blocks", "_end", "_exact", "_high_m", "_low_m", "_points_m")

    def __init__(self, clouds: Iterable[np.ndarray], exact: bool = False) -> None:
        from ._gap_kernel import sort_into_blocks

        parts = list(clouds)
        sizes = np.array([len(part) for part in parts], dtype=np.int64)
        rows_m = np.concatenate([np.zeros((0, 3)), *parts], dtype=np.float64)
        self._end = np.cumsum(sizes)
        self._begin, self._exact = self._end - sizes, exact
        self._low_m, self._high_m = (np.full((len(parts), 3), np.nan) for _ in range(2))
        self._points_m, self._blocks = sort_into_blocks(rows_m, self._begin, self._end, self._low_m, self._high_m)

    def gaps_m(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(J,) the gaps between surfaces (J,) and (J,), over the points of the smaller (the first of equal ones)."""
        from ._gap_kernel import gaps_between

        sizes, gap_m = self._end - self._begin, np.empty(len(first))
        swap = sizes[second] < sizes[first]
        small, large = np.where(swap, second, first), np.where(swap, first, second)
        gaps_between(
            self._points_m, self._blocks, self._low_m, self._high_m, small, large, self._ranks(small), gap_m
        )  # fmt: skip
        return gap_m

    def gaps_to_boxes_m(self, surface: np.ndarray, boxes: list[OrientedBox]) -> np.ndarray:
        """(J,) the gaps from surfaces (J,) to solid boxes, J of them; 0 where a surface reaches in."""
        from ._box_gap_kernel import gaps_to_boxes

        gap_m = np.empty(len(surface))
        gaps_to_boxes(self._points_m, self._blocks, surface, *_arrays(boxes), self._ranks(surface), gap_m)
        return gap_m

    def shares_inside(self, surface: np.ndarray, boxes: list[OrientedBox]) -> np.ndarray:
        """(J,) the shares of the points of surfaces (J,) that lie in J boxes."""
        from ._box_gap_kernel import shares_inside

        share = np.empty(len(surface))
        shares_inside(self._points_m, self._begin, self._end, surface, *_arrays(boxes), share)
        return share

    def distances_m(self, surface: np.ndarray, points_m: np.ndarray) -> np.ndarray:
        """(J,) from points (J, 3) to the nearest points of surfaces (J,)."""
        from ._gap_kernel import distances_to

        distance_m = np.empty(len(surface))
        distances_to(self._points_m, self._blocks, surface, np.asarray(points_m, dtype=np.float64), distance_m)
        return distance_m

    def _ranks(self, surface: np.ndarray) -> np.ndarray:
        sizes = (self._end - self._begin)[surface]
        return np.ones(len(surface), np.int64) if self._exact else robust_ranks(sizes)


def robust_ranks(num_points: np.ndarray) -> np.ndarray:
    """Which of the sorted distances of so many points is taken for the gap, counted from 1."""
    return np.clip(np.asarray(num_points) // POINTS_PER_RANK, 1, ROBUST_RANK)


def box_skin_m(center_m: np.ndarray, extent_m: np.ndarray, per_edge: int = 9) -> np.ndarray:
    """(n, 3) the skin of an axis-aligned box as a grid; it stands for a thing whose surface nobody saw."""
    return _unit_skin(per_edge) * extent_m + center_m


@functools.cache
def _unit_skin(per_edge: int) -> np.ndarray:
    steps = np.linspace(-0.5, 0.5, per_edge)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid[np.abs(grid).max(axis=1) == 0.5]


def _arrays(boxes: list[OrientedBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    center = np.array([box.center_m for box in boxes], dtype=np.float64).reshape(-1, 3)
    rotation = np.array([box.rotation for box in boxes], dtype=np.float64).reshape(-1, 3, 3)
    return center, rotation, np.array([box.extent_m for box in boxes], dtype=np.float64).reshape(-1, 3) / 2
