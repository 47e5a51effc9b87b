"""Projection with derivatives: the same pixels as the lens itself, and slopes that a difference quotient confirms."""

import numpy as np
import pytest
from ortwin.capture.calibration.lens_jacobian import LENS_NAMES, lens_from_row, lens_names, lens_row, project_lenses
from ortwin.capture.camera import Intrinsics

STEP = 1e-6
LENSES = [
    Intrinsics(600, 610, 320, 240, 640, 480),
    Intrinsics(600, 610, 320, 240, 640, 480, "brown_conrady", np.array([-0.2, 0.05, 1e-3, -2e-3, 0.01])),
    Intrinsics(600, 610, 320, 240, 640, 480, "brown_conrady", np.array([0.5, 0.1, 1e-3, 2e-3, 0.1, 0.4, 0.2, 0.1])),
    Intrinsics(300, 310, 320, 240, 640, 480, "fisheye", np.array([0.05, -0.01, 0.002, -0.001])),
]


@pytest.fixture(params=LENSES, ids=["pinhole", "brown5", "rational8", "fisheye"])
def lens(request: pytest.FixtureRequest) -> Intrinsics:
    return request.param


def many(lens: Intrinsics, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(lens_row(lens), (count, 1)), np.full(count, lens.distortion_model == "fisheye")


@pytest.fixture
def points_m() -> np.ndarray:
    rng = np.random.default_rng(3)
    points = rng.uniform([-0.5, -0.4, 1.0], [0.5, 0.4, 3.0], (40, 3))
    points[0] = [0.0, 0.0, 1.0]  # on the axis
    return points


def test_pixels_are_those_of_the_lens(lens: Intrinsics, points_m: np.ndarray) -> None:
    np.testing.assert_allclose(
        project_lenses(points_m, *many(lens, len(points_m))).pixels_px, lens.project(points_m), atol=1e-6
    )


def test_slopes_by_the_point(lens: Intrinsics, points_m: np.ndarray) -> None:
    rows, fisheye = many(lens, len(points_m))
    exact = project_lenses(points_m, rows, fisheye).by_point
    for axis in range(3):
        step = STEP * np.eye(3)[axis]
        above, below = (project_lenses(points_m + sign * step, rows, fisheye).pixels_px for sign in (1, -1))
        np.testing.assert_allclose(exact[..., axis], (above - below) / (2 * STEP), rtol=1e-5, atol=1e-4)


def test_slopes_by_the_lens(lens: Intrinsics, points_m: np.ndarray) -> None:
    rows, fisheye = many(lens, len(points_m))
    exact = project_lenses(points_m, rows, fisheye).by_lens
    for column in range(8 if fisheye[0] else 12):
        step = np.zeros(12)
        step[column] = STEP
        above, below = (project_lenses(points_m, rows + sign * step, fisheye).pixels_px for sign in (1, -1))
        np.testing.assert_allclose(exact[..., column], (above - below) / (2 * STEP), rtol=1e-4, atol=1e-4)


def test_a_row_and_its_names_are_the_whole_lens(lens: Intrinsics) -> None:
    assert lens_from_row(lens_row(lens), lens).key == lens.key
    assert len(lens_names(lens)) == 4 + len(lens.distortion)
    assert lens_names(lens)[:4] == LENS_NAMES[:4]
