"""Ways through a furnished room: where a person can stand, and how she walks around furniture and around others."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from ...reconstruction.state import Fixture

BODY_RADIUS_M = 0.25
"""Nobody's middle comes nearer to a solid than this, nor nearer than twice this to another person's middle."""
MARGIN_M = 0.03
EASY_M = 0.42
CELL_M = 0.08
OVERHEAD_M = 1.95
STEPS = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column)


class Blocked(Exception):
    """A rehearsal that cannot go on: nobody finds a way, or no free place is left. It is drawn anew."""


class Floor:
    """The floor of a room as a grid of clearances, and routes over it.

    Args:
        solids: what nobody may walk into; boxes that hang above head height do not count.
        places_m: (n, 2) places that must be on the grid though they may lie beyond the walls, such as a corridor.
    """

    def __init__(self, solids: Sequence[Fixture], places_m: np.ndarray) -> None:
        outlines = [outline(solid) for solid in solids if solid.box.corners_m()[:, 2].min() < OVERHEAD_M]
        self._middles_m = np.stack([corners_m.mean(axis=0) for corners_m, _, _ in outlines])
        self._axes = np.stack([axes for _, axes, _ in outlines])
        self._halves_m = np.stack([half_m for _, _, half_m in outlines])
        self._ways: dict[bytes, np.ndarray | None] = {}
        self._parts: dict[bytes, np.ndarray] = {}
        corners_m = np.concatenate([corner for corner, _, _ in outlines] + [np.asarray(places_m)])
        self.low_m = corners_m.min(axis=0) - 0.5
        self.shape = tuple(np.ceil((corners_m.max(axis=0) + 0.5 - self.low_m) / CELL_M).astype(int))
        rows, columns = np.meshgrid(*(np.arange(count) for count in self.shape), indexing="ij")
        self.cells_m = np.stack([rows, columns], axis=-1) * CELL_M + self.low_m
        self.clear_m = self.clearance_m(self.cells_m.reshape(-1, 2)).reshape(self.shape)

    def around(self, place_m: np.ndarray) -> np.ndarray:
        """(h, w) bool: the cells where a person can stand and that hang together with a place (2,)."""
        key = np.asarray(place_m).tobytes()
        if key not in self._parts:
            from scipy import ndimage

            parts = np.zeros(self.shape, dtype=np.int32)
            ndimage.label(self.clear_m >= BODY_RADIUS_M + MARGIN_M, output=parts)
            near_m = np.linalg.norm(self.cells_m - place_m, axis=-1)
            nearest = np.unravel_index(int(np.where(parts > 0, near_m, np.inf).argmin()), parts.shape)
            self._parts[key] = parts == parts[nearest]
        return self._parts[key]

    def way(self, begin_m: np.ndarray, end_m: np.ndarray, others_m: np.ndarray) -> np.ndarray | None:
        """A `route` that is kept for the next time it is asked for."""
        key = np.concatenate([begin_m, end_m, others_m.ravel()]).tobytes()
        if key not in self._ways:
            self._ways[key] = self.route(begin_m, end_m, others_m)
        return self._ways[key]

    def clearance_m(self, places_m: np.ndarray) -> np.ndarray:
        """(n,) metres from places (n, 2) to the nearest solid seen from above, 0 inside one."""
        places_m = np.asarray(places_m, dtype=np.float64).reshape(-1, 2)
        local_m = np.abs(np.einsum("nkc,kac->nka", places_m[:, None] - self._middles_m, self._axes))
        return np.linalg.norm(np.maximum(local_m - self._halves_m, 0.0), axis=2).min(axis=1)

    def route(self, begin_m: np.ndarray, end_m: np.ndarray, others_m: np.ndarray) -> np.ndarray | None:
        """A way (k, 2) from one place to another around solids and standing people, or None (A*, Hart et al. 1968).

        Args:
            begin_m, end_m: (2,) metres.
            others_m: (n, 2) where people stand who are not to be walked into.
        """
        begin_m, end_m = np.asarray(begin_m, dtype=np.float64), np.asarray(end_m, dtype=np.float64)
        if self._open(np.stack([begin_m, end_m]), others_m, begin_m, end_m):
            return np.stack([begin_m, end_m])
        cost, blocked = self._cost(begin_m, end_m, others_m)
        cells = _search(cost, blocked, self._cell(begin_m, blocked), self._cell(end_m, blocked))
        if cells is None:
            return None
        path_m = np.concatenate([begin_m[None], self.cells_m[cells[:, 0], cells[:, 1]][1:-1], end_m[None]])
        return self._tighten(path_m, others_m)

    def _cost(self, begin_m: np.ndarray, end_m: np.ndarray, others_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        space_m = self.clear_m.copy()
        for other_m in others_m:
            space_m = np.minimum(space_m, np.linalg.norm(self.cells_m - other_m, axis=-1) - BODY_RADIUS_M)
        ends_m = np.minimum(*(np.linalg.norm(self.cells_m - place_m, axis=-1) for place_m in (begin_m, end_m)))
        blocked = (space_m < BODY_RADIUS_M + MARGIN_M) & (ends_m > 1.5 * CELL_M)
        return 1.0 + 4.0 * np.clip((EASY_M - space_m) / (EASY_M - BODY_RADIUS_M), 0.0, 1.0) ** 2, blocked

    def _cell(self, place_m: np.ndarray, blocked: np.ndarray) -> tuple[int, int]:
        away_m = np.where(blocked, np.inf, np.linalg.norm(self.cells_m - place_m, axis=-1))
        row, column = np.unravel_index(int(away_m.argmin()), self.shape)
        return int(row), int(column)

    def _tighten(self, path_m: np.ndarray, others_m: np.ndarray) -> np.ndarray:
        """A path with all corners left out that it can do without."""
        kept, here = [path_m[0]], 0
        while here < len(path_m) - 1:
            ahead = len(path_m) - 1
            while ahead > here + 1 and not self._open(
                np.stack([path_m[here], path_m[ahead]]), others_m, path_m[0], path_m[-1]
            ):
                ahead -= max(1, (ahead - here) // 12)
            here = max(ahead, here + 1)
            kept.append(path_m[here])
        return np.stack(kept)

    def _open(self, leg_m: np.ndarray, others_m: np.ndarray, begin_m: np.ndarray, end_m: np.ndarray) -> bool:
        """Whether a straight leg (2, 2) keeps an easy distance; near the ends of the way the bare margin will do."""
        count = max(2, int(np.linalg.norm(leg_m[1] - leg_m[0]) / 0.04))
        points_m = leg_m[0] + (leg_m[1] - leg_m[0]) * np.linspace(0, 1, count)[:, None]
        space_m = self.clearance_m(points_m)
        for other_m in others_m:
            space_m = np.minimum(space_m, np.linalg.norm(points_m - other_m, axis=1) - BODY_RADIUS_M)
        ends_m = np.minimum(*(np.linalg.norm(points_m - place_m, axis=1) for place_m in (begin_m, end_m)))
        return bool((space_m >= BODY_RADIUS_M + np.clip(ends_m / 3, 0.0, 0.08)).all())


def outline(solid: Fixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A solid seen from above: corners (4, 2), axes (2, 2) in rows, half edges (2,) of the smallest upright hull."""
    corners_m = solid.box.corners_m()[:, :2]
    along = solid.box.rotation[:2, int(np.linalg.norm(solid.box.rotation[:2], axis=0).argmax())]
    along = along / np.linalg.norm(along)
    axes = np.stack([along, [-along[1], along[0]]])
    local_m = corners_m @ axes.T
    low_m, high_m = local_m.min(axis=0), local_m.max(axis=0)
    signs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return (low_m + signs * (high_m - low_m)) @ axes, axes, (high_m - low_m) / 2


def _search(cost: np.ndarray, blocked: np.ndarray, begin: tuple[int, int], end: tuple[int, int]) -> np.ndarray | None:
    """Cells (k, 2) of the cheapest way over a grid, or None."""
    known, came = {begin: 0.0}, {begin: begin}
    waiting = [(0.0, begin)]
    while waiting:
        _, here = heapq.heappop(waiting)
        if here == end:
            break
        for row, column in STEPS:
            cell = here[0] + row, here[1] + column
            if not (0 <= cell[0] < cost.shape[0] and 0 <= cell[1] < cost.shape[1]) or blocked[cell]:
                continue
            spent = known[here] + float(np.hypot(row, column)) * float(cost[cell])
            if spent < known.get(cell, np.inf):
                known[cell], came[cell] = spent, here
                heapq.heappush(waiting, (spent + float(np.hypot(cell[0] - end[0], cell[1] - end[1])), cell))
    if end not in came:
        return None
    cells = [end]
    while cells[-1] != begin:
        cells.append(came[cells[-1]])
    return np.array(cells[::-1])


def heading_to(from_m: np.ndarray, to_m: np.ndarray) -> float:
    """The heading in rad from one place to another, seen from above."""
    step = np.asarray(to_m, dtype=np.float64)[:2] - np.asarray(from_m, dtype=np.float64)[:2]
    return float(np.arctan2(step[1], step[0]))
