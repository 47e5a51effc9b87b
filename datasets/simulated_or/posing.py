"""From wishes to bones: a trunk that leans as far as hands need, arms and legs by two-bone inverse kinematics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...capture.geometry import SE3
from ._turning_kernel import rotation as turned_by
from ._turning_kernel import solve_arm, two_bones
from .body import BodyShape
from .gait import highest_hips_m, leg_length_m
from .turning import about_y, about_z, first_zero, rotation

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
PELVIS_SHARE = 0.4
SPINE_SHARES = PELVIS_SHARE + (1 - PELVIS_SHARE) * np.arange(1, 6) / 5
NECK = ("neck01", "neck02", "neck03", "head")
GREATEST_LEAN_RAD, GREATEST_TWIST_RAD = 1.05, 0.75
EFFORTS = np.linspace(0.0, 1.0, 9)
STRAIGHT_ARM = 0.985
# Clavicle, shoulder, first half of the upper arm, three parts of the forearm, greatest twist, rounds: see solve_arm.
ARM_SHARES = np.array([0.13, 0.38, 0.4, 0.3, 0.65, 1.0, 1.5, 4.0])
TRUNK_M = 0.27
LOOK_LIMIT_RAD = (1.1, 0.75)


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What a pose should come to, at one moment.

    Args:
        root_m: (2,) the floor below the hips.
        heading_rad: where he faces.
        hips_z_m: height of the middle of the hips.
        ankles_m: (2, 3) left and right.
        foot_yaw_rad, foot_pitch_rad: (2,).
        lean_rad: how far the trunk bends forward, before hands ask for more.
        sway_rad: (2,) further bend to the left, and twist to the left.
        swing_rad: (2,) how far each hanging arm is swung forward.
        raised: in [0, 1], idle hands held in front of the chest and not hanging.
        hands: per side what is wanted of it: pairs of target (3,) and share in [0, 1], one on top of the other.
        tips_m: (2, 3) the point of each hand, in the hand's frame, that goes to the target.
        look_m: (3,) where he looks, or None for straight ahead.
        look: share in [0, 1].
    """

    root_m: np.ndarray
    heading_rad: float
    hips_z_m: float
    ankles_m: np.ndarray
    foot_yaw_rad: np.ndarray
    foot_pitch_rad: np.ndarray
    lean_rad: float
    sway_rad: np.ndarray
    swing_rad: np.ndarray
    raised: float
    hands: tuple[tuple[tuple[np.ndarray, float], ...], tuple[tuple[np.ndarray, float], ...]]
    tips_m: np.ndarray
    look_m: np.ndarray | None
    look: float


class Poser:
    """Poses one body.

    Args:
        shape: the body.
    """

    def __init__(self, shape: BodyShape) -> None:
        self.shape = shape
        heads_m = shape.bone_heads_m
        self.heads = {name: heads_m[i] for i, name in enumerate(shape.bone_names)}
        self.number = {name: i for i, name in enumerate(shape.bone_names)}
        self.hips_m = (self.heads["upperleg01.L"] + self.heads["upperleg01.R"]) / 2
        self.leg_m = leg_length_m(shape)
        chain = [self.hips_m, *(self.heads[name] for name in SPINE)]
        self.spine_m: np.ndarray = np.stack(chain[1:]) - np.stack(chain[:-1])
        self.arms_m = [self._arm_length_m(side) for side in (0, 1)]

    def pose(self, wish: Wish) -> tuple[np.ndarray, SE3]:
        """Rotations (b, 3, 3) of the bones against their parents, and world_from_root."""
        turn = about_z(wish.heading_rad)
        bend = np.array([-wish.sway_rad[0], wish.lean_rad, wish.sway_rad[1]])
        goals = [self._goal(side, wish, turn, bend) for side in (0, 1)]
        bend = self._reaching(bend, goals, wish, turn)
        hips_m = self._hips(wish, turn, bend)
        world = np.tile(turn, (len(self.shape.bone_names), 1, 1))

        world[0] = turn @ turned_by(PELVIS_SHARE * bend)
        for suffix in (".L", ".R"):
            world[self.number["pelvis" + suffix]] = world[0]
        for name, share in zip(SPINE, SPINE_SHARES, strict=True):
            world[self.number[name]] = turn @ turned_by(share * bend)
        chest = world[self.number["spine01"]]
        chest_m = self._chest_m(hips_m, turn, bend[None])[0]
        for side in (0, 1):
            self._leg(world, side, wish, hips_m)
            self._arm(world, side, chest, chest_m, turn, *goals[side], wish.tips_m[side])
        self._head(world, chest, chest_m, turn, wish)

        parents = self.shape.bone_parents
        local = np.einsum("bji,bjk->bik", world[np.maximum(parents, 0)], world)
        local[0] = np.eye(3)
        return local, SE3(world[0], hips_m + world[0] @ (self.heads["root"] - self.hips_m))

    def _arm_length_m(self, side: int) -> tuple[float, float]:
        name = ".L" if side == 0 else ".R"
        shoulder, elbow = self.heads["upperarm01" + name], self.heads["lowerarm01" + name]
        palm = self.shape.hands[side].translation_m
        return float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(palm - elbow))

    def _hips(self, wish: Wish, turn: np.ndarray, bend: np.ndarray) -> np.ndarray:
        """(3,) middle of the hips: back as the trunk goes forward, and no higher than the legs allow."""
        back = turn @ np.array([-0.14 * np.sin(bend[1]), -0.05 * np.sin(-bend[0]), 0.0])
        middle = np.array([*wish.root_m, wish.hips_z_m]) + back
        pelvis = turn @ turned_by(PELVIS_SHARE * bend)
        lowest = middle[2]
        for side, suffix in enumerate((".L", ".R")):
            offset = pelvis @ (self.heads["upperleg01" + suffix] - self.hips_m)
            highest = highest_hips_m(wish.ankles_m[side], middle + offset, self.leg_m)
            lowest = min(lowest, float(highest) - offset[2])
        return np.array([middle[0], middle[1], lowest])

    def _chest_m(self, hips_m: np.ndarray, turn: np.ndarray, bends: np.ndarray) -> np.ndarray:
        """(k, 3) where the uppermost bone of the spine turns, for bends (k, 3)."""
        shares = np.concatenate([[PELVIS_SHARE], SPINE_SHARES[:-1]])
        turned = rotation(shares[None, :, None] * bends[:, None, :])
        return hips_m + np.einsum("ksij,sj->ki", turned, self.spine_m) @ turn.T

    def _shoulder_m(self, side: int, hips_m: np.ndarray, turn: np.ndarray, bends: np.ndarray) -> np.ndarray:
        """(k, 3) where the upper arm turns, for bends (k, 3)."""
        name = "upperarm01" + (".L" if side == 0 else ".R")
        offset = self.heads[name] - self.heads["spine01"]
        return self._chest_m(hips_m, turn, bends) + np.einsum("kij,j->ki", rotation(bends), offset) @ turn.T

    def _goal(self, side: int, wish: Wish, turn: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Where the point of a hand should go (3,), which way its palm should face (3,), and how much it is wanted."""
        out = 1.0 if side == 0 else -1.0
        shoulder_m = self._shoulder_m(side, self._hips(wish, turn, bend), turn, bend[None])[0]
        upper, lower = self.arms_m[side]
        swing = wish.swing_rad[side]
        hanging = np.array(
            [0.06 + np.sin(swing) * (upper + lower), out * 0.13, -np.cos(0.6 * swing) * (upper + lower) * 0.95]
        )
        raised = np.array([0.75 * lower, -out * 0.06, -0.62 * upper])
        place_m = shoulder_m + turn @ (hanging + wish.raised * (raised - hanging))
        wanted = 0.0
        for target_m, share in wish.hands[side]:
            ways = np.array([share**1.5, share**1.5, 1 - (1 - share) ** 1.5])
            place_m = place_m + ways * (target_m - place_m)
            wanted += (1 - wanted) * share
        idle = turn @ np.array([0.15, -out, -0.3 * wish.raised])
        palm = idle + wanted * (turn @ np.array([0.0, -0.45 * out, -1.0]) - idle)
        return place_m, palm / np.linalg.norm(palm), wanted

    def _reaching(
        self, bend: np.ndarray, goals: list[tuple[np.ndarray, np.ndarray, float]], wish: Wish, turn: np.ndarray
    ) -> np.ndarray:
        """The least further bend of the trunk with which both hands come to their goals."""
        more = []
        for side, (goal_m, _, wanted) in enumerate(goals):
            if wanted <= 0:
                continue
            upper, lower = self.arms_m[side]
            lower += float(np.linalg.norm(wish.tips_m[side]))
            ahead = turn.T @ (goal_m - np.array([*wish.root_m, goal_m[2]]))
            azimuth = float(np.clip(np.arctan2(ahead[1], max(ahead[0], 0.05)), -1.0, 1.0))
            out = 1.0 if side == 0 else -1.0
            low = float(np.clip((wish.hips_z_m - goal_m[2]) / 0.5, 0.0, 1.0))
            most = np.array([
                -0.35 * np.sin(azimuth), GREATEST_LEAN_RAD * np.cos(azimuth),
                GREATEST_TWIST_RAD * (0.8 * np.sin(azimuth) - 0.45 * out) * (1 - low),
            ])  # fmt: skip
            bends = bend + EFFORTS[:, None] * (most - np.array([0.0, min(bend[1], GREATEST_LEAN_RAD), 0.0]))
            hips_m = self._hips(wish, turn, bend)
            shoulders_m = self._shoulder_m(side, hips_m, turn, bends)
            shoulders_m += turn @ np.array([-0.14, 0.0, 0.0]) * (np.sin(bends[:, 1]) - np.sin(bend[1]))[:, None]
            missing_m = np.linalg.norm(goal_m - shoulders_m, axis=1) - STRAIGHT_ARM * (upper + lower)
            effort = first_zero(EFFORTS, missing_m)
            more.append(effort * (bends[-1] - bend))
        sides = np.array(more).reshape(-1, 3)
        further = np.array([sides[:, 0].sum(), sides[:, 1].max(initial=0.0), sides[:, 2].sum()])
        return np.clip(bend + further, [-0.5, -0.3, -0.9], [0.5, 1.25, 0.9])

    def _leg(self, world: np.ndarray, side: int, wish: Wish, hips_m: np.ndarray) -> None:
        suffix = ".L" if side == 0 else ".R"
        hip, knee, ankle = (self.heads[name + suffix] for name in ("upperleg01", "lowerleg01", "foot"))
        hip_m = hips_m + world[0] @ (hip - self.hips_m)
        yaw = wish.heading_rad + 0.6 * ((wish.foot_yaw_rad[side] - wish.heading_rad + np.pi) % (2 * np.pi) - np.pi)
        forward = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        rest = np.array([0.0, hip[2] - ankle[2], ankle[1] - hip[1]])
        upper, lower = two_bones(hip_m, wish.ankles_m[side], knee - hip, ankle - knee, forward, rest)
        for name, turned in (
            ("upperleg01", upper),
            ("upperleg02", upper),
            ("lowerleg01", lower),
            ("lowerleg02", lower),
        ):
            world[self.number[name + suffix]] = turned
        world[self.number["foot" + suffix]] = about_z(wish.foot_yaw_rad[side]) @ about_y(wish.foot_pitch_rad[side])

    def _arm(
        self, world: np.ndarray, side: int, chest: np.ndarray, chest_m: np.ndarray, turn: np.ndarray,
        goal_m: np.ndarray, palm: np.ndarray, wanted: float, tip_m: np.ndarray,
    ) -> None:  # fmt: skip
        suffix = ".L" if side == 0 else ".R"
        out = 1.0 if side == 0 else -1.0
        names = ("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
        index = [self.number[name + suffix] for name in names]
        heads = [self.heads[name + suffix] for name in names]
        hand = self.shape.hands[side]
        pole = turn @ np.array([-0.45, 0.55 * out, -1.0 + 0.2 * wanted])
        across = float(np.clip(0.3 - 6.0 * out * (chest.T @ (goal_m - chest_m))[1], 0.0, 1.0))
        pole = pole + across * (
            chest @ self._off_the_trunk(chest.T @ (goal_m - chest_m), heads[2] - self.heads["spine01"])
        )
        world[index] = solve_arm(
            goal_m, palm, pole, chest, chest_m, self.heads["spine01"], np.stack(heads), hand.apply(tip_m),
            hand.rotation[:, 1], ARM_SHARES,
        )  # fmt: skip

    @staticmethod
    def _off_the_trunk(goal_m: np.ndarray, shoulder_m: np.ndarray) -> np.ndarray:
        """(3,) what pushes an elbow away when a hand is close before the trunk; all seen from the chest."""
        middle = (goal_m + shoulder_m)[:2] / 2 - [0.02, 0.0]
        far_m = float(np.linalg.norm(middle))
        push = 3.0 * float(np.clip((TRUNK_M - far_m) / 0.15, 0.0, 1.0)) / max(far_m, 1e-6)
        return np.array([push * abs(middle[0]) + 0.3 * push * far_m, push * middle[1], 0.0])

    def _head(self, world: np.ndarray, chest: np.ndarray, chest_m: np.ndarray, turn: np.ndarray, wish: Wish) -> None:
        neck_m = chest_m + chest @ (self.heads["head"] - self.heads["spine01"])
        ahead = turn @ np.array([1.0, 0.0, -0.12])
        gaze = ahead
        if wish.look_m is not None:
            gaze = wish.look_m - neck_m
            gaze = ahead + wish.look * (gaze / max(float(np.linalg.norm(gaze)), 1e-6) - ahead)
        local = chest.T @ gaze
        yaw = float(np.clip(np.arctan2(local[1], max(local[0], 0.02)), -LOOK_LIMIT_RAD[0], LOOK_LIMIT_RAD[0]))
        pitch = float(
            np.clip(np.arctan2(-local[2], np.hypot(local[0], local[1])), *(np.array([-1, 1]) * LOOK_LIMIT_RAD[1]))
        )
        for step, name in enumerate(NECK, start=1):
            world[self.number[name]] = chest @ about_z(yaw * step / 4) @ about_y(pitch * step / 4)
