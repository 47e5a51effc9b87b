"""Where the calibration of a lens begins: which views take part, and a first lens and first poses for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..camera import Intrinsics
from .view_poses import ViewPose, pose_of_view

FOCAL_SHARES = np.geomspace(0.3, 4.0, 16)


def first_lens(size_px: tuple[int, int], points_m: Sequence[np.ndarray], pixels_px: Sequence[np.ndarray]) -> Intrinsics:
    """The pinhole lens, its axis in the middle of the image, whose focal length explains the views best.

    Args:
        size_px: width and height of the image.
        points_m, pixels_px: corners on the board and in the image, by view.
    """
    best, best_error = 1.0, np.inf
    for share in FOCAL_SHARES:
        lens = pinhole(size_px, float(share))
        poses = [pose_of_view(lens, points, pixels) for points, pixels in zip(points_m, pixels_px, strict=True)]
        errors = [np.inf if pose is None else pose.error * lens.fx_px for pose in poses]
        error = float(np.median(errors)) + float(np.mean(np.minimum(errors, size_px[0])))
        if error < best_error:
            best, best_error = float(share), error
    return pinhole(size_px, best)


def pinhole(size_px: tuple[int, int], focal_share: float) -> Intrinsics:
    """A lens without distortion whose focal length is a share of the image's larger side."""
    width_px, height_px = size_px
    focal_px = focal_share * max(size_px)
    return Intrinsics(focal_px, focal_px, (width_px - 1) / 2, (height_px - 1) / 2, width_px, height_px)


def spread_views(
    poses: Sequence[ViewPose], pixels_px: Sequence[np.ndarray], size_px: tuple[int, int], most: int
) -> list[int]:
    """Views that differ as much as possible: in place, size and tilt; ascending positions, at most `most`.

    The view with the most corners comes first, then always the one that is farthest from all that were taken
    (Gonzalez 1985).
    """
    count = len(poses)
    if count <= most:
        return list(range(count))
    looks = []
    for pose, pixels in zip(poses, pixels_px, strict=True):
        normal = pose.camera_from_board.rotation[:, 2]
        extent = np.linalg.norm(np.ptp(pixels, axis=0)) / np.linalg.norm(size_px)
        looks.append([*(pixels.mean(axis=0) / size_px), np.log2(max(extent, 1e-3)), normal[0], normal[1]])
    look = np.array(looks)
    chosen = [int(np.argmax([len(pixels) for pixels in pixels_px]))]
    nearest = np.linalg.norm(look - look[chosen[0]], axis=1)
    while len(chosen) < most:
        farthest = int(np.argmax(nearest))
        chosen.append(farthest)
        nearest = np.minimum(nearest, np.linalg.norm(look - look[farthest], axis=1))
    return sorted(chosen)
