"""import, info, rig, verify: one small folder on its way through the command line."""

import json
import shutil

import cv2
import numpy as np
import pytest
from ortwin.cli.app import run

LENS = {"fx_px": 60.0, "fy_px": 60.0, "cx_px": 31.5, "cy_px": 23.5, "width_px": 64, "height_px": 48}
POSE = {"rotation": [[1, 0, 0], [0, 0, 1], [0, -1, 0]], "translation_m": [0.5, -2.0, 1.5]}
IDENTITY = {"rotation": np.eye(3).tolist(), "translation_m": [0, 0, 0]}


@pytest.fixture
def folder(tmp_path):
    """A plain folder: one camera, three frames, no pose."""
    root = tmp_path / "folder"
    rng = np.random.default_rng(0)
    for name in ("color", "depth"):
        (root / "cam_1" / name).mkdir(parents=True)
    for index in range(3):
        color = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        depth = rng.integers(500, 3000, (48, 64), dtype=np.uint16)
        cv2.imwrite(str(root / "cam_1" / "color" / f"{index:06d}.jpg"), color)
        cv2.imwrite(str(root / "cam_1" / "depth" / f"{index:06d}.png"), depth)
    calibration = {"depth_unit_m": 0.001, "cameras": {"cam_1": {"color": LENS, "depth": LENS}}}
    (root / "calibration.json").write_text(json.dumps(calibration))
    return root


@pytest.fixture
def recording(folder, tmp_path, capsys):
    path = tmp_path / "case.recording"
    assert run(["import", "plain", str(folder), str(path), "--fps", "5"]) == 0
    capsys.readouterr()
    return path


def test_import_says_what_it_took_and_what_comes_next(folder, tmp_path, capsys):
    path = tmp_path / "case.recording"
    assert run(["import", "plain", str(folder), str(path), "--fps", "5", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["frames"], document["damaged"]) == (3, [])
    assert document["next"] == [f"ortwin info {path}"]


def test_a_damaged_image_is_named_and_the_rest_is_taken(folder, tmp_path, capsys):
    image = folder / "cam_1" / "depth" / "000001.png"
    image.write_bytes(image.read_bytes()[:100])
    assert run(["import", "plain", str(folder), str(tmp_path / "case.recording"), "--fps", "5"]) == 7
    assert "000001.png" in capsys.readouterr().err


def test_without_times_fps_is_asked_for(folder, tmp_path, capsys):
    assert run(["import", "plain", str(folder), str(tmp_path / "case.recording")]) == 2
    assert "--fps" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(tmp_path, capsys):
    assert run(["import", "plain", str(tmp_path / "none"), str(tmp_path / "case.recording"), "--fps", "5"]) == 3
    assert "none" in capsys.readouterr().err


def test_info_tells_frames_and_sizes(recording, capsys):
    assert run(["info", str(recording)]) == 0
    out, err = capsys.readouterr()
    assert "cam_1" in out
    assert "64x48" in out
    assert f"next: ortwin register {recording}" in err
    assert run(["info", str(recording), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cameras"]["cam_1"]["frames"] == 3


def test_a_rig_is_attached_and_shown(recording, tmp_path, capsys):
    rig = tmp_path / "rig.json"
    rig.write_text(json.dumps({"cam_1": {**LENS, "world_from_camera": POSE}}))
    assert run(["rig", "show", str(recording)]) == 3
    assert run(["rig", "set", str(recording), str(rig)]) == 0
    capsys.readouterr()
    assert run(["rig", "show", str(recording), "--json"]) == 0
    (camera,) = json.loads(capsys.readouterr().out)["cameras"]
    assert [camera["x_m"], camera["y_m"], camera["z_m"]] == POSE["translation_m"]
    assert camera["looks_along"] == [0.0, 1.0, 0.0]
    assert run(["verify", str(recording)]) == 0


def test_import_takes_a_rig(folder, tmp_path, capsys):
    rig = tmp_path / "rig.json"
    rig.write_text(json.dumps({"cam_1": {**LENS, "world_from_camera": POSE}}))
    path = tmp_path / "case.recording"
    assert run(["import", "plain", str(folder), str(path), "--fps", "5", "--rig", str(rig)]) == 0
    capsys.readouterr()
    assert run(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["registered"] is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"world_from_camera": {**IDENTITY, "translation_m": [0, float("nan"), 0]}}, "cam_1"),
        ({"world_from_camera": {**IDENTITY, "rotation": [[2, 0, 0], [0, 2, 0], [0, 0, 2]]}}, "not a rotation"),
        ({"world_from_camera": IDENTITY, "width_px": 640}, "cam_1"),
    ],
)
def test_an_impossible_rig_is_refused_by_name(recording, tmp_path, capsys, change, message):
    rig = tmp_path / "rig.json"
    rig.write_text(json.dumps({"cam_1": {**LENS, **change}}))
    assert run(["rig", "set", str(recording), str(rig)]) == 3
    assert message in capsys.readouterr().err


def test_verify_names_the_damaged_file_and_its_time(recording, capsys):
    assert run(["verify", str(recording)]) == 0
    assert "as they were written" in capsys.readouterr().out
    packets = next(recording.rglob("cam_1.depth"))
    data = bytearray(packets.read_bytes())
    data[len(data) // 2] ^= 1
    packets.write_bytes(bytes(data))
    assert run(["verify", str(recording), "--json"]) == 3
    (damage,) = json.loads(capsys.readouterr().out)["damaged"]
    assert damage["file"] == "segments/000000/cam_1.depth"
    assert damage["begin_ns"] < damage["end_ns"]


def test_verify_refuses_what_is_neither(tmp_path, capsys):
    assert run(["verify", str(tmp_path)]) == 3
    assert "neither a recording nor a twin" in capsys.readouterr().err


def test_register_tells_what_it_lacks(folder, tmp_path, capsys):
    shutil.rmtree(folder / "cam_1" / "depth")
    path = tmp_path / "case.recording"
    assert run(["import", "plain", str(folder), str(path), "--fps", "5"]) == 0
    assert run(["register", str(path)]) == 3
    err = capsys.readouterr().err
    assert "cam_1" in err
    assert "Traceback" not in err
