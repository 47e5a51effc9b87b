"""Tools as actors: rigid shapes whose track says where they are at any moment, lying, held, or led along."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from ...capture.errors import ConfigError
from ...capture.geometry import SE3
from .meshes import TexturedMesh
from .shapes import moved
from .tool_shapes import TOOL_LABELS, ToolShape, tool_shape

__all__ = ["BLEND_S", "TOOL_LABELS", "Tool", "ToolShape", "ToolTrack", "tool_shape"]

BLEND_S = 0.25
STILL_M, STILL_RAD = 1e-9, 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Leg:
    """From a time on the tool is where `pose` says; `rests` when that never changes."""

    begin_s: float
    pose: Callable[[float], SE3]
    rests: bool
    departs: SE3 | None


class ToolTrack:
    """Where a tool is, told verb by verb in the order of time.

    At each change the tool glides from where it was to where it shall be over a quarter of a second, so that its motion
    has no jumps; it leaves from where it was at the change, and not from where its former holder takes his hand.

    Args:
        grip: tool_from_hand of a hand that holds it, usually its shape's.
    """

    def __init__(self, grip: SE3) -> None:
        self.grip = grip
        self._legs: list[_Leg] = []
        self._begins_s: list[float] = []

    def rest(self, begin_s: float, world_from_tool: SE3) -> Self:
        """It lies still."""
        return self._add(begin_s, lambda time_s: world_from_tool, rests=True)

    def held(self, begin_s: float, hand: Callable[[float], SE3], hand_from_tool: SE3 | None = None) -> Self:
        """It is held.

        Args:
            begin_s: from then on.
            hand: world_from_hand at a time.
            hand_from_tool: how it lies in the hand; None = as the grip says.
        """
        in_hand = self.grip.inverse() if hand_from_tool is None else hand_from_tool
        return self._add(begin_s, lambda time_s: hand(time_s) @ in_hand)

    def along(self, begin_s: float, pose: Callable[[float], SE3]) -> Self:
        """It is led: world_from_tool at a time."""
        return self._add(begin_s, pose)

    def pose(self, time_s: float) -> SE3:
        """world_from_tool; before the first verb the tool is where that verb begins.

        Raises:
            ConfigError: nothing was told yet.
        """
        return self._pose(max(0, bisect_right(self._begins_s, time_s) - 1), time_s)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether it may move between two moments: never while it rests, always while it is held or led."""
        first = max(0, bisect_right(self._begins_s, begin_s) - 1)
        for number in range(first, len(self._legs)):
            leg = self._legs[number]
            if number > first and leg.begin_s >= end_s:
                break
            if not leg.rests:
                if end_s > leg.begin_s:
                    return True
            elif leg.departs is not None and begin_s < leg.begin_s + BLEND_S and end_s > leg.begin_s:
                way = leg.departs.inverse() @ leg.pose(leg.begin_s)
                if way.distance_m() > STILL_M or way.angle_rad() > STILL_RAD:
                    return True
        return False

    def _add(self, begin_s: float, pose: Callable[[float], SE3], rests: bool = False) -> Self:
        if self._legs and begin_s < self._begins_s[-1]:
            raise ConfigError(
                f"a tool's track is told in the order of time: {begin_s:.2f} s comes after {self._begins_s[-1]:.2f} s"
            )
        departs = self._pose(len(self._legs) - 1, begin_s) if self._legs else None
        self._legs.append(_Leg(begin_s, pose, rests, departs))
        self._begins_s.append(begin_s)
        return self

    def _pose(self, number: int, time_s: float) -> SE3:
        if not self._legs:
            raise ConfigError("a tool's track is empty", todo="say first where the tool rests")
        leg = self._legs[number]
        time_s = max(time_s, leg.begin_s)
        arrives = leg.pose(time_s)
        share = (time_s - leg.begin_s) / BLEND_S
        if leg.departs is None or share >= 1.0:
            return arrives
        return blend(leg.departs, arrives, share * share * (3 - 2 * share))


def blend(first: SE3, second: SE3, share: float) -> SE3:
    """The pose at a share of the way between two: straight, turning evenly about one axis (slerp, Shoemake 1985)."""
    turn = SE3(first.rotation.T @ second.rotation, np.zeros(3)).log()[:3]
    place_m = (1 - share) * first.translation_m + share * second.translation_m
    return SE3(first.rotation @ SE3.exp(np.array([*(share * turn), 0.0, 0.0, 0.0])).rotation, place_m)


class Tool:
    """One tool of a performance.

    Args:
        name: identity, such as "drill_1".
        shape: what it looks like.
        owner: its number in id images, 101 or more.
        track: where it is.
    """

    def __init__(self, name: str, shape: ToolShape, owner: int, track: ToolTrack) -> None:
        self.name, self.shape, self.track = name, shape, track
        self._own = shape.mesh.owned_by(owner)
        self._own_m = shape.mesh.vertices_m.astype(np.float32)

    @property
    def label(self) -> str:
        """Canonical class."""
        return self.shape.label

    @property
    def tip_m(self) -> np.ndarray | None:
        """(3,) working point in the own frame."""
        return self.shape.tip_m

    @property
    def axis(self) -> np.ndarray | None:
        """(3,) unit working direction in the own frame."""
        return self.shape.axis

    @property
    def mesh(self) -> TexturedMesh:
        """As it lies at time 0."""
        return moved(self._own, self.pose(0.0))

    def pose(self, time_s: float) -> SE3:
        """world_from_tool."""
        return self.track.pose(time_s)

    def vertices_m(self, time_s: float) -> np.ndarray:
        """(n, 3) float32 vertices in the world at a moment."""
        return self.pose(time_s) @ self._own_m

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether it may move between two moments."""
        return self.track.moves(begin_s, end_s)
