"""Somebody on stage and her time line: where she stands, what her hands do, how she comes within reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...capture.geometry import SE3
from .props import Prop
from .routes import BODY_RADIUS_M, MARGIN_M, heading_to
from .timeline import Gesture, Posture, Walk

if TYPE_CHECKING:
    from .script import Stage

REACH_S = 0.45
ARM_M = 0.72
HANDOVER_M = (0.60, 0.80)
TWIST = 0.1
HANDS = ("right", "left")


@dataclass(slots=True, eq=False)
class Limbs:
    """What the sentences of a script are made of; `free_s` is when she can begin something new, rehearsal time."""

    stage: Stage
    name: str
    role: str
    start_m: np.ndarray
    start_heading_rad: float
    free_s: float = 0.0
    place_m: np.ndarray = field(init=False)
    heading_rad: float = field(init=False)
    present_s: list[float] = field(default_factory=lambda: [-np.inf, np.inf])
    walks: list[Walk] = field(default_factory=list)
    gestures: list[Gesture] = field(default_factory=list)
    postures: list[Posture] = field(default_factory=list)
    holds: dict[str, Prop] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place_m, self.heading_rad = np.asarray(self.start_m, dtype=np.float64), self.start_heading_rad

    @property
    def is_here(self) -> bool:
        """Whether she has come in, and not gone for good."""
        return self.present_s[0] < np.inf and self.present_s[1] == np.inf

    @property
    def ramp_s(self) -> float:
        """How long a hand takes to where it shall be."""
        return REACH_S / self.stage.pace

    def apart_m(self, other: Limbs) -> float:
        """How far from somebody she stands."""
        return float(np.linalg.norm(self.place_m - other.place_m))

    def reaches(
        self, side: str, path_m: np.ndarray, for_s: float, tool: str = "", rate_hz: float = 0.0, strike_m: float = 0.0,
        follows: Callable[[float], SE3] | None = None,
    ) -> Gesture:  # fmt: skip
        """Put one hand's movement on the time line; `follows` is what the path goes along with, see Gesture."""
        ramp_s, begin_s = self.ramp_s, self.free_s
        forward = path_m.mean(axis=0)[:2] - self.place_m
        forward = forward / max(float(np.linalg.norm(forward)), 1e-6)
        approach = np.array([0.45 * forward[0], 0.45 * forward[1], -1.0])
        approach = approach / np.linalg.norm(approach)
        leaves_s = begin_s + ramp_s + for_s
        gesture = Gesture(
            begin_s, begin_s + ramp_s, leaves_s, leaves_s + 0.8 * ramp_s, side, path_m, tool, rate_hz, strike_m,
            (float(approach[0]), float(approach[1]), float(approach[2])), follows,
        )  # fmt: skip
        self.gestures.append(gesture)
        self.free_s = gesture.end_s
        self.stage.busy += [(gesture.begin_s, gesture.arrives_s), (gesture.leaves_s, gesture.end_s)]
        return gesture

    def both_hands(self, path_m: np.ndarray, for_s: float, rate_hz: float) -> Gesture:
        """Both empty hands side by side over a path; a hand that holds something stays where it is."""
        begin_s, aside = self.free_s, 0.07 * np.array([np.sin(self.heading_rad), -np.cos(self.heading_rad), 0.0])
        done = None
        for side, sign in (("right", 1.0), ("left", -1.0)):
            if side not in self.holds:
                self.free_s = begin_s
                done = self.reaches(side, path_m + sign * aside, for_s, rate_hz=rate_hz)
        if done is None:
            raise ValueError(f"{self.name} has no hand free at {begin_s:.1f} s")
        return done

    def clings(self, follows: Callable[[float], SE3], grips_m: Mapping[str, np.ndarray], for_s: float) -> Gesture:
        """Both hands on something that moves, each at a place (3,) in its frame; the last of the two gestures."""
        begin_s, done = self.free_s, None
        for side, grip_m in grips_m.items():
            self.free_s = begin_s
            done = self.reaches(side, grip_m[None], for_s, follows=follows)
        if done is None:
            raise ValueError(f"{self.name} clings with neither hand")
        return done

    def assists(self, surgeon: Limbs, target_m: np.ndarray, done: Gesture) -> None:
        """A hand beside the field while another works there."""
        side = next((hand for hand in HANDS if hand not in self.holds), HANDS[0])
        toward = self.place_m - target_m[:2]
        beside_m = target_m + np.append(0.14 * toward / max(float(np.linalg.norm(toward)), 1e-6), 0.07)
        path_m = beside_m + np.array([[0.015, 0.0, 0.0], [-0.015, 0.0, 0.01]])
        self.reaches(side, path_m, done.leaves_s - done.arrives_s, rate_hz=0.2)
        self.postures.append(Posture(done.begin_s, done.end_s, target_m=target_m))
        self.stage.acts.append((self.name, "assisting", surgeon.name, done.arrives_s, done.leaves_s))

    def comes_near(self, point_m: np.ndarray, from_m: np.ndarray | None = None) -> None:
        """Stands where a point can be reached, near another place if possible, and faces it."""
        if np.linalg.norm(self.place_m - point_m[:2]) > ARM_M or not self.is_here:
            place_m = self.stage.spot(self, lambda places_m: _within(places_m, point_m, from_m))
            self.stage.walk(self, place_m, heading_to(place_m, point_m))
        elif np.cos(heading_to(self.place_m, point_m) - self.heading_rad) < TWIST:
            self.stage.walk(self, self.place_m, heading_to(self.place_m, point_m))

    def comes_to(self, fixture: str) -> None:
        """Stands close to a piece of furniture, and faces it."""
        box = self.stage.room.fixture(fixture).box

        def suits(places_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            high = np.column_stack([places_m, np.full(len(places_m), box.center_m[2])])
            away_m = box.distance_m(high)
            return away_m < BODY_RADIUS_M + 0.16, 2.0 * away_m

        away_m = float(suits(self.place_m[None])[1][0]) / 2
        near_m = self.place_m if away_m < BODY_RADIUS_M + 0.2 else self.stage.spot(self, suits)
        local = (np.append(near_m, box.center_m[2]) - box.center_m) @ box.rotation
        nearest_m = box.rotation @ np.clip(local, -box.extent_m / 2, box.extent_m / 2) + box.center_m
        heading_rad = heading_to(near_m, nearest_m)
        if near_m is not self.place_m or np.cos(heading_rad - self.heading_rad) < 0.8:
            self.stage.walk(self, near_m, heading_rad)

    def comes_beside(self, other: Limbs) -> None:
        """Stands where somebody can be handed something without turning her back to her work."""

        def suits(places_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            away_m = np.linalg.norm(places_m - other.place_m, axis=1)
            toward = np.arctan2(*(places_m - other.place_m).T[::-1])
            return (away_m >= HANDOVER_M[0]) & (away_m <= HANDOVER_M[1]), 0.5 * (
                np.cos(toward - other.heading_rad) < -0.5
            )

        place_m = self.stage.spot(self, suits)
        self.stage.walk(self, place_m, heading_to(place_m, other.place_m))

    def free_hand(self, near_m: np.ndarray | None = None) -> str:
        """The hand for something new: the one on the side of a point if both are free, or else the right one."""
        free = [hand for hand in HANDS if hand not in self.holds]
        if not free:
            raise ValueError(f"{self.name} has both hands full at {self.free_s:.1f} s")
        if near_m is None or len(free) == 1:
            return free[0]
        bearing = heading_to(self.place_m, near_m) - self.heading_rad
        return "left" if np.sin(bearing) > 0.3 else "right"

    def hand_of(self, prop: Prop) -> str:
        """The hand that holds a tool.

        Raises:
            ValueError: neither does.
        """
        side = next((hand for hand, held in self.holds.items() if held is prop), None)
        if side is None:
            raise ValueError(f"{self.name} does not hold {prop.name} at {self.free_s:.1f} s")
        return side

    def lets_go(self, side: str, time_s: float) -> None:
        """What a hand held is held no longer from a time on."""
        prop = self.holds.pop(side)
        self.stage.acts.append((self.name, "holding", prop.name, prop.since_s, time_s))


def _within(places_m: np.ndarray, point_m: np.ndarray, from_m: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    away_m = np.linalg.norm(places_m - point_m[:2], axis=1)
    astray_m = 0.0 if from_m is None else np.linalg.norm(places_m - from_m, axis=1)
    return away_m <= ARM_M - MARGIN_M, 1.5 * away_m + 1.5 * astray_m
