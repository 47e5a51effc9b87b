"""Where the board stood before one camera, from one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..camera import Intrinsics
from ..geometry import SE3

LEAST_CORNERS = 6


class ViewPose(NamedTuple):
    """The pose of a flat board before a camera, by IPPE (Collins and Bartoli 2014), which always finds two.

    Args:
        camera_from_board: the better of the two.
        other: the other one.
        error: root mean square residual of the better one on the image plane at depth 1.
        ratio: error of the other over that of the better one; near 1 the two cannot be told apart.
        tilt_rad: angle between the board's normal and the line of sight.
    """

    camera_from_board: SE3
    other: SE3
    error: float
    ratio: float
    tilt_rad: float


def pose_of_view(lens: Intrinsics, points_m: np.ndarray, pixels_px: np.ndarray) -> ViewPose | None:
    """The pose of a board from its corners; None where these are too few, in a line, or outside the lens's rays.

    Args:
        lens: of the camera.
        points_m: (n, 3) corners on the board, z = 0.
        pixels_px: (n, 2) where they were seen.
    """
    rays = lens.back_project(pixels_px, 1.0)[:, :2]
    sound = np.isfinite(rays).all(axis=1)
    points_m, rays = points_m[sound], rays[sound]
    if len(rays) < LEAST_CORNERS or np.linalg.matrix_rank(points_m[:, :2] - points_m[0, :2], tol=1e-6) < 2:
        return None
    found, turns, shifts, errors = cv2.solvePnPGeneric(
        points_m, np.ascontiguousarray(rays[:, None]), np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    if found < 2 or not np.isfinite(np.array(errors)).all():
        return None
    poses = [SE3.exp(np.concatenate([turn.ravel(), shift.ravel()])) for turn, shift in zip(turns, shifts, strict=True)]
    error, other_error = (max(float(value), 1e-12) for value in np.ravel(errors)[:2])
    best = poses[0]
    normal, sight = best.rotation[:, 2], best.translation_m / best.distance_m()
    return ViewPose(best, poses[1], error, other_error / error, float(np.arccos(min(1.0, abs(normal @ sight)))))


def poses_of_views(
    lenses: Sequence[Intrinsics], camera: np.ndarray, instant: np.ndarray, points_m: np.ndarray, pixels_px: np.ndarray
) -> Mapping[tuple[int, int], ViewPose]:
    """The poses of all views, by (camera, instant).

    Args:
        lenses: by camera.
        camera, instant: (n,) of each corner.
        points_m, pixels_px: (n, 3) and (n, 2).
    """
    order = np.lexsort((instant, camera))
    keys = np.stack([camera[order], instant[order]], axis=1)
    starts = np.flatnonzero(np.r_[True, (np.diff(keys, axis=0) != 0).any(axis=1)]) if len(keys) else np.zeros(0, int)
    poses = {}
    for part in np.split(order, starts[1:]) if len(keys) else []:
        key = int(camera[part[0]]), int(instant[part[0]])
        pose = pose_of_view(lenses[key[0]], points_m[part], pixels_px[part])
        if pose is not None:
            poses[key] = pose
    return poses
