"""How people stand and move, from their joints: place, front, trunk, hands. All of a window at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..reconstruction.skeleton import JOINT
from .scene_window import SceneWindow

SIDES = ("left", "right")
VELOCITY_WINDOW_S = 0.2
#: The middle of the palm lies so far beyond the wrist, as a share of the forearm.
PALM_BEYOND = 0.35
STIR_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class BodyMotion:
    """The people of a window, in the order of `numbers`. T instants, H people; NaN where joints are unknown.

    Args:
        numbers: (H,) entity numbers.
        place_m: (T, H, 2) middle of the hips, on the floor.
        velocity_m_s: (T, H, 2) of that place, over 0.2 s to either side.
        front: (T, H, 2) level unit vector out of the chest.
        trunk_rad: (T, H) angle of the trunk above the level plane.
        wrist_m, palm_m: (T, H, 2, 3) left, right.
        stir_m_s: (T, H, 2) how fast each hand moves, on the mean of 0.5 s before the instant or after it, whichever is
            less, so that reaching for something is not part of what is done there.
    """

    numbers: np.ndarray
    place_m: np.ndarray
    velocity_m_s: np.ndarray
    front: np.ndarray
    trunk_rad: np.ndarray
    wrist_m: np.ndarray
    palm_m: np.ndarray
    stir_m_s: np.ndarray


def body_motion(window: SceneWindow) -> BodyMotion:
    """The motion of everybody who has joints."""
    numbers = np.array(sorted(window.bodies), dtype=np.int64)
    joints_m = np.full((len(window.times_ns), len(numbers), len(JOINT), 3), np.nan)
    for column, number in enumerate(numbers.tolist()):
        joints_m[:, column] = window.bodies[number]
    left, right = (joints_m[:, :, JOINT[f"{side}_shoulder"]] for side in SIDES)
    hips_m = (joints_m[:, :, JOINT["left_hip"]] + joints_m[:, :, JOINT["right_hip"]]) / 2
    across, trunk = (left - right)[..., :2], (left + right) / 2 - hips_m
    front = np.stack([across[..., 1], -across[..., 0]], axis=-1)
    wrist_m, elbow_m = (
        np.stack([joints_m[:, :, JOINT[f"{side}_{name}"]] for side in SIDES], axis=2) for name in ("wrist", "elbow")
    )
    place_m = hips_m[..., :2]
    return BodyMotion(
        numbers,
        place_m,
        smooth_velocity_m_s(place_m, window.step_s, VELOCITY_WINDOW_S),
        front / np.maximum(np.linalg.norm(front, axis=-1, keepdims=True), 1e-9),
        np.arctan2(trunk[..., 2], np.linalg.norm(trunk[..., :2], axis=-1)),
        wrist_m,
        wrist_m + PALM_BEYOND * (wrist_m - elbow_m),
        np.fmin(*(mean_speed_m_s(wrist_m, window.step_s, *span_s) for span_s in ((STIR_S, 0.0), (0.0, STIR_S)))),
    )


def smooth_velocity_m_s(points_m: np.ndarray, step_s: float, window_s: float) -> np.ndarray:
    """Mean velocity of points (T, ..., d) over `window_s` before and after each instant.

    The span is cut where a point begins or ceases to be known.
    """
    if not len(points_m):
        return points_m
    count = window_instants(window_s, step_s)
    number = np.arange(len(points_m)).reshape(-1, *[1] * (points_m.ndim - 2))
    known = np.asarray(np.isfinite(points_m).all(axis=-1))
    first = np.where(known.any(axis=0), known.argmax(axis=0), 0)
    last = len(points_m) - 1 - np.where(known.any(axis=0), known[::-1].argmax(axis=0), 0)
    before, after = np.maximum(number - count, first), np.minimum(number + count, last)
    way_m = np.take_along_axis(points_m, after[..., None], axis=0)
    way_m = way_m - np.take_along_axis(points_m, np.minimum(before, len(points_m) - 1)[..., None], axis=0)
    velocity = way_m / np.maximum((after - before) * step_s, 1e-9)[..., None]
    return np.where(known[..., None], velocity, np.nan)


def mean_speed_m_s(points_m: np.ndarray, step_s: float, before_s: float, after_s: float) -> np.ndarray:
    """(T, ...) length of the way of points (T, ..., d) from instant to instant, per second, over a window about each.

    Steps from or to where a point is unknown are left out; NaN where no step is known.
    """
    way_m = np.linalg.norm(np.diff(points_m, axis=0), axis=-1)
    sums = np.concatenate([np.zeros_like(way_m[:1]), np.cumsum(np.nan_to_num(way_m), axis=0)])
    counts = np.concatenate([np.zeros_like(way_m[:1]), np.cumsum(np.isfinite(way_m), axis=0)])
    number = np.arange(len(points_m))
    earlier, later = (window_instants(span_s, step_s) if span_s else 0 for span_s in (before_s, after_s))
    before, after = np.maximum(number - earlier, 0), np.minimum(number + later, len(points_m) - 1)
    if not len(way_m):
        return np.where(np.isfinite(points_m).all(axis=-1), 0.0, np.nan)
    steps = counts[after] - counts[before]
    speed = (sums[after] - sums[before]) / np.maximum(steps * step_s, 1e-9)
    return np.where(np.isfinite(points_m).all(axis=-1) & (steps > 0), speed, np.nan)


def window_instants(window_s: float, step_s: float) -> int:
    """How many instants a span of time is, one at least."""
    return max(1, round(window_s / step_s))
