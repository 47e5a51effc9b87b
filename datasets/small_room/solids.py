"""Exact shapes: rounded boxes, of which capsules and boxes are the two ends, and the gap between them.

A solid is every point within `radius_m` of an oriented box. With two half edges zero it is a capsule, with radius zero
a box, so that one formula serves people, carts and furniture alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
GOLDEN_STEPS = 44
_SIGNS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))


@dataclass(frozen=True, slots=True, eq=False)
class Solids:
    """Some rounded boxes through time; one instant may stand for all (t = 1).

    Args:
        center_m: (t, p, 3) centres, world.
        rotation: (t, p, 3, 3), columns are the box axes in the world.
        half_m: (p, 3) half edges of the inner boxes; a capsule has its length along the third axis.
        radius_m: (p,) rounding.
    """

    center_m: np.ndarray
    rotation: np.ndarray
    half_m: np.ndarray
    radius_m: np.ndarray

    def pick(self, positions: np.ndarray) -> Solids:
        """The solids at some instants alone (resting solids stay as they are)."""
        if len(self.center_m) == 1:
            return self
        return Solids(self.center_m[positions], self.rotation[positions], self.half_m, self.radius_m)

    @property
    def are_capsules(self) -> bool:
        """Whether every one of them has at most one edge."""
        return bool((np.count_nonzero(self.half_m, axis=1) <= 1).all())

    def bounds_m(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner (t, 3) of the axis-aligned box around all of them, exact."""
        reach = np.abs(self.rotation) @ self.half_m[..., None]
        reach = reach[..., 0] + self.radius_m[:, None]
        return (self.center_m - reach).min(axis=1), (self.center_m + reach).max(axis=1)


def capsules(begin_m: np.ndarray, end_m: np.ndarray, radius_m: np.ndarray) -> Solids:
    """Capsules between two points: begin and end (t, p, 3), radius (p,); all of constant length through time."""
    axis = end_m - begin_m
    length = np.linalg.norm(axis, axis=-1)
    half = np.zeros((begin_m.shape[1], 3))
    half[:, 2] = length.mean(axis=0) / 2
    return Solids((begin_m + end_m) / 2, _rotation_to(axis), half, radius_m)


def stack(parts: Sequence[Solids]) -> Solids:
    """Several sets of solids as one."""
    num_times = max(len(part.center_m) for part in parts)
    return Solids(
        np.concatenate([np.broadcast_to(p.center_m, (num_times, *p.center_m.shape[1:])) for p in parts], axis=1),
        np.concatenate([np.broadcast_to(p.rotation, (num_times, *p.rotation.shape[1:])) for p in parts], axis=1),
        np.concatenate([p.half_m for p in parts]),
        np.concatenate([p.radius_m for p in parts]),
    )


def gap_m(a: Solids, b: Solids, exact_below_m: float = np.inf) -> np.ndarray:
    """(t,) metres between the surfaces of two sets of solids, 0 where they overlap.

    The nearest pair of two convex bodies includes an edge of one of them, so the gap is the smallest distance of an
    edge of one to the inner box of the other, less both radii. Along an edge that distance is convex: golden section.
    Where the bounding boxes are farther apart than `exact_below_m`, their distance is returned, a lower bound.
    """
    low_a, high_a = a.bounds_m()
    low_b, high_b = b.bounds_m()
    gap = np.linalg.norm(np.maximum(np.maximum(low_a - high_b, low_b - high_a), 0.0), axis=-1)
    near = np.flatnonzero(gap < exact_below_m)
    if not len(near):
        return gap
    a, b = a.pick(near), b.pick(near)
    if a.are_capsules:
        directions = [(a, b)]
    else:
        directions = [(b, a)] if b.are_capsules else [(a, b), (b, a)]
    parts = [_part_gap_m(one, part, other) for one, other in directions for part in range(len(one.radius_m))]
    gap[near] = np.maximum(np.min(parts, axis=0), 0.0)
    return gap


def _part_gap_m(a: Solids, part: int, b: Solids) -> np.ndarray:
    """(t,) the smallest distance of the edges of one part of a to all parts of b, less the radii."""
    begin, end = _edges(a.half_m[part])
    rotation, center = a.rotation[:, part], a.center_m[:, part]
    begin_m = np.einsum("tij,ej->tei", rotation, begin) + center[:, None]
    end_m = np.einsum("tij,ej->tei", rotation, end) + center[:, None]
    into_b = np.swapaxes(b.rotation, -1, -2)[:, :, None]
    local_begin = (into_b @ (begin_m[:, None] - b.center_m[:, :, None])[..., None])[..., 0]
    local_end = (into_b @ (end_m[:, None] - b.center_m[:, :, None])[..., None])[..., 0]
    distance = _segment_to_box_m(local_begin, local_end, b.half_m[None, :, None])
    return (distance.min(axis=2) - b.radius_m - a.radius_m[part]).min(axis=1)


def _edges(half_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end (e, 3) of the edges of a box; a flat box has fewer, a capsule's box has one."""
    corners = np.unique(_SIGNS * half_m, axis=0)
    pairs = [
        (p, q) for i, p in enumerate(corners) for q in corners[i + 1 :] if np.count_nonzero(np.abs(p - q) > 1e-12) == 1
    ]
    if not pairs:
        return corners[:1], corners[:1]
    begin, end = zip(*pairs, strict=True)
    return np.array(begin), np.array(end)


def _segment_to_box_m(begin: np.ndarray, end: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(...) distance of segments (..., 3) to boxes +-half about the origin, by golden-section search."""
    axis = end - begin

    def distance(s: np.ndarray) -> np.ndarray:
        outside = np.maximum(np.abs(begin + s[..., None] * axis) - half, 0.0)
        return np.sqrt(np.einsum("...i,...i->...", outside, outside))

    low, high = np.zeros(axis.shape[:-1]), np.ones(axis.shape[:-1])
    left, right = high - GOLDEN, low + GOLDEN
    at_left, at_right = distance(left), distance(right)
    for _ in range(GOLDEN_STEPS):
        keep_left = at_left <= at_right
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
        width = GOLDEN * (high - low)
        new_left, new_right = high - width, low + width
        probe = distance(np.where(keep_left, new_left, new_right))
        at_left, at_right = np.where(keep_left, probe, at_right), np.where(keep_left, at_left, probe)
        left, right = new_left, new_right
    return np.minimum(
        np.minimum(at_left, at_right), np.minimum(distance(np.zeros_like(low)), distance(np.ones_like(low)))
    )


def _rotation_to(direction: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations whose third column points along (..., 3), upwards where that is nothing."""
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    direction = np.where(length > 1e-9, direction / np.maximum(length, 1e-9), [0.0, 0.0, 1.0])
    helper = np.where(np.abs(direction[..., 2:]) < 0.9, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    first = np.cross(helper, direction)
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    return np.stack([first, np.cross(direction, first), direction], axis=-1)
