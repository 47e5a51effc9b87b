"""BOP folders and MVPSP: a small data set with each of their traps."""

import json

import cv2
import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.import_frames import record_plan
from ortwin.capture.import_options import ImportOptions
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.datasets import bop
from ortwin.evaluation.truth import read_truth

SIZE = (64, 48)
SCALE = 0.25
"""Millimetres a step of the depth images."""
STEP_US = 33_333
WORLD_FROM_DRILL = SE3.exp(np.array([0.3, -0.2, 0.5, 0.1, 0.2, 1.0]))


def pose_of(camera, image):
    """Camera 1 stands, camera 5 is worn."""
    shift_m = 0.1 * image if camera == 5 else 0.0
    return look_at((2.0, camera * 0.5 + shift_m, 1.8), (0.0, 0.0, 1.0))


def motion(pose, suffix):
    return {
        f"cam_R_{suffix}": pose.rotation.ravel().tolist(), f"cam_t_{suffix}": (pose.translation_m * 1000).tolist()
    }  # fmt: skip


def write_scene(folder, camera, *, scale=SCALE, world=True):
    cameras, objects = {}, {}
    for image in range(4):
        camera_from_world = pose_of(camera, image).inverse()
        cameras[str(image)] = {
            "cam_K": [60.0, 0, 31.5, 0, 61.0, 23.5, 0, 0, 1], "depth_scale": scale,
            **({**motion(camera_from_world, "w2c"), "time_us": 10_000_000 + image * STEP_US} if world else {}),
        }  # fmt: skip
        objects[str(image)] = [{"obj_id": 1, **motion(camera_from_world @ WORLD_FROM_DRILL, "m2c")}]
        for kind in ("rgb", "depth"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"rgb/{image:06d}.png"), np.full((SIZE[1], SIZE[0], 3), 50 + image, np.uint8))
        cv2.imwrite(str(folder / f"depth/{image:06d}.png"), np.full((SIZE[1], SIZE[0]), 8000 + image, np.uint16))
    (folder / "scene_camera.json").write_text(json.dumps(cameras))
    (folder / "scene_gt.json").write_text(json.dumps(objects))


@pytest.fixture
def mvpsp(tmp_path):
    root = tmp_path / "mvpsp"
    for camera in (1, 5):
        write_scene(root / "test_orx" / f"002{camera:03d}", camera)
    (root / "camera_kinect.json").write_text("{}")
    return root


def test_cameras_of_one_recording_are_one_sequence(mvpsp, tmp_path):
    (sequence,) = bop.open_sequences(mvpsp)
    assert sequence.sequence_id == "test_orx/002"
    out = tmp_path / "a.recording"
    record_plan(sequence.plan, out, ImportOptions())
    recording = open_recording(out)
    assert list(recording.cameras) == ["cam_1", "cam_5"]
    assert recording.frame("cam_1", 1).depth_m[0, 0] == pytest.approx(8001 * SCALE / 1000)
    assert np.diff(recording.timestamps_ns("cam_1")).tolist() == [STEP_US * 1000] * 3


def test_poses_are_poses_and_worn_cameras_move(mvpsp, tmp_path):
    (sequence,) = bop.open_sequences(mvpsp)
    rig = sequence.plan.rig
    for image in range(4):
        now = rig.at(10_000_000_000 + image * STEP_US * 1000)
        for camera in (1, 5):
            found = now[f"cam_{camera}"].world_from_camera.matrix()
            assert np.allclose(found, pose_of(camera, image).matrix(), atol=1e-9)
    assert {move.camera_id for move in rig.moves} == {"cam_5"}
    assert any("cam_5 moves: 4 poses" in sentence for sentence in sequence.assumptions)


def test_objects_are_truth_in_the_world(mvpsp, tmp_path):
    out = tmp_path / "a.recording"
    assert run(["import", "bop", str(mvpsp), str(out)]) == 0
    (drill,) = read_truth(out).tools.values()
    assert drill.label == "drill"
    assert np.allclose(drill.translation_m, WORLD_FROM_DRILL.translation_m, atol=1e-5)
    assert np.allclose(drill.rotation, WORLD_FROM_DRILL.rotation, atol=1e-6)
    assert run(["verify", str(out)]) == 0


def test_a_plain_bop_scene_stands_alone_and_has_no_world(tmp_path):
    write_scene(tmp_path / "test" / "000001", 1, world=False)
    write_scene(tmp_path / "test" / "000002", 1, world=False)
    one, two = bop.open_sequences(tmp_path)
    assert (one.sequence_id, two.sequence_id) == ("test/000001", "test/000002")
    assert one.plan.rig is None and one.plan.unplaced == ("cam_1",)
    assert any("30 images a second" in sentence for sentence in one.assumptions)
    assert one.labels.instants[0].entities == ("object_1",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cam_K": [60.0] * 8}, "nine numbers"),
        ({"cam_K": [90.0, 0, 31.5, 0, 61.0, 23.5, 0, 0, 1]}, "lens changes"),
        ({"depth_scale": 1.0}, "depth_scale changes"),
        ({"cam_R_w2c": [2.0, 0, 0, 0, 1, 0, 0, 0, 1]}, "not a rotation"),
        ({"cam_t_w2c": [1.0, 2.0]}, "9 and 3 numbers"),
        ({"time_us": 1}, "do not ascend"),
    ],
)
def test_unsound_scenes_are_refused_with_their_place(mvpsp, change, said):
    path = mvpsp / "test_orx/002001/scene_camera.json"
    document = json.loads(path.read_text())
    document["2"] |= change
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=said) as caught:
        bop.open_sequences(mvpsp)
    assert "002001" in caught.value.where


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="no scene"):
        bop.open_sequences(tmp_path)
