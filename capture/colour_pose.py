"""The pose of two cameras from colour alone; depth gives no more than the length of the baseline.

A pose that rests on surfaces may be far from the truth where depth is bent, though surfaces lie on surfaces. Colour
matches that lie on their epipolar lines under another pose say so.
"""

from __future__ import annotations

import numpy as np

from .geometry import SE3
from .joint_problem import JointCamera, JointMatches, JointState
from .joint_rows import epipolar_px

WITHIN_PX = 2.0
RANSAC_PX = 1.0
CLEARLY_MORE, AT_LEAST = 1.5, 30
LEAST_PARALLAX_RAD = 0.02


def better_colour_pose(pair: JointMatches, cameras: list[JointCamera], state: JointState) -> SE3 | None:
    """The pose first_from_second of the essential matrix (Nister 2004), where it explains clearly more than a state.

    Args:
        pair: matches of two cameras, true and false.
        cameras, state: the cameras and where they are believed to stand.

    Returns:
        The pose, or None where it explains little more, or cannot be found.
    """
    import cv2

    first, second = cameras[pair.first], cameras[pair.second]
    if len(pair.matches) < AT_LEAST or not np.isfinite([first.pixel_rad, second.pixel_rad]).all():
        return None
    one, two = (
        points_m[:, :2] / points_m[:, 2:]
        for points_m in (pair.matches.first_m - first.color_eye_m, pair.matches.second_m - second.color_eye_m)
    )
    threshold = RANSAC_PX * float(np.hypot(first.pixel_rad, second.pixel_rad)) / np.sqrt(2)
    cv2.setRNGSeed(0)
    essential, inlier = cv2.findEssentialMat(two, one, np.eye(3), cv2.RANSAC, 0.9999, threshold)
    if essential is None or np.shape(essential) != (3, 3) or int(inlier.sum()) < AT_LEAST:
        return None
    _, rotation, toward, in_front = cv2.recoverPose(essential, two, one, np.eye(3), mask=inlier.copy())
    kept = (inlier.ravel() > 0) & (in_front.ravel() > 0)
    baseline_m = _baseline_m(pair, one, two, SE3(rotation, toward.ravel()), kept, first, second)
    if baseline_m is None:
        return None
    # The colour lenses stand at the eyes of their cameras.
    shift_m = first.color_eye_m + baseline_m * toward.ravel() - rotation @ second.color_eye_m
    found = SE3(rotation, shift_m)
    poses = list(state.root_from_camera)
    poses[pair.second] = poses[pair.first] @ found
    before, after = (
        int((epipolar_px(pair, cameras, one_state) < WITHIN_PX).sum())
        for one_state in (state, JointState(poses, state.terms))
    )
    return found if after > CLEARLY_MORE * before + AT_LEAST else None


def _baseline_m(
    pair: JointMatches,
    one: np.ndarray,
    two: np.ndarray,
    unit: SE3,
    kept: np.ndarray,
    first: JointCamera,
    second: JointCamera,
) -> float | None:
    """The length at which triangulated ranges are what both depth cameras read, in the median."""
    rays = np.concatenate([one, np.ones((len(one), 1))], axis=1)
    others = np.concatenate([two, np.ones((len(two), 1))], axis=1) @ unit.rotation.T
    cross = np.cross(rays, others)
    size = np.linalg.norm(cross, axis=1)
    wide = kept & (size > LEAST_PARALLAX_RAD * np.linalg.norm(rays, axis=1) * np.linalg.norm(others, axis=1))
    if wide.sum() < AT_LEAST // 2:
        return None
    rays, others, cross, size = rays[wide], others[wide], cross[wide], size[wide]
    shift = np.broadcast_to(unit.translation_m, rays.shape)
    depth_one = np.einsum("nc,nc->n", np.cross(shift, others), cross) / size**2
    depth_two = np.einsum("nc,nc->n", np.cross(shift, rays), cross) / size**2
    read_one = (pair.matches.first_m - first.color_eye_m)[wide, 2]
    read_two = (pair.matches.second_m - second.color_eye_m)[wide, 2]
    ahead = (depth_one > 0) & (depth_two > 0)
    if ahead.sum() < AT_LEAST // 2:
        return None
    return float(np.median(np.concatenate([read_one[ahead] / depth_one[ahead], read_two[ahead] / depth_two[ahead]])))
