"""Many small rotations at once: exponential, logarithm and the Jacobians of SO(3) (Sola et al. 2018, section 4).

All functions take rotation vectors (..., 3) in radians. A perturbation is applied from the left: R' = exp(d) R.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

SMALL_RAD = 1e-5


def cross_matrix(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) to (..., 3, 3): the matrix whose product with p is the cross product of the vector with p."""
    x, y, z = np.moveaxis(np.asarray(vectors, dtype=np.float64), -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)


def exp_rotation(vectors_rad: np.ndarray) -> np.ndarray:
    """(..., 3) rotation vectors to (..., 3, 3) matrices."""
    flat = np.asarray(vectors_rad, dtype=np.float64).reshape(-1, 3)
    return Rotation.from_rotvec(flat).as_matrix().reshape(*np.shape(vectors_rad)[:-1], 3, 3)


def log_rotation(matrices: np.ndarray) -> np.ndarray:
    """(..., 3, 3) matrices to (..., 3) rotation vectors."""
    flat = np.asarray(matrices, dtype=np.float64).reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_rotvec().reshape(*np.shape(matrices)[:-2], 3)


def left_jacobian(vectors_rad: np.ndarray) -> np.ndarray:
    """(..., 3, 3): exp(v + d) is about exp(J d) exp(v) for a small d. The right Jacobian is that of -v."""
    angle, cross = _angle(vectors_rad), cross_matrix(vectors_rad)
    safe = np.maximum(angle, SMALL_RAD)
    first = np.where(angle < SMALL_RAD, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    second = np.where(angle < SMALL_RAD, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    return np.eye(3) + first * cross + second * (cross @ cross)


def inverse_left_jacobian(vectors_rad: np.ndarray) -> np.ndarray:
    """(..., 3, 3): the inverse of `left_jacobian`; angles below pi."""
    angle, cross = _angle(vectors_rad), cross_matrix(vectors_rad)
    safe = np.maximum(angle, 1e-3)
    exact = 1 / safe**2 - (1 + np.cos(safe)) / (2 * safe * np.sin(safe))
    second = np.where(angle < 1e-3, 1 / 12 + angle**2 / 720, exact)
    return np.eye(3) - 0.5 * cross + second * (cross @ cross)


def _angle(vectors_rad: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors_rad, axis=-1)[..., None, None]
