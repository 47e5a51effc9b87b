"""The puppet: what somebody does, said in verbs, and the motion that comes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ...capture.geometry import SE3
from ..small_room.walker import ease, round_corners
from .body import SIDES, BodyShape, pose_bones
from .gait import Footsteps, Stride, ankles_m, footsteps, pelvis_height_m, smooth
from .posing import Poser, Wish

RATE_HZ = 50
LONGEST_STEP_M = 0.54
STEP_RATE_HZ = (1.3, 2.8)
TURN_PER_STEP_RAD = 0.8
HAND_OVER_S = 0.6
PALM = np.zeros(3)

Target = np.ndarray | Callable[[float], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """A hand that goes to a target at begin_s, is there ramp_s later, and leaves it at end_s."""

    begin_s: float
    end_s: float
    target: Target
    ramp_s: float
    amplitude_m: float = 0.0
    rate_hz: float = 0.0
    tip_m: np.ndarray | None = None

    def share(self, time_s: float) -> float:
        """How far the hand is on its way, in [0, 1]."""
        return ramp(time_s, self.begin_s, self.end_s, self.ramp_s)

    def place_m(self, time_s: float) -> np.ndarray:
        """(3,) the target at a moment, working movement included: small strokes, most of them up and down."""
        target_m = np.asarray(self.target(time_s) if callable(self.target) else self.target, dtype=np.float64)
        if not self.amplitude_m:
            return target_m
        angle = 2 * np.pi * self.rate_hz * (time_s - self.begin_s)
        return target_m + self.amplitude_m * np.array(
            [0.4 * np.sin(angle), 0.3 * np.sin(0.5 * angle), 0.8 * np.sin(angle)]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Something with a value that ramps up after begin_s and down after end_s."""

    begin_s: float
    end_s: float
    value: float | Target
    ramp_s: float = 0.5

    def share(self, time_s: float) -> float:
        """In [0, 1]."""
        return ramp(time_s, self.begin_s, self.end_s, self.ramp_s)


def ramp(time_s: float, begin_s: float, end_s: float, ramp_s: float) -> float:
    """A share that rises from begin_s on and falls from end_s on, each within ramp_s."""
    up, down = (time_s - begin_s) / ramp_s, (end_s - time_s) / ramp_s + 1
    return float(smooth(np.array(min(up, down))))


class Puppet:
    """Composes a motion verb by verb. Walks and turns come in the order of time; everything else in any order.

    Args:
        shape: whose body.
        duration_s: how long the motion lasts.
        start_m: (2,) where he stands first.
        heading_rad: where he faces first, 0 = +x, counter-clockwise.
        raised: in [0, 1], idle hands held in front of the chest, as the sterile do, and not hanging.
    """

    def __init__(
        self, shape: BodyShape, duration_s: float, start_m: np.ndarray, heading_rad: float, raised: float = 0.0
    ) -> None:
        num = round(duration_s * RATE_HZ) + 1
        self.shape = shape
        self.raised = raised
        self.grid_s = np.arange(num) / RATE_HZ
        self.root_m = np.tile(np.asarray(start_m, dtype=np.float64), (num, 1))
        self.heading_rad = np.full(num, float(heading_rad))
        self.strides: list[Stride] = []
        self.reaches: tuple[list[Reach], list[Reach]] = ([], [])
        self.leans: list[Span] = []
        self.looks: list[Span] = []

    def walk(
        self,
        begin_s: float,
        points_m: Sequence[np.ndarray],
        speed_m_s: float = 1.0,
        final_heading_rad: float | None = None,
        facing_rad: float | None = None,
    ) -> float:
        """Walk along points and stand there; returns the time of arrival.

        Args:
            begin_s: when to set off; not before the walk or turn before it has ended.
            points_m: (2,) each, where the path goes; corners are rounded.
            speed_m_s: the mean of the way between setting off and slowing down.
            final_heading_rad: where to face in the end; None = where the last leg of the path goes.
            facing_rad: where to face on the way (sideways, backwards); None = where the path goes.
        """
        begin_s = self._free_from(begin_s)
        first = min(int(np.ceil(begin_s * RATE_HZ - 1e-9)), len(self.grid_s) - 1)
        path = round_corners(
            np.stack([self.root_m[first], *(np.asarray(point, dtype=np.float64) for point in points_m)])
        )
        steps = np.diff(path, axis=0)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
        duration_s = max(length[-1] / (speed_m_s * 0.87), 0.9)
        num_steps = int(np.clip(np.ceil(length[-1] / LONGEST_STEP_M) + 1, *(duration_s * np.array(STEP_RATE_HZ))))
        clock = (self.grid_s[first:] - begin_s) / duration_s
        along = ease(clock) * length[-1]
        for axis in range(2):
            self.root_m[first:, axis] = np.interp(along, length, path[:, axis])
        tangent = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        last = float(tangent[-1] if facing_rad is None else facing_rad)
        final = last if final_heading_rad is None else float(final_heading_rad)
        on_way = np.interp(along, (length[1:] + length[:-1]) / 2, tangent) if facing_rad is None else facing_rad
        arrived = clock >= max(1 - 0.35 / duration_s, 0.5)
        self.heading_rad[first:] = np.where(arrived, final, on_way)
        return self._stride(begin_s, duration_s, max(num_steps, 2), final)

    def turn(self, begin_s: float, heading_rad: float, seconds: float = 0.8) -> float:
        """Turn on the spot, in steps; returns when it is done."""
        begin_s = self._free_from(begin_s)
        first = min(int(np.ceil(begin_s * RATE_HZ - 1e-9)), len(self.grid_s) - 1)
        before = float(self.heading_rad[first])
        angle = (heading_rad - before + np.pi) % (2 * np.pi) - np.pi
        if abs(angle) < 0.02:
            return begin_s
        num_steps = 2 * max(1, int(np.ceil(abs(angle) / (2 * TURN_PER_STEP_RAD))))
        duration_s = max(seconds, num_steps / 3.0)
        clock = (self.grid_s[first:] - begin_s) / duration_s
        self.heading_rad[first:] = before + angle * smooth(clock)
        return self._stride(begin_s, duration_s, num_steps, before + angle, first_side=0 if angle > 0 else 1)

    def reach(
        self, begin_s: float, end_s: float, side: str, target_m: Target, ramp_s: float = 0.4,
        tip_m: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Bring the palm to a target: there from begin_s + ramp_s to end_s, gone at end_s + ramp_s.

        A reach that begins about when another one of the same hand ends takes the hand over without letting go.

        Args:
            begin_s, end_s: when.
            side: "left" or "right".
            target_m: (3,) in the world, or a function of the time that gives it; it is asked when the pose is.
            ramp_s: how long the hand takes.
            tip_m: (3,) in the hand's frame, what is brought to the target instead of the palm: the tip of a held tool.
        """
        self._reach(side, Reach(begin_s, end_s, target_m, ramp_s, tip_m=tip_m))

    def operate(
        self, begin_s: float, end_s: float, side: str, target_m: Target, amplitude_m: float = 0.02,
        rate_hz: float = 1.5, tip_m: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Reach for a target and work there, with strokes of an amplitude; see `reach`."""
        self._reach(side, Reach(begin_s, end_s, target_m, 0.4, amplitude_m, rate_hz, tip_m))

    def lean(self, begin_s: float, end_s: float, angle_rad: float) -> None:
        """Bend the trunk forward; hands may ask for more."""
        self.leans.append(Span(begin_s, end_s, angle_rad))

    def look(self, begin_s: float, end_s: float, target_m: Target) -> None:
        """Turn the head to a target (3,), as far as a neck does."""
        self.looks.append(Span(begin_s, end_s, target_m, 0.3))

    def finish(self) -> Motion:
        """The motion."""
        return Motion(self)

    def _reach(self, side: str, reach: Reach) -> None:
        self.reaches[SIDES.index(side)].append(reach)

    def _free_from(self, begin_s: float) -> float:
        return max(begin_s, self.strides[-1].end_s) if self.strides else begin_s

    def _stride(
        self, begin_s: float, duration_s: float, num_steps: int, final_rad: float, first_side: int | None = None
    ) -> float:
        if first_side is None:
            before = self.strides[-1] if self.strides else None
            first_side = (before.first_side + before.num_steps) % 2 if before else 0
        end_s = begin_s + duration_s
        place_m = self.root_m[-1].copy()
        self.strides.append(Stride(begin_s, end_s, num_steps, first_side, place_m, final_rad))
        return end_s


class Motion:
    """What a puppet does, at any moment.

    Args:
        puppet: the finished puppet.
    """

    def __init__(self, puppet: Puppet) -> None:
        from scipy.ndimage import gaussian_filter1d

        self.shape = puppet.shape
        self.grid_s = puppet.grid_s
        self._poser = Poser(puppet.shape)
        self._raised = puppet.raised
        self._root_m = gaussian_filter1d(puppet.root_m, 0.05 * RATE_HZ, axis=0, mode="nearest", truncate=3.0)
        self._heading_rad = gaussian_filter1d(
            np.unwrap(puppet.heading_rad), 0.14 * RATE_HZ, mode="nearest", truncate=3.0
        )
        self._feet: Footsteps = footsteps(puppet.shape, self.grid_s, self._root_m, self._heading_rad, puppet.strides)
        self._ankles_m = ankles_m(puppet.shape, self._feet)
        self._hips_z_m = pelvis_height_m(puppet.shape, self._ankles_m, self._root_m, self._heading_rad, RATE_HZ)
        self._strides = tuple(puppet.strides)
        self._reaches = (joined(puppet.reaches[0]), joined(puppet.reaches[1]))
        self._leans, self._looks = tuple(puppet.leans), tuple(puppet.looks)
        self.pose = lru_cache(maxsize=8)(self._pose)
        self._bones = lru_cache(maxsize=8)(self._bones_at)

    def root_m(self, time_s: float) -> np.ndarray:
        """(2,) the point of the floor below the hips of the upright body."""
        return self._at(self._root_m, time_s)

    def heading_rad(self, time_s: float) -> float:
        """Where he faces, unwrapped."""
        return float(self._at(self._heading_rad, time_s))

    def bones(self, time_s: float) -> np.ndarray:
        """(b, 3, 4) world_from_model of each bone."""
        return self._bones(float(time_s))

    def hand(self, time_s: float, side: str) -> SE3:
        """world_from_hand: the origin on the palm's skin, +z along the fingers, +y out of the palm."""
        bone = self.bones(time_s)[self.shape.bone("wrist", side)]
        return SE3(bone[:, :3], bone[:, 3]) @ self.shape.hands[SIDES.index(side)]

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether any bone moves between two moments."""
        first, last = (int(np.clip(np.round(t * RATE_HZ), 0, len(self.grid_s) - 1)) for t in (begin_s, end_s))
        first, last = max(min(first, last) - 1, 0), min(max(first, last) + 2, len(self.grid_s))
        for values in (self._root_m, self._heading_rad, self._ankles_m, self._hips_z_m):
            if np.any(np.abs(np.diff(values[first:last], axis=0)) > 1e-9):
                return True
        spans = [*self._leans, *self._looks, *self._reaches[0], *self._reaches[1]]
        return any(is_at_work(span, begin_s, end_s) for span in spans)

    def _bones_at(self, time_s: float) -> np.ndarray:
        rotations, root = self.pose(time_s)
        return pose_bones(self.shape.bone_heads_m, self.shape.bone_parents, rotations, root)

    def _at(self, values: np.ndarray, time_s: float) -> np.ndarray:
        place = float(np.clip(time_s * RATE_HZ, 0.0, len(self.grid_s) - 1))
        index = min(int(place), len(self.grid_s) - 2) if len(self.grid_s) > 1 else 0
        following = min(index + 1, len(self.grid_s) - 1)
        return np.asarray(values[index] + (place - index) * (values[following] - values[index]))

    def _pose(self, time_s: float) -> tuple[np.ndarray, SE3]:
        root_m, heading = self.root_m(time_s), self.heading_rad(time_s)
        ankles = self._at(self._ankles_m, time_s)
        forward = np.array([np.cos(heading), np.sin(heading)])
        ahead = (ankles[:, :2] - root_m) @ forward
        lean = sum(float(span.value) * span.share(time_s) for span in self._leans if not callable(span.value))
        stride_m = float(ahead[0] - ahead[1])
        hands = tuple(
            tuple((reach.place_m(time_s), reach.share(time_s)) for reach in side if reach.share(time_s) > 0)
            for side in self._reaches
        )
        look_m, look = self._gaze(time_s, hands)
        wish = Wish(
            root_m=root_m,
            heading_rad=heading,
            hips_z_m=float(self._at(self._hips_z_m, time_s)),
            ankles_m=ankles,
            foot_yaw_rad=self._at(self._feet.yaw_rad, time_s),
            foot_pitch_rad=self._at(self._feet.pitch_rad, time_s),
            lean_rad=0.03 + lean,
            sway_rad=np.array([0.0, 0.16 * stride_m]),
            swing_rad=0.5 * np.array([-stride_m, stride_m]),
            raised=self._raised,
            hands=(hands[0], hands[1]),
            tips_m=np.stack([self._tip_m(side, time_s) for side in (0, 1)]),
            look_m=look_m,
            look=look,
        )
        return self._poser.pose(wish)

    def _tip_m(self, side: int, time_s: float) -> np.ndarray:
        tip_m = PALM
        for reach in self._reaches[side]:
            share = reach.share(time_s)
            tip_m = tip_m + share * ((PALM if reach.tip_m is None else reach.tip_m) - tip_m)
        return tip_m

    def _gaze(
        self, time_s: float, hands: tuple[tuple[tuple[np.ndarray, float], ...], ...]
    ) -> tuple[np.ndarray | None, float]:
        """Where he looks: where he was told to, or else at the work of his hands."""
        work = [pair for side in hands for pair in side]
        look_m, look = None, 0.0
        if work:
            shares = np.array([share for _, share in work])
            look_m = np.einsum("k,kc->c", shares, np.array([place for place, _ in work])) / shares.sum()
            look = 0.8 * float(shares.max())
        for span in self._looks:
            share = span.share(time_s)
            if share > 0:
                target_m = np.asarray(span.value(time_s) if callable(span.value) else span.value, dtype=np.float64)
                look_m = target_m if look_m is None else look_m + share * (target_m - look_m)
                look += share * (1 - look)
        return look_m, look


def joined(reaches: Sequence[Reach]) -> tuple[Reach, ...]:
    """The reaches of one hand in order of time; one that the next one takes over holds on until it has."""
    ordered = sorted(reaches, key=lambda reach: reach.begin_s)
    for index, (reach, following) in enumerate(itertools.pairwise(ordered)):
        if following.begin_s <= reach.end_s + HAND_OVER_S:
            end_s = max(following.begin_s + following.ramp_s, reach.begin_s + reach.ramp_s)
            ordered[index] = replace(reach, end_s=end_s)
    return tuple(ordered)


def is_at_work(span: Reach | Span, begin_s: float, end_s: float) -> bool:
    """Whether a span's value changes between two moments."""
    if end_s <= span.begin_s or begin_s >= span.end_s + span.ramp_s:
        return False
    ramping = begin_s < span.begin_s + span.ramp_s or end_s > span.end_s
    target = span.target if isinstance(span, Reach) else span.value
    return bool(ramping or callable(target) or (isinstance(span, Reach) and span.amplitude_m > 0))
