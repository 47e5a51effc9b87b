"""Rigid motions: SE3, its algebra, and its tangent space.

A transform is named destination first: `world_from_camera @ point_in_camera` is the point in the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from scipy.spatial.transform import Rotation as _ScipyRotation

from .arrays import Points, Rotation, Vector3, read_only
from .errors import InputError

Triple = Sequence[float] | np.ndarray

ORTHONORMAL_TOLERANCE = 1e-4
ROUNDING_TOLERANCE = 1e-2
NOT_FINITE, NOT_FINITE_WHY = "a pose has entries that are not finite numbers", "a failed calibration writes NaN"


@dataclass(frozen=True, slots=True, eq=False)
class SE3:
    """A rigid motion `a_from_b`: p_a = rotation @ p_b + translation_m.

    Args:
        rotation: (3, 3) float64, orthonormal with determinant +1; columns are b's axes seen from a.
        translation_m: (3,) float64, b's origin seen from a, metres.

    Raises:
        InputError: an entry is not finite, or the rotation is not a rotation.
    """

    rotation: Rotation
    translation_m: Vector3

    def __post_init__(self) -> None:
        rotation = np.asarray(self.rotation, dtype=np.float64)
        translation_m = np.asarray(self.translation_m, dtype=np.float64)
        if rotation.shape != (3, 3) or translation_m.shape != (3,):
            raise InputError(
                f"a pose needs a 3x3 rotation and 3 metres, got {rotation.shape} and {translation_m.shape}"
            )
        if not (np.isfinite(rotation).all() and np.isfinite(translation_m).all()):
            raise InputError(NOT_FINITE, why=NOT_FINITE_WHY)
        error = np.abs(rotation @ rotation.T - np.eye(3)).max()
        if error > ORTHONORMAL_TOLERANCE or np.linalg.det(rotation) < 0:
            raise InputError(
                "the rotation of a pose is not a rotation matrix",
                why=f"R R^T differs from the identity by {error:.2g}, det = {np.linalg.det(rotation):.3f}",
                todo="check for a transposed row order, a scale factor, or a mirrored axis",
            )
        object.__setattr__(self, "rotation", read_only(rotation))
        object.__setattr__(self, "translation_m", read_only(translation_m))

    @classmethod
    def identity(cls) -> SE3:
        """The motion that changes nothing."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> SE3:
        """From a homogeneous (4, 4) matrix; the rotation is projected to the nearest orthonormal one.

        Files round their digits, so the rotation may be off by 1e-2; a scale, a mirror image or a transposed matrix
        is refused and not projected away.
        """
        matrix = np.asarray(matrix, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise InputError(f"a homogeneous pose is 4x4, got {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise InputError(NOT_FINITE, why=NOT_FINITE_WHY)
        if not np.allclose(matrix[3], [0.0, 0.0, 0.0, 1.0], atol=ROUNDING_TOLERANCE):
            raise InputError(
                f"the last row of a pose is {matrix[3].tolist()}, not 0 0 0 1", todo="check for a transposed matrix"
            )
        rotation = matrix[:3, :3]
        rounded = np.abs(rotation @ rotation.T - np.eye(3)).max() < ROUNDING_TOLERANCE and np.linalg.det(rotation) > 0
        return cls(nearest_rotation(rotation) if rounded else rotation, matrix[:3, 3])

    @classmethod
    def exp(cls, tangent: np.ndarray) -> SE3:
        """From (6,) = rotation vector in rad, then translation in metres.

        The translation is taken as it is (the R^3 x SO(3) chart), so that each half can be read on its own.
        """
        tangent = np.asarray(tangent, dtype=np.float64)
        return cls(_ScipyRotation.from_rotvec(tangent[:3]).as_matrix(), tangent[3:])

    def log(self) -> np.ndarray:
        """(6,) = rotation vector in rad, then translation in metres; inverse of `exp`."""
        return np.concatenate([_ScipyRotation.from_matrix(self.rotation).as_rotvec(), self.translation_m])

    def matrix(self) -> np.ndarray:
        """The homogeneous (4, 4) float64 matrix."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation_m
        return matrix

    def inverse(self) -> SE3:
        """`b_from_a` of this `a_from_b`."""
        return SE3(self.rotation.T, -self.rotation.T @ self.translation_m)

    @overload
    def __matmul__(self, other: SE3) -> SE3: ...
    @overload
    def __matmul__(self, other: np.ndarray) -> np.ndarray: ...
    def __matmul__(self, other: SE3 | np.ndarray) -> SE3 | np.ndarray:
        if isinstance(other, SE3):
            rotation = nearest_rotation(self.rotation @ other.rotation)
            return SE3(rotation, self.rotation @ other.translation_m + self.translation_m)
        return self.apply(other)

    def apply(self, points_m: Points) -> Points:
        """Points in b, (..., 3) metres, float32 or float64 (kept), to points in a."""
        points_m = np.asarray(points_m)
        dtype = points_m.dtype if points_m.dtype == np.float32 else np.float64
        return points_m @ self.rotation.T.astype(dtype) + self.translation_m.astype(dtype)

    def rotate(self, directions: Points) -> Points:
        """Directions in b, (..., 3), to directions in a."""
        return np.asarray(directions) @ self.rotation.T

    def angle_rad(self) -> float:
        """The angle of the rotation, in [0, pi]."""
        return float(np.linalg.norm(_ScipyRotation.from_matrix(self.rotation).as_rotvec()))

    def distance_m(self) -> float:
        """The length of the translation, metres."""
        return float(np.linalg.norm(self.translation_m))


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation nearest to a (3, 3) matrix in the Frobenius norm (orthogonal Procrustes, Schoenemann 1966).

    Raises:
        InputError: an entry is not finite.
    """
    if not np.isfinite(matrix).all():
        raise InputError("no rotation is near a matrix whose entries are not finite numbers")
    u, _, vt = np.linalg.svd(matrix)
    return u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt


def rigid_from_points(source_m: Points, target_m: Points, weights: np.ndarray | None = None) -> SE3:
    """The weighted least-squares motion `target_from_source` of matched points (Kabsch 1976, Umeyama 1991).

    Args:
        source_m: (n, 3) points, n >= 3, metres.
        target_m: (n, 3) their partners, metres.
        weights: (n,) non-negative, or None for equal weights.
    """
    share = np.ones(len(source_m)) if weights is None else np.asarray(weights, dtype=np.float64)
    share = share / share.sum()
    source_mean, target_mean = share @ source_m, share @ target_m
    covariance = (np.asarray(target_m) - target_mean).T @ ((np.asarray(source_m) - source_mean) * share[:, None])
    rotation = nearest_rotation(covariance)
    return SE3(rotation, target_mean - rotation @ source_mean)


def look_at(eye_m: Triple, target_m: Triple, up: Triple = (0.0, 0.0, 1.0)) -> SE3:
    """`world_from_camera` of a camera (x right, y down, z forward) at `eye_m` that looks at `target_m`.

    Raises:
        InputError: the target is the eye, or lies straight along `up`.
    """
    eye = np.asarray(eye_m, dtype=np.float64)
    forward = np.asarray(target_m, dtype=np.float64) - eye
    distance_m = np.linalg.norm(forward)
    if not distance_m > 0:
        raise InputError("a camera cannot look at the place where it stands", todo="give another target")
    forward /= distance_m
    right = np.cross(forward, np.asarray(up, dtype=np.float64))
    if np.linalg.norm(right) < 1e-9:
        raise InputError("a camera cannot look along its own up direction", todo="give another up vector")
    right /= np.linalg.norm(right)
    return SE3(np.stack([right, np.cross(forward, right), forward], axis=1), eye)
