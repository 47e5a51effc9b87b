"""How feet carry a person along a path: steps that land where they stay, and a pelvis that both legs can reach."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .body import BodyShape

SWING = (0.12, 0.95)
HEEL_RISE_BEGINS = -0.2
HEEL_RISE_RAD = 0.3
TOE_UP_RAD = 0.16
LIFT_M = 0.045
FULL_STEP_M = 0.5
STANCE_SHARE = 0.062
TOES_OUT_RAD = 0.12
STRAIGHT_LEG = 0.992


@dataclass(frozen=True, slots=True, eq=False)
class Stride:
    """Steps taken in a row: a walk, or a turn on the spot.

    Args:
        begin_s, end_s: when.
        num_steps: at least 2; the last two end side by side.
        first_side: 0 if the left foot sets off, 1 if the right one.
        final_m, final_rad: (2,) where, and facing where, it ends.
    """

    begin_s: float
    end_s: float
    num_steps: int
    first_side: int
    final_m: np.ndarray
    final_rad: float


@dataclass(frozen=True, slots=True, eq=False)
class Footsteps:
    """Both feet through time, on a grid.

    Args:
        toes_m: (t, 2, 3) where the toes are.
        yaw_rad: (t, 2) where the foot points.
        pitch_rad: (t, 2) heel up is positive.
    """

    toes_m: np.ndarray
    yaw_rad: np.ndarray
    pitch_rad: np.ndarray


def footsteps(
    shape: BodyShape, grid_s: np.ndarray, root_m: np.ndarray, heading_rad: np.ndarray, strides: Sequence[Stride]
) -> Footsteps:
    """Feet for a path. A foot that stands does not move at all; it is in the air between two places only.

    Args:
        shape: whose feet.
        grid_s: (t,) times.
        root_m: (t, 2) the point of the floor below the hips.
        heading_rad: (t,) where he faces, unwrapped.
        strides: in the order of time, not overlapping.
    """
    hips_m = shape.bone_heads_m[[shape.bone("upperleg01", "left"), shape.bone("upperleg01", "right")]].mean(axis=0)
    ahead_m = float(shape.soles_m[:, 1, 0].mean() - hips_m[0])
    length_m = float((shape.soles_m[:, 1, 0] - shape.soles_m[:, 0, 0]).mean())
    aside_m = STANCE_SHARE * shape.height_m
    num = len(grid_s)
    toes_m, yaw_rad, pitch_rad = np.empty((num, 2, 3)), np.empty((num, 2)), np.zeros((num, 2))

    def place(center_m: np.ndarray, facing_rad: float, side: int) -> tuple[np.ndarray, float]:
        out = 1.0 if side == 0 else -1.0
        forward = np.array([np.cos(facing_rad), np.sin(facing_rad)])
        left = np.array([-forward[1], forward[0]])
        return center_m + ahead_m * forward + out * aside_m * left, facing_rad + out * TOES_OUT_RAD

    for side in (0, 1):
        toe_m, yaw = place(root_m[0], float(heading_rad[0]), side)
        toes_m[:, side, :2], toes_m[:, side, 2], yaw_rad[:, side] = toe_m, 0.0, yaw
        for stride in strides:
            period_s = (stride.end_s - stride.begin_s) / stride.num_steps
            for step in range((side - stride.first_side) % 2, stride.num_steps, 2):
                if step >= stride.num_steps - 2:
                    to_m, to_yaw = place(stride.final_m, stride.final_rad, side)
                else:
                    middle_s = stride.begin_s + (step + (1 + SWING[0] + SWING[1] + 1) / 2) * period_s
                    at_m = np.array([np.interp(middle_s, grid_s, root_m[:, axis]) for axis in (0, 1)])
                    to_m, to_yaw = place(at_m, float(np.interp(middle_s, grid_s, heading_rad)), side)
                to_yaw = yaw + (to_yaw - yaw + np.pi) % (2 * np.pi) - np.pi
                begin_s, end_s = (stride.begin_s + (step + share) * period_s for share in SWING)
                clock = (grid_s - begin_s) / (end_s - begin_s)
                effort = min(1.0, float(np.linalg.norm(to_m - toe_m)) / FULL_STEP_M)
                share = smooth(clock)[:, None]
                after = clock > 0
                toes_m[after, side, :2] = (toe_m + (to_m - toe_m) * share)[after]
                yaw_rad[after, side] = (yaw + (to_yaw - yaw) * share[:, 0])[after]
                pitch = np.interp(clock, *PITCH) * effort
                near = (clock > HEEL_RISE_BEGINS) & (clock < 1)
                pitch_rad[near, side] = pitch[near]
                lift = LIFT_M * (0.4 + 0.6 * effort) * np.sin(np.pi * np.clip(clock, 0, 1))
                lift += length_m * np.sin(np.maximum(-pitch, 0))
                toes_m[near, side, 2] = np.where(clock > 0, lift, 0.0)[near]
                toe_m, yaw = to_m, to_yaw
            rest = grid_s >= stride.end_s
            toes_m[rest, side, 2] = 0.0
    return Footsteps(toes_m, yaw_rad, pitch_rad)


PITCH = (
    (HEEL_RISE_BEGINS, 0.0, 0.2, 0.55, 0.85, 1.0),
    (0.0, HEEL_RISE_RAD, 1.4 * HEEL_RISE_RAD, 0.1, -TOE_UP_RAD, 0.0),
)


def ankles_m(shape: BodyShape, steps: Footsteps) -> np.ndarray:
    """(t, 2, 3) where the ankles are."""
    ankles = np.empty_like(steps.toes_m)
    for side, name in enumerate(("left", "right")):
        arm = shape.bone_heads_m[shape.bone("foot", name)] - shape.soles_m[side, 1]
        cos, sin = np.cos(steps.pitch_rad[:, side]), np.sin(steps.pitch_rad[:, side])
        x, y, z = cos * arm[0] + sin * arm[2], arm[1], cos * arm[2] - sin * arm[0]
        yaw = steps.yaw_rad[:, side]
        turned = np.stack([np.cos(yaw) * x - np.sin(yaw) * y, np.sin(yaw) * x + np.cos(yaw) * y, z], axis=1)
        ankles[:, side] = steps.toes_m[:, side] + turned
    return ankles


def leg_length_m(shape: BodyShape) -> float:
    """Hip to knee to ankle."""
    chain = [shape.bone_heads_m[shape.bone(name, "left")] for name in ("upperleg01", "lowerleg01", "foot")]
    return float(sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(chain)))


def highest_hips_m(ankle_m: np.ndarray, hip_m: np.ndarray, length_m: float) -> np.ndarray:
    """(...) the greatest height of hips (..., 2) or (..., 3) from which legs reach ankles (..., 3)."""
    flat = np.linalg.norm(ankle_m[..., :2] - hip_m[..., :2], axis=-1)
    reach = STRAIGHT_LEG * length_m
    return np.asarray(ankle_m[..., 2] + np.sqrt(np.maximum(reach**2 - flat**2, (0.3 * length_m) ** 2)))


def pelvis_height_m(
    shape: BodyShape, ankles: np.ndarray, root_m: np.ndarray, heading_rad: np.ndarray, rate_hz: float
) -> np.ndarray:
    """(t,) height of the middle of the hips: as high as the legs let it, and smooth."""
    from scipy.ndimage import gaussian_filter1d, minimum_filter1d

    half_m = abs(shape.bone_heads_m[shape.bone("upperleg01", "left")][1])
    left = np.stack([-np.sin(heading_rad), np.cos(heading_rad)], axis=1)
    hips = np.stack([root_m + half_m * left, root_m - half_m * left], axis=1)
    height = highest_hips_m(ankles, hips, leg_length_m(shape)).min(axis=1)
    width = 2 * round(0.08 * rate_hz) + 1
    return gaussian_filter1d(minimum_filter1d(height, width), 0.032 * rate_hz, mode="nearest", truncate=2.5)


def smooth(clock: np.ndarray) -> np.ndarray:
    """Smoothstep: a share in [0, 1] that starts and stops softly."""
    share = np.clip(clock, 0.0, 1.0)
    return np.asarray(share * share * (3 - 2 * share))
