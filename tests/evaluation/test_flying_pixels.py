"""Flying pixels: a board before a wall, seen straight, with returns in between."""

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.noise import DepthNoise
from ortwin.evaluation.flying_pixels import flying_pixels, near_owners
from ortwin.evaluation.surfaces import raycasting_scene

LENS = Intrinsics(100.0, 100.0, 31.5, 23.5, 64, 48)
CAMERA = CameraModel("cam_1", LENS, LENS, SE3.identity()).placed(look_at((0, 0, 0), (1, 0, 0)))
QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def upright(x_m: float, half_m: float, shift_m: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[x_m, y, z] for y, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))], float)
    return corners * [1, half_m, half_m] + [0, shift_m, 0], QUAD


SCENE = raycasting_scene([upright(3.0, 10.0), upright(2.0, 0.2)])


def flies(depth_m: float, noise: DepthNoise | None = None) -> np.ndarray:
    image = np.full((48, 64), depth_m, np.float32)
    return flying_pixels(image, CAMERA, SCENE, noise or DepthNoise(0.0, 0.0))


def test_on_the_board_and_on_the_wall_nothing_flies():
    board = np.zeros((48, 64), bool)
    board[14:34, 22:42] = True  # 0.2 m at 2 m and 100 px: 10 pixels to each side
    assert not (flies(2.0) & board).any()
    assert not (flies(3.0) & ~board).any()


def test_between_board_and_wall_everything_flies():
    assert flies(2.5).all()
    assert not flies(0.0).any()  # no return


def test_the_floor_of_30_mm_and_the_four_sigma():
    inner = (slice(16, 32), slice(24, 40))
    assert not flies(2.029)[inner].any()
    assert flies(2.031)[inner].all()
    assert not flies(2.039, DepthNoise(0.010, 0.0, 0.0))[inner].any()
    assert flies(2.041, DepthNoise(0.010, 0.0, 0.0))[inner].all()


def test_at_a_border_both_surfaces_are_true():
    edge = raycasting_scene([upright(3.0, 10.0), upright(2.0, 10.0, 10.0)])  # the left half of the view, to its middle
    image = np.full((48, 64), 2.0, np.float32)
    shifted = CAMERA.world_from_camera @ SE3(np.eye(3), np.array([0.25 / 50, 0.0, 0.0]))  # the border inside a pixel
    camera = CameraModel("cam_1", LENS, LENS, SE3.identity()).placed(shifted)
    near, far = (flying_pixels(image * scale, camera, edge, DepthNoise(0.0, 0.0)) for scale in (1.0, 1.5))
    both = ~near & ~far
    assert both.any(axis=1).all()
    assert both.sum() == 48  # one column: its cone holds the board and the wall
    assert (near ^ far).sum() == 48 * 63


def test_a_slanted_surface_fills_a_span_of_depths():
    # A floor 1 m below that a ray meets at 10 degrees: a pixel covers far more than 30 mm of depth.
    floor = raycasting_scene([(np.array([[-50, -50, -1], [50, -50, -1], [50, 50, -1], [-50, 50, -1]], float), QUAD)])
    rows = np.arange(28, 48)
    rays_m = 1.0 / ((rows - 23.5) / 100.0)
    image = np.zeros((48, 64), np.float32)
    for part in (-0.45, 0.45):
        image[rows] = (1.0 / ((rows + part - 23.5) / 100.0))[:, None]
        assert not flying_pixels(image, CAMERA, floor, DepthNoise(0.0, 0.0)).any()
    image[rows] = (rays_m + 2.0 * (rays_m**2 / 100 + 0.03))[:, None]
    assert flying_pixels(image, CAMERA, floor, DepthNoise(0.0, 0.0))[rows].all()


def test_pixels_near_an_owner():
    owner = np.zeros((9, 9), np.uint8)
    owner[4, 4] = 3
    assert near_owners(owner, [3]).sum() == 25
    assert not near_owners(owner, [2]).any()


def test_a_turned_rig_changes_nothing():
    turn = SE3.exp(np.array([0.3, -0.2, 1.0, 5.0, 1.0, 2.0]))
    moved = raycasting_scene([(turn @ vertices, faces) for vertices, faces in (upright(3.0, 10.0), upright(2.0, 0.2))])
    camera = CameraModel("cam_1", LENS, LENS, SE3.identity()).placed(turn @ CAMERA.world_from_camera)
    image = np.full((48, 64), 2.0, np.float32)
    found = flying_pixels(image, camera, moved, DepthNoise(0.0, 0.0))
    assert (found == flies(2.0)).mean() == pytest.approx(1, abs=0.03)  # float32 decides a border column otherwise
