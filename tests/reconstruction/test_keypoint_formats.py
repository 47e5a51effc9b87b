"""Keypoints of other programs become COCO-17: every joint by its name in the program's own order."""

import json

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.rig_file import write_rig
from ortwin.cli.app import run
from ortwin.reconstruction.keypoint_formats import read_camera_folder
from ortwin.reconstruction.skeleton import JOINT_NAMES

LENS = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
RIG = CameraRig({name: Camera(name, LENS, None, SE3.identity(), 0.001) for name in ("cam_1", "cam_2")})

# The orders as the programs document them; "-" is a joint that COCO-17 has not.
R, L = "right_", "left_"
ARMS_18 = [f"{side}{part}" for side in (R, L) for part in ("shoulder", "elbow", "wrist")]
ORDERS = {
    "BODY_25": ["nose", "-", *ARMS_18, "-", *(f"{side}{part}" for side in (R, L) for part in ("hip", "knee", "ankle")),
                R + "eye", L + "eye", R + "ear", L + "ear", *"------"],
    "COCO-18": ["nose", "-", *ARMS_18, *(f"{side}{part}" for side in (R, L) for part in ("hip", "knee", "ankle")),
                R + "eye", L + "eye", R + "ear", L + "ear"],
    "COCO-17": list(JOINT_NAMES),
    "Halpe-26": [*JOINT_NAMES, *"---------"],
}  # fmt: skip


def flat(order, shift=0.0):
    """Keypoints of one person: u is 10 times the place of the joint in COCO-17, other joints lie at 600."""
    return [
        value for name in order
        for value in ((600.0, 1.0, 0.9) if name == "-" else (10.0 * JOINT_NAMES.index(name) + 1 + shift, 20.0, 0.5))
    ]  # fmt: skip


def put(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def openpose(folder, order, frames=(0, 1)):
    for frame in frames:
        people = [{"person_id": [-1], "pose_keypoints_2d": flat(order, frame)}]
        put(folder / f"video1_{frame:012d}_keypoints.json", {"version": 1.3, "people": people})


def assert_in_order(detection, shift=0.0):
    np.testing.assert_allclose(detection.keypoints_px[:, 0], 10.0 * np.arange(17) + 1 + shift)
    assert (detection.scores == 0.5).all()


@pytest.mark.parametrize("name", ["BODY_25", "COCO-18"])
def test_folders_of_openpose(tmp_path, name):
    openpose(tmp_path / "cam_1", ORDERS[name])
    openpose(tmp_path / "cam_2_json", ORDERS[name], frames=(1,))
    put(tmp_path / "cam_2_json" / "video1_000000000004_keypoints.json", {"people": []})
    found = read_camera_folder(tmp_path, RIG, fps=20.0).sightings
    assert [(one.instant, one.time_ns) for one in found] == [(0, 0), (1, 50_000_000), (4, 200_000_000)]
    assert [sorted(one.cameras) for one in found] == [["cam_1"], ["cam_1", "cam_2"], ["cam_2"]]
    assert found[2].cameras["cam_2"] == ()
    assert_in_order(found[1].cameras["cam_2"][0], 1.0)


@pytest.mark.parametrize("name", ["COCO-17", "Halpe-26"])
def test_results_of_coco_and_alphapose(tmp_path, name):
    image = "frame_000007.jpg" if name == "Halpe-26" else 7
    rows = [{"image_id": image, "category_id": 1, "keypoints": flat(ORDERS[name]), "score": 2.5, "idx": 1}]
    put(tmp_path / "cam_1.json", rows)
    put(tmp_path / "cam_2.json", {str(image): rows})
    (one,) = read_camera_folder(tmp_path, RIG).sightings
    assert (one.instant, one.time_ns) == (7, None)
    for name in RIG.cameras:
        (detection,) = one.cameras[name]
        assert_in_order(detection)
        assert detection.score == 2.5


def test_keypoints_that_say_nothing_are_counted(tmp_path):
    keypoints = flat(ORDERS["COCO-17"])
    keypoints[0], keypoints[5] = float("nan"), 0.0
    put(tmp_path / "cam_1.json", [{"image_id": 1, "keypoints": keypoints, "score": 1.0}])
    found = read_camera_folder(tmp_path, RIG)
    assert found.num_broken == 1
    assert found.sightings[0].cameras["cam_1"][0].seen.tolist() == [False, False] + [True] * 15


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cam_3.json", [], "no camera 'cam_3'"), ("cam_1.json", "{", "not JSON"), ("cam_1.json", "7", "no list"),
        ("cam_1.json", [{"keypoints": []}], "image_id"), ("cam_1.json", [{"image_id": 1}], "no keypoints"),
        ("cam_1.json", [{"image_id": 1, "keypoints": [0] * 60}], "20 keypoints"),
        ("cam_1.json", [{"image_id": "none", "keypoints": [0] * 51}], "no frame number"),
        ("cam_1/a_1.json", [], "no file of OpenPose"), ("cam_1/a_1.json", {"people": [{}]}, "no keypoints"),
        ("cam_1/none_keypoints.json", {"people": []}, "no frame number"), ("cam_1/a.txt", "", "no keypoints"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path, name, content, message):
    put(tmp_path / name, content)
    with pytest.raises(InputError) as caught:
        read_camera_folder(tmp_path, RIG)
    assert message in str(caught.value)


def test_a_frame_that_comes_twice_and_an_impossible_rate(tmp_path):
    with pytest.raises(InputError, match="holds no keypoints"):
        read_camera_folder(tmp_path, RIG)
    openpose(tmp_path / "cam_1", ORDERS["BODY_25"])
    with pytest.raises(ConfigError, match="frames per second"):
        read_camera_folder(tmp_path, RIG, fps=0.0)
    put(tmp_path / "cam_1" / "b_1.json", {"people": []})
    with pytest.raises(InputError, match="comes twice"):
        read_camera_folder(tmp_path, RIG)


def test_the_command_line_takes_a_folder(tmp_path):
    write_rig(tmp_path / "rig.json", RIG)
    openpose(tmp_path / "points" / "cam_1", ORDERS["BODY_25"])
    base = ["--rig", str(tmp_path / "rig.json"), "--out", str(tmp_path / "people.jsonl"), "--fps", "10"]
    assert run(["lift", str(tmp_path / "points"), *base]) == 0
    rows = [json.loads(line) for line in (tmp_path / "people.jsonl").read_text().splitlines()]
    assert [row["time_ns"] for row in rows] == [0, 100_000_000]
    put(tmp_path / "lines.jsonl", '{"instant": 0, "cameras": {}}')
    assert run(["lift", str(tmp_path / "lines.jsonl"), *base]) == 2
