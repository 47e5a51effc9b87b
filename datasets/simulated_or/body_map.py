"""Where on a body something is: a part, an angle around it, and a place along it.

Clothes are painted and cut by these coordinates, so that a sleeve ends at the same place on everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import SIDES, BodyShape

PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
# Places along an arm (shoulder, elbow, wrist, finger tips) and along a leg (hip, knee, ankle, toes).
ARM_KNOTS = (0.1, 0.42, 0.75, 1.0)
LEG_KNOTS = (0.1, 0.45, 0.82, 1.0)
BONE_PARTS = {"head": 0, "neck03": 0, "upperarm": 2, "lowerarm": 2, "wrist": 2, "upperleg": 4, "lowerleg": 4, "foot": 4}


@dataclass(frozen=True, slots=True, eq=False)
class BodyMap:
    """Coordinates of the vertices of a body.

    Args:
        share: (n, 6) how much a vertex belongs to each of PARTS; sums to 1.
        around: (n, 6) angle about each part, in turns within [0, 1): 0.5 is in front, 0.75 to the left.
        along: (n, 6) place along each part: 0 to 1 from below upwards on head and torso, outwards on limbs.
        face_part: (f,) the part that a face belongs to.
        torso_m: heights of crotch and chin, between which `along` of the torso runs.
        head_m: heights of chin and crown, likewise.
    """

    share: np.ndarray
    around: np.ndarray
    along: np.ndarray
    face_part: np.ndarray
    torso_m: tuple[float, float]
    head_m: tuple[float, float]


def map_body(shape: BodyShape) -> BodyMap:
    """The coordinates of a body at rest."""
    points = shape.vertices_m.astype(np.float64)
    heads = {name: shape.bone_heads_m[i] for i, name in enumerate(shape.bone_names)}
    of_bone = np.array([part_of(name) for name in shape.bone_names])
    share = np.zeros((len(points), len(PARTS)))
    np.add.at(share, (np.arange(len(points))[:, None], of_bone[shape.weight_bones]), shape.weights)
    around, along = np.empty_like(share), np.empty_like(share)

    crown_m = float(points[:, 2].max())
    chin_m = float(shape.joints_m[0, 2] - 0.42 * (crown_m - shape.joints_m[0, 2]))
    crotch_m = float((heads["upperleg01.L"] - 0.045 * crown_m)[2])
    center = np.array([shape.joints_m[3:5, 0].mean() + 0.01, 0.0])
    around[:, 0] = turns(points[:, 1], points[:, 0] - center[0])
    along[:, 0] = (points[:, 2] - chin_m) / (crown_m - chin_m)
    spine = np.stack([heads[name] for name in ("root", "spine03", "spine01", "neck02")])
    spine[0, 0] = heads["upperleg01.L"][0]
    middle = np.interp(points[:, 2], spine[:, 2], spine[:, 0]) + 0.02
    around[:, 1] = turns(points[:, 1], points[:, 0] - middle)
    # Necklines run around the neck and down its sides: what lies beside the neck counts as lower.
    sunk_m = points[:, 2] - 0.75 * np.maximum(np.abs(points[:, 1]) - 0.034 * crown_m, 0.0)
    along[:, 1] = (sunk_m - crotch_m) / (chin_m - crotch_m)
    for side, name in enumerate(SIDES):
        suffix = ".L" if side == 0 else ".R"
        arm = [heads[bone + suffix] for bone in ("upperarm01", "lowerarm01", "wrist")]
        arm.append(arm[2] + 2.1 * (shape.hands[side].translation_m - arm[2]))
        leg = [heads[bone + suffix] for bone in ("upperleg01", "lowerleg01", "foot")]
        leg.append(np.array([shape.soles_m[side, 1, 0] + 0.03, leg[2][1], 0.03]))
        for part, chain, knots in ((f"{name}_arm", arm, ARM_KNOTS), (f"{name}_leg", leg, LEG_KNOTS)):
            column = PARTS.index(part)
            around[:, column], along[:, column] = along_chain(points, np.stack(chain), np.array(knots))
    return BodyMap(
        share=share,
        around=around,
        along=along,
        face_part=share[shape.faces].sum(axis=1).argmax(axis=1),
        torso_m=(crotch_m, chin_m),
        head_m=(chin_m, crown_m),
    )


def part_of(bone: str) -> int:
    """The part that a bone moves."""
    part = next((part for stem, part in BONE_PARTS.items() if bone.startswith(stem)), 1)
    return part + (1 if part > 1 and bone.endswith(".R") else 0)


def turns(left: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Angle about the upright, in turns within [0, 1): 0.5 in front, 0.75 to the left."""
    return np.asarray((np.arctan2(left, forward) / (2 * np.pi) + 0.5) % 1.0)


def along_chain(points: np.ndarray, chain: np.ndarray, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angle about a chain of bones, in turns, and place along it, of points (n, 3), by the nearest bone."""
    nearest = np.full(len(points), np.inf)
    around, along = np.zeros(len(points)), np.zeros(len(points))
    for index in range(len(chain) - 1):
        begin, span = chain[index], chain[index + 1] - chain[index]
        low = -0.6 if index == 0 else 0.0
        place = np.clip((points - begin) @ span / (span @ span), low, 1.0)
        offset = points - begin - place[:, None] * span
        distance = np.linalg.norm(offset, axis=1)
        direction = span / np.linalg.norm(span)
        front = np.array([1.0, 0.0, 0.0]) if abs(direction[0]) < 0.8 else np.array([0.0, 0.0, 1.0])
        front = front - direction * (front @ direction)
        front /= np.linalg.norm(front)
        left = np.cross(front, direction)
        here = distance < nearest
        nearest[here] = distance[here]
        around[here] = turns(offset @ left, offset @ front)[here]
        along[here] = (knots[index] + place * (knots[index + 1] - knots[index]))[here]
    return around, along
