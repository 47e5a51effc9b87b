"""Rotations as small functions on arrays, and the inverse kinematics of two bones in a row."""

from __future__ import annotations

import numpy as np


def rotation(vectors: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations of rotation vectors (..., 3), rad (Rodrigues 1840)."""
    vectors = np.asarray(vectors, dtype=np.float64)
    angle = np.sqrt((vectors * vectors).sum(axis=-1))[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    none = np.zeros_like(x)
    cross = np.stack([none, -z, y, z, none, -x, -y, x, none], axis=-1).reshape(*x.shape, 3, 3)
    small = np.maximum(angle, 1e-9)
    return np.eye(3) + np.sinc(angle / np.pi) * cross + (1 - np.cos(angle)) / small**2 * (cross @ cross)


def about_z(angle_rad: float) -> np.ndarray:
    """(3, 3) turn to the left."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def about_y(angle_rad: float) -> np.ndarray:
    """(3, 3) nod: what points forward turns down."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def vector_of(turned: np.ndarray) -> np.ndarray:
    """(3,) rotation vector of a rotation (3, 3) below pi."""
    axis = np.array([turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0], turned[1, 0] - turned[0, 1]])
    sin, cos = float(np.linalg.norm(axis)) / 2, (float(np.trace(turned)) - 1) / 2
    return axis * (0.5 if sin < 1e-9 else float(np.arctan2(sin, cos)) / (2 * sin))


def part(turned: np.ndarray, share: float) -> np.ndarray:
    """A share of a rotation."""
    return rotation(share * vector_of(turned))


def swing_between(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The shortest rotation (3, 3) that brings one direction (3,) to another."""
    axis = np.cross(begin, end)
    sin, cos = float(np.linalg.norm(axis)), float(begin @ end)
    return rotation(axis * (0.0 if sin < 1e-12 else float(np.arctan2(sin, cos)) / sin))


def angle_about(axis: np.ndarray, begin: np.ndarray, end: np.ndarray) -> float:
    """How far a direction must turn about a unit axis to come nearest to another one."""
    begin, end = begin - axis * (axis @ begin), end - axis * (axis @ end)
    return float(np.arctan2(axis @ np.cross(begin, end), begin @ end))


def frame_of(along: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """(3, 3) whose first column points along a bone and whose third is the hinge, made square to it."""
    first = along / np.linalg.norm(along)
    third = hinge - first * (first @ hinge)
    third /= np.linalg.norm(third)
    return np.stack([first, np.cross(third, first), third], axis=1)


def first_zero(grid: np.ndarray, values: np.ndarray) -> float:
    """Where values (n,) on a rising grid first fall to zero or below, blended; the grid's end if they never do."""
    below = np.nonzero(values <= 0)[0]
    if not len(below):
        return float(grid[int(values.argmin())])
    index = int(below[0])
    if index == 0:
        return float(grid[0])
    share = values[index - 1] / (values[index - 1] - values[index])
    return float(grid[index - 1] + share * (grid[index] - grid[index - 1]))


def two_bones(
    start_m: np.ndarray, goal_m: np.ndarray, upper_rest: np.ndarray, lower_rest: np.ndarray, pole: np.ndarray,
    hinge_rest: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """World rotations of two bones in a row whose end comes to a goal, or as near to it as they reach.

    Args:
        start_m: (3,) where the upper bone turns.
        goal_m: (3,) where the end of the lower one should be.
        upper_rest, lower_rest: (3,) the bones at rest.
        pole: (3,) the side to which the joint between them bends.
        hinge_rest: (3,) the axis of that joint at rest.
    """
    upper_m, lower_m = float(np.linalg.norm(upper_rest)), float(np.linalg.norm(lower_rest))
    span = goal_m - start_m
    length = float(np.linalg.norm(span))
    direction = span / max(length, 1e-9)
    length = float(np.clip(length, abs(upper_m - lower_m) + 0.05, 0.9995 * (upper_m + lower_m)))
    along = (upper_m**2 - lower_m**2 + length**2) / (2 * length)
    side = pole - direction * (direction @ pole)
    side /= max(float(np.linalg.norm(side)), 1e-9)
    joint = direction * along + side * np.sqrt(max(upper_m**2 - along**2, 0.0))
    hinge = np.cross(side, direction)
    lower = direction * length - joint
    return frame_of(joint, hinge) @ frame_of(upper_rest, hinge_rest).T, (
        frame_of(lower, hinge) @ frame_of(lower_rest, hinge_rest).T
    )
