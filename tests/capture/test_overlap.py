"""The measure by which registrations are judged, on surfaces for which it can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3
from ortwin.capture.overlap import estimate_normals, overlap_residuals, surface_residuals
from ortwin.capture.static_view import view_of

LENS = Intrinsics(200.0, 200.0, 99.5, 79.5, 200, 160)


def _wall(name: str, depth_m: float | np.ndarray):
    image = np.broadcast_to(np.asarray(depth_m, dtype=np.float32), (160, 200)).copy()
    return view_of(CameraModel(name, LENS, LENS, SE3.identity()), image, None)


def _shift(x: float, y: float, z: float) -> SE3:
    return SE3(np.eye(3), np.array([x, y, z]))


def test_a_wall_on_itself_fits_perfectly():
    measured = surface_residuals(_wall("a", 2.0), _wall("b", 2.0), SE3.identity())
    assert measured.share == 1.0
    assert measured.p90_mm < 1e-6


@pytest.mark.parametrize("gap_m", [0.01, 0.05, 0.14])
def test_a_gap_is_the_residual(gap_m):
    measured = surface_residuals(_wall("a", 2.0), _wall("b", 2.0), _shift(0, 0, gap_m))
    assert measured.median_mm == pytest.approx(1e3 * gap_m, rel=1e-3)
    assert measured.p90_mm == pytest.approx(1e3 * gap_m, rel=1e-3)
    assert measured.share == 1.0


def test_what_is_too_far_has_no_partner_and_lowers_the_share():
    assert surface_residuals(_wall("a", 2.0), _wall("b", 2.0), _shift(0, 0, 0.16)).share == 0.0
    # Slid sideways by half its width (2 m at 2 m), half of the wall finds the other, and 0.15 m more reach its rim.
    measured = surface_residuals(_wall("a", 2.0), _wall("b", 2.0), _shift(1.0, 0, 0))
    assert measured.share == pytest.approx(0.5 + 0.15 / 2, abs=0.02)


def test_surfaces_that_face_each_other_are_no_pair():
    turned = SE3(np.diag([-1.0, 1.0, -1.0]), np.array([0.0, 0.0, 4.0]))
    assert surface_residuals(_wall("a", 2.0), _wall("b", 2.0), turned).share == 0.0


def test_far_depth_is_left_out():
    image = np.full((160, 200), 2.0)
    image[:, 100:] = 5.5
    half = surface_residuals(_wall("a", image), _wall("b", image), SE3.identity())
    whole = surface_residuals(_wall("a", 2.0), _wall("b", 2.0), SE3.identity())
    assert half.num_points == pytest.approx(whole.num_points / 2, rel=0.05)


def test_grid_spacing_is_as_said():
    # A wall of 2 m x 1.6 m, seen every centimetre, fills 100 x 80 cells of 2 cm, plus at most one row at each rim.
    measured = surface_residuals(_wall("a", 2.0), _wall("b", 2.0), SE3.identity())
    assert 100 * 80 <= measured.num_points <= 102 * 82


def test_a_rig_gives_the_same_as_its_relative_pose():
    views = {"a": _wall("a", 2.0), "b": _wall("b", 2.0)}
    world = SE3.exp(np.array([0.3, 1.0, -0.4, 1.0, 2.0, 3.0]))
    poses = {"a": world, "b": world @ _shift(0.1, 0.0, 0.02)}
    rig = CameraRig({name: views[name].model.placed(poses[name]) for name in views})
    measured = overlap_residuals(rig, views, "a", "b")
    assert measured.median_mm == pytest.approx(20.0, rel=1e-3)


def test_normals_of_a_plane_look_at_the_place():
    x, y = np.meshgrid(np.arange(0, 1, 0.02), np.arange(0, 1, 0.02))
    points_m = np.stack([x.ravel(), y.ravel(), 0.3 * x.ravel() + 2.0], axis=-1)
    normals = estimate_normals(points_m, 0.1, np.zeros(3))
    expected = np.array([0.3, 0.0, -1.0]) / np.hypot(0.3, 1.0)
    np.testing.assert_allclose(normals, np.tile(expected, (len(normals), 1)), atol=1e-6)


def test_smoothed_surface_of_a_slanted_wall_is_exact():
    rays = LENS.rays()
    normal, offset_m = np.array([0.5, 0.2, -1.0]), -2.0
    depth_m = offset_m / (rays @ normal)
    view = _wall("a", depth_m)
    assert len(view.points_m) > 0.95 * depth_m.size
    unit = normal / np.linalg.norm(normal)
    np.testing.assert_allclose(view.normals @ unit, 1.0, atol=1e-3)
    np.testing.assert_allclose(view.points_m @ normal, offset_m, atol=2e-3)
