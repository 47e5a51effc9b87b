"""The plain folder: taken as it is, and what is wrong in it is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.import_plain import import_plain
from ortwin.capture.storage import open_recording

LENS = {"fx_px": 60.0, "fy_px": 60.0, "cx_px": 31.5, "cy_px": 23.5, "width_px": 64, "height_px": 48}
POSE = {"rotation": np.eye(3).tolist(), "translation_m": [0.0, 0.0, 2.0]}


@pytest.fixture
def folder(tmp_path):
    import cv2

    root = tmp_path / "plain"
    cameras = {}
    for camera in ("cam_1", "cam_2"):
        for stream in ("color", "depth"):
            (root / camera / stream).mkdir(parents=True)
        for index in (0, 1, 3):
            rng = np.random.default_rng(index)
            cv2.imwrite(root / camera / "color" / f"{index:06d}.jpg", rng.integers(0, 255, (48, 64, 3), np.uint8))
            cv2.imwrite(
                root / camera / "depth" / f"{index:06d}.png", rng.integers(500, 900, (48, 64)).astype(np.uint16)
            )
        cameras[camera] = {"color": LENS, "depth": LENS, "world_from_color": POSE}
    (root / "calibration.json").write_text(json.dumps({"depth_unit_m": 0.002, "cameras": cameras}))
    return root


def change(folder, edit) -> None:
    path = folder / "calibration.json"
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def test_a_clean_folder_is_taken_whole(folder, tmp_path):
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert (report.num_frames, report.damaged) == (6, ())
    opened = open_recording(report.path)
    assert opened.indices("cam_1").tolist() == [0, 1, 3]
    assert opened.timestamps_ns("cam_1").tolist() == [0, 200_000_000, 600_000_000]
    assert opened.packet("cam_2", 2, "color") == (folder / "cam_2/color/000003.jpg").read_bytes()
    raw = np.random.default_rng(3)
    raw.integers(0, 255, (48, 64, 3), np.uint8)
    assert opened.frame("cam_1", 2).depth_m.max() <= 900 * 0.002 + 1e-6
    assert opened.rig["cam_1"].world_from_camera.translation_m[2] == 2.0


def cut(path, share=0.6) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def wrong_size(path) -> None:
    import cv2

    cv2.imwrite(path, np.full((24, 32), 700, np.uint16) if path.suffix == ".png" else np.zeros((24, 32, 3), np.uint8))


def eight_bit(path) -> None:
    import cv2

    cv2.imwrite(path, np.full((48, 64), 200, np.uint8))


@pytest.mark.parametrize(
    ("name", "harm", "reason"),
    [
        ("cam_1/depth/000001.png", cut, "cut off"),
        ("cam_2/color/000003.jpg", cut, "cut off"),
        ("cam_2/depth/000000.png", wrong_size, "32x24"),
        ("cam_1/color/000000.jpg", wrong_size, "32x24"),
        ("cam_1/depth/000003.png", eight_bit, "16-bit"),
        ("cam_1/depth/000003.png", lambda path: path.unlink(), "missing"),
    ],
)
def test_a_damaged_image_is_named_and_the_rest_is_taken(folder, tmp_path, name, harm, reason):
    harm(folder / name)
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert len(report.damaged) == 1
    damage = report.damaged[0]
    assert damage.file.startswith(name.rsplit(".", 1)[0])
    assert reason in damage.what
    assert damage.camera_id == name.split("/")[0]
    assert report.num_frames == 6
    assert open_recording(report.path).damaged == report.damaged


def test_a_missing_camera_folder_is_named_and_the_other_camera_is_taken(folder, tmp_path):
    import shutil

    shutil.rmtree(folder / "cam_2")
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert [(damage.camera_id, "missing" in damage.what) for damage in report.damaged] == [("cam_2", True)]
    assert len(open_recording(report.path).timestamps_ns("cam_1")) == 3


def test_a_pose_that_is_not_a_number_is_named_and_leaves_the_rig_unset(folder, tmp_path):
    change(
        folder, lambda value: value["cameras"]["cam_2"]["world_from_color"].update(translation_m=[0, float("nan"), 0])
    )
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert [damage.camera_id for damage in report.damaged] == ["cam_2"]
    assert "not finite" in report.damaged[0].what
    assert not open_recording(report.path).has_rig


def test_without_timestamps_a_rate_is_needed(folder, tmp_path):
    with pytest.raises(ConfigError, match="--fps"):
        import_plain(folder, tmp_path / "a.recording")


def test_timestamps_are_taken_and_clocks_laid_on_the_host(folder, tmp_path):
    for camera, zero in (("cam_1", 1_000_000), ("cam_2", 50_000_000)):
        rows = ["index,device_ns,host_ns"]
        rows += [f"{i},{zero + i * 100_000_000},{9_000_000_000 + i * 100_000_000 + i * 1000}" for i in (0, 1, 3)]
        (folder / camera / "timestamps.csv").write_text("\n".join(rows))
    opened = open_recording(import_plain(folder, tmp_path / "a.recording").path)
    for camera in ("cam_1", "cam_2"):
        assert opened.timestamps_ns(camera).tolist() == [9_000_000_000, 9_100_000_000, 9_300_000_000]


def test_depth_alone_and_colour_alone_are_taken(folder, tmp_path):
    import shutil

    shutil.rmtree(folder / "cam_1" / "depth")
    shutil.rmtree(folder / "cam_2" / "color")
    change(folder, lambda value: (value["cameras"]["cam_1"].pop("depth"), value["cameras"]["cam_2"].pop("color")))
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    opened = open_recording(report.path)
    assert report.damaged == ()
    assert not opened.has_stream("cam_1", "depth")
    assert opened.frame("cam_2", 0).color_rgb is None


def test_a_folder_without_calibration_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"calibration\.json"):
        import_plain(tmp_path / "empty", tmp_path / "a.recording", fps=5)
