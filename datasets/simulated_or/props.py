"""A tool on stage: where it lies, who holds it, and what else it is fixed to, through a rehearsal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...capture.geometry import SE3
from .tools import ToolShape


@dataclass(frozen=True, slots=True, eq=False)
class Lies:
    """From a time on a tool rests at a pose (world_from_tool)."""

    begin_s: float
    pose: SE3


@dataclass(frozen=True, slots=True)
class Held:
    """From a time on a tool is in somebody's hand."""

    begin_s: float
    player: str
    side: str


@dataclass(slots=True, eq=False)
class Prop:
    """A tool that is laid out on a fixture at first.

    Args:
        name, label, shape: which one.
        home: world_from_tool where it is laid at first, and put back.
        home_on: on which fixture.
        home_from_m: (2,) where one stands who takes it from there; `near_m` is where one stands to take it now.
        events: what becomes of it, in the order of time.
    """

    name: str
    label: str
    shape: ToolShape
    home: SE3
    home_on: str
    home_from_m: np.ndarray
    near_m: np.ndarray = field(init=False)
    events: list[Lies | Held] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.near_m = self.home_from_m
        if not self.events:
            self.events.append(Lies(-np.inf, self.home))

    def grip(self, side: str) -> SE3:
        """tool_from_hand of the "left" or the "right" hand."""
        return self.shape.grip if side == "right" else self.shape.grip_left

    def lies_m(self, side: str) -> np.ndarray:
        """(3,) where a hand must go to take it, world.

        Raises:
            ValueError: it lies nowhere; somebody holds it.
        """
        last = self.events[-1]
        if not isinstance(last, Lies):
            raise ValueError(f"{self.name} lies nowhere")
        return (last.pose @ self.grip(side)).translation_m

    @property
    def since_s(self) -> float:
        """Since when it is where it is."""
        return self.events[-1].begin_s

    def is_taken(self, begin_s: float, player: str, side: str) -> None:
        """Somebody grips it."""
        self.events.append(Held(begin_s, player, side))

    def is_laid(self, begin_s: float, pose: SE3, from_m: np.ndarray) -> None:
        """Somebody who stands at a place (2,) lays it down."""
        self.events.append(Lies(begin_s, pose))
        self.near_m = from_m
