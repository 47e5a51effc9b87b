"""Where somebody may be in the colour image: what moves in the depth image beside it."""

import numpy as np
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.geometry import SE3
from ortwin.reconstruction.regions import moving_regions

DEPTH = Intrinsics(300.0, 300.0, 160.0, 120.0, 320, 240)
COLOR = Intrinsics(900.0, 900.0, 640.0, 360.0, 1280, 720)
CAMERA = Camera("cam_1", COLOR, DEPTH, SE3(np.eye(3), np.array([0.05, 0.0, 0.0])), 0.001, SE3.identity())


def test_a_box_of_the_colour_image_holds_what_moves_in_the_depth_image():
    moving, depth_raw = np.zeros((240, 320), bool), np.full((240, 320), 4000, np.uint16)
    moving[100:140, 150:180], depth_raw[100:140, 150:180] = True, 2000
    moving[30, 30] = True  # a speck
    (region,) = moving_regions(CAMERA, moving, depth_raw)
    corners_m = DEPTH.back_project(np.array([[150.0, 100.0], [179.0, 139.0]]), 2.0)
    left, top, right, bottom = COLOR.project(CAMERA.color_from_depth.apply(corners_m)).ravel()
    assert region.left_px <= left < right < region.right_px
    assert region.top_px <= top < bottom < region.bottom_px
    assert region.right_px - region.left_px < 1.6 * (right - left)


def test_two_pieces_are_two_boxes_and_the_border_cuts_them():
    moving, depth_raw = np.zeros((240, 320), bool), np.full((240, 320), 1500, np.uint16)
    moving[0:60, 0:40] = moving[100:200, 200:240] = True
    regions = moving_regions(CAMERA, moving, depth_raw)
    assert len(regions) == 2
    for region in regions:
        assert 0 <= region.left_px < region.right_px <= 1280
        assert 0 <= region.top_px < region.bottom_px <= 720


def test_nothing_moves_or_nothing_is_measured():
    depth_raw = np.zeros((240, 320), np.uint16)
    assert moving_regions(CAMERA, np.zeros((240, 320), bool), depth_raw) == ()
    assert moving_regions(CAMERA, np.ones((240, 320), bool), depth_raw) == ()
