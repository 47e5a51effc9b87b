"""Bodies from keypoints, under the names of the tracks that depth follows."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction.detections import Detection, Sighting
from ortwin.reconstruction.keypoint_bodies import bodies_of_keypoints, hash_sightings
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.state import Track
from ortwin.reconstruction.track_smoothing import TrackPath

PLACES_M = ((-2.5, -2.5, 2.4), (2.5, -2.5, 2.5), (0.0, 2.8, 2.3))
TIMES_NS = np.arange(10, dtype=np.int64) * 100_000_000
HERE, THERE = np.array([-0.8, 0.0, 0.0]), np.array([0.8, 0.3, 0.0])


@pytest.fixture(scope="module")
def rig() -> CameraRig:
    lens = Intrinsics(600.0, 600.0, 640.0, 360.0, 1280, 720)
    poses = {f"cam_{k}": look_at(place_m, (0.0, 0.0, 1.0)) for k, place_m in enumerate(PLACES_M, 1)}
    return CameraRig({name: Camera(name, lens, None, SE3.identity(), 0.001, pose) for name, pose in poses.items()})


def sightings(rig: CameraRig, *places_m: np.ndarray, times_ns=TIMES_NS) -> list[Sighting]:
    found = []
    for number, time_ns in enumerate(times_ns):
        cameras = {}
        for name, camera in rig.cameras.items():
            uv_px = [camera.color.project(camera.camera_from_world @ (load_pose_prior().mean_m[0] + place_m))
                     for place_m in places_m]  # fmt: skip
            cameras[name] = tuple(Detection(uv, np.ones(17)) for uv in uv_px)
        found.append(Sighting(number, None if time_ns is None else int(time_ns), cameras))
    return found


def track(number: int, place_m: np.ndarray, label: str = "person") -> TrackPath:
    count = len(TIMES_NS)
    center_m = np.tile(place_m + np.array([0.05, -0.1, 0.9]), (count, 1))
    zeros, who = np.zeros((count, 3)), Track(f"{label}_{number}", label, 0, int(TIMES_NS[-1]))
    return TrackPath(
        who, number, TIMES_NS, center_m, zeros + 0.5, zeros, np.zeros(count), np.zeros(count, bool),
        np.ones(count, np.int32),
    )  # fmt: skip


def test_a_body_has_the_name_of_the_track_that_stands_where_he_stands(rig):
    paths, bodies = bodies_of_keypoints(sightings(rig, HERE, THERE), rig, [track(1, THERE), track(2, HERE)], TIMES_NS)
    assert [path.track.track_id for path in paths] == ["person_1", "person_2"]
    truth_m = load_pose_prior().mean_m[0]
    for body, place_m in zip(bodies, (THERE, HERE), strict=True):
        np.testing.assert_array_equal(body.times_ns, TIMES_NS)
        error_m = np.linalg.norm(body.joints_m - truth_m - place_m, axis=-1)
        # No noise was put in; a detector's own of 3 px at 640 px of width and focal length 600 is claimed at 4 m.
        assert error_m.max() < 2 * 4.0 * 6.0 / 600.0
        assert (body.num_views[~body.predicted] >= 2).all()


def test_whom_no_track_follows_gets_one(rig):
    paths, bodies = bodies_of_keypoints(
        sightings(rig, HERE, THERE), rig, [track(1, HERE), track(4, THERE, "object")], TIMES_NS
    )
    assert [path.track.track_id for path in paths] == ["person_1", "object_4", "person_2"]
    assert [body.track_id for body in bodies] == ["person_1", "person_2"]
    new = paths[2]
    assert len({path.number for path in paths}) == 3
    np.testing.assert_allclose(new.center_m[:, :2], np.tile(THERE[:2], (len(TIMES_NS), 1)), atol=0.3)
    assert not new.predicted.any()


def test_keypoints_of_other_times_say_nothing(rig):
    late = sightings(rig, HERE, times_ns=TIMES_NS + 60_000_000_000)
    assert bodies_of_keypoints(late, rig, [track(1, HERE)], TIMES_NS)[1] == []
    with pytest.raises(InputError, match="time_ns"):
        bodies_of_keypoints(sightings(rig, HERE, times_ns=[None]), rig, [], TIMES_NS)


def test_other_keypoints_have_another_hash(rig):
    assert hash_sightings(sightings(rig, HERE)) == hash_sightings(sightings(rig, HERE))
    assert hash_sightings(sightings(rig, HERE)) != hash_sightings(sightings(rig, THERE))
