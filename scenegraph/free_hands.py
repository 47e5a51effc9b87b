"""What hands do that hold nothing: what they are at, whom they move, whose work they help.

Hands serve one thing at a time. Whoever works with a tool, or moves a patient along, has no hand free; and two free
hands are both at what they are at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body_motion import VELOCITY_WINDOW_S, BodyMotion, smooth_velocity_m_s, window_instants
from .hand_work import least

#: A hand that is so near to the patient, and moves so fast, works there.
WORKING_HAND_M, WORKING_HAND_M_S = 0.06, 0.05
#: A hand that helps, and holds nothing, is so near to the patient.
HELPING_HAND_M = 0.20
#: A hand that is so near to a patient who moves so fast moves her, if it is slower against her by half; for so long
#: before it grips her, and for as long after it lets go.
CARRIES_M, CARRIED_M_S, GRIP_S = 0.30, 0.15, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class FreeHands:
    """What the hands that hold nothing are at: (T, H, B) each, H people and B things, patients first.

    Args:
        nearest_m: of the nearer one, infinite with none free.
        farthest_m: of the farther one, where both are free.
        stir_m_s: how fast the nearer one moves.
        astray_m: by how much they are farther from the thing than from the nearest fixture, where the thing is a
            patient, or the other way round. Of the nearer and of the farther hand the one counts for which a fixture is
            nearer: hands at a patient who lies on a table are at the table, as long as one of them is.
    """

    nearest_m: np.ndarray
    farthest_m: np.ndarray
    stir_m_s: np.ndarray
    astray_m: np.ndarray


def free_hands(palm_gap_m: np.ndarray, armed: np.ndarray, stir_m_s: np.ndarray, num_patients: int) -> FreeHands:
    """What free hands are at.

    Args:
        palm_gap_m: (T, H, 2, B).
        armed: (T, H, 2) hands that are not free.
        stir_m_s: (T, H, 2).
        num_patients: so many of the B things are patients, who come first.
    """
    gap_m = np.where(armed[..., None], np.inf, palm_gap_m)
    side = np.where(np.isnan(gap_m), np.inf, gap_m).argmin(axis=2)[:, :, None]
    to_patient_m, to_fixture_m = (
        least(part)[..., None] for part in (gap_m[..., :num_patients], gap_m[..., num_patients:])
    )
    is_patient = np.arange(gap_m.shape[-1]) < num_patients
    rival_m = np.where(is_patient, to_fixture_m, to_patient_m)
    stir_m_s = np.broadcast_to(stir_m_s[..., None], gap_m.shape)
    nearest_m, speed, rival_of_nearest_m = (
        np.take_along_axis(array, side, axis=2)[:, :, 0] for array in (gap_m, stir_m_s, rival_m)
    )
    one_armed = (armed & ~np.all(armed, axis=2, keepdims=True))[..., None]
    farthest_m, rival_of_farthest_m = (np.where(one_armed, -np.inf, array).max(axis=2) for array in (gap_m, rival_m))
    with np.errstate(invalid="ignore"):
        astray_m = nearest_m - rival_of_nearest_m, farthest_m - rival_of_farthest_m
    astray_m = np.where(is_patient, np.fmax(*astray_m), np.fmin(*astray_m))
    return FreeHands(nearest_m, np.where(np.isnan(nearest_m), np.nan, farthest_m), speed, astray_m)


def carrying_hands(motion: BodyMotion, center_m: np.ndarray, extent_m: np.ndarray, step_s: float) -> np.ndarray:
    """(T, H, 2) bool: which hands move a patient along, grip her to do so, or let go of her.

    Args:
        motion: of a window.
        center_m, extent_m: (T, B, 3) the axis-aligned boxes of patients.
        step_s: from one instant to the next.
    """
    carried, hands = (
        smooth_velocity_m_s(points_m, step_s, VELOCITY_WINDOW_S) for points_m in (center_m, motion.palm_m)
    )
    speed = np.linalg.norm(carried, axis=-1)[:, None, None]
    slip = np.linalg.norm(hands[:, :, :, None] - carried[:, None, None], axis=-1)
    apart_m = np.abs(motion.palm_m[:, :, :, None] - center_m[:, None, None]) - extent_m[:, None, None] / 2
    apart_m = np.linalg.norm(np.maximum(apart_m, 0.0), axis=-1)
    with np.errstate(invalid="ignore"):
        moves = ((apart_m <= CARRIES_M) & (speed >= CARRIED_M_S) & (slip <= speed / 2)).any(axis=-1)
    return _about(moves, window_instants(GRIP_S, step_s))


def _about(mask: np.ndarray, count: int) -> np.ndarray:
    """(T, ...) bool: whether a mask is set at most so many instants away."""
    number = np.arange(len(mask))
    total = np.concatenate([np.zeros((1, *mask.shape[1:]), np.int64), np.cumsum(mask, axis=0)])
    return np.asarray(total[np.minimum(number + count + 1, len(mask))] > total[np.maximum(number - count, 0)])


def help_distances_m(
    palm_m: np.ndarray, palm_gap_m: np.ndarray, free: np.ndarray, at_work: np.ndarray, by_tool: np.ndarray,
    tip_m: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(T, H, H) how near a hand of a, who does no work herself, is to where b works on a patient; infinite otherwise.

    Args:
        palm_m: (T, H, 2, 3).
        palm_gap_m: (T, H, 2) to the nearest patient.
        free: (T, H, 2) hands that hold nothing.
        at_work: (T, H, 2) free hands that move, and are nearer to a patient than to any fixture.
        by_tool: (T, H, K) as from `tools_at_work`.
        tip_m: (T, K, 3).
    """
    with np.errstate(invalid="ignore"):
        by_hand = at_work & (palm_gap_m <= WORKING_HAND_M)
        helps = free & (palm_gap_m <= HELPING_HAND_M)
    works = by_hand.any(axis=-1) | by_tool.any(axis=-1)
    num_times, num_people = palm_m.shape[:2]
    best = np.full((num_times, num_people, num_people), np.inf)
    for b in range(num_people):
        points = [(palm_m[:, b, side], by_hand[:, b, side]) for side in range(2)]
        points += [(tip_m[:, k], by_tool[:, b, k]) for k in range(by_tool.shape[2])]
        for point_m, counts in points:
            if counts.any():
                away_m = np.linalg.norm(palm_m - point_m[:, None, None], axis=-1)
                away_m = np.where(helps & counts[:, None, None], away_m, np.inf).min(axis=-1)
                best[:, :, b] = np.fmin(best[:, :, b], away_m)
    best[works] = np.inf
    unknown = np.asarray(np.isnan(palm_gap_m).all(axis=-1))
    return np.where(unknown[:, :, None] | unknown[:, None, :], np.nan, best)
