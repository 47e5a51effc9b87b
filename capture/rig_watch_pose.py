"""The place of a moved camera against the one before, from all that it saw at each of the two."""

from __future__ import annotations

import numpy as np

from .camera import CameraModel
from .geometry import SE3
from .link import CameraEvidence, LinkConfig, link_pair
from .rig_watch_view import median_depth
from .static_view import StaticView, view_of
from .surface_icp import IcpConfig, Surface, refine

DISTANCES_M = (0.10, 0.05, 0.03)
ROUNDS = 6
TILE_M = 0.6
DISCOUNT = 2.0
"""Factor on the covariance: the errors of a depth lens reach farther over the picture than a tile."""


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
    config = IcpConfig(distances_m=DISTANCES_M, rounds=ROUNDS, tile_m=TILE_M)
    surfaces = [Surface.of(_view(model, images), config) for images in (before, after)]
    start = model.color_from_depth @ depth_before_from_after @ model.color_from_depth.inverse()
    found = refine(surfaces[0], surfaces[1], start, None, config)
    return found.first_from_second, DISCOUNT * np.linalg.pinv(found.information, hermitian=True)


def far_pose(model: CameraModel, before: list[np.ndarray], after: list[np.ndarray]) -> tuple[SE3, np.ndarray] | None:
    """The same without any guess, from the shapes of both surfaces alone; None where nothing certain is found.

    Args:
        model: the camera.
        before, after: raw depth images (h, w) uint16 from each place.
    """
    config = LinkConfig()
    evidence = []
    for images in (before, after):
        view = _view(model, images)
        if not len(view.points_m):
            return None
        surfaces = Surface.of(view, config.icp), Surface.of(view, config.icp, config.coarse_grid_m)
        evidence.append(CameraEvidence(view, *surfaces, ()))
    pair = link_pair(evidence[0], evidence[1], config)
    if not pair.linked or pair.first_from_second is None:
        return None
    depth_from_color = model.color_from_depth.inverse()
    return settled_pose(model, before, after, depth_from_color @ pair.first_from_second @ model.color_from_depth)


def _view(model: CameraModel, images: list[np.ndarray]) -> StaticView:
    assert model.depth is not None
    return view_of(model, model.depth_correction.apply(median_depth(images, model.depth_unit_m), model.depth), None)
