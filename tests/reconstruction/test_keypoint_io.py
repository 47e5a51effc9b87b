"""Keypoint files: what is read, what is passed over, and what is refused by name."""

import json

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.reconstruction.detections import LiftedInstant, LiftedPerson
from ortwin.reconstruction.keypoint_io import people_lines, read_keypoints

RIG = CameraRig(
    {"cam_1": Camera("cam_1", Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480), None, SE3.identity(), 0.001)}
)
PERSON = {"keypoints": [[10.0 + k, 20.0, 0.9] for k in range(17)], "score": 0.5}


def read(tmp_path, *lines):
    path = tmp_path / "keypoints.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return read_keypoints(path, RIG)


def one(people, **more):
    return {"instant": 0, "time_ns": 5, "cameras": {"cam_1": people}, **more}


def test_keypoints_are_read_in_the_order_of_the_file(tmp_path):
    found = read(tmp_path, one([PERSON], instant=7), "", one([], instant=3, time_ns=None))
    assert [(each.instant, each.time_ns) for each in found.sightings] == [(7, 5), (3, None)]
    (detection,) = found.sightings[0].cameras["cam_1"]
    np.testing.assert_allclose(detection.keypoints_px[:, 0], 10.0 + np.arange(17))
    assert found.sightings[1].cameras["cam_1"] == ()


@pytest.mark.parametrize(
    ("row", "is_broken"),
    [
        ([0, 0, 0], False), ([5, 5, -1], False), ([float("nan"), 5, 0.5], True), ([5, 5, float("nan")], True),
        ([None, None, 0.5], True), ([float("inf"), 5, 0.5], True), ([1e9, 5, 0.5], True),
    ],
)  # fmt: skip
def test_a_keypoint_that_says_nothing_counts_as_not_seen(tmp_path, row, is_broken):
    found = read(tmp_path, one([{"keypoints": [row, *PERSON["keypoints"][1:]]}]))
    detection = found.sightings[0].cameras["cam_1"][0]
    assert not detection.seen[0]
    assert detection.seen[1:].all()
    assert found.num_broken == int(is_broken)


def test_a_score_above_one_counts_as_one(tmp_path):
    found = read(tmp_path, one([{"keypoints": [[5, 5, 7.5]] * 17, "score": None}]))
    assert found.sightings[0].cameras["cam_1"][0].scores.max() == 1.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"), ("[]", "needs an instant"), ({"instant": 0}, "its cameras"),
        (one([], instant="x"), "whole number"), (one([], time_ns=0.5), "whole number"),
        ({"instant": 0, "cameras": {"cam_2": []}}, "no camera 'cam_2'"), (one({}), "no list"),
        (one([{"keypoints": [[1, 2, 3]] * 13}]), "this one has 13"), (one([7]), "this one has no"),
        (one([{"keypoints": [[1, 2]] * 17}]), "three numbers"), (one([{"keypoints": [["a", 2, 3]] * 17}]), "three"),
        (one([{"keypoints": [[1, 2, 3]] * 16 + [[1]]}]), "three numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_line(tmp_path, line, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, one([], instant=9), line)
    assert message in caught.value.describe()
    assert ":2" in caught.value.where


def test_an_instant_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match="twice"):
        read(tmp_path, one([]), one([]))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_keypoints(tmp_path / "none.jsonl", RIG)


def test_people_are_written_with_null_for_what_is_not_claimed():
    joints_m = np.ones((17, 3))
    joints_m[4] = np.nan
    person = LiftedPerson(2, joints_m, np.tile(np.eye(3) * 0.01, (17, 1, 1)), np.zeros(17, bool), ("cam_1",), (0,))
    row = json.loads(people_lines([LiftedInstant(6, 11, (person,)), LiftedInstant(8, None, ())]).splitlines()[0])
    assert (row["instant"], row["time_ns"]) == (6, 11)
    written = row["people"][0]
    assert written["joints_m"][4] is None
    assert written["sigma_m"][4] is None
    assert written["joints_m"][5] == [1.0, 1.0, 1.0]
    assert written["sigma_m"][5] == pytest.approx(0.1)
