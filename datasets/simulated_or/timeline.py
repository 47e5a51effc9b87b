"""What a play consists of once it is rehearsed: who walks where, whose hand does what, when; and its tempo.

A play is rehearsed once in a time of its own. `Tempo` then maps that time to the rig's: one map for everybody, so that
people who did not meet in rehearsal do not meet on stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...capture.geometry import SE3
from .routes import BODY_RADIUS_M

RAMP = 0.13
EASE = 1 - RAMP
"""The mean speed of a walk, as a share of its highest."""
MOST_SQUEEZE = 0.4
"""A working movement may be cut to this share of its own time before everything has to go faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """A walk along a path (k, 2), metres, where its walker faces afterwards, and on the way if not ahead."""

    begin_s: float
    end_s: float
    path_m: np.ndarray
    heading_rad: float
    facing_rad: float | None = None

    @property
    def length_m(self) -> float:
        """How long the way is."""
        return float(np.linalg.norm(np.diff(self.path_m, axis=0), axis=1).sum())

    def place_m(self, time_s: np.ndarray) -> np.ndarray:
        """(t, 2) where the walker is at times (t,)."""
        leg_m = np.linalg.norm(np.diff(self.path_m, axis=0), axis=1)
        length_m = np.concatenate([[0.0], np.cumsum(leg_m)])
        along_m = ease((time_s - self.begin_s) / max(self.end_s - self.begin_s, 1e-6)) * length_m[-1]
        return np.stack([np.interp(along_m, length_m, self.path_m[:, axis]) for axis in range(2)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Gesture:
    """What one hand does.

    Args:
        begin_s, end_s: from the first movement towards the target to the last one back.
        arrives_s, leaves_s: between these the hand is at its target.
        side: "left" or "right".
        path_m: (k, 3) the target in the world; several points are swept over and back.
        tool: name of the tool whose tip is brought there; empty = the palm is.
        rate_hz: how often the path is swept in a second of the rig's time; 0 = once over the whole gesture.
        strike_m: how far a striking hand draws back.
        approach: (3,) unit direction in which the tool's tip points.
        follows: what the path goes along with: from its frame to the world, by the time of the rehearsal; None = it is
            in the world.
    """

    begin_s: float
    arrives_s: float
    leaves_s: float
    end_s: float
    side: str
    path_m: np.ndarray
    tool: str = ""
    rate_hz: float = 0.0
    strike_m: float = 0.0
    approach: tuple[float, float, float] = (0.0, 0.0, -1.0)
    follows: Callable[[float], SE3] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """A lean of the whole body (angle_rad > 0), or a look at a target (3,)."""

    begin_s: float
    end_s: float
    angle_rad: float = 0.0
    target_m: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Tempo:
    """A map from the time of the rehearsal to rig time, rising and piecewise linear."""

    rehearsed_s: tuple[float, ...]
    played_s: tuple[float, ...]

    def __call__(self, time_s: float) -> float:
        """Rig time of a moment of the rehearsal."""
        return float(np.interp(time_s, self.rehearsed_s, self.played_s))

    def back(self, time_s: float) -> float:
        """The moment of the rehearsal that is played at a rig time."""
        return float(np.interp(time_s, self.played_s, self.rehearsed_s))

    def faster(self, haste: float) -> Tempo:
        """The same, but everything is so many times as fast."""
        return Tempo(self.rehearsed_s, tuple(time_s / haste for time_s in self.played_s))

    @classmethod
    def fit(cls, busy: Sequence[tuple[float, float]], length_s: float, seconds: float) -> tuple[Tempo, float]:
        """The tempo at which a play is composed, and how many times as fast it must then be played to fill a duration.

        Too short a play is stretched where nobody walks, grips or hands over: work takes longer, walks do not. Too long
        a play is squeezed there first, to `MOST_SQUEEZE`. Where that does, the second value is 1; else it is above.

        Args:
            busy: spans of the rehearsal that keep their own speed.
            length_s: length of the rehearsal.
            seconds: wanted length.
        """
        edges = sorted({0.0, length_s, *(min(max(edge, 0.0), length_s) for span in busy for edge in span)})
        middles = (np.array(edges[1:]) + np.array(edges[:-1])) / 2
        spans = np.asarray(busy, dtype=np.float64).reshape(-1, 2)
        is_busy = ((spans[:, :1] <= middles) & (middles < spans[:, 1:])).any(axis=0)
        lengths_s = np.diff(edges)
        busy_s, quiet_s = float(lengths_s[is_busy].sum()), float(lengths_s[~is_busy].sum())
        slope = max((seconds - busy_s) / quiet_s, MOST_SQUEEZE) if quiet_s > 0 else 1.0
        played_s = np.concatenate([[0.0], np.cumsum(np.where(is_busy, 1.0, slope) * lengths_s)])
        haste = float(played_s[-1] / seconds)
        if haste < 1.0 + 1e-6:
            return cls(tuple(edges), tuple((played_s / haste).tolist())), 1.0
        return cls(tuple(edges), tuple(played_s.tolist())), haste


def where_m(start_m: np.ndarray, walks: Sequence[Walk], time_s: np.ndarray) -> np.ndarray:
    """(t, 2) places at times (t,) of somebody who starts somewhere and takes walks in order."""
    places_m = np.tile(np.asarray(start_m, dtype=np.float64), (len(time_s), 1))
    for walk in walks:
        later = time_s >= walk.begin_s
        if later.any():
            places_m[later] = walk.place_m(time_s[later])
    return places_m


def too_near(one_m: np.ndarray, other_m: np.ndarray, margin_m: np.ndarray) -> np.ndarray:
    """(t,) bool: whether two people (t, 2) come nearer than their bodies and a margin (t,) allow."""
    return np.linalg.norm(one_m - other_m, axis=-1) < 2 * BODY_RADIUS_M + margin_m


def ease(clock: np.ndarray) -> np.ndarray:
    """Share of a way (...) covered at a share of its time: speed ramps up, stays, and ramps down."""
    clock = np.clip(clock, 0.0, 1.0)
    top = 1.0 / (1.0 - RAMP)
    early, late = top * clock**2 / (2 * RAMP), 1 - top * (1 - clock) ** 2 / (2 * RAMP)
    return np.where(clock < RAMP, early, np.where(clock > 1 - RAMP, late, top * (clock - RAMP / 2)))
