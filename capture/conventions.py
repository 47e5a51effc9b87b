"""The doors through which other people's axes, units and quaternion orders come in and go out.

Inside ortwin: OpenCV cameras (x right, y down, z forward), worlds with +Z up, metres, integer nanoseconds.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation as _ScipyRotation

from .errors import InputError
from .geometry import SE3

_OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0])
_Z_UP_FROM_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def world_from_opencv_camera(world_from_opengl_camera: SE3) -> SE3:
    """Re-axes a pose whose camera looks along -z with y up (OpenGL, Blender, TUM camera files).

    The same rotation undoes itself, so this is also the door from OpenCV to OpenGL cameras.
    """
    return SE3(world_from_opengl_camera.rotation @ _OPENCV_FROM_OPENGL, world_from_opengl_camera.translation_m)


def z_up_from_y_up(points_m: np.ndarray) -> np.ndarray:
    """Points (..., 3) of a right-handed y-up world, seen in the z-up world that shares its x axis."""
    return np.asarray(points_m, dtype=np.float64) @ _Z_UP_FROM_Y_UP.T


def metres_from_millimetres(values_mm: np.ndarray | float) -> np.ndarray:
    """Millimetres to metres, float64."""
    return np.asarray(np.asarray(values_mm, dtype=np.float64) * 1e-3)


def rotation_from_quat_wxyz(quat_wxyz: np.ndarray) -> np.ndarray:
    """(..., 4) quaternions, scalar first (Hamilton), to (..., 3, 3) rotations; normalised on the way.

    Raises:
        InputError: a quaternion is zero or not finite.
    """
    return rotation_from_quat_xyzw(np.roll(np.asarray(quat_wxyz, dtype=np.float64), -1, axis=-1))


def rotation_from_quat_xyzw(quat_xyzw: np.ndarray) -> np.ndarray:
    """(..., 4) quaternions, scalar last (Hamilton), to (..., 3, 3) rotations; normalised on the way.

    Raises:
        InputError: a quaternion is zero or not finite.
    """
    quat_xyzw = np.asarray(quat_xyzw, dtype=np.float64)
    if not (np.isfinite(quat_xyzw).all() and (np.abs(quat_xyzw).max(axis=-1) > 0).all()):
        raise InputError("a quaternion is zero or not finite", why="a tracker writes such rows while it is lost")
    rotations = _ScipyRotation.from_quat(quat_xyzw.reshape(-1, 4)).as_matrix()
    return rotations.reshape(*quat_xyzw.shape[:-1], 3, 3)


def quat_wxyz_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations to (..., 4) quaternions, scalar first and not negative."""
    return np.roll(quat_xyzw_from_rotation(rotation), 1, axis=-1)


def quat_xyzw_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations to (..., 4) quaternions, scalar last and not negative."""
    rotation = np.asarray(rotation, dtype=np.float64)
    quats = _ScipyRotation.from_matrix(rotation.reshape(-1, 3, 3)).as_quat(canonical=True)
    return quats.reshape(*rotation.shape[:-2], 4)
