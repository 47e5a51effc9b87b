"""Recordings of 4D-OR and MM-OR, from small folders that have each of their traps."""

import json

import cv2
import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import look_at
from ortwin.capture.import_frames import record_plan
from ortwin.capture.import_options import ImportOptions
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.datasets import four_d_or, mm_or
from ortwin.datasets.base import OpenOptions, find_data_set
from ortwin.scenegraph.label_io import read_labels
from ortwin.scenegraph.label_timeline import label_timeline
from scipy.spatial.transform import Rotation

SIZE, SHIFT = (64, 48), 7
NUM_FRAMES = 5
EYES_M = {1: (2.0, 1.5, 2.3), 2: (-2.0, 1.0, 2.2)}
DEPTH_FROM_COLOR_M = 0.03
"""The colour lens stands so far to the right of the depth lens."""


def world_from_color(number):
    return look_at(EYES_M[number], (0.0, 0.0, 1.0))


def quaternion(rotation):
    return dict(zip("xyzw", Rotation.from_matrix(rotation).as_quat().tolist(), strict=True))


def translation(shift_m):
    return dict(zip(("m00", "m10", "m20"), np.asarray(shift_m).tolist(), strict=True))


def camera_json(number, size=(2048, 1536)):
    """As the owners write it: y up, axes right, up, backward, the depth lens placed; broken where they broke it."""
    pose = world_from_color(number)
    y_up_from_z_up = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)
    flip = np.diag([1.0, -1.0, -1.0])
    depth_m = pose @ np.array([-DEPTH_FROM_COLOR_M, 0.0, 0.0])
    lens = {
        "fov_x": 977.5, "fov_y": 976.9, "c_x": 1021.0, "c_y": 775.5, "width": size[0], "height": size[1],
        "intrinsics_matrix": {"m00": 977.5, "m10": 0, "m20": 0, "m01": 0, "m11": 976.9, "m21": 0, "m02": 1021.0,
                              "m12": 976.9, "m22": 775.5},
        "radial_distortion": {f"m{k}0": 0.0 for k in range(6)}, "tangential_distortion": {"m00": 0.0, "m10": 0.0},
    }  # fmt: skip
    return {
        "value0": {
            "depth_mode": 2, "color_resolution": 4, "color_parameters": lens, "is_valid": True,
            "color2depth_transform": {"translation": translation((DEPTH_FROM_COLOR_M, 0, 0)),
                                      "rotation": quaternion(np.eye(3))},
            "depth2gyro_transform": {"translation": translation((1e36, 1e36, 1e36)), "rotation": quaternion(np.eye(3))},
            "camera_pose": {"translation": translation(y_up_from_z_up @ depth_m),
                            "rotation": quaternion(y_up_from_z_up @ pose.rotation @ flip)},
        }
    }  # fmt: skip


def image_number(frame, number):
    """No image bears the number of its instant."""
    return f"{frame + SHIFT + number:06d}"


def write_images(folder, number, frames, size=SIZE):
    for kind in ("colorimage", "depthimage"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for frame in frames:
        color = np.full((size[1], size[0], 3), 20 * number + frame, np.uint8)
        depth = np.full((size[1], size[0]), 1000 * number + frame, np.uint16)
        name = image_number(frame, number)
        cv2.imwrite(str(folder / f"colorimage/camera0{number}_colorimage-{name}.jpg"), color)
        cv2.imwrite(str(folder / f"depthimage/camera0{number}_depthimage-{name}.tiff"), depth)


@pytest.fixture
def four_d_or_root(tmp_path):
    """Two takes; in take 3 people change numbers from one instant to the next."""
    for take in (1, 3):
        folder = tmp_path / f"export_holistic_take{take}_processed"
        for number in EYES_M:
            write_images(folder, number, range(NUM_FRAMES))
            (folder / f"camera0{number}.json").write_text(json.dumps(camera_json(number)))
        rows = [
            [
                1_600_000_000_000_000_000 + frame * 1_000_000_000,
                {"pcd": f"{frame:06d}",
                 **{f"{kind}_{n}": image_number(frame, n) for n in EYES_M for kind in ("color", "depth")}},
            ]
            for frame in range(NUM_FRAMES)
        ]  # fmt: skip
        (folder / "timestamp_to_pcd_and_frames_list.json").write_text(json.dumps(rows))
        (folder / "relation_labels").mkdir()
        for frame, human in enumerate(("human_0", "human_1")):
            document = {
                "rel_annotations": [[human, "Holding", "instrument", "righthand", ""]],
                "human_name_annotations": {human: "head-surgeon"},
            }
            (folder / f"relation_labels/{frame:06d}.json").write_text(json.dumps(document))
    return tmp_path


def imported(sequence, out):
    record_plan(sequence.plan, out, ImportOptions())
    return open_recording(out)


def test_a_take_of_4d_or_becomes_a_recording(four_d_or_root, tmp_path):
    one, three = four_d_or.open_sequences(four_d_or_root)
    assert (one.sequence_id, three.sequence_id) == ("1", "3")
    recording = imported(three, tmp_path / "a.recording")
    assert list(recording.cameras) == ["camera01", "camera02"]
    for number in EYES_M:
        camera = recording.rig[f"camera0{number}"]
        true = world_from_color(number)
        assert np.allclose(camera.world_from_camera.matrix(), true.matrix(), atol=1e-6)
        assert np.allclose(camera.world_from_camera.rotation[:, 2], true.rotation[:, 2], atol=1e-6), "looks along +z"
        assert recording.indices(camera.camera_id).tolist() == list(range(NUM_FRAMES))
        frame = recording.frame(camera.camera_id, 2)
        assert np.allclose(frame.depth_m, (1000 * number + 2) / 1000), "the image that the list names, in metres"
        assert np.abs(frame.color_rgb.astype(int) - (20 * number + 2)).max() <= 3
    times_ns = recording.timestamps_ns("camera01")
    assert set(np.diff(times_ns).tolist()) == {1_000_000_000}


def test_lenses_follow_the_images_and_not_the_file(four_d_or_root):
    (take,) = four_d_or.open_sequences(four_d_or_root, [1])
    lens = take.plan.models["camera01"].color
    assert (lens.width_px, lens.height_px) == SIZE
    assert lens.fx_px == pytest.approx(977.5 * SIZE[0] / 2048)
    assert lens.cx_px == pytest.approx((1021.0 + 0.5) * SIZE[0] / 2048 - 0.5), "pixel centres stay at integers"
    assert lens.cy_px != pytest.approx(lens.fy_px), "the broken matrix is not read"
    assert any("2048x1536 was scaled" in sentence for sentence in take.assumptions)


def test_cropped_images_are_refused(four_d_or_root):
    write_images(four_d_or_root / "export_holistic_take1_processed", 1, range(NUM_FRAMES), size=(48, 48))
    with pytest.raises(InputError, match=r"(?s)48x48.*cropped"):
        four_d_or.open_sequences(four_d_or_root, [1])


def test_labels_of_a_take_keep_who_is_who(four_d_or_root):
    (take,) = four_d_or.open_sequences(four_d_or_root / "export_holistic_take3_processed")
    first, second = take.labels.instants
    assert first.relations[0] == ("human_0", "Holding", "instrument")
    assert (first.people, second.people) == ({"human_0": "head-surgeon"}, {"human_1": "head-surgeon"})


def test_labels_of_a_take_become_a_file_though_they_list_nobody(four_d_or_root, tmp_path):
    out = tmp_path / "labels.json"
    assert run(["datasets", "labels", "4d-or", str(four_d_or_root), "--sequence", "3", "--out", str(out)]) == 0
    (held,) = [row for row in label_timeline(read_labels(out)).intervals if row.predicate == "holding"]
    assert (held.subject_id, held.predicate, held.object_id) == ("head_surgeon", "holding", "instrument")
    assert (held.begin_ns, held.end_ns) == (0, 2 * 10**9), "one person, though the number changed"


def test_damaged_and_absent_images_are_named(four_d_or_root, tmp_path):
    folder = four_d_or_root / "export_holistic_take1_processed"
    (folder / f"depthimage/camera02_depthimage-{image_number(3, 2)}.tiff").write_bytes(b"no image")
    (folder / f"colorimage/camera01_colorimage-{image_number(1, 1)}.jpg").unlink()
    (take,) = four_d_or.open_sequences(four_d_or_root, [1])
    report = record_plan(take.plan, tmp_path / "a.recording", ImportOptions())
    assert {(frame.camera_id, frame.index) for frame in report.damaged} == {("camera02", 3), ("camera01", 1)}
    assert report.num_frames == 2 * NUM_FRAMES, "what is left of a frame is kept"


def test_another_unit_of_depth_may_be_said(four_d_or_root, tmp_path):
    (take,) = four_d_or.open_sequences(four_d_or_root, [1], OpenOptions(depth_unit_m=0.002))
    assert np.allclose(imported(take, tmp_path / "a.recording").frame("camera01", 0).depth_m, 2.0)


@pytest.fixture
def mm_or_root(tmp_path):
    """Seconds with a gap, a simulation camera that gave nothing once, and a take without the five cameras."""
    folder = tmp_path / "MM-OR_data" / "002_PKA"
    write_images(folder, 1, range(NUM_FRAMES))
    (folder / "camera01.json").write_text(json.dumps(camera_json(1)))
    rows = [
        [frame + (100 if frame < 3 else 104),
         {"azure": image_number(frame, 1), "simstation": None if frame == 1 else "000002", "trackercam": "000001"}]
        for frame in range(NUM_FRAMES)
    ]  # fmt: skip
    (folder / "timestamp_to_pcd_and_frames_list.json").write_text(json.dumps(rows))
    other = tmp_path / "MM-OR_data" / "005_TKA"
    other.mkdir()
    (other / "timestamp_to_pcd_and_frames_list.json").write_text(json.dumps(rows))
    labels = [
        {"take_name": f"{take}_MMOR", "frame_id": f"{frame:06d}", "relationships": [["nurse", "saw", "holding"]]}
        for take in ("002_PKA", "005_TKA") for frame in range(NUM_FRAMES)
    ]  # fmt: skip
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def test_a_take_of_mm_or_becomes_a_recording(mm_or_root, tmp_path):
    (take,) = mm_or.open_sequences(mm_or_root, ["002_PKA"])
    assert (take.sequence_id, len(take.labels.instants)) == ("002_PKA_MMOR", NUM_FRAMES)
    recording = imported(take, tmp_path / "a.recording")
    times_ns = recording.timestamps_ns("camera01")
    assert (np.diff(times_ns) // 10**9).tolist() == [1, 1, 5, 1], "dropped seconds leave a gap"
    assert recording.indices("camera01").tolist() == list(range(NUM_FRAMES)), "numbers of frames are those of labels"
    assert any("1 gaps" in sentence for sentence in take.assumptions)
    assert any("not calibrated" in sentence for sentence in take.assumptions)


def test_a_take_without_the_cameras_gives_labels_only(mm_or_root, tmp_path, capsys):
    (take,) = mm_or.open_sequences(mm_or_root, ["005_TKA_MMOR"])
    assert take.plan is None
    assert any("no colorimage folder" in sentence for sentence in take.assumptions)
    assert run(["import", "mm-or", str(mm_or_root), str(tmp_path / "a.recording"), "--sequence", "005_TKA"]) == 3
    assert "ortwin datasets labels" in capsys.readouterr().err


def test_times_that_do_not_ascend_are_refused(mm_or_root):
    path = mm_or_root / "MM-OR_data/002_PKA/timestamp_to_pcd_and_frames_list.json"
    path.write_text(json.dumps([[5, {}], [5, {}]]))
    with pytest.raises(InputError, match=r"(?s)do not ascend.*entry 1"):
        mm_or.open_sequences(mm_or_root)
    path.write_text('{"a": 1}')
    with pytest.raises(InputError, match="no list of instants"):
        mm_or.open_sequences(mm_or_root)


def test_the_command_line_imports_and_verifies(four_d_or_root, tmp_path, capsys):
    out = tmp_path / "a.recording"
    assert run(["datasets", "show", "4d-or", str(four_d_or_root), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["sequences"]
    assert [(row["sequence"], row["cameras"], row["frames"]) for row in rows] == [("1", 2, 10), ("3", 2, 10)]
    assert run(["import", "4d-or", str(four_d_or_root), str(out)]) == 3, "which of the two?"
    assert "--sequence: 1, 3" in capsys.readouterr().err
    assert run(["import", "4d-or", str(four_d_or_root), str(out), "--sequence", "3", "--json"]) == 0
    assert any("y-up" in sentence for sentence in json.loads(capsys.readouterr().out)["assumptions"])
    assert run(["verify", str(out)]) == 0
    assert find_data_set("4d-or").title == "4D-OR"
