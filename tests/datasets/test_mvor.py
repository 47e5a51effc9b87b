"""MVOR: the real label file of two days, and a small data set with images and each of its traps."""

import json

import cv2
import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.capture.import_frames import record_plan
from ortwin.capture.import_options import ImportOptions
from ortwin.capture.rig_file import read_rig
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.datasets import mvor
from ortwin.evaluation.truth import read_truth

REAL = "mvor_days12/camma_mvor_2018_days12.json"


@pytest.fixture(scope="module")
def real(test_data):
    return mvor.read_labels(test_data / REAL)


def test_the_rig_is_the_one_that_lift_is_given(real, test_data):
    given = read_rig(test_data / "mvor_days12/lift/given/rig.json")
    for name, camera in given.cameras.items():
        ours = real.rig[name]
        assert np.allclose(ours.world_from_camera.matrix(), camera.world_from_camera.matrix(), atol=1e-9)
        assert ours.color.key == camera.color.key


def test_skeletons_project_onto_the_labelled_pixels(real):
    """Under any other reading of units, axes or directions they would lie hundreds of pixels away."""
    errors_px = []
    for instant in real.instants:
        for person, joints_m in real.skeletons.get(instant.instant_id, {}).items():
            for name, image_id in zip(real.rig.cameras, instant.image_ids, strict=True):
                for row in real.people.get(image_id, ()):
                    if row["person_id"] == person:
                        labelled = np.array(row["keypoints"]).reshape(-1, 3)
                        camera = real.rig[name]
                        uv = camera.color.project(camera.camera_from_world @ joints_m)
                        errors_px += np.linalg.norm(uv - labelled[:, :2], axis=1)[labelled[:, 2] > 0].tolist()
    assert len(errors_px) > 10_000
    assert np.nanmedian(errors_px) < 10


def test_people_stand_on_the_floor(real):
    joints_m = np.array([each for people in real.skeletons.values() for each in people.values()])
    neck_m, hip_m = (np.nanmedian(joints_m[:, place, 2]) for place in (1, 4))
    assert 1.2 < neck_m < 1.6 and 0.7 < hip_m < 1.1


def test_days_have_their_people_and_roles(test_data):
    one, two = mvor.open_sequences(test_data / "mvor_days12")
    assert [(day.sequence_id, len(day.labels.instants)) for day in (one, two)] == [("day1", 57), ("day2", 330)]
    names = [name for day in (one, two) for instant in day.labels.instants for name in instant.entities]
    assert names.count("patient") > 20 and sum(name.startswith("human_") for name in names) > 400
    assert one.plan is None, "there are no images here"
    assert one.frame_ns / 1e9 == pytest.approx(75, abs=1)


def pixel(point_mm, camera):
    fx, fy, cx, cy = 300.0, 300.0, 32.0, 24.0
    x, y, z = np.linalg.inv(camera) @ np.append(point_mm, 1.0)[:4] @ np.eye(4)[:, :3]
    return [fx * x / z + cx, fy * y / z + cy]


@pytest.fixture
def folder(tmp_path):
    """Two instants of three cameras: millimetres, a distortion in an order of its own, a third reference camera."""
    first_to_room = np.array([[1, 0, 0, 0], [0, 0, 1, -2000.0], [0, -1, 0, 500.0], [0, 0, 0, 1]])
    extrinsics = [np.eye(4) for _ in range(3)]
    for place, matrix in enumerate(extrinsics):
        matrix[0, 3] = 400.0 * place
    point_mm = np.array([100.0, -50.0, 2000.0])
    images, annotations, rows = [], [], []
    for frame in range(2):
        ids = [10**10 + (cam + 1) * 10**7 + frame for cam in range(3)]
        for cam, image_id in enumerate(ids):
            name = f"day1/cam{cam + 1}/color/{frame:06d}.png"
            images.append(
                {"id": image_id, "file_name": name, "cam_id": cam + 1, "day_id": 1,
                 "date_captured": f"2015-04-01 07:08:{23 + frame * 10}.917170"}
            )  # fmt: skip
            joints = [[*pixel(point_mm, extrinsics[cam]), 2] if k == 2 else [0, 0, 0] for k in range(10)]
            annotations += [
                {"image_id": image_id, "person_id": 0, "person_role": "clinician", "only_bbox": 0,
                 "keypoints": np.ravel(joints).tolist()},
                {"image_id": image_id, "person_id": -1, "person_role": "clinician", "only_bbox": 1,
                 "keypoints": [0] * 30},
            ]  # fmt: skip
            for kind in ("color", "depth"):
                path = tmp_path / "camma_mvor_dataset" / name.replace("color", kind)
                path.parent.mkdir(parents=True, exist_ok=True)
                image = np.full((48, 64), 2000, np.uint16) if kind == "depth" else np.full((48, 64, 3), 90, np.uint8)
                cv2.imwrite(str(path), image)
        rows.append({"id": "_".join(map(str, ids)), "images": images[-3:][::-1]})
    skeleton = np.zeros((12, 4))
    skeleton[2] = [*point_mm, 2]
    skeleton[10:] = [9e9, 9e9, 9e9, 2]
    lens = {"focallength": [300.0, 300.0], "principalpoint": [32.0, 24.0], "imagesize": [64, 48],
            "distortion": [0.2788, -1.2543, 6.459, -0.0, 0.0007], "skew_value": 0}  # fmt: skip
    document = {
        "multiview_images": rows, "images": images, "annotations": annotations,
        "annotations3D": [
            {"image_ids": rows[0]["id"], "person_id": 0, "ref_camera": 2, "keypoints3D": skeleton.ravel().tolist()}
        ],
        "cameras_info": {"camParams": {"firstCamToRoomRef": first_to_room.ravel().tolist(), "intrinsics": [lens] * 3,
                                       "extrinsics": [m.ravel().tolist() for m in extrinsics]}},
    }  # fmt: skip
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/camma_mvor_2018.json").write_text(json.dumps(document))
    return tmp_path


def test_a_day_becomes_a_recording_with_its_skeletons_as_truth(folder, tmp_path):
    out = tmp_path / "day1.recording"
    assert run(["import", "mvor", str(folder), str(out)]) == 0
    recording = open_recording(out)
    assert list(recording.cameras) == ["cam_1", "cam_2", "cam_3"]
    assert not recording.cameras["cam_1"].color.is_distorted
    heights_m = [recording.rig[name].world_from_camera.translation_m[2] for name in recording.cameras]
    assert heights_m == pytest.approx([1.5] * 3), "the floor lay a metre below zero"
    assert recording.frame("cam_2", 0).depth_m.mean() == pytest.approx(2.0)
    assert int(np.diff(recording.timestamps_ns("cam_1"))[0]) == 10 * 10**9
    truth = read_truth(out)
    (person,) = truth.people.values()
    assert person.joints_m[0, 5] == pytest.approx([0.1, 0.0, 1.55])
    assert np.isfinite(person.joints_m).all(axis=-1).sum() == 1, "no undocumented joint, no second instant"
    assert run(["verify", str(out)]) == 0


def test_keypoints_go_to_lift(folder, tmp_path, capsys):
    out = tmp_path / "lift"
    assert run(["datasets", "keypoints", str(folder), "--out", str(out)]) == 0
    rows = [json.loads(line) for line in (out / "keypoints.jsonl").read_text().splitlines()]
    assert [row["time_ns"] for row in rows] == [0, 10 * 10**9]
    assert [len(people) for people in rows[0]["cameras"].values()] == [1, 1, 1], "a box without joints is nobody"
    assert read_rig(out / "rig.json")["cam_3"].world_from_camera.translation_m == pytest.approx([0.8, -2.0, 1.5])
    assert (
        run(["lift", str(out / "keypoints.jsonl"), "--rig", str(out / "rig.json"), "--out", str(out / "p.jsonl")]) == 0
    )


def test_without_images_there_is_nothing_to_import(folder, tmp_path):
    (sequence,) = mvor.open_sequences(folder)
    assert record_plan(sequence.plan, tmp_path / "a.recording", ImportOptions()).num_frames == 6
    with pytest.raises(InputError, match="day1"):
        mvor.open_sequences(folder, ["day7"])


def test_what_is_no_label_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no label file"):
        mvor.open_sequences(tmp_path)
    (tmp_path / "camma_mvor_2018.json").write_text('{"images": []}')
    with pytest.raises(InputError, match="cameras_info"):
        mvor.open_sequences(tmp_path)
