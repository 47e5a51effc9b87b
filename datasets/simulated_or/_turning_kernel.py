"""Rotations as small functions on single vectors, and the inverse kinematics of two bones in a row, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def cross(a, b):
    """The vector product of two (3,)."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@numba.njit(cache=True, nogil=True)
def dot(a, b):
    """The scalar product of two (3,)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(cache=True, nogil=True)
def times(matrix, vector):
    """(3,) a matrix (3, 3) times a vector."""
    return np.array([dot(matrix[0], vector), dot(matrix[1], vector), dot(matrix[2], vector)])


@numba.njit(cache=True, nogil=True)
def rotation(vector):
    """(3, 3) rotation of a rotation vector (3,), rad (Rodrigues 1840)."""
    angle = math.sqrt(dot(vector, vector))
    result = np.eye(3)
    if angle < 1e-12:
        return result
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    sin, cos = math.sin(angle), math.cos(angle)
    rest = 1.0 - cos
    result[0, 0], result[0, 1], result[0, 2] = cos + x * x * rest, x * y * rest - z * sin, x * z * rest + y * sin
    result[1, 0], result[1, 1], result[1, 2] = y * x * rest + z * sin, cos + y * y * rest, y * z * rest - x * sin
    result[2, 0], result[2, 1], result[2, 2] = z * x * rest - y * sin, z * y * rest + x * sin, cos + z * z * rest
    return result


@numba.njit(cache=True, nogil=True)
def part(turned, share):
    """A share of a rotation (3, 3) below pi."""
    axis = np.array([turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0], turned[1, 0] - turned[0, 1]])
    sin, cos = math.sqrt(dot(axis, axis)) / 2, (turned[0, 0] + turned[1, 1] + turned[2, 2] - 1) / 2
    scale = 0.5 if sin < 1e-9 else math.atan2(sin, cos) / (2 * sin)
    return rotation(axis * (share * scale))


@numba.njit(cache=True, nogil=True)
def swing_between(begin, end):
    """The shortest rotation (3, 3) that brings one direction (3,) to another."""
    axis = cross(begin, end)
    sin, cos = math.sqrt(dot(axis, axis)), dot(begin, end)
    return rotation(axis * (0.0 if sin < 1e-12 else math.atan2(sin, cos) / sin))


@numba.njit(cache=True, nogil=True)
def angle_about(axis, begin, end):
    """How far a direction must turn about a unit axis to come nearest to another one, rad."""
    flat_begin, flat_end = begin - axis * dot(axis, begin), end - axis * dot(axis, end)
    return math.atan2(dot(axis, cross(flat_begin, flat_end)), dot(flat_begin, flat_end))


@numba.njit(cache=True, nogil=True)
def frame_of(along, hinge):
    """(3, 3) whose first column points along a bone and whose third is the hinge, made square to it."""
    first = along / math.sqrt(dot(along, along))
    third = hinge - first * dot(first, hinge)
    third = third / max(math.sqrt(dot(third, third)), 1e-12)
    result = np.empty((3, 3))
    result[:, 0], result[:, 1], result[:, 2] = first, cross(third, first), third
    return result


@numba.njit(cache=True, nogil=True)
def two_bones(start_m, goal_m, upper_rest, lower_rest, pole, hinge_rest):
    """World rotations of two bones in a row whose end comes to a goal, or as near to it as they reach.

    Args:
        start_m: (3,) where the upper bone turns.
        goal_m: (3,) where the end of the lower one should be.
        upper_rest, lower_rest: (3,) the bones at rest.
        pole: (3,) the side to which the joint between them bends.
        hinge_rest: (3,) the axis of that joint at rest.

    Returns:
        Two (3, 3).
    """
    upper_m, lower_m = math.sqrt(dot(upper_rest, upper_rest)), math.sqrt(dot(lower_rest, lower_rest))
    span = goal_m - start_m
    length = math.sqrt(dot(span, span))
    direction = span / max(length, 1e-9)
    length = min(max(length, abs(upper_m - lower_m) + 0.05), 0.9995 * (upper_m + lower_m))
    along = (upper_m**2 - lower_m**2 + length**2) / (2 * length)
    side = pole - direction * dot(pole, direction)
    side = side / max(math.sqrt(dot(side, side)), 1e-9)
    joint = direction * along + side * math.sqrt(max(upper_m**2 - along**2, 0.0))
    hinge = cross(side, direction)
    upper = frame_of(joint, hinge) @ frame_of(upper_rest, hinge_rest).T
    lower = frame_of(direction * length - joint, hinge) @ frame_of(lower_rest, hinge_rest).T
    return upper, lower


@numba.njit(cache=True, nogil=True)
def solve_arm(goal_m, palm, pole, chest, chest_m, neck_rest, heads, point, palm_rest, shares):
    """World rotations (7, 3, 3) of the bones of an arm whose point comes to a goal.

    The shoulder girdle follows a share of the upper arm's swing; the upper arm's and the forearm's twist are spread
    along their halves, so that the skin is not wrung at a joint. What the spreading shifts is made good by asking
    again for a goal that is as much beside it.

    Args:
        goal_m, palm: (3,) where the point should come, and which way the palm should face, world.
        pole: (3,) where the elbow goes.
        chest, chest_m: (3, 3) and (3,) rotation and place of the uppermost bone of the spine, world.
        neck_rest: (3,) where that bone is at rest.
        heads: (7, 3) at rest: clavicle, shoulder, both halves of the upper arm and of the forearm, wrist.
        point, palm_rest: (3,) the point and the palm's direction at rest.
        shares: (8,) of clavicle, shoulder, upper arm's first half, three of the forearm, greatest twist in rad, rounds.
    """
    world = np.empty((7, 3, 3))
    upper_rest, lower_rest = heads[4] - heads[2], point - heads[4]
    hinge_rest = cross(upper_rest, lower_rest)
    clavicle_m = chest_m + times(chest, heads[0] - neck_rest)
    lifted = np.eye(3)
    aim_m = goal_m.copy()
    for _ in range(int(shares[7])):
        world[0], world[1] = chest @ part(lifted, shares[0]), chest @ part(lifted, shares[1])
        shoulder_m = clavicle_m + times(world[0], heads[1] - heads[0]) + times(world[1], heads[2] - heads[1])
        upper, lower = two_bones(shoulder_m, aim_m, upper_rest, lower_rest, pole, hinge_rest)
        lifted = swing_between(upper_rest, times(chest.T, times(upper, upper_rest)))
        swung = chest @ lifted
        world[2] = swung @ part(swung.T @ upper, shares[2])
        world[3] = upper
        axis = times(lower, heads[6] - heads[4])
        axis = axis / math.sqrt(dot(axis, axis))
        angle = shares[6] * math.tanh(angle_about(axis, times(lower, palm_rest), palm) / shares[6])
        for k in range(3):
            world[4 + k] = rotation(axis * (shares[3 + k] * angle)) @ lower
        place_m = shoulder_m + times(world[2], heads[3] - heads[2]) + times(upper, heads[4] - heads[3])
        place_m = place_m + times(world[4], heads[5] - heads[4]) + times(world[5], heads[6] - heads[5])
        place_m = place_m + times(world[6], point - heads[6])
        aim_m = aim_m + (goal_m - place_m) * 0.9
    return world
