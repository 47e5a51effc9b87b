"""Depth on the colour grid against scenes whose depth is known in closed form for both lenses."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.depth_warp import depth_on_color_grid
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3

BEND = np.array([0.08, -0.05, 0.0005, -0.0003, 0.01])
COLOR = Intrinsics(460.0, 460.0, 319.5, 179.5, 640, 360, "brown_conrady", BEND)
DEPTH = Intrinsics(250.0, 250.0, 159.5, 143.5, 320, 288)
POSE = SE3.exp(np.array([0.08, 0.01, -0.004, -0.032, -0.002, 0.004]))
CAMERA = CameraModel("c", COLOR, DEPTH, POSE)

WALL_M, SLAB_M = 3.0, 1.2
SLAB = (-0.2, 0.25, -0.3, 0.35)


def _seen_m(lens: Intrinsics, color_from_lens: SE3) -> np.ndarray:
    """(h, w) depth of a slanted wall and of a slab before it, both given in the frame of the colour lens."""
    rays = lens.rays().astype(np.float64)
    directions = rays @ color_from_lens.rotation.T
    origin_m = color_from_lens.translation_m
    normal = np.array([0.2, -0.1, 1.0])
    wall = (WALL_M - normal @ origin_m) / (directions @ normal)
    slab = (SLAB_M - origin_m[2]) / directions[..., 2]
    x, y = origin_m[0] + slab * directions[..., 0], origin_m[1] + slab * directions[..., 1]
    on_slab = (x > SLAB[0]) & (x < SLAB[1]) & (y > SLAB[2]) & (y < SLAB[3])
    return np.where(on_slab, slab, wall).astype(np.float32)


def test_every_color_pixel_has_the_depth_of_what_it_shows() -> None:
    warped_m = depth_on_color_grid(CAMERA, _seen_m(DEPTH, POSE))
    true_m = _seen_m(COLOR, SE3.identity())
    known = warped_m > 0
    # A pixel of the depth lens is 1.84 of the colour lens wide, so that an edge is known to one of them either way.
    near_edge = _spread(np.abs(np.diff(true_m, axis=0, append=true_m[-1:])) > 0.5) | _spread(
        np.abs(np.diff(true_m, axis=1, append=true_m[:, -1:])) > 0.5
    )
    sure = known & ~near_edge
    assert np.abs(warped_m - true_m)[sure].max() < 1e-3
    inside = np.zeros_like(known)
    inside[40:-40, 60:-60] = True
    slab = (true_m < 2.0) & ~near_edge
    assert known[slab].all()
    assert known[inside].mean() > 0.97


def test_no_wall_shows_through_a_slab_that_the_color_lens_sees() -> None:
    shifted = CameraModel("c", COLOR, DEPTH, SE3(np.eye(3), np.array([-0.15, 0.0, 0.0])))
    warped_m = depth_on_color_grid(shifted, _seen_m(DEPTH, shifted.color_from_depth))
    slab = _seen_m(COLOR, SE3.identity()) < 2.0
    shadow = (warped_m == 0) & ~slab
    inner = slab & ~_spread(~slab)
    assert (warped_m[inner] < 2.0).all()
    # The depth lens cannot look behind one edge: 0.15 m of baseline between 1.2 m and about 3 m.
    expected_px = COLOR.fx_px * 0.15 * (1 / SLAB_M - 1 / WALL_M)
    row = shadow[180, 60:-60]
    assert expected_px - 12 < row.sum() < expected_px + 12


def test_a_single_return_keeps_its_size() -> None:
    depth_m = np.zeros((288, 320), np.float32)
    depth_m[140, 160] = 2.0
    warped_m = depth_on_color_grid(CAMERA, depth_m)
    assert 1 <= (warped_m > 0).sum() <= 4
    uv_px = COLOR.project(POSE.apply(DEPTH.back_project(np.array([160.0, 140.0]), 2.0)))
    rows, columns = np.nonzero(warped_m)
    assert np.abs(np.stack([columns, rows], axis=1) - uv_px).max() <= 1.0


def test_an_empty_image_and_a_wrong_one() -> None:
    assert not depth_on_color_grid(CAMERA, np.zeros((288, 320), np.float32)).any()
    with pytest.raises(InputError, match="320x288"):
        depth_on_color_grid(CAMERA, np.zeros((576, 640), np.float32))
    with pytest.raises(InputError, match="no depth"):
        depth_on_color_grid(CameraModel("c", COLOR, None, POSE), np.zeros((288, 320), np.float32))


def _spread(mask: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
