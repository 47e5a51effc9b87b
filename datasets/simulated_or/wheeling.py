"""How a stretcher is wheeled: its way from behind the door to beside the operating table, and its trips along it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...capture.geometry import SE3
from .room import OperatingRoom
from .routes import BODY_RADIUS_M, Blocked, Floor
from .timeline import ease
from .turning import about_z

HALF_M = (1.0, 0.34)
"""Half the length and half the width of a stretcher, rails and handle bars included."""
PUSHER_M = HALF_M[0] + 0.36
"""From the middle of a stretcher to who pushes it at either end."""
OUTSIDE_M = 1.8
"""How far outside of the wall the middle of a stretcher waits."""
FOOT, HEAD = -1.0, 1.0
"""Its ends, along its own x."""
GAP_M = 0.03
HIGHEST_M = 1.3
CHORD_M = 0.5
STEPS = 60
SOON_S = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """The way of a stretcher whose head end goes first, from outside of the room to beside the table.

    Args:
        places_m: (k, 2) its middle, world.
        yaws_rad: (k,) where its head end points.
        height_m: of its mattress.
    """

    places_m: np.ndarray
    yaws_rad: np.ndarray
    height_m: float

    @property
    def length_m(self) -> float:
        """How long it is."""
        return float(self._along_m()[-1])

    def pose(self, share: float) -> SE3:
        """world_from_stretcher at a share of the way: origin in the middle of the mattress top, +x to the head end."""
        along_m = self._along_m()
        at_m = float(np.clip(share, 0.0, 1.0)) * along_m[-1]
        x, y, yaw = (np.interp(at_m, along_m, values) for values in (*self.places_m.T, self.yaws_rad))
        return SE3(about_z(float(yaw)), np.array([x, y, self.height_m]))

    def heading_rad(self, share: float) -> float:
        """Where its head end points at a share of the way."""
        axis = self.pose(share).rotation[:, 0]
        return float(np.arctan2(axis[1], axis[0]))

    def behind_m(self, share: float, end: float) -> np.ndarray:
        """(2,) where one stands who pushes at the foot end (end = -1) or at the head end (+1)."""
        return (self.pose(share) @ np.array([end * PUSHER_M, 0.0, 0.0]))[:2]

    def _along_m(self) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.places_m, axis=0), axis=1))])


@lru_cache(maxsize=4)
def find_way(room: OperatingRoom) -> Way:
    """The gentlest way through the wide door that touches nothing.

    Raises:
        Blocked: there is none.
    """
    low = [solid for solid in room.solids if solid.box.corners_m()[:, 2].min() < HIGHEST_M]
    floor = Floor(low, np.zeros((0, 2)))
    table, box = room.table_top, room.fixture("operating_table").box
    inside_m = room.stations["door_1_inside"][0]
    wall_x, door_y = float(inside_m[0]) - 0.75, float(inside_m[1])
    dock_m = np.array([table.center_m[0], box.corners_m()[:, 1].max() + GAP_M + HALF_M[1]])
    nearest_y = float(np.clip(dock_m[1], door_y - 0.28, door_y + 0.28))
    turns = itertools.product((-1.0, -0.6, -0.2, 0.2), (-1.75, -1.95, -2.15, -2.35), (0.0, 0.15))
    options = [
        _swerving(wall_x, wall_x + begin, float(dock_m[0]) + end, nearest_y + aside * np.sign(door_y - nearest_y),
                  dock_m, float(table.center_m[2]))
        for begin, end, aside in turns
        if wall_x + begin + 0.6 < dock_m[0] + end
    ]  # fmt: skip
    for way in sorted(options, key=lambda way: float(np.abs(way.yaws_rad).max())):
        if floor.clearance_m(_outlines_m(way)).min() > 0.8 * GAP_M:
            return way
    raise Blocked("no stretcher comes from the door to the table")


def _swerving(wall_x: float, begin_x: float, end_x: float, begin_y: float, dock_m: np.ndarray, height_m: float) -> Way:
    """A way that swerves between two places along x from the line of the door to that of the dock."""
    x = np.linspace(wall_x - OUTSIDE_M, dock_m[0], STEPS)
    clock = np.clip((x - begin_x) / (end_x - begin_x), 0.0, 1.0)
    y = begin_y + (dock_m[1] - begin_y) * clock**3 * (10 - 15 * clock + 6 * clock**2)
    ahead, behind = (np.interp(x + step, x, y) for step in (CHORD_M, -CHORD_M))
    return Way(np.stack([x, y], axis=1), np.arctan2(ahead - behind, 2 * CHORD_M), height_m)


def _outlines_m(way: Way) -> np.ndarray:
    """(n, 2) places all around a stretcher, all along a way."""
    across, along = np.linspace(-1, 1, 8) * HALF_M[1], np.linspace(-1, 1, 21) * HALF_M[0]
    rim_m = np.concatenate(
        [np.stack([along, np.full(21, side)], axis=1) for side in (-HALF_M[1], HALF_M[1])]
        + [np.stack([np.full(8, end), across], axis=1) for end in (-HALF_M[0], HALF_M[0])]
    )
    poses = [way.pose(share) for share in np.linspace(0, 1, STEPS)]
    return np.concatenate([rim_m @ pose.rotation[:2, :2].T + pose.translation_m[:2] for pose in poses])


@dataclass(frozen=True, slots=True, eq=False)
class Trip:
    """A stretcher comes in, stands beside the table, and goes out again.

    Args:
        name: of the stretcher.
        way: which way.
        comes_s, goes_s: when it is on its way in, and out; (inf, inf) while that is not yet known.
    """

    name: str
    way: Way
    comes_s: tuple[float, float]
    goes_s: tuple[float, float] = (np.inf, np.inf)

    def share(self, time_s: float) -> float:
        """How far on its way in it is, in [0, 1]."""
        (begins_s, ends_s), (leaves_s, gone_s) = self.comes_s, self.goes_s
        if time_s < leaves_s:
            return float(ease(np.array((time_s - begins_s) / (ends_s - begins_s))))
        return 1.0 - float(ease(np.array((time_s - leaves_s) / (gone_s - leaves_s))))

    def pose(self, time_s: float) -> SE3:
        """world_from_stretcher at a moment."""
        return self.way.pose(self.share(time_s))

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether it moves between two moments."""
        return any(begin_s < end and end_s > begin for begin, end in (self.comes_s, self.goes_s))

    def clearance_m(self, places_m: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        """(t,) metres from places (t, 2) at times (t,) to the stretcher; infinite while it is not there."""
        away_m = np.full(len(time_s), np.inf)
        for i in np.flatnonzero((time_s >= self.comes_s[0]) & (time_s < self.goes_s[1]) & np.isfinite(places_m[:, 0])):
            pose = self.pose(float(time_s[i]))
            local_m = np.abs((places_m[i] - pose.translation_m[:2]) @ pose.rotation[:2, :2])
            away_m[i] = np.linalg.norm(np.maximum(local_m - HALF_M, 0.0))
        return away_m

    def middles_m(self, time_s: float) -> list[np.ndarray]:
        """Places (2,) along its middle where people would stand who take as much of the floor as it does; none while
        it is on its way or not there.
        """
        if self.moves(time_s, time_s + SOON_S) or not self.comes_s[0] <= time_s < self.goes_s[1]:
            return []
        pose, inset = self.pose(time_s), HALF_M[0] - BODY_RADIUS_M
        across = HALF_M[1] - BODY_RADIUS_M
        spots = itertools.product(np.linspace(-inset, inset, 8), (-across, across))
        return [(pose @ np.array([x, y, 0.0]))[:2] for x, y in spots]

    def played(self, when: Callable[[float], float]) -> Trip:
        """The same trip in another time."""
        comes_s, goes_s = (
            (when(begin_s), when(end_s)) if np.isfinite(end_s) else (begin_s, end_s)
            for begin_s, end_s in (self.comes_s, self.goes_s)
        )
        return Trip(self.name, self.way, comes_s, goes_s)
