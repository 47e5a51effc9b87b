"""The sentences of which a scenario is made: what somebody on stage does, with what, to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...capture.geometry import SE3
from .limbs import ARM_M, Limbs
from .props import Prop
from .routes import heading_to
from .timeline import Posture
from .works import WORKS, sweep

if TYPE_CHECKING:
    from .script import Place

ACROSS_M = 1.08
HALF_A_HAND_M = 0.025
FINGERS_M = 0.055
"""So far above a table are the palms of hands whose fingers are at work on it."""


class Player(Limbs):
    """Somebody on stage; every sentence begins as soon as all who act in it are free, and gives the player back."""

    __slots__ = ()

    # Going about

    def goes_to(self, place: Place | str, after_s: float = 0.0) -> Player:
        """Walks to a place, or to a named one."""
        target = self.stage.places[place] if isinstance(place, str) else place
        self.stage.walk(self, target.place_m, target.heading_rad, after_s)
        return self

    def steps_up(self, side: str, to: str) -> Player:
        """Goes to one side of the operating table ("south", "north"), at the height of a point of the patient."""
        return self.goes_to(self.stage.at_table(side, to))

    def leaves(self, door: str) -> Player:
        """Walks out of a door and is gone."""
        self.goes_to(door)
        self.present_s[1] = self.free_s
        return self

    def waits(self, for_s: float) -> Player:
        """Does nothing."""
        self.free_s += for_s * float(self.stage.rng.uniform(0.85, 1.15))
        return self

    def waits_for(self, *others: Player) -> Player:
        """Does nothing until others are done."""
        self.free_s = max(self.free_s, *(other.free_s for other in others))
        return self

    def turns_to(self, target_m: np.ndarray) -> Player:
        """Faces a point, on the spot."""
        self.stage.walk(self, self.place_m, heading_to(self.place_m, target_m))
        return self

    def leans(self, angle_rad: float, for_s: float) -> Player:
        """Bends over what is in front."""
        begin_s, self.free_s = self.free_s, self.free_s + for_s
        self.postures.append(Posture(begin_s, self.free_s, angle_rad=angle_rad))
        return self

    # Tools

    def takes(self, prop: Prop) -> Player:
        """Fetches a tool that lies somewhere."""
        side = self.free_hand()
        grip_m = prop.lies_m(side)
        self.comes_near(grip_m, prop.near_m)
        gesture = self.reaches(side, grip_m[None], 0.15 / self.stage.pace)
        prop.is_taken(gesture.arrives_s, self.name, side)
        self.holds[side] = prop
        return self

    def puts(self, prop: Prop, on: str) -> Player:
        """Lays a tool down: where it lay, or on another fixture."""
        side, back = self.hand_of(prop), on == prop.home_on
        pose = prop.home if back else self.stage.layout.lay(prop.shape, on, self.place_m)
        grip_m = (pose @ prop.grip(side)).translation_m
        self.comes_near(grip_m, prop.home_from_m if back else None)
        gesture = self.reaches(side, grip_m[None], 0.15 / self.stage.pace)
        self.lets_go(side, gesture.leaves_s)
        prop.is_laid(gesture.leaves_s, pose, prop.home_from_m if back else self.place_m)
        return self

    def hands(self, prop: Prop, to: Player) -> Player:
        """Hands a tool over; who gives it comes to who receives it."""
        if self.apart_m(to) > ACROSS_M:
            self.comes_beside(to)
        begin_s = max(self.free_s, to.free_s)
        self.free_s = to.free_s = begin_s
        ahead = sum(np.array([np.cos(one.heading_rad), np.sin(one.heading_rad)]) for one in (self, to)) / 2
        middle = (self.place_m + to.place_m) / 2 + (0.12 * ahead if self.apart_m(to) < 0.9 else 0.0)
        meeting_m = np.append(middle, 1.12 + self.stage.rng.uniform(-0.04, 0.06))
        given, taken = self.hand_of(prop), to.free_hand(meeting_m)
        toward = (to.place_m - self.place_m) / self.apart_m(to)
        aside_m = np.append(HALF_A_HAND_M * toward, 0.0)
        out = self.reaches(given, meeting_m[None] - aside_m, 0.3 / self.stage.pace)
        to.reaches(taken, meeting_m[None] + aside_m, 0.3 / self.stage.pace)
        change_s = out.arrives_s + 0.15 / self.stage.pace
        for player, target in ((self, to), (to, self)):
            look_m = np.append(target.place_m, 1.5) if player is self else meeting_m
            player.postures.append(Posture(begin_s, out.end_s, target_m=look_m))
        self.lets_go(given, change_s)
        prop.is_taken(change_s, to.name, taken)
        to.holds[taken] = prop
        self.stage.acts.append((self.name, "handover", to.name, begin_s, change_s + 0.15 / self.stage.pace))
        return self

    def gets(self, prop: Prop, from_: Player) -> Player:
        """Comes for a tool that somebody hands back."""
        if self.apart_m(from_) > ACROSS_M:
            self.comes_beside(from_)
        from_.hands(prop, to=self)
        return self

    def swaps(self, prop: Prop, for_: Prop, with_: Player) -> Player:
        """Takes a tool back from somebody and gives her the next one, which lies ready."""
        self.takes(prop).gets(for_, from_=with_).hands(prop, to=with_)
        return self.puts(for_, on=for_.home_on)

    def brings(self, prop: Prop, to: Player) -> Player:
        """Fetches a tool and hands it over."""
        return self.takes(prop).hands(prop, to)

    def plants(self, prop: Prop, at: str) -> Player:
        """Fixes a tool upright at a point of the patient; it can be taken from there again."""
        pose = SE3(np.eye(3), self.stage.point(at))
        side = self.hand_of(prop)
        gesture = self.reaches(side, (pose @ prop.grip(side)).translation_m[None], 0.4 / self.stage.pace)
        self.lets_go(side, gesture.leaves_s)
        prop.is_laid(gesture.leaves_s, pose, self.place_m)
        return self

    def leaves_behind(self, prop: Prop) -> Player:
        """Lets go of a tool outside of the room; it is not seen again."""
        self.lets_go(self.hand_of(prop), self.free_s)
        self.stage.exists[prop.name] = [-np.inf, self.free_s]
        return self

    # Work

    def does(
        self, predicate: str, at: str, for_s: float, with_: Prop | None = None, helped_by: Player | None = None,
        along: str = "",
    ) -> Player:  # fmt: skip
        """Works on the patient: "cutting", "sawing", ...

        Args:
            predicate: what it is called, a key of WORKS.
            at: a point of the patient.
            for_s: how long, about.
            with_: a tool in hand, whose tip then is where the work is; None = with bare hands.
            helped_by: who assists meanwhile, across the table.
            along: a second point of the patient, if the work goes from one to the other.
        """
        work, stage = WORKS[predicate], self.stage
        target_m = self.stage.point(at)
        if with_ is None and np.linalg.norm(target_m[:2] - self.place_m) > ARM_M + 0.1:
            self.comes_near(target_m)
        helpers = [self] + ([helped_by] if helped_by else [])
        begin_s = max(player.free_s for player in helpers)
        for player in helpers:
            player.free_s = begin_s
        for_s = for_s * float(stage.rng.uniform(0.85, 1.15))
        path_m = np.stack([target_m, stage.point(along)]) if along else sweep(work, target_m, stage.along)
        rate_hz = work.rate_hz * float(stage.rng.uniform(0.9, 1.1)) if not along else 0.0
        if with_ is not None:
            done = self.reaches(
                self.hand_of(with_), path_m, for_s, tool=with_.name, rate_hz=rate_hz, strike_m=work.strike_m
            )
        else:
            done = self.both_hands(path_m + np.array([0.0, 0.0, 0.02]), for_s, rate_hz)
        stage.acts.append((self.name, predicate, "patient", done.arrives_s, done.leaves_s))
        self.postures.append(Posture(begin_s, done.end_s, target_m=target_m))
        if helped_by:
            helped_by.assists(self, target_m, done)
        return self

    def prepares(self, fixture: str, for_s: float) -> Player:
        """Arranges what is on a table."""
        return self._works_at(fixture, "preparing", for_s, 0.4, 0.12)

    def operates(self, fixture: str, for_s: float) -> Player:
        """Works the controls of a device, or moves the table."""
        return self._works_at(fixture, "operating", for_s, 0.5, 0.03)

    def wipes(self, fixture: str, for_s: float, with_: Prop) -> Player:
        """Cleans a table with a cloth."""
        return self._works_at(fixture, "cleaning", for_s, 0.6, 0.18, with_)

    def _works_at(
        self, fixture: str, predicate: str, for_s: float, rate_hz: float, sweep_m: float, with_: Prop | None = None
    ) -> Player:
        box = self.stage.room.fixture(fixture).box
        self.comes_to(fixture)
        local = (np.append(self.place_m, 1.05) - box.center_m) @ box.rotation
        half_m = box.extent_m / 2
        inside_m = np.sign(local[:2]) * np.maximum(half_m[:2] - 0.12, 0.0)
        local[:2] = np.clip(local[:2], -np.abs(inside_m), np.abs(inside_m))
        local[2] = min(local[2], half_m[2] + FINGERS_M)
        contact_m = box.rotation @ local + box.center_m
        for_s = for_s * float(self.stage.rng.uniform(0.85, 1.15))
        aside = sweep_m * np.array([np.sin(self.heading_rad), -np.cos(self.heading_rad), 0.0])
        path_m = np.stack([contact_m - aside, contact_m + aside])
        begin_s = self.free_s
        if with_ is None:
            done = self.both_hands(path_m, for_s, rate_hz)
        else:
            done = self.reaches(self.hand_of(with_), path_m, for_s, rate_hz=rate_hz)
        self.postures.append(Posture(begin_s, done.end_s, target_m=contact_m))
        self.stage.acts.append((self.name, predicate, fixture, done.arrives_s, done.leaves_s))
        return self
