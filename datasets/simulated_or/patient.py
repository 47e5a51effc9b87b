"""The patient: a body that lies on the mattress of the operating table and rests there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...capture.geometry import SE3
from .body import SIDES, BodyShape, blend, pose_bones
from .clothing import dress
from .outfit import undressed
from .people import Person
from .performance import PictureBook
from .posing import NECK, Poser, Wish
from .room import TableTop
from .turning import about_y, about_z

SINK_M, DEEPEST_M = 0.008, 0.012
SPINE_POINTS = {"L1": 0.0, "L2": 0.25, "L3": 0.5, "L4": 0.75, "L5": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Repose:
    """A motion that is none; see motion.Motion.

    Args:
        shape: whose.
        placed: (b, 3, 4) world_from_model of each bone.
    """

    shape: BodyShape
    placed: np.ndarray

    def bones(self, time_s: float) -> np.ndarray:
        """(b, 3, 4) world_from_model of each bone."""
        return self.placed

    def hand(self, time_s: float, side: str) -> SE3:
        """world_from_hand."""
        bone = self.bones(time_s)[self.shape.bone("wrist", side)]
        return SE3(bone[:, :3], bone[:, 3]) @ self.shape.hands[SIDES.index(side)]

    def root_m(self, time_s: float) -> np.ndarray:
        """(2,) the point of the floor below the hips."""
        hips = [self.shape.bone("upperleg01", side) for side in SIDES]
        bones = self.bones(time_s)[hips]
        places_m = np.einsum("bij,bj->bi", bones[:, :, :3], self.shape.bone_heads_m[hips])
        return (places_m + bones[:, :, 3]).mean(axis=0)[:2]

    def heading_rad(self, time_s: float) -> float:
        """Where his head points, seen from above."""
        up = self.bones(time_s)[0][:, 2]
        return float(np.arctan2(up[1], up[0]))

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Never."""
        return False


def lying_patient(
    shape: BodyShape, table: TableTop, rng: np.random.Generator, book: PictureBook, *, prone: bool = False,
    name: str = "patient", owner: int = 1,
) -> Person:  # fmt: skip
    """Somebody who lies on the table, head at the far end of +x, arms beside the body.

    Trunk, head, heels (or toes) and hands are let down until each rests on the mattress.

    Args:
        shape: whose body.
        table: the mattress.
        rng: draws clothes and colours.
        book: takes the pictures.
        prone: face down, back bare; else face up in a nightshirt.
        name, owner: as in Person.
    """
    flat = lie_down(shape, prone)
    slope = about_y(-table.tilt_rad)
    turned, shifts_m = slope @ flat[:, :, :3], flat[:, :, 3] @ slope.T + np.asarray(table.center_m)
    placed = np.concatenate([turned, shifts_m[:, :, None]], axis=2)
    clothing = dress(shape, "patient", rng, book, undressed(rng) if prone else None)
    return Person(name, "patient", owner, shape, clothing, Repose(shape, placed), label="patient")


def lie_down(shape: BodyShape, prone: bool) -> np.ndarray:
    """(b, 3, 4) bones of a body that lies on the plane z = 0, head towards +x, its middle above the origin."""
    # Columns: where the body's front, left and up go.
    lying = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    if not prone:
        lying = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    poser = Poser(shape)
    of_bone = shape.weight_bones[:, 0]
    parts = {
        "trunk": [i for i, n in enumerate(shape.bone_names) if n.startswith(("root", "spine", "pelvis", "clavicle"))],
        "head": [shape.bone("head")],
        "feet": [shape.bone("foot", side) for side in SIDES],
        "arms": [shape.bone(bone, side) for bone in ("lowerarm01", "lowerarm02", "wrist") for side in SIDES],
    }
    members = {part: np.isin(of_bone, bones) for part, bones in parts.items()}

    def bones(nod: float, legs: float, hands_m: float) -> np.ndarray:
        local = _upright(poser, hands_m, prone)
        for bone in NECK:
            local[shape.bone(bone)] = about_y(nod / len(NECK)) @ local[shape.bone(bone)]
        for side in SIDES:
            thigh = shape.bone("upperleg01", side)
            local[thigh] = about_y(legs) @ local[thigh]
        return pose_bones(shape.bone_heads_m, shape.bone_parents, local, SE3(lying, np.zeros(3)))

    def height(part: str, placed: np.ndarray) -> float:
        rows = members[part]
        moved = blend(shape.vertices_m[rows], shape.weights[rows], shape.weight_bones[rows], placed)
        return float(moved[:, 2].min())

    ground = height("trunk", bones(0.0, 0.0, 0.0))
    sign = 1.0 if prone else -1.0
    nod = settle(lambda value: height("head", bones(value, 0.0, 0.0)) - ground, -0.5, 0.5)
    legs = settle(lambda value: height("feet", bones(nod, value, 0.0)) - ground, -0.3, 0.3)
    hands_m = settle(lambda value: height("arms", bones(nod, legs, value)) - ground, -0.2 * sign, 0.2 * sign)
    placed = bones(nod, legs, hands_m)
    moved = blend(shape.vertices_m, shape.weights, shape.weight_bones, placed)
    low, high = moved.min(axis=0), moved.max(axis=0)
    placed[:, :, 3] -= [(low[0] + high[0]) / 2, 0.0, min(float(low[2]) + DEEPEST_M, ground + SINK_M)]
    return placed


def settle(height: Callable[[float], float], low: float, high: float) -> float:
    """The setting in [low, high], or its nearest end, at which something just rests: bisection of a height."""
    at_low, at_high = height(low), height(high)
    if at_low * at_high > 0:
        return low if abs(at_low) < abs(at_high) else high
    for _ in range(12):
        middle = (low + high) / 2
        if height(middle) * at_low > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _upright(poser: Poser, hands_m: float, prone: bool) -> np.ndarray:
    """(b, 3, 3) a body that stands as one lies: feet together and stretched, hands beside the thighs."""
    shape = poser.shape
    hip_m = shape.bone_heads_m[shape.bone("upperleg01", "left")]
    ankle_z = float(shape.bone_heads_m[shape.bone("foot", "left")][2])
    ankles = np.array([[-0.03, 0.1, ankle_z], [-0.03, -0.1, ankle_z]])
    aside = float(hip_m[1]) + 0.125
    hands = tuple(((np.array([hands_m, out * aside, hip_m[2] - 0.05]), 1.0),) for out in (1.0, -1.0))
    wish = Wish(
        root_m=np.zeros(2), heading_rad=0.0, hips_z_m=ankle_z + 0.99 * poser.leg_m, ankles_m=ankles,
        foot_yaw_rad=np.array([0.2, -0.2]), foot_pitch_rad=np.full(2, 1.15 if prone else 0.5), lean_rad=0.0,
        sway_rad=np.zeros(2), swing_rad=np.zeros(2), raised=0.0, hands=(hands[0], hands[1]), tips_m=np.zeros((2, 3)),
        look_m=None, look=0.0,
    )  # fmt: skip
    local, _ = poser.pose(wish)
    if prone:
        for bone in NECK:
            local[shape.bone(bone)] = about_z(0.3) @ local[shape.bone(bone)]
    return local


def landmarks_m(patient: Person) -> dict[str, np.ndarray]:
    """(3,) points on the skin of a lying patient by name, world: the highest ones above a place.

    "knee", "thigh" and "shin" are those of the leg that is nearer to -y, "other_knee" is its fellow; "belly" and
    "chest" lie in front, "L1" to "L5" along the lumbar spine, whichever side is up.
    """
    shape, bones = patient.shape, patient.motion.bones(0.0)
    skin_m = patient.skin_m(0.0)

    def above(place_m: np.ndarray) -> np.ndarray:
        near = np.linalg.norm(skin_m[:, :2] - place_m[:2], axis=1) < 0.035
        top = float(skin_m[near, 2].max()) if near.any() else float(place_m[2])
        return np.array([place_m[0], place_m[1], top])

    def joint(name: str, side: str = "") -> np.ndarray:
        number = shape.bone(name, side)
        return bones[number, :, :3] @ shape.bone_heads_m[number] + bones[number, :, 3]

    side, other = sorted(SIDES, key=lambda side: joint("lowerleg01", side)[1])
    hip, knee, ankle = joint("upperleg01", side), joint("lowerleg01", side), joint("foot", side)
    low, high = joint("root"), joint("spine02")
    points = {
        "knee": knee, "thigh": 0.65 * knee + 0.35 * hip, "shin": 0.7 * knee + 0.3 * ankle,
        "other_knee": joint("lowerleg01", other), "belly": joint("spine04"), "chest": joint("spine01"),
    }  # fmt: skip
    points |= {name: high + 0.75 * share * (low - high) for name, share in SPINE_POINTS.items()}
    return {name: above(place_m) for name, place_m in points.items()}
