"""The place of a moved camera against the one before, from all that it saw at each of the two."""

from __future__ import annotations

import numpy as np

from .camera import CameraModel
from .geometry import SE3
from .rig_watch_view import median_depth
from .static_view import view_of
from .surface_icp import IcpConfig, Surface, refine

DISTANCES_M = (0.10, 0.05, 0.03)
ROUNDS = 6


def settled_pose(
    model: CameraModel, before: list[np.ndarray], after: list[np.ndarray], depth_before_from_after: SE3
) -> tuple[SE3, np.ndarray]:
    """The pose of a camera after a move in its own frame before, with covariance.

    Args:
        model: the camera.
        before, after: raw depth images (h, w) uint16 from each place.
        depth_before_from_after: about the same pose, of the depth lens.

    Returns:
        before_from_after of the (colour) lens, and its (6, 6) covariance, for a small motion applied from the left.
    """
    assert model.depth is not None
    config = IcpConfig(distances_m=DISTANCES_M, rounds=ROUNDS)
    surfaces = []
    for images in (before, after):
        depth_m = model.depth_correction.apply(median_depth(images, model.depth_unit_m), model.depth)
        surfaces.append(Surface.of(view_of(model, depth_m, None), config))
    start = model.color_from_depth @ depth_before_from_after @ model.color_from_depth.inverse()
    found = refine(surfaces[0], surfaces[1], start, None, config)
    return found.first_from_second, np.linalg.pinv(found.information, hermitian=True)
