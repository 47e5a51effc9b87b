"""Tracking: which cluster is which thing, from instant to instant.

A constant-velocity Kalman filter per thing on the ground plane, and one optimal assignment per instant (Hungarian
method; the scheme of SORT, Bewley et al. 2016, in metres). Things that no camera sees are carried on for a while; a
thing through whose place a camera looks is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cluster_repair import complete_rigid, divide_merged, join_fragments
from .clusters import Cluster
from .follower import Follower, TrackingConfig, corrected, motion_model

NO_MATCH = 1e6
KIND_COST = 8.0


@dataclass(slots=True)
class Tracker:
    """Follows things through time; `predict`, `match`, then `commit` once per instant."""

    config: TrackingConfig = field(default_factory=TrackingConfig)
    followers: list[Follower] = field(default_factory=list)
    time_ns: int | None = None
    next_number: int = 0
    step_s: float = 0.0

    def predict(self, time_ns: int) -> None:
        """Carry all followers to an instant."""
        self.step_s = 0.0 if self.time_ns is None else (time_ns - self.time_ns) * 1e-9
        transition, noise = motion_model(self.step_s, self.config.acceleration_m_s2)
        for follower in self.followers:
            follower.mean = transition @ follower.mean
            follower.covariance = transition @ follower.covariance @ transition.T + noise
        self.time_ns = time_ns

    def match(self, clusters: Sequence[Cluster]) -> tuple[list[Cluster], dict[int, int]]:
        """Assign clusters to followers.

        A cluster in which two or more confirmed followers are expected, and which nobody else explains, is first
        divided among them.

        Returns:
            The clusters after division, and follower position -> cluster position.
        """
        from scipy.optimize import linear_sum_assignment

        clusters = divide_merged(clusters, self.followers, self.config)
        matches: dict[int, int] = {}
        for cost_of in (self._cost, self._leap):
            rows = [row for row in range(len(self.followers)) if row not in matches]
            columns = [column for column in range(len(clusters)) if column not in matches.values()]
            if rows and columns:
                cost = np.array([[cost_of(self.followers[r], clusters[c]) for c in columns] for r in rows])
                pairs = zip(*linear_sum_assignment(cost), strict=True)
                matches |= {rows[r]: columns[c] for r, c in pairs if cost[r, c] < NO_MATCH}
        clusters, matches = join_fragments(clusters, matches, self.config)
        return complete_rigid(clusters, matches, self.followers, self.config), matches

    def _cost(self, follower: Follower, cluster: Cluster) -> float:
        innovation = cluster.center_m[:2] - follower.mean[:2]
        spread = follower.covariance[:2, :2] + np.eye(2) * self.config.position_sigma_m**2
        squared = float(innovation @ np.linalg.solve(spread, innovation))
        if squared > self.config.gate:
            return NO_MATCH
        top_m = follower.center_z_m + follower.extent_m[2] / 2
        height = min(abs(cluster.high_m[2] - top_m) / self.config.top_sigma_m, 3.0)
        kind = KIND_COST * (follower.hits >= self.config.confirm_hits and follower.is_rigid == cluster.has_head)
        doubt = np.log(np.linalg.det(spread)) - 2 * np.log(self.config.position_sigma_m**2)
        return squared + height**2 + kind + float(doubt)

    def _leap(self, follower: Follower, cluster: Cluster) -> float:
        """The cost of a match beyond the gate, for a thing that was measured an instant ago."""
        distance_m = float(np.linalg.norm(cluster.center_m[:2] - follower.mean[:2]))
        top_m = follower.center_z_m + follower.extent_m[2] / 2
        reach_m = self.config.fastest_m_s * self.step_s + self.config.slack_m
        near = distance_m <= reach_m and abs(cluster.high_m[2] - top_m) <= self.config.top_sigma_m
        return distance_m if near and follower.misses_ns == 0 else NO_MATCH

    def commit(
        self, clusters: Sequence[Cluster], matches: dict[int, int], gone: Sequence[int], elapsed_ns: int
    ) -> dict[int, int]:
        """Take the measurements of an instant.

        Args:
            clusters, matches: from `match`.
            gone: positions of followers that are over.
            elapsed_ns: time since the instant before.

        Returns:
            cluster position -> raw number of the thing, new things included.
        """
        numbers: dict[int, int] = {}
        for position, chosen in matches.items():
            self._update(self.followers[position], clusters[chosen])
            numbers[chosen] = self.followers[position].number
        for position, follower in enumerate(self.followers):
            if position not in matches:
                follower.misses_ns += elapsed_ns
                follower.mean[2:] *= 0.9
        self.followers = [follower for position, follower in enumerate(self.followers) if position not in set(gone)]
        for chosen, cluster in enumerate(clusters):
            if chosen not in numbers:
                numbers[chosen] = self._born(cluster)
        return numbers

    def _update(self, follower: Follower, cluster: Cluster) -> None:
        measured = cluster.center_m[:2]
        follower.mean, follower.covariance = corrected(follower.mean, follower.covariance, measured, self.config)
        follower.center_z_m = float(0.7 * follower.center_z_m + 0.3 * cluster.center_m[2])
        follower.extent_m = 0.7 * follower.extent_m + 0.3 * cluster.extent_m
        forgotten = 0.5 ** (self.step_s / self.config.shape_half_life_s)
        grown_m = follower.shape_m + 0.3 * (cluster.extent_m - follower.shape_m)
        follower.shape_m = np.where(cluster.extent_m > follower.shape_m, grown_m, follower.shape_m * forgotten)
        follower.hits += 1
        follower.heads += cluster.has_head
        follower.misses_ns = 0

    def _born(self, cluster: Cluster) -> int:
        covariance = np.diag([self.config.position_sigma_m**2] * 2 + [self.config.first_speed_m_s**2] * 2)
        mean = np.array([*cluster.center_m[:2], 0.0, 0.0])
        number = self.next_number
        self.followers.append(
            Follower(
                number,
                mean,
                covariance,
                float(cluster.center_m[2]),
                cluster.extent_m.astype(np.float64),
                heads=int(cluster.has_head),
                shape_m=cluster.extent_m.astype(np.float64),
            )
        )
        self.next_number += 1
        return number

    def to_json(self) -> dict[str, Any]:
        """The whole state as JSON values that restore it exactly."""
        followers = [follower.to_json() for follower in self.followers]
        return {"time_ns": self.time_ns, "next_number": self.next_number, "followers": followers}

    def restore(self, value: dict[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self.time_ns, self.next_number = value["time_ns"], value["next_number"]
        self.followers = [Follower.from_json(follower) for follower in value["followers"]]
