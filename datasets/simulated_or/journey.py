"""The patient's journey: wheeled in, over onto the operating table, off it again, wheeled out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...capture.geometry import SE3
from .patient import Repose
from .people import Person
from .tools import blend
from .wheeling import Trip

LIFT_M = 0.03
NOWHERE_ELSE = SE3(np.eye(3), np.zeros(3))


@dataclass(frozen=True, slots=True, eq=False)
class Slide:
    """The patient is pulled over from a stretcher beside the table onto the table, or back.

    Args:
        begin_s, end_s: when.
        aside: from where he lies on the table to where he lies on the stretcher.
        onto_table: which way.
    """

    begin_s: float
    end_s: float
    aside: SE3
    onto_table: bool

    def displacement(self, time_s: float) -> SE3:
        """From where he lies on the table to where he is; he is lifted a little on the way."""
        clock = float(np.clip((time_s - self.begin_s) / (self.end_s - self.begin_s), 0.0, 1.0))
        share = clock * clock * (3 - 2 * clock)
        at = blend(self.aside, NOWHERE_ELSE, share if self.onto_table else 1 - share)
        return SE3(at.rotation, at.translation_m + np.array([0.0, 0.0, LIFT_M * np.sin(np.pi * share)]))

    def played(self, when: Callable[[float], float]) -> Slide:
        """The same in another time."""
        return replace(self, begin_s=when(self.begin_s), end_s=when(self.end_s))


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """All of it.

    Args:
        comes, onto: the trip that brings him, and how he gets onto the table.
        off, goes: how he gets off it, and the trip that takes him away.
        table: world_from_table, of the middle of the mattress.
    """

    comes: Trip
    onto: Slide
    off: Slide
    goes: Trip
    table: SE3

    def displacement(self, time_s: float) -> SE3:
        """From where he lies on the table to where he is, at a moment."""
        if time_s < self.onto.begin_s:
            return aside_of(self.comes.pose(time_s), self.table)
        if time_s < self.off.begin_s:
            return self.onto.displacement(time_s) if time_s < self.onto.end_s else NOWHERE_ELSE
        if time_s < self.off.end_s:
            return self.off.displacement(time_s)
        return aside_of(self.goes.pose(time_s), self.table)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether he is moved between two moments."""
        slides = any(begin_s < slide.end_s and end_s > slide.begin_s for slide in (self.onto, self.off))
        return slides or self.comes.moves(begin_s, end_s) or self.goes.moves(begin_s, end_s)

    def lies_on_s(self) -> list[tuple[str, float, float]]:
        """On what he lies, and from when to when."""
        arrives_s, leaves_s = ((slide.begin_s + slide.end_s) / 2 for slide in (self.onto, self.off))
        return [
            (self.comes.name, self.comes.comes_s[0], self.onto.begin_s),
            ("operating_table", arrives_s, leaves_s),
            (self.goes.name, self.off.end_s, self.goes.goes_s[1]),
        ]

    def played(self, when: Callable[[float], float]) -> Journey:
        """The same in another time."""
        return Journey(
            self.comes.played(when), self.onto.played(when), self.off.played(when), self.goes.played(when), self.table
        )


def aside_of(world_from_stretcher: SE3, world_from_table: SE3) -> SE3:
    """From where somebody lies on the table to where he lies in the same way on a stretcher."""
    return world_from_stretcher @ world_from_table.inverse()


@dataclass(frozen=True, slots=True, eq=False)
class Wheeled(Repose):
    """Rests on what is moved with him.

    Args:
        journey: rig time.
    """

    journey: Journey

    def bones(self, time_s: float) -> np.ndarray:
        """(b, 3, 4) world_from_model of each bone."""
        at = self.journey.displacement(time_s)
        return np.concatenate([at.rotation @ self.placed[:, :, :3], (at @ self.placed[:, :, 3])[:, :, None]], axis=2)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether he is moved between two moments."""
        return self.journey.moves(begin_s, end_s)


def wheeled(patient: Person, journey: Journey) -> Person:
    """A patient who rests on the table, and makes a journey there."""
    repose = patient.motion
    if not isinstance(repose, Repose):
        raise TypeError("only who rests can be wheeled")
    motion = Wheeled(patient.shape, repose.placed, journey)
    return Person(patient.name, patient.role, patient.owner, patient.shape, patient.clothing, motion, patient.label)
