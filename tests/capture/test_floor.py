"""Finding the floor in made-up rooms whose up direction is known."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.floor import find_floor
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.surface_icp import Surface

GRID_M = 0.04
NOISE_M = 0.005


def _patch(corner: tuple, along: tuple, across: tuple, normal: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Points on a rectangle every 4 cm, with noise along its normal."""
    a, b = (
        np.arange(0, np.linalg.norm(side), GRID_M)[:, None] * np.asarray(side, dtype=float) / np.linalg.norm(side)
        for side in (along, across)
    )
    points_m = (np.asarray(corner, dtype=float) + a[:, None] + b[None]).reshape(-1, 3)
    rng = np.random.default_rng(len(points_m))
    return points_m + rng.normal(size=(len(points_m), 1)) * NOISE_M * np.asarray(normal), np.tile(
        np.asarray(normal, dtype=float), (len(points_m), 1)
    )


WALL = _patch((-2, 2, 0), (4, 0, 0), (0, 0, 2.6), (0, -1, 0))
SIDE = _patch((-2, -2, 0), (0, 4, 0), (0, 0, 2.6), (1, 0, 0))
CEILING = _patch((-2, -2, 2.6), (4, 0, 0), (0, 4, 0), (0, 0, -1))
TABLE = _patch((-1, -1, 0.9), (2, 0, 0), (0, 1.2, 0), (0, 0, 1))
FLOOR = _patch((-2, -2, 0), (1.6, 0, 0), (0, 1.0, 0), (0, 0, 1))
CRUMB_OF_FLOOR = _patch((-2, -2, 0), (0.6, 0, 0), (0, 0.5, 0), (0, 0, 1))
POSES = {
    "one": look_at((1.5, -1.5, 1.9), (-0.5, 0.5, 0.8)),
    "two": look_at((1.2, 1.5, 2.1), (-0.3, -0.5, 0.9)),
}
TILT = SE3.exp(np.array([0.3, -0.2, 0.5, 1.0, 2.0, -3.0]))


def _find(*patches: tuple[np.ndarray, np.ndarray]):
    """The floor in a reference frame that knows nothing of the world."""
    points_m, normals = (np.concatenate(columns) for columns in zip(*patches, strict=True))
    surfaces, poses = {}, {}
    for half, (name, world_from_camera) in enumerate(POSES.items()):
        camera_from_world = world_from_camera.inverse()
        sigma_m = np.full(len(points_m[half::2]), NOISE_M)
        surfaces[name] = Surface(
            camera_from_world @ points_m[half::2], camera_from_world.rotate(normals[half::2]), sigma_m
        )
        poses[name] = TILT @ world_from_camera
    return find_floor(surfaces, poses)


def _tilt_deg(fit) -> float:
    up = fit.world_from_reference.rotate(TILT.rotate(np.array([0.0, 0.0, 1.0])))
    return float(np.degrees(np.arccos(np.clip(up[2], -1, 1))))


def test_floor_is_found_under_a_larger_table_and_ceiling():
    fit = _find(WALL, SIDE, CEILING, TABLE, FLOOR)
    assert fit.found
    assert not fit.warnings
    # A patch one metre wide with hundreds of points at 5 mm holds its tilt far better than 5 mm over one metre.
    assert _tilt_deg(fit) < np.degrees(NOISE_M / 1.0)
    assert fit.camera_height_m["one"] == pytest.approx(1.9, abs=3 * NOISE_M)
    assert fit.camera_height_m["two"] == pytest.approx(2.1, abs=3 * NOISE_M)
    assert fit.area_m2 == pytest.approx(1.6, rel=0.5)
    assert fit.ceiling_angle_deg < 0.5


def test_world_is_right_handed_and_walls_stand_along_its_axes():
    fit = _find(WALL, SIDE, CEILING, TABLE, FLOOR)
    assert np.linalg.det(fit.world_from_reference.rotation) == pytest.approx(1.0)
    wall = fit.world_from_reference.rotate(TILT.rotate(np.array([0.0, -1.0, 0.0])))
    assert np.sort(np.abs(wall)) == pytest.approx([0, 0, 1], abs=0.01)


def test_a_crumb_of_floor_is_taken_with_a_warning():
    fit = _find(WALL, SIDE, CEILING, TABLE, CRUMB_OF_FLOOR)
    assert fit.found
    assert _tilt_deg(fit) < 2.0
    assert any("m2 of floor" in warning for warning in fit.warnings)


def test_without_a_floor_up_comes_from_the_ceiling():
    fit = _find(WALL, SIDE, CEILING)
    assert not fit.found
    assert _tilt_deg(fit) < 1.0
    assert any("no floor" in warning and "ceiling" in warning for warning in fit.warnings)


def test_with_nothing_level_up_comes_from_the_cameras():
    fit = _find(WALL, SIDE)
    assert not fit.found
    assert any("cameras' own up" in warning for warning in fit.warnings)
