"""How far joints turn: limits of each bone against its parent, in axes of its own, from tables of joint mobility.

Each bone's turn is a rotation vector; it is read along three axes: bending, sideways, and around the bone's own length.
The ranges are those of healthy adults (Luttgens and Hamilton, Kinesiology), a little widened; the trunk's are shared
among its three bones, and the turning of the forearm about itself happens at the wrist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body_model import BodyModel

# (lowest, highest) of bend, side and twist, radians. Bend forward, a knee's or elbow's folding, toes down: positive.
# Side: to the left, and of limbs away from the body: positive.
RANGES_RAD = {
    "pelvis": ((-3.2, 3.2), (-3.2, 3.2), (-3.2, 3.2)),
    "lumbar": ((-0.2, 0.5), (-0.3, 0.3), (-0.25, 0.25)),
    "thorax": ((-0.2, 0.5), (-0.3, 0.3), (-0.35, 0.35)),
    "chest": ((-0.15, 0.35), (-0.25, 0.25), (-0.35, 0.35)),
    "neck": ((-0.5, 0.6), (-0.4, 0.4), (-0.7, 0.7)),
    "head": ((-0.4, 0.5), (-0.35, 0.35), (-0.7, 0.7)),
    "clavicle": ((-0.35, 0.35), (-0.3, 0.5), (-0.4, 0.4)),
    "upper_arm": ((-2.5, 2.5), (-2.5, 2.5), (-2.2, 2.2)),
    "forearm": ((-0.85, 2.1), (-0.3, 0.3), (-0.5, 0.5)),
    "hand": ((-1.2, 1.2), (-0.6, 0.6), (-1.6, 1.6)),
    "thigh": ((-2.1, 0.5), (-0.5, 0.9), (-0.8, 0.8)),
    "shin": ((-0.15, 2.6), (-0.15, 0.15), (-0.3, 0.3)),
    "foot": ((-0.6, 1.2), (-0.4, 0.4), (-0.4, 0.4)),
}
SIDES = {"left": 1.0, "right": -1.0}


@dataclass(frozen=True, slots=True, eq=False)
class JointLimits:
    """Limits of all bones of a model.

    Args:
        axes: (b, 3, 3) rows are the unit axes of bend, side and twist in the body frame at rest.
        low_rad, high_rad: (b, 3).
    """

    axes: np.ndarray
    low_rad: np.ndarray
    high_rad: np.ndarray


def joint_limits(model: BodyModel) -> JointLimits:
    """The limits of a model's bones, whose names are those of anny_adult.

    Elbows of resting bodies are bent already; what they are bent is taken off their range.
    """
    axes, low_rad, high_rad = [], [], []
    for name in model.bone_names:
        side, _, limb = name.partition("_")
        kind = limb if side in SIDES else name
        low, high = np.array(RANGES_RAD[kind]).T
        axes.append(_axes(model, name.removesuffix(kind), kind, SIDES.get(side, 0.0)))
        low_rad.append(low)
        high_rad.append(high)
    return JointLimits(np.array(axes), np.array(low_rad), np.array(high_rad))


def _axes(model: BodyModel, prefix: str, kind: str, sign: float) -> np.ndarray:
    """(3, 3) unit axes of bend, side and twist of a bone."""
    forward, left, up = np.eye(3)
    if not sign:
        return np.stack([left, -forward, up])
    if kind in ("thigh", "shin"):
        return np.stack([left, sign * forward, sign * up])
    if kind == "foot":
        return np.stack([left, sign * up, forward])
    if kind == "clavicle":
        return np.stack([sign * up, sign * forward, left])
    at = {name: model.bones_m[model.bone(prefix + name)] for name in ("upper_arm", "forearm", "hand")}
    upper, lower = at["forearm"] - at["upper_arm"], at["hand"] - at["forearm"]
    hinge = np.cross(upper, lower)
    along = upper if kind == "upper_arm" else lower
    hinge, along = hinge / np.linalg.norm(hinge), along / np.linalg.norm(along)
    return np.stack([hinge, -sign * np.cross(along, hinge), along])
