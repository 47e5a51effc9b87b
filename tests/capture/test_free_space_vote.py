"""Cameras that look through a point outvote the one that says something is there."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraModel, Intrinsics
from ortwin.capture.free_space_vote import VoteConfig, free_space_votes, outvoted
from ortwin.capture.geometry import SE3

WALL_M = 3.0
DISTORTION = np.array([0.05, -0.02, 0.001, -0.001, 0.0])
LENS = Intrinsics(200.0, 205.0, 159.5, 119.5, 320, 240, "brown_conrady", DISTORTION)


def _camera(name: str, x_m: float) -> Camera:
    """A camera that looks along +z at a wall at z = 3 m."""
    pose = SE3(np.eye(3), np.array([x_m, 0.0, 0.0]))
    return CameraModel(name, LENS, LENS, SE3.identity()).placed(pose)


def _rig(num_cameras: int) -> dict[str, Camera]:
    return {f"cam_{k}": _camera(f"cam_{k}", 0.3 * k) for k in range(num_cameras)}


def _walls(rig: dict[str, Camera]) -> dict[str, np.ndarray]:
    return {name: np.full((240, 320), round(WALL_M * 1000), np.uint16) for name in rig}


@pytest.mark.parametrize("num_cameras", [2, 3, 4])
def test_a_false_return_is_outvoted_and_nothing_else(num_cameras: int) -> None:
    rig = _rig(num_cameras)
    images = _walls(rig)
    images["cam_0"][120:124, 180:184] = 2000
    found = outvoted(rig, images)
    expected = np.zeros((240, 320), bool)
    expected[120:124, 180:184] = True
    assert np.array_equal(found["cam_0"], expected)
    assert not any(found[name].any() for name in rig if name != "cam_0")
    assert (free_space_votes(rig, images)["cam_0"][expected] == num_cameras - 1).all()


def test_a_thing_that_all_cameras_see_stays() -> None:
    """A ball stands before the wall; every camera reads its true front."""
    rig = _rig(3)
    centre, radius = np.array([0.3, 0.0, 2.0]), 0.25
    images = {}
    for name, camera in rig.items():
        rays = LENS.rays().astype(np.float64)
        to_centre = camera.camera_from_world @ centre
        along = (rays @ to_centre) / (rays**2).sum(axis=-1)
        miss = np.linalg.norm(rays * along[..., None] - to_centre, axis=-1)
        back = np.sqrt(np.maximum(radius**2 - miss**2, 0)) / np.linalg.norm(rays, axis=-1)
        images[name] = np.rint(1000 * np.where(miss < radius, along - back, WALL_M)).astype(np.uint16)
    found = outvoted(rig, images)
    assert sum(int(mask.sum()) for mask in found.values()) == 0


def test_one_camera_and_a_vote_turned_off_change_nothing() -> None:
    rig = _rig(2)
    images = _walls(rig)
    images["cam_0"][100:140, 150:190] = 1500
    assert not outvoted(rig, images, VoteConfig(enabled=False))["cam_0"].any()
    alone = {"cam_0": images["cam_0"]}
    assert not outvoted(rig, alone)["cam_0"].any()


def test_what_another_camera_did_not_measure_is_no_vote() -> None:
    rig = _rig(2)
    images = _walls(rig)
    images["cam_0"][100:140, 150:190] = 1500
    images["cam_1"][:] = 0
    assert not outvoted(rig, images)["cam_0"].any()
