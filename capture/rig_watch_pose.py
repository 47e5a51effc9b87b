"""The place of a moved camera against the one before, from all that it saw at each of the two."""

from __future__ import annotations

import numpy as np

from .camera import CameraModel
from .geometry import SE3
from .link import CameraEvidence, LinkConfig, link_pair
from .noise import noise_of
from .rig_watch_view import median_depth
from .static_view import StaticView, view_of
from .surface_icp import IcpConfig, Surface, refine

DISTANCES_M = (0.10, 0.05, 0.03)
ROUNDS = 6
FEWEST_IMAGES = 4
TILE_M = 1.0
"""About as wide as a person: who stood in both pictures and leaned in between errs as one."""
DISCOUNT = 3.0
"""Factor on the covariance: the errors of a depth lens, and of people who hardly moved, reach farther than a tile."""
RESTLESS = 2.0
"""A pixel whose depth varied by more than so many times what is usual in its picture shows somebody who moves."""


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
    depth_m = median_depth(images, model.depth_unit_m)
    depth_m[restless(model, images, depth_m)] = 0.0
    return view_of(model, model.depth_correction.apply(depth_m, model.depth), None)


def restless(model: CameraModel, images: list[np.ndarray], depth_m: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels whose middle half of returns lies farther apart than noise, measured by the picture itself.

    Args:
        model: the camera.
        images: raw depth (h, w) uint16 each.
        depth_m: (h, w) their median, 0 = unknown.
    """
    stack, count = np.sort(np.stack(images), axis=0), len(images)
    quarter = np.count_nonzero(stack, axis=0) // 4
    low, high = (
        np.take_along_axis(stack, np.clip(place, 0, count - 1)[None], axis=0)[0].astype(np.float32)
        for place in (count - np.count_nonzero(stack, axis=0) + quarter, count - 1 - quarter)
    )
    known = depth_m > 0
    if count < FEWEST_IMAGES or not known.any():
        return np.zeros_like(known)
    apart = np.where(known, (high - low) * model.depth_unit_m, 0) / noise_of(model.sensor).sigma_m(depth_m)
    return known & (apart > RESTLESS * np.median(apart[known]))
