"""Whose a measured point is: the track of its sighting, or, of people who share one, the nearest body's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .person_points import PointFitConfig, distance_to_body_m
from .surface_grids import KnownOwners

if TYPE_CHECKING:
    import pyarrow as pa

STRAY_M = 0.08
"""So far from a body's surface is what belongs to it, of a sighting that is nobody's."""


@dataclass(frozen=True, slots=True, eq=False)
class TracksNow:
    """The tracks that exist at one instant.

    Args:
        track_ids: their names, in order.
        numbers: (k,) the raw number of each one's sighting, -1 = none.
        velocity_m_s: (k, 3).
        joints_m: (k, 17, 3) world; NaN where a track has no body.
    """

    track_ids: tuple[str, ...]
    numbers: np.ndarray
    velocity_m_s: np.ndarray
    joints_m: np.ndarray

    @classmethod
    def by_time(cls, table: pa.Table, times_ns: np.ndarray, joints_m: Mapping[str, np.ndarray]) -> dict[int, TracksNow]:
        """The tracks of a segment by instant.

        Args:
            table: the tracks of a segment, in order of time.
            times_ns: (t,) its instants.
            joints_m: (t, 17, 3) of everyone who has a body.
        """
        of_row, names = table["time_ns"].to_numpy(), table["track_id"].to_pylist()
        numbers = table["number"].to_numpy()
        velocity_m_s = np.column_stack([table[name].to_numpy() for name in ("vx_m_s", "vy_m_s", "vz_m_s")])
        found = {}
        for at, time_ns in enumerate(times_ns.tolist()):
            rows = np.flatnonzero(of_row == time_ns)
            nowhere = np.full((len(times_ns), 17, 3), np.nan)
            bodies = [joints_m.get(names[row], nowhere)[at] for row in rows]
            found[time_ns] = cls(
                tuple(names[row] for row in rows),
                numbers[rows],
                velocity_m_s[rows],
                np.array(bodies).reshape(-1, 17, 3),
            )
        return found


def known_owners(surfaces_m: Mapping[int, np.ndarray], tracks: TracksNow, reach_m: float) -> KnownOwners:
    """Whose the measured points of an instant are.

    A sighting belongs to the track that has its number. Where people share one, each point is the nearest body's. A
    sighting that is nobody's, such as a hand that was seen apart, belongs to the bodies that it touches.

    Args:
        surfaces_m: (n, 3) measured points by raw number.
        tracks: who is there.
        reach_m: what is farther than this from all points is nobody's.
    """
    points, owners = [np.zeros((0, 3), np.float32)], [np.zeros(0, np.int16)]
    bodies = np.flatnonzero(np.isfinite(tracks.joints_m).all(axis=(1, 2)))
    for number, points_m in sorted(surfaces_m.items()):
        holders = np.flatnonzero(tracks.numbers == number)
        points.append(points_m)
        if len(holders) == 1:
            owners.append(np.full(len(points_m), holders[0], np.int16))
            continue
        among = np.intersect1d(holders, bodies) if len(holders) else bodies
        owners.append(_nearest_body(points_m, tracks, among, np.inf if len(holders) else STRAY_M))
    return KnownOwners(np.concatenate(points), np.concatenate(owners), reach_m)


def _nearest_body(points_m: np.ndarray, tracks: TracksNow, among: np.ndarray, reach_m: float) -> np.ndarray:
    """(n,) int16 row of the body whose surface is nearest to each point, -1 where none is within reach."""
    if not len(among):
        return np.full(len(points_m), -1, np.int16)
    config = PointFitConfig()
    away_m = np.stack([np.abs(distance_to_body_m(points_m, tracks.joints_m[row], config)) for row in among])
    nearest = away_m.argmin(axis=0)
    return np.where(away_m.min(axis=0) < reach_m, among[nearest], -1).astype(np.int16)
