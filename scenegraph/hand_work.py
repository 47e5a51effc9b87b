"""What hands do: which thing goes along with which hand, what a free hand is at, where held tools work.

A thing is in a hand where the palm is near it and the wrist stands still in the frame of the thing. Both are told for
each thing by the better of the two hands. How still it stands is the net speed over 0.2 s either before or after the
instant, whichever is less, so that a grip begins and ends at its instant and not half a window later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .body_motion import BodyMotion, window_instants
from .scene_window import SceneWindow, ToolPath
from .vocabulary import WORK_TOOLS

SLIP_WINDOW_S = 0.2
#: In whose hand a tool is, for what depends on it: palm within, wrist no faster against it.
IN_HAND_M, IN_HAND_M_S = 0.15, 0.35
#: A thing that is so near to a fixture, and slower, lies on it; who has it in hand then keeps the hand this still.
RESTS_M, RESTS_M_S, STILL_HAND_M_S = 0.05, 0.05, 0.08
#: What counts as work when somebody may be helping at it: a tip or a hand at the patient, the hand moving.
WORKING_TIP_M, WORKING_HAND_M, WORKING_HAND_M_S = 0.05, 0.10, 0.05
#: A hand that helps is so near to the patient.
HELPING_HAND_M = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Grips:
    """H people and K things at T instants; NaN where joints or poses are unknown.

    Args:
        numbers: (K,) entity numbers of the things.
        palm_m: (T, H, K, 2) from each palm to the box of the thing.
        slip_m_s: (T, H, K, 2) speed of the wrist in the frame of the thing.
        hand_m_s: (T, H, K, 2) speed of the wrist in the world over the same 0.2 s.
        tip_m: (T, K, 3) working points.
        thing_m_s: (T, K) speed of the thing.
    """

    numbers: np.ndarray
    palm_m: np.ndarray
    slip_m_s: np.ndarray
    hand_m_s: np.ndarray
    tip_m: np.ndarray
    thing_m_s: np.ndarray

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T, H, K) palm_m, slip_m_s and hand_m_s of the hand that is likelier to hold the thing."""
        badness = np.maximum(self.palm_m / IN_HAND_M, self.slip_m_s / IN_HAND_M_S)
        side = np.where(np.isnan(badness), np.inf, badness).argmin(axis=-1)[..., None]

        def chosen(array: np.ndarray) -> np.ndarray:
            return np.take_along_axis(array, side, axis=-1)[..., 0]

        return chosen(self.palm_m), chosen(self.slip_m_s), chosen(self.hand_m_s)

    def at(self, instants: slice) -> Grips:
        """The same at some instants."""
        return Grips(
            self.numbers, *(getattr(self, name)[instants] for name in (
                "palm_m", "slip_m_s", "hand_m_s", "tip_m", "thing_m_s"
            ))
        )  # fmt: skip


def grips(window: SceneWindow, motion: BodyMotion) -> Grips:
    """Which thing goes along with which hand, at all instants of a window."""
    numbers = np.array(sorted(window.tools), dtype=np.int64)
    count, step_s = window_instants(SLIP_WINDOW_S, window.step_s), window.step_s
    shape = (len(window.times_ns), len(motion.numbers), len(numbers), 2)
    palm_m, slip_m_s, hand_m_s = (np.full(shape, np.nan) for _ in range(3))
    tip_m, thing_m_s = np.full((shape[0], len(numbers), 3), np.nan), np.full((shape[0], len(numbers)), np.nan)
    before_m_s, after_m_s = _net_speeds(motion.wrist_m, count, step_s)
    for column, number in enumerate(numbers.tolist()):
        path = window.tools[number]
        palm_m[:, :, column] = path.box_distance_m(motion.palm_m)
        slip_before, slip_after = _net_speeds(_in_frame_of(path, motion.wrist_m), count, step_s)
        forward = ~(slip_before < slip_after)
        slip_m_s[:, :, column] = np.where(forward, slip_after, slip_before)
        hand_m_s[:, :, column] = np.where(forward, after_m_s, before_m_s)
        tip_m[:, column] = path.tips_m()
        middle_m = path.rotation @ ((path.low_m + path.high_m) / 2) + path.translation_m
        thing_m_s[:, column] = np.fmax(*_net_speeds(middle_m, count, step_s))
    return Grips(numbers, palm_m, slip_m_s, hand_m_s, tip_m, thing_m_s)


def armed_hands(held: Grips, rest_m: np.ndarray) -> np.ndarray:
    """(T, H, 2) bool: which hands hold something; `rest_m` (T, K) is how far each thing is from all fixtures."""
    with np.errstate(invalid="ignore"):
        lies = (rest_m <= RESTS_M) & (held.thing_m_s <= RESTS_M_S)
        slip_limit_m_s = np.where(lies, STILL_HAND_M_S, IN_HAND_M_S)[:, None, :, None]
        with_it = (held.palm_m <= IN_HAND_M) & (held.slip_m_s <= slip_limit_m_s)
    return np.asarray(with_it.any(axis=2))


def tools_in_hand(held: Grips) -> np.ndarray:
    """(T, H, K) float: 1 in hand, 0 not, NaN unknown; a thing is in the hands of at most one person."""
    palm_m, slip_m_s, _ = held.best()
    with np.errstate(invalid="ignore"):
        near = (palm_m <= IN_HAND_M) & (slip_m_s <= IN_HAND_M_S)
    distance_m = np.where(near, palm_m, np.inf)
    nearest = np.zeros_like(near)
    if near.shape[1]:
        np.put_along_axis(nearest, distance_m.argmin(axis=1)[:, None], True, axis=1)
    return np.where(np.isnan(palm_m), np.nan, near & nearest)


def work_distances_m(in_hand: np.ndarray, tip_gap_m: np.ndarray, labels: list[str]) -> Mapping[str, np.ndarray]:
    """By action, (T, H, B) how near the tip of a tool for it, held by each person, is to each of B things.

    Infinite where she holds no such tool; NaN where nobody can say.

    Args:
        in_hand: (T, H, K) as from `tools_in_hand`.
        tip_gap_m: (T, K, B) from each working point to each surface.
        labels: the classes of the K things.
    """
    shape = (in_hand.shape[0], in_hand.shape[1], tip_gap_m.shape[2])
    found = {}
    for action, tools in WORK_TOOLS.items():
        best, doubt = np.full(shape, np.inf), np.zeros(shape, dtype=bool)
        for column, label in enumerate(labels):
            if label in tools:
                held, gap_m = in_hand[:, :, column, None], tip_gap_m[:, None, column]
                best = np.fmin(best, np.where(held == 1.0, gap_m, np.inf))
                doubt |= np.isnan(held) | ((held == 1.0) & np.isnan(gap_m))
        found[action] = np.where(doubt & np.isinf(best), np.nan, best)
    return found


def free_hand_m(palm_gap_m: np.ndarray, armed: np.ndarray, stir_m_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, H, B) how near the nearer free hand is to each of B things, infinite without one, and how fast it moves.

    Args:
        palm_gap_m: (T, H, 2, B).
        armed: (T, H, 2) hands that hold something.
        stir_m_s: (T, H, 2).
    """
    gap_m = np.where(armed[..., None], np.inf, palm_gap_m)
    side = np.where(np.isnan(gap_m), np.inf, gap_m).argmin(axis=2)[:, :, None]
    nearest_m = np.take_along_axis(gap_m, side, axis=2)[:, :, 0]
    speed = np.take_along_axis(np.broadcast_to(stir_m_s[..., None], gap_m.shape), side, axis=2)[:, :, 0]
    return nearest_m, speed


def help_distances_m(
    palm_m: np.ndarray, palm_gap_m: np.ndarray, free: np.ndarray, stir_m_s: np.ndarray, in_hand: np.ndarray,
    tip_m: np.ndarray, tip_gap_m: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(T, H, H) how near a hand of a, who does no work herself, is to where b works on a patient; infinite otherwise.

    Args:
        palm_m: (T, H, 2, 3).
        palm_gap_m: (T, H, 2) to the nearest patient.
        free: (T, H, 2) hands that hold nothing.
        stir_m_s: (T, H, 2).
        in_hand: (T, H, K).
        tip_m, tip_gap_m: (T, K, 3), (T, K) to the nearest patient.
    """
    with np.errstate(invalid="ignore"):
        by_hand = free & (palm_gap_m <= WORKING_HAND_M) & (stir_m_s >= WORKING_HAND_M_S)
        by_tool = (in_hand == 1.0) & (tip_gap_m <= WORKING_TIP_M)[:, None]
        helps = palm_gap_m <= HELPING_HAND_M
    works = by_hand.any(axis=-1) | by_tool.any(axis=-1)
    best = np.full((*works.shape, works.shape[1]), np.inf)
    for b in range(works.shape[1]):
        points = [(palm_m[:, b, side], by_hand[:, b, side]) for side in range(2)]
        points += [(tip_m[:, k], by_tool[:, b, k]) for k in range(tip_m.shape[1])]
        for point_m, counts in points:
            if counts.any():
                away_m = np.linalg.norm(palm_m - point_m[:, None, None], axis=-1)
                away_m = np.where(helps & counts[:, None, None], away_m, np.inf).min(axis=-1)
                best[:, :, b] = np.fmin(best[:, :, b], away_m)
    best[works] = np.inf
    unknown = np.asarray(np.isnan(palm_gap_m).all(axis=-1))
    return np.where(unknown[:, :, None] | unknown[:, None, :], np.nan, best)


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
