"""Rotations as small functions on arrays."""

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
