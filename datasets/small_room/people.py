"""Simulated people: an articulated body of capsules, with the COCO-17 joints inside it.

Segment lengths follow Winter, Biomechanics and Motor Control of Human Movement (4th ed., fig. 4.1), as shares of the
standing height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .solids import Solids, capsules

#: Parts of the body in the order of `Body.solids`; each but the first six comes left and right.
LIMB_PARTS = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
PARTS = (
    "trunk_left", "trunk_right", "shoulders", "neck", "head", "belly",
    *(f"{side}_{part}" for part in LIMB_PARTS for side in ("left", "right")),
)  # fmt: skip
HAND_RADIUS_M, BELLY_RADIUS_M = 0.038, 0.118
SWING_RAD, LEAN_RAD = 0.42, 0.115
LIFT_M = 0.1
WALK_SPEED_M_S = 1.25


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What one person does, sampled at instants.

    Args:
        root_m: (t, 2) where he stands on the floor.
        heading_rad: (t,) where he faces.
        gait_rad: (t,) phase of the step, 2 pi for two steps.
        speed_m_s: (t,) walking speed, which sets the stride.
        hands_m: (t, 2, 3) where the left and the right hand are wanted, world.
        reach: (t, 2) in [0, 1], how far each hand is on its way there.
        lean: (t,) in [0, 1], how far he leans forward, feet behind him.
    """

    root_m: np.ndarray
    heading_rad: np.ndarray
    gait_rad: np.ndarray
    speed_m_s: np.ndarray
    hands_m: np.ndarray
    reach: np.ndarray
    lean: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A body through time: its solids (in the order of PARTS) and its joints (t, 17, 3) in COCO-17 order, world."""

    solids: Solids
    joints_m: np.ndarray


def pose_body(motion: Motion, height_m: float, girth: float = 1.0) -> Body:
    """The body that carries out a motion.

    Args:
        motion: what is wanted; hands reach as far as the arms allow.
        height_m: standing height.
        girth: multiplies the radii of trunk and limbs.
    """
    h = height_m
    forward = np.stack([np.cos(motion.heading_rad), np.sin(motion.heading_rad), np.zeros(len(motion.root_m))], axis=-1)
    left = np.stack([-forward[:, 1], forward[:, 0], np.zeros(len(forward))], axis=-1)
    up = np.array([0.0, 0.0, 1.0])
    sides = ((left, 0.0), (-left, np.pi))
    stride = SWING_RAD * np.clip(motion.speed_m_s / WALK_SPEED_M_S, 0.0, 1.0) ** 1.5

    legs = [_leg(forward, stride, motion.gait_rad + phase, -LEAN_RAD * motion.lean, h) for _, phase in sides]
    foot_radius = 0.042 * girth
    lowest = np.minimum.reduce([np.minimum(ankle[:, 2], toe[:, 2]) for _, ankle, toe in legs])
    pelvis = np.concatenate([motion.root_m, (foot_radius - lowest)[:, None]], axis=1)
    neck_base = pelvis + up * (0.30 * h)
    head_low, head_high = pelvis + up * (0.355 * h), pelvis + up * (0.395 * h)

    begins = [pelvis + 0.054 * h * left - 0.02 * h * up, pelvis - 0.054 * h * left - 0.02 * h * up]
    ends = [pelvis + 0.056 * h * left + 0.245 * h * up, pelvis - 0.056 * h * left + 0.245 * h * up]
    shoulders = [neck_base + 0.105 * h * side - 0.015 * h * up for side, _ in sides]
    begins += [shoulders[0], neck_base, head_low, pelvis + 0.045 * h * up]
    ends += [shoulders[1], pelvis + 0.34 * h * up, head_high, pelvis + 0.2 * h * up]
    arms = [
        _arm(shoulder, side, forward, stride, motion.gait_rad + phase, motion.hands_m[:, i], motion.reach[:, i], h)
        for i, (shoulder, (side, phase)) in enumerate(zip(shoulders, sides, strict=True))
    ]
    hips = [pelvis + 0.055 * h * side for side, _ in sides]
    knees = [hip + knee for hip, (knee, _, _) in zip(hips, legs, strict=True)]
    ankles = [hip + ankle for hip, (_, ankle, _) in zip(hips, legs, strict=True)]
    toes = [hip + toe for hip, (_, _, toe) in zip(hips, legs, strict=True)]
    for starts, stops in (
        (shoulders, [elbow for elbow, _, _ in arms]),
        ([elbow for elbow, _, _ in arms], [wrist for _, wrist, _ in arms]),
        ([wrist for _, wrist, _ in arms], [hand for _, _, hand in arms]),
        (hips, knees),
        (knees, ankles),
        (ankles, toes),
    ):
        begins += starts
        ends += stops
    limbs = np.repeat([0.05, 0.04, HAND_RADIUS_M, 0.078, 0.055, 0.042], 2)
    radii = np.concatenate([[0.112, 0.112, 0.06, 0.05, 0.096, BELLY_RADIUS_M], limbs])
    scale = np.ones(len(PARTS)) * girth
    scale[[3, 4, 10, 11]] = 1.0
    solids = capsules(np.stack(begins, axis=1), np.stack(ends, axis=1), radii * scale)

    face = (head_low + head_high) / 2
    eyes = face + 0.045 * h * forward + 0.012 * h * up
    joints = [face + 0.05 * h * forward, *(eyes + 0.018 * h * s for s, _ in sides),
              *(face + 0.045 * h * s for s, _ in sides), *shoulders, *(a[0] for a in arms), *(a[1] for a in arms),
              *hips, *knees, *ankles]  # fmt: skip
    return Body(solids, np.stack(joints, axis=1))


def _leg(
    forward: np.ndarray, stride: np.ndarray, phase: np.ndarray, back: np.ndarray, h: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Knee, ankle and toe (t, 3), seen from the hip; the knee bends while the leg swings forward."""
    thigh = stride * np.sin(phase) + back
    bend = stride * (0.25 + 1.1 * np.maximum(np.cos(phase), 0.0))
    knee = _swing(forward, thigh) * (0.245 * h)
    ankle = knee + _swing(forward, thigh - bend) * (0.246 * h)
    toe = ankle + forward * (0.085 * h) - np.array([0.0, 0.0, 0.005 * h])
    return knee, ankle, toe


def _arm(
    shoulder: np.ndarray, side: np.ndarray, forward: np.ndarray, stride: np.ndarray, phase: np.ndarray,
    wanted_m: np.ndarray, reach: np.ndarray, h: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Elbow, wrist and hand (t, 3): two-bone inverse kinematics towards a blend of hanging and reaching."""
    upper, lower, hand_length = 0.186 * h, 0.146 * h, 0.045 * h
    swing = -0.8 * stride * np.sin(phase)
    hanging = shoulder + _swing(forward, swing) * (0.98 * upper) + _swing(forward, swing + 0.25) * (lower + hand_length)
    hanging = hanging + side * 0.07
    # First up, then across: a hand on its way to a table goes over its edge, not through it.
    share = np.stack([reach**2, reach**2, 1 - (1 - reach) ** 2], axis=1)
    target = hanging + share * (wanted_m - hanging)
    target[:, 2] += LIFT_M * 4 * reach * (1 - reach)
    span = target - shoulder
    length = np.clip(np.linalg.norm(span, axis=-1), 0.05, upper + lower + hand_length - 1e-4)
    direction = span / np.linalg.norm(span, axis=-1)[:, None]
    along = (upper**2 - (lower + hand_length) ** 2 + length**2) / (2 * length)
    offset = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    pole = -0.35 * forward + 0.55 * side - np.array([0.0, 0.0, 1.0])
    pole = pole - direction * np.einsum("ti,ti->t", pole, direction)[:, None]
    pole /= np.linalg.norm(pole, axis=-1)[:, None]
    elbow = shoulder + direction * along[:, None] + pole * offset[:, None]
    hand = shoulder + direction * length[:, None]
    wrist = elbow + (hand - elbow) * (lower / (lower + hand_length))
    return elbow, wrist, hand


def _swing(forward: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(t, 3) unit vectors that hang down and are swung forward by an angle."""
    down = np.array([0.0, 0.0, -1.0])
    return np.cos(angle)[:, None] * down + np.sin(angle)[:, None] * forward
