"""What happens in the simulated room: two people and a cart, in cycles of eight seconds.

Person 1 comes in through the door, works at the operating table, and leaves. Person 2 takes the cart, pushes it along
its lane, lets go, meets person 1, returns, and pulls the cart back. In a longer recording person 1 leaves only in the
last cycle and walks to the instrument table in the others. A script is drawn until nobody runs into anything and every
relation is clear: it would also hold, at nearly the same times, if every gap were wrong by centimetres; contact is
firm. So a score measures the pipeline, and not on which side of a threshold a hand happens to hover.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from ...capture.errors import ConfigError
from .cart import GRIP_X_M, GRIPS_M, cart_solids, heading_rotation
from .people import BELLY_RADIUS_M, HAND_RADIUS_M, Body, pose_body
from .room import Room, box_solid
from .solids import Solids, gap_m
from .true_relations import gap_spans
from .walker import RATE_HZ, Walker, sample

CYCLE_S = 8.0
ATTEMPTS = 60
ARM_REACH_M = 0.40
CLEARANCE_M = 0.02
LEAN_M = 0.012
#: A scene is clear if gaps that are all wrong by this much give the same relations, at nearly the same times.
SHIFTS_M = {"close_to": (-0.05, 0.05), "touching": (0.025, -0.04)}
CLEAR_IOU = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What moves, sampled at the instants of a recording.

    Args:
        bodies: body by person id.
        cart: the cart's solids.
        cart_position_m: (t, 2) of its own origin on the floor.
        cart_heading_rad: (t,).
    """

    bodies: dict[str, Body]
    cart: Solids
    cart_position_m: np.ndarray
    cart_heading_rad: np.ndarray

    @property
    def solids(self) -> dict[str, Solids]:
        """The solids of everything that moves, by name."""
        return {**{name: body.solids for name, body in self.bodies.items()}, "cart_1": self.cart}


def play_script(room: Room, rng: np.random.Generator, seconds: float, times_s: np.ndarray) -> Scene:
    """Draw what happens in a room until it is possible and clear.

    Args:
        room: where.
        rng: the source of all choices.
        seconds: length of the recording; below eight the script is cut.
        times_s: (t,) the instants that are wanted.

    Raises:
        ConfigError: no possible script was found for this room.
    """
    reasons = []
    for _ in range(ATTEMPTS):
        scene = _draw(room, np.random.default_rng(rng.integers(2**63)), seconds, times_s)
        reasons.append(trouble(room, scene, float(np.diff(times_s).mean())))
        if not reasons[-1]:
            return scene
    raise ConfigError("no script fits this simulated room", why=reasons[-1], todo="give another seed")


def trouble(room: Room, scene: Scene, step_s: float) -> str:
    """Why a scene is impossible or unclear, or an empty string."""
    solids = scene.solids
    fixtures = {fixture.label: box_solid(fixture.box) for fixture in room.fixtures}
    for name, thing in solids.items():
        if gap_m(thing, room.walls, 0.3).min() < CLEARANCE_M:
            return f"{name} runs into a wall"
    for (name, one), (other, two) in (
        *itertools.combinations(solids.items(), 2), *itertools.product(solids.items(), fixtures.items()),
    ):  # fmt: skip
        gap = gap_m(one, two, 1.0)
        if gap.min() <= 0.0:
            return f"{name} runs into {other} at instant {gap.argmin()}"
        for predicate, shifts_m in SHIFTS_M.items():
            spans = gap_spans(gap, predicate, step_s)
            if any(not _alike(spans, gap_spans(np.maximum(gap + shift, 0), predicate, step_s)) for shift in shifts_m):
                return f"{predicate}({name}, {other}) is unclear"
    return ""


def _alike(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> bool:
    """Whether two lists of spans are the same but for their borders."""
    overlaps = [
        (min(a[1], b[1]) - max(a[0], b[0])) / (max(a[1], b[1]) - min(a[0], b[0]))
        for a, b in zip(spans, others, strict=False)
    ]
    return len(spans) == len(others) and all(overlap >= CLEAR_IOU for overlap in overlaps)


def _draw(room: Room, rng: np.random.Generator, seconds: float, times_s: np.ndarray) -> Scene:
    num_cycles = max(1, int(seconds / CYCLE_S))
    stretch = max(1.0, seconds / (num_cycles * CYCLE_S))
    heights_m, girths = rng.uniform(1.62, 1.88, 2), rng.uniform(0.94, 1.1, 2)
    north, inwards = np.pi / 2, np.pi if room.mirrored else 0.0
    outwards = np.pi - inwards
    station, table_hands = _station(room, rng, BELLY_RADIUS_M * girths[0] + LEAN_M)
    lane_y, behind = -1.8 + rng.uniform(-0.04, 0.04), room.place(-GRIP_X_M + ARM_REACH_M, 0.0)
    lane = [room.place(x, lane_y) for x in (rng.uniform(0.8, 0.9), rng.uniform(-0.8, -0.7), rng.uniform(0.25, 0.4))]
    meeting = station + room.place(rng.uniform(0.75, 0.81), rng.uniform(-0.32, -0.27))
    near = station - np.array([0.0, 0.3])
    beside = near + room.place(-0.25, -0.1)
    way_in = [room.place(x, y) for x, y in ((-3.33, 0.86), (-3.3, -0.2), (-2.8, -0.42), (-1.5, -0.6))]
    way_round = [room.place(x, y) for x, y in ((-1.5, -0.3), (-1.5, 0.75), (-0.6, 1.15), (0.25, 1.18))]

    length_s = max(seconds / stretch, num_cycles * CYCLE_S) + 0.5
    one = Walker(length_s, way_in[0], -north)
    two = Walker(length_s, room.place(*rng.uniform((2.55, -1.3), (2.7, -1.15))), outwards)
    cart_m = np.tile(lane[0], (len(two.grid_s), 1))
    grips: list[tuple[float, float]] = []
    grip_s = 0.85
    for begin_s in CYCLE_S * np.arange(num_cycles):
        late_s = rng.uniform(-0.08, 0.08)
        coming, going = (way_in[1:], way_in[::-1]) if begin_s == 0 else (way_round[::-1][1:], way_in[::-1])
        if begin_s < CYCLE_S * (num_cycles - 1):
            going = way_round
        near_s = one.walk(begin_s, [*coming, beside, near], 1.45, north)
        one.walk(near_s - 0.1, [station], 0.5, north, facing_rad=north)
        leave_s = max(begin_s + 4.35, near_s + 1.2)
        one.lean(near_s - 0.15, leave_s + 0.4)
        one.hold(near_s + 0.3, leave_s - 0.2, table_hands)
        stepped_s = one.walk(leave_s, [near], 0.45, north, facing_rad=north)
        one.walk(stepped_s - 0.1, [beside, *going], 1.45, north)

        two.walk(begin_s + 0.02, [lane[0] + behind], 1.25, outwards, facing_rad=None if begin_s == 0 else outwards)
        if begin_s > 0:
            _follow(cart_m, two, begin_s, behind)
        pushed_s = two.walk(begin_s + 1.2 + late_s, [lane[1] + behind], 1.2, outwards, facing_rad=outwards)
        _follow(cart_m, two, begin_s + 1.15 + late_s, behind)
        grips.append((grip_s, pushed_s + 0.1))
        met_s = two.walk(pushed_s + 0.3, [meeting], 1.25, north)
        back_s = two.walk(met_s + 0.45, [lane[1] + behind], 1.25, outwards)
        two.walk(back_s + 0.3, [lane[2] + behind], 1.1, outwards, facing_rad=outwards)
        _follow(cart_m, two, back_s + 0.25, behind)
        grip_s = back_s + 0.05
    grips.append((grip_s, length_s + 1.0))
    held = cart_m[:, None, :] + (GRIPS_M @ heading_rotation(np.array([outwards]))[0].T)[None, :, :2]
    hands = np.concatenate([held, np.full((*held.shape[:2], 1), GRIPS_M[0, 2])], axis=-1)
    for first_s, last_s in grips:
        two.hold(first_s, last_s, hands)
        two.lean(first_s, last_s)

    script_s = times_s / stretch
    position = sample(cart_m, two.grid_s, script_s)
    heading = np.full(len(position), outwards)
    motions = [walker.motion(script_s) for walker in (one, two)]
    bodies = {
        f"person_{i + 1}": pose_body(replace(motion, speed_m_s=motion.speed_m_s / stretch), heights_m[i], girths[i])
        for i, motion in enumerate(motions)
    }
    return Scene(bodies, cart_solids(position, heading), position, heading)


def _station(room: Room, rng: np.random.Generator, stand_off_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Where person 1 stands at the operating table (2,), and where his left and right hand rest on it (2, 3)."""
    table, aside = room.fixture("operating_table"), rng.uniform(-0.73, -0.57) * (-1.0 if room.mirrored else 1.0)
    edge = np.array([aside, -table.extent_m[1] / 2, 0.0])
    station = table.center_m + table.rotation @ (edge - np.array([0.0, stand_off_m, 0.0]))
    top = table.extent_m[2] / 2 + HAND_RADIUS_M + 0.004
    hands = [table.center_m + table.rotation @ (edge + np.array([side * 0.14, 0.1, top])) for side in (-1.0, 1.0)]
    return station[:2], np.stack(hands)


def _follow(cart_m: np.ndarray, walker: Walker, begin_s: float, behind: np.ndarray) -> None:
    """From a time on the cart goes where its pusher's hands take it."""
    first = min(round(begin_s * RATE_HZ), len(cart_m) - 1)
    cart_m[first:] = walker.root_m[first:] - behind
