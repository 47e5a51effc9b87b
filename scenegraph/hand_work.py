"""What hands do with things: which thing goes along with which hand, and where held tools work.

A thing is in a hand where the palm is near it and the wrist stands still in the frame of the thing. Both are told for
each thing by the better of the two hands. How still it stands is the net speed over 0.2 s either before or after the
instant, whichever is less, so that a grip begins and ends at its instant and not half a window later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from .body_motion import BodyMotion, mean_speed_m_s, window_instants
from .scene_window import SceneWindow, ToolPath
from .vocabulary import WORK_TOOLS

SLIP_WINDOW_S = 0.2
#: In whose hand a tool is, for what depends on it: palm within, wrist no faster against it.
IN_HAND_M, IN_HAND_M_S = 0.15, 0.35
#: For how long the slip of a hand counts as distance, where two hands are compared.
SLIP_COUNTS_S = 0.5
#: Whose hand is so much worse at a thing than another's has none of it.
BEHIND_M = 0.05
#: A thing that is so near to a support, and slower, lies on it; who has it in hand keeps the hand on it, this still.
RESTS_M, RESTS_M_S, ON_IT_M, STILL_HAND_M_S = 0.05, 0.05, 0.06, 0.08
#: A tool whose tip is so near to the patient, and moves as it does at work, works there.
WORKING_TIP_M = 0.05
#: Whoever cleans moves the tip at least so fast, on the mean of so long before and after.
SWEEPING, SWEEP_M_S, MOVES_S = frozenset({"cleaning"}), 0.05, 0.25
#: She goes over the same ground again: within so long, so many times as far as she gets from where she was. A way
#: straight to or from the work is once as far.
SWEEP_S, SWEEP_WAYS = 1.0, 1.5
#: With fewer instants in that time nobody can say.
SWEEP_INSTANTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Grips:
    """H people and K things at T instants; NaN where joints or poses are unknown.

    Args:
        numbers: (K,) entity numbers of the things.
        palm_m: (T, H, K, 2) from each palm to the box of the thing.
        slip_m_s: (T, H, K, 2) speed of the wrist in the frame of the thing.
        tip_m: (T, K, 3) working points.
        sweeps: (T, K) bool: whether they go to and fro, in the hands of one person; true where nobody can say.
        thing_m_s: (T, K) speed of the thing, before or after the instant, whichever is more.
    """

    numbers: np.ndarray
    palm_m: np.ndarray
    slip_m_s: np.ndarray
    tip_m: np.ndarray
    sweeps: np.ndarray
    thing_m_s: np.ndarray

    def best_side(self) -> np.ndarray:
        """(T, H, K) 0 or 1, the hand that is likelier to hold the thing."""
        badness = np.maximum(self.palm_m / IN_HAND_M, self.slip_m_s / IN_HAND_M_S)
        return np.where(np.isnan(badness), np.inf, badness).argmin(axis=-1)

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """(T, H, K) palm_m and slip_m_s of the hand that is likelier to hold the thing."""
        side = self.best_side()[..., None]
        palm_m, slip_m_s = (np.take_along_axis(array, side, axis=-1)[..., 0] for array in (self.palm_m, self.slip_m_s))
        return palm_m, slip_m_s

    def others_m(self) -> np.ndarray:
        """(T, H, K) how far the best hand of anybody else is from holding the thing, infinite where nobody is known."""
        farness_m = farness(*self.best())
        others_m = np.full_like(farness_m, np.inf)
        for person in range(farness_m.shape[1]):
            others = np.delete(farness_m, person, axis=1)
            if others.shape[1]:
                others_m[:, person] = np.fmin.reduce(others, axis=1)
        return np.where(np.isnan(others_m), np.inf, others_m)

    def lead_m(self) -> np.ndarray:
        """(T, H, K) by how much the hand of each is nearer to holding the thing than that of anybody else."""
        return self.others_m() - farness(*self.best())

    def works(self, action: str) -> np.ndarray:
        """(T, K) bool: where the tip of each thing moves as it does in a work; true where nobody can say."""
        return self.sweeps if action in SWEEPING else np.ones_like(self.sweeps)

    def at(self, instants: slice) -> Grips:
        """The same at some instants."""
        cut = {item.name: getattr(self, item.name)[instants] for item in fields(self) if item.name != "numbers"}
        return replace(self, **cut)


def farness(palm_m: np.ndarray, slip_m_s: np.ndarray) -> np.ndarray:
    """(...) metres that a hand is from holding a thing: its distance, and the way that it slips in half a second."""
    return palm_m + SLIP_COUNTS_S * slip_m_s


def grips(window: SceneWindow, motion: BodyMotion) -> Grips:
    """Which thing goes along with which hand, at all instants of a window."""
    numbers = np.array(sorted(window.tools), dtype=np.int64)
    count, step_s, num_times = window_instants(SLIP_WINDOW_S, window.step_s), window.step_s, len(window.times_ns)
    palm_m, slip_m_s = (np.full((num_times, len(motion.numbers), len(numbers), 2), np.nan) for _ in range(2))
    tip_m, thing_m_s = np.full((num_times, len(numbers), 3), np.nan), np.full((num_times, len(numbers)), np.nan)
    for column, number in enumerate(numbers.tolist()):
        path = window.tools[number]
        palm_m[:, :, column] = path.box_distance_m(motion.palm_m)
        slip_m_s[:, :, column] = np.fmin(*_net_speeds(_in_frame_of(path, motion.wrist_m), count, step_s))
        tip_m[:, column] = path.tips_m()
        middle_m = path.rotation @ ((path.low_m + path.high_m) / 2) + path.translation_m
        thing_m_s[:, column] = np.fmax(*_net_speeds(middle_m, count, step_s))
    held = Grips(numbers, palm_m, slip_m_s, tip_m, np.ones(thing_m_s.shape, dtype=bool), thing_m_s)
    return replace(held, sweeps=_sweeps(tip_m, _holder(held), step_s))


def armed_hands(held: Grips, support_m: np.ndarray) -> np.ndarray:
    """(T, H, 2) bool: which hands hold something; `support_m` (T, K) is from each thing to what it may lie on."""
    with np.errstate(invalid="ignore"):
        lies = (support_m <= RESTS_M) & (held.thing_m_s <= RESTS_M_S)
        slip_limit_m_s = np.where(lies, STILL_HAND_M_S, IN_HAND_M_S)[:, None, :, None]
        palm_limit_m = np.where(lies, ON_IT_M, IN_HAND_M)[:, None, :, None]
        with_it = (held.palm_m <= palm_limit_m) & (held.slip_m_s <= slip_limit_m_s)
        with_it &= (held.lead_m() >= -BEHIND_M)[..., None]
        with_it &= held.best_side()[..., None] == np.arange(2)
    return np.asarray(with_it.any(axis=2))


def tools_in_hand(held: Grips, rest_m: np.ndarray, support_m: np.ndarray) -> np.ndarray:
    """(T, H, K) float: 1 in hand and off where it lay, 0 not, NaN unknown; in the hands of one person at most.

    Args:
        held: the grips.
        rest_m: (T, K) from each thing to the nearest fixture.
        support_m: (T, K) the same, patients included; a tool at work touches the patient, so the hand must be on it.
    """
    palm_m, slip_m_s = held.best()
    with np.errstate(invalid="ignore"):
        still = held.thing_m_s <= RESTS_M_S
        near = palm_m <= np.where(still & (support_m <= RESTS_M), ON_IT_M, IN_HAND_M)[:, None]
        near &= (slip_m_s <= IN_HAND_M_S) & ~(still & (rest_m <= RESTS_M))[:, None]
    return np.where(np.isnan(palm_m), np.nan, near & (held.lead_m() >= 0.0))


def work_distances_m(
    in_hand: np.ndarray, tip_gap_m: np.ndarray, held: Grips, labels: list[str], num_patients: int
) -> Mapping[str, np.ndarray]:
    """By action, (T, H, B) how near the tip of a tool for it, held by each person, is to each of B things.

    Infinite where she holds no such tool, or it does not move as it does at work, and of a fixture where a patient is
    nearer; NaN where nobody can say.

    Args:
        in_hand: (T, H, K) as from `tools_in_hand`.
        tip_gap_m: (T, K, B) from each working point to each surface.
        held: the grips.
        labels: the classes of the K things.
        num_patients: so many of the B things are patients, who come first.
    """
    tip_gap_m = tip_gap_m.copy()
    to_patient_m = least(tip_gap_m[..., :num_patients])[..., None]
    tip_gap_m[..., num_patients:][tip_gap_m[..., num_patients:] > to_patient_m] = np.inf
    shape = (in_hand.shape[0], in_hand.shape[1], tip_gap_m.shape[2])
    found = {}
    for action, tools in WORK_TOOLS.items():
        best, doubt, works = np.full(shape, np.inf), np.zeros(shape, dtype=bool), held.works(action)
        for column, label in enumerate(labels):
            if label in tools:
                in_hers = in_hand[:, :, column, None]
                gap_m = np.where(works[:, column, None, None], tip_gap_m[:, None, column], np.inf)
                best = np.fmin(best, np.where(in_hers == 1.0, gap_m, np.inf))
                doubt |= np.isnan(in_hers) | ((in_hers == 1.0) & np.isnan(gap_m))
        found[action] = np.where(doubt & np.isinf(best), np.nan, best)
    return found


def tools_at_work(in_hand: np.ndarray, tip_gap_m: np.ndarray, held: Grips, labels: list[str]) -> np.ndarray:
    """(T, H, K) bool: which things in whose hands work on a patient; `tip_gap_m` (T, K) is to the nearest one."""
    works = np.zeros(held.sweeps.shape, dtype=bool)
    for action, tools in WORK_TOOLS.items():
        works |= held.works(action) & np.isin(labels, list(tools))
    with np.errstate(invalid="ignore"):
        return np.asarray((in_hand == 1.0) & (works & (tip_gap_m <= WORKING_TIP_M))[:, None])


def nearest_tools_m(tip_gap_m: np.ndarray, seen: np.ndarray, labels: list[str]) -> Mapping[str, np.ndarray]:
    """By action, (T, B) how near to each of B things any tool for it may be, whoever holds it.

    It is 0 where such a tool is there and nobody sees where, infinite where there is none.

    Args:
        tip_gap_m: (T, K, B) from each working point to each surface, NaN where the tool or the thing is not there.
        seen: (T, K) whether a camera sees the tool.
        labels: the classes of the K things.
    """
    could_be_m = np.where(seen[..., None] | np.isnan(tip_gap_m), tip_gap_m, 0.0)
    found = {}
    for action, tools in WORK_TOOLS.items():
        columns = [column for column, label in enumerate(labels) if label in tools]
        nearest_m = least(np.moveaxis(could_be_m[:, columns], 1, -1))
        found[action] = np.where(np.isnan(nearest_m), np.inf, nearest_m)
    return found


def least(distances_m: np.ndarray) -> np.ndarray:
    """(...) the least over the last axis; infinite where that is empty, NaN where all are."""
    if not distances_m.shape[-1]:
        return np.full(distances_m.shape[:-1], np.inf)
    return np.fmin.reduce(distances_m, axis=-1)


def _holder(held: Grips) -> np.ndarray:
    """(T, K) whose hand each thing goes along with, by column; -1 where with nobody's."""
    if not held.palm_m.shape[1]:
        return np.full(held.thing_m_s.shape, -1)
    palm_m, slip_m_s = held.best()
    with np.errstate(invalid="ignore"):
        in_hers = (palm_m <= IN_HAND_M) & (slip_m_s <= IN_HAND_M_S) & (held.lead_m() >= 0.0)
    return np.where(in_hers.any(axis=1), in_hers.argmax(axis=1), -1)


def _sweeps(tip_m: np.ndarray, holder: np.ndarray, step_s: float) -> np.ndarray:
    """(T, K) bool: whether tips go to and fro, after an instant or before it, in the hand that they are in then."""
    count = window_instants(SWEEP_S, step_s)
    if count < SWEEP_INSTANTS:
        return np.ones(holder.shape, dtype=bool)
    after = _goes_to_and_fro(tip_m, holder, count)
    before = _goes_to_and_fro(tip_m[::-1], holder[::-1], count)[::-1]
    moves = mean_speed_m_s(tip_m, step_s, MOVES_S, MOVES_S) >= SWEEP_M_S
    return (moves & (after | before)) | np.isnan(tip_m).any(axis=-1)


def _goes_to_and_fro(tip_m: np.ndarray, holder: np.ndarray, count: int) -> np.ndarray:
    """(T, K) bool, over the `count` instants after each: only steps in the hand that has the tip at first count."""
    step_m = np.linalg.norm(np.diff(tip_m, axis=0), axis=-1)
    step_m[(holder[1:] != holder[:-1]) | np.isnan(step_m)] = 0.0
    way_m, far_m, found = np.zeros(holder.shape), np.zeros(holder.shape), np.zeros(holder.shape, dtype=bool)
    for offset in range(1, min(count, len(holder) - 1) + 1):
        first = slice(0, len(holder) - offset)
        same = (holder[offset:] == holder[first]) & (holder[first] >= 0)
        apart_m = np.linalg.norm(tip_m[offset:] - tip_m[first], axis=-1)
        way_m[first] += np.where(same, step_m[offset - 1 :], 0.0)
        far_m[first] = np.fmax(far_m[first], np.where(same, apart_m, 0.0))
        found |= (way_m >= SWEEP_M_S * SWEEP_S) & (way_m >= SWEEP_WAYS * far_m)
    return found


def _in_frame_of(path: ToolPath, points_m: np.ndarray) -> np.ndarray:
    """Points (T, H, 2, 3) of the world in the frame of a thing."""
    return np.einsum("thsi,tij->thsj", points_m - path.translation_m[:, None, None], path.rotation)


def _net_speeds(points_m: np.ndarray, count: int, step_s: float) -> tuple[np.ndarray, np.ndarray]:
    """(T, ...) net speed of points (T, ..., 3) over the `count` instants before, and after; NaN where unknown."""
    after = np.full(points_m.shape[:-1], np.nan)
    before = after.copy()
    if count < len(points_m):
        speed = np.linalg.norm(points_m[count:] - points_m[:-count], axis=-1) / (count * step_s)
        after[:-count], before[count:] = speed, speed
    return np.where(np.isnan(before), after, before), np.where(np.isnan(after), before, after)
