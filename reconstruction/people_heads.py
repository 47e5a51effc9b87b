"""Whose head is where: people are followed from instant to instant by the tops of their heads.

Heads are what depth tells best of a person: nothing stands above them, they are as far apart as people are, and a
centre of a cluster jumps with every arm and every neighbour while a head does not. Heads of an instant are assigned to
those that are followed (Hungarian method, constant velocity); a head that is no summit of its own for a moment, because
someone taller bends over it, is looked for where it must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..capture.arrays import PointList
from .clusters import ClusterConfig, find_heads
from .moving_points import MovingPoints

NO_MATCH = 1e6


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """How heads are followed.

    Args:
        voxel_m: the surfaces were thinned to one point per voxel of this edge; each point stands for its square.
        reach_m, reach_m_s: a head lies so near to where it is expected, and so much farther per second since ...
        nearest_m: ... but no farther than this.
        fastest_m_s, farthest_m: nobody runs faster: who is not found there is a head that nobody expects, within
            `reach_m` and what he can have run since, but no farther than this.
        brake: who stops at once where he was is as far from what is expected as this share of the way ahead of him.
        blend: share of a new velocity in the velocity.
        cap_m: a head that is no summit has points so near its axis ...
        cap_below_m, cap_above_m: ... from so far below to so far above the height that it had ...
        cap_points: ... at least so many.
        apart_m: nobody's head is nearer to another head, on the ground.
        coast_s: a head that is not seen for longer is followed no more.
        cluster: what a head is.
    """

    voxel_m: float = 0.025
    reach_m: float = 0.3
    reach_m_s: float = 2.5
    nearest_m: float = 1.2
    fastest_m_s: float = 6.0
    farthest_m: float = 1.5
    brake: float = 0.5
    blend: float = 0.6
    cap_m: float = 0.18
    cap_below_m: float = 0.2
    cap_above_m: float = 0.1
    cap_points: int = 15
    apart_m: float = 0.25
    coast_s: float = 1.0
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


@dataclass(slots=True)
class Head:
    """A head that is followed (working state).

    Args:
        number: in the order of birth.
        top_m: (3,) where its top was last, world.
        velocity_m_s: (2,) on the ground.
        last_ns: when it was last seen.
        facing: (24,) log probability of facing in each direction of the pose prior; None = not known.
    """

    number: int
    top_m: np.ndarray
    velocity_m_s: np.ndarray
    last_ns: int
    facing: np.ndarray | None = None

    def foretell(self, time_ns: int) -> np.ndarray:
        """(3,) where its top will be."""
        step_s = min((time_ns - self.last_ns) * 1e-9, 0.5)
        return self.top_m + np.array([*(self.velocity_m_s * step_s), 0.0])

    def see(self, top_m: np.ndarray, time_ns: int, config: HeadConfig) -> None:
        """Take in where the top is."""
        step_s = (time_ns - self.last_ns) * 1e-9
        if 0 < step_s < 0.6:
            moved = (top_m - self.top_m)[:2] / step_s
            moved *= min(1.0, config.fastest_m_s / max(float(np.linalg.norm(moved)), 1e-9))
            blend = min(1.0, config.blend * max(step_s / 0.1, 0.2))
            self.velocity_m_s = (1 - blend) * self.velocity_m_s + blend * moved
        else:
            self.velocity_m_s = np.zeros(2)
        self.top_m, self.last_ns = top_m, time_ns


@dataclass(slots=True)
class HeadTracker:
    """Follows heads; feed it instants in order with `observe`."""

    config: HeadConfig
    heads: list[Head] = field(default_factory=list)
    next_number: int = 0

    def observe(self, time_ns: int, points_m: PointList) -> list[Head]:
        """The heads that are seen at an instant.

        Args:
            time_ns: rig clock, later than before.
            points_m: (n, 3) float32 the surface of all that moves, world.
        """
        found_m = self._summits(points_m)
        heads = [head for head in self.heads if time_ns - head.last_ns <= self.config.coast_s * 1e9]
        near = self.config.reach_m_s, self.config.nearest_m
        pairs = self._matched(heads, found_m, time_ns, *near)
        tops_m = {row: found_m[column] for row, column in pairs.items()}
        for row, head in enumerate(heads):
            if row not in tops_m:
                for expected_m in (head.foretell(time_ns), head.top_m):
                    top_m = self._hidden(expected_m, points_m, list(tops_m.values()))
                    if top_m is not None:
                        tops_m[row] = top_m
                        break
        tops_m |= self._leaps(
            heads, tops_m, found_m[[c for c in range(len(found_m)) if c not in pairs.values()]], time_ns
        )
        for row, top_m in tops_m.items():
            heads[row].see(top_m, time_ns, self.config)
        for column in range(len(found_m)):
            if column not in pairs.values() and self._is_apart(found_m[column], list(tops_m.values())):
                tops_m[len(heads)] = found_m[column]
                heads.append(Head(self.next_number, found_m[column], np.zeros(2), time_ns))
                self.next_number += 1
        self.heads = heads
        return [heads[row] for row in sorted(tops_m)]

    def _summits(self, points_m: PointList) -> np.ndarray:
        config = self.config.cluster
        points_m = points_m[(points_m[:, 2] > config.lowest_m) & (points_m[:, 2] < config.highest_m)]
        if len(points_m) < config.min_points:
            return np.zeros((0, 3))
        area_m2 = np.full(len(points_m), self.config.voxel_m**2, np.float32)
        found_m = find_heads(MovingPoints(points_m, area_m2, np.zeros(len(points_m), np.uint8)), config)
        for top_m in found_m:
            near = np.linalg.norm(points_m[:, :2] - top_m[:2], axis=1) < self.config.cap_m
            cap_m = points_m[near & (points_m[:, 2] > top_m[2] - self.config.cap_m)]
            if len(cap_m) >= self.config.cap_points:
                top_m[:2] = cap_m[:, :2].mean(axis=0)
        return found_m

    def _leaps(
        self, heads: list[Head], tops_m: Mapping[int, np.ndarray], new_m: np.ndarray, time_ns: int
    ) -> dict[int, np.ndarray]:
        """Position of a head that was not found where it was expected -> top (3,) of one that nobody expected."""
        new_m = np.array([top_m for top_m in new_m if self._is_apart(top_m, list(tops_m.values()))]).reshape(-1, 3)
        lost = [row for row in range(len(heads)) if row not in tops_m]
        far = self.config.fastest_m_s, self.config.farthest_m
        pairs = self._matched([heads[row] for row in lost], new_m, time_ns, *far)
        return {lost[k]: new_m[column] for k, column in pairs.items()}

    def _matched(
        self, heads: list[Head], found_m: np.ndarray, time_ns: int, reach_m_s: float, most_m: float
    ) -> dict[int, int]:
        """Position of a head -> row of what was found, within `reach_m`, so much more per second, and at most."""
        from scipy.optimize import linear_sum_assignment

        if not heads or not len(found_m):
            return {}
        cost = np.full((len(heads), len(found_m)), NO_MATCH)
        for row, head in enumerate(heads):
            expected_m = head.foretell(time_ns)
            off_m = np.stack([found_m - expected_m, found_m - head.top_m])
            away_m = np.linalg.norm(off_m[..., :2], axis=-1) + np.abs(off_m[..., 2])
            away_m[1] += self.config.brake * np.linalg.norm(expected_m - head.top_m)
            away_m = away_m.min(axis=0)
            near = away_m < min(self.config.reach_m + reach_m_s * (time_ns - head.last_ns) * 1e-9, most_m)
            cost[row, near] = away_m[near]
        rows, columns = linear_sum_assignment(cost)
        return {r: c for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if cost[r, c] < NO_MATCH}

    def _hidden(self, expected_m: np.ndarray, points_m: PointList, others_m: list[np.ndarray]) -> np.ndarray | None:
        """(3,) the top of a head that is no summit, or None where it is not seen."""
        up_m = points_m[:, 2] - expected_m[2]
        near = (up_m > -self.config.cap_below_m) & (up_m < self.config.cap_above_m)
        near &= np.linalg.norm(points_m[:, :2] - expected_m[:2], axis=1) < self.config.cap_m
        cap_m = points_m[near]
        for other_m in others_m:
            cap_m = cap_m[np.linalg.norm(cap_m[:, :2] - other_m[:2], axis=1) > self.config.apart_m]
        if len(cap_m) < self.config.cap_points:
            return None
        return np.array([*cap_m[:, :2].mean(axis=0), np.quantile(cap_m[:, 2], 0.95)], np.float64)

    def _is_apart(self, top_m: np.ndarray, others_m: list[np.ndarray]) -> bool:
        return all(np.linalg.norm(top_m[:2] - other_m[:2]) > self.config.apart_m for other_m in others_m)

    def to_json(self) -> dict[str, Any]:
        """The whole state as JSON values that restore it exactly."""
        heads = [
            {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(head).items()}
            for head in self.heads
        ]
        return {"next_number": self.next_number, "heads": heads}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self.next_number = value["next_number"]
        self.heads = [
            Head(
                head["number"], np.array(head["top_m"]), np.array(head["velocity_m_s"]), head["last_ns"],
                None if head["facing"] is None else np.array(head["facing"]),
            )
            for head in value["heads"]
        ]  # fmt: skip
