"""Cameras that look elsewhere than the rig says are found by whom they see; a right rig stays as it is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.rig_file import read_rig, write_rig
from ortwin.cli.app import run
from ortwin.reconstruction.detections import Detection, Sighting
from ortwin.reconstruction.keypoint_io import write_keypoints
from ortwin.reconstruction.lift import lift
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.turned_cameras import turn_cameras

SIGMA_PX = 4.0
PLACES = ((-2.5, -2.5, 2.4), (2.5, -2.5, 2.5), (2.5, 2.5, 2.3), (-2.5, 2.5, 2.6))
BODY_M = load_pose_prior().mean_m[0]


@pytest.fixture(scope="module")
def rig():
    lens = Intrinsics(600.0, 600.0, 640.0, 360.0, 1280, 720)
    poses = {f"cam_{number}": look_at(place, (0.0, 0.0, 1.0)) for number, place in enumerate(PLACES, 1)}
    return CameraRig({name: Camera(name, lens, None, SE3.identity(), 0.001, pose) for name, pose in poses.items()})


@pytest.fixture(scope="module")
def sightings(rig):
    rng = np.random.default_rng(7)
    found = []
    for k in range(12):
        cameras = {}
        for name, camera in rig.cameras.items():
            joints_m = BODY_M + np.array([-0.9 + 0.15 * k, 0.4 * np.sin(k), 0.0])
            uv_px = camera.color.project(camera.camera_from_world.apply(joints_m)) + rng.normal(0, SIGMA_PX, (17, 2))
            inside = camera.color.contains(uv_px)
            cameras[name] = (Detection(np.where(inside[:, None], uv_px, np.nan), inside * 0.8),)
        found.append(Sighting(k, k * 100_000_000, cameras))
    return tuple(found)


def turned(rig, name, tangent_deg):
    wrong = rig[name].world_from_camera @ SE3.exp(np.array([*np.deg2rad(tangent_deg), 0.0, 0.0, 0.0]))
    return CameraRig({**rig.cameras, name: replace(rig[name], world_from_camera=wrong)})


def off_px(rig, sightings):
    """Root mean square of what plain reprojection is off, over all keypoints."""
    squared = [
        ((rig[name].color.project(rig[name].camera_from_world.apply(person.joints_m))
          - sighting.cameras[name][k].keypoints_px) ** 2).sum(axis=1)
        for sighting, instant in zip(sightings, lift(sightings, rig), strict=True)
        for person in instant.people
        for name, k in zip(person.views, person.detections, strict=True)
    ]  # fmt: skip
    return float(np.sqrt(np.nanmean(np.concatenate(squared))))


def test_a_turned_camera_is_found_and_turned_back(rig, sightings):
    wrong = turned(rig, "cam_3", (0.2, 1.5, 0.0))
    found, turns_deg = turn_cameras(sightings, lift(sightings, wrong), wrong)
    assert max(turns_deg, key=turns_deg.get) == "cam_3"
    # 1.5 degrees are 16 px. What remains is noise in both directions, 4 px each, and what all cameras have in common.
    before_px, after_px, right_px = (off_px(each, sightings) for each in (wrong, found, rig))
    assert before_px > 1.2 * right_px
    assert after_px < 1.1 * right_px
    for name in rig.cameras:
        np.testing.assert_array_equal(
            found[name].world_from_camera.translation_m, rig[name].world_from_camera.translation_m
        )


def test_a_right_rig_stays_as_it_is(rig, sightings):
    _, turns_deg = turn_cameras(sightings, lift(sightings, rig), rig)
    # Less than a single keypoint's noise: 4 px of 600, 0.38 degrees.
    assert max(turns_deg.values()) < np.rad2deg(SIGMA_PX / 600)


def test_few_rays_turn_nothing(rig, sightings):
    found, turns_deg = turn_cameras(sightings[:3], lift(sightings[:3], rig), rig)
    assert turns_deg == {}
    assert found.cameras == rig.cameras
    assert turn_cameras((), (), rig)[1] == {}


def test_the_command_line_writes_the_rig_that_it_used(rig, sightings, tmp_path, capsys):
    write_rig(tmp_path / "rig.json", turned(rig, "cam_2", (0.0, 1.5, 0.0)))
    write_keypoints(tmp_path / "keypoints.jsonl", sightings)
    arguments = [
        "lift",
        "keypoints.jsonl",
        "--rig",
        "rig.json",
        "--out",
        "people.jsonl",
        "--turn-cameras",
        "better.json",
    ]
    places = [str(tmp_path / word) if "." in word and not word.startswith("-") else word for word in arguments]
    assert run([*places, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["turned_by_deg"]
    assert max(told, key=told.get) == "cam_2"
    before, after = (
        (read_rig(tmp_path / name)["cam_2"].world_from_camera.inverse() @ rig["cam_2"].world_from_camera).angle_rad()
        for name in ("rig.json", "better.json")
    )
    assert after < 0.5 * before
