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


def second_camera(folder, **changes):
    """Let the folder have a cam_2 like cam_1, both with a pose unless it is changed."""
    shutil.copytree(folder / "cam_1", folder / "cam_2")
    entry = {"color": LENS, "depth": LENS, "world_from_color": POSE}
    cameras = {"cam_1": entry, "cam_2": {**entry, **changes}}
    (folder / "calibration.json").write_text(json.dumps({"depth_unit_m": 0.001, "cameras": cameras}))


def import_it(folder, tmp_path, *options) -> int:
    return run(["import", "plain", str(folder), str(tmp_path / "case.recording"), "--fps", "5", *options])


def test_a_bad_pose_is_told_by_file_and_camera_and_the_other_camera_is_placed(folder, tmp_path, capsys):
    second_camera(folder, world_from_color={**IDENTITY, "translation_m": [0, float("nan"), 0]})
    assert import_it(folder, tmp_path) == 7
    err = capsys.readouterr().err
    assert "warning: calibration.json: camera cam_2: world_from_color" in err
    assert "nobody knows where cam_2 stands" in err
    assert run(["info", str(tmp_path / "case.recording")]) == 0
    assert "known, but not of cam_2" in capsys.readouterr().out
    assert run(["rig", "show", str(tmp_path / "case.recording"), "--json"]) == 0
    assert [camera["camera"] for camera in json.loads(capsys.readouterr().out)["cameras"]] == ["cam_1"]


def test_poses_are_left_behind_on_demand(folder, tmp_path, capsys):
    second_camera(folder)
    assert import_it(folder, tmp_path, "--without-poses") == 0
    capsys.readouterr()
    assert run(["info", str(tmp_path / "case.recording"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["registered"] is False


def test_a_rig_that_lacks_a_camera_is_taken_with_a_warning(folder, tmp_path, capsys):
    second_camera(folder, world_from_color=None)
    rig = tmp_path / "rig.json"
    rig.write_text(json.dumps({"cam_1": {**LENS, "world_from_camera": POSE}}))
    assert import_it(folder, tmp_path, "--rig", str(rig)) == 7
    assert "nobody knows where cam_2 stands" in capsys.readouterr().err
    assert run(["rig", "set", str(tmp_path / "case.recording"), str(rig)]) == 7
    assert "nobody knows where cam_2 stands" in capsys.readouterr().err


def test_a_rig_that_does_not_fit_is_refused_before_the_import(folder, tmp_path, capsys):
    rig = tmp_path / "rig.json"
    rig.write_text(json.dumps({"cam_9": {**LENS, "world_from_camera": POSE}}))
    assert import_it(folder, tmp_path, "--rig", str(rig)) == 3
    assert not (tmp_path / "case.recording").exists()


def test_an_import_that_cannot_be_written_is_named_as_the_user_named_it(folder, tmp_path, capsys):
    (tmp_path / "afile").touch()
    for place in ("/proc/x.recording", str(tmp_path / "afile" / "x.recording")):
        assert run(["import", "plain", str(folder), place, "--fps", "5"]) == 2
        err = capsys.readouterr().err
        assert f"where: {place}" in err
        assert ".tmp" not in err
        assert "do: " in err


def test_a_recording_without_depth_is_not_sent_to_a_build(folder, tmp_path, capsys):
    shutil.rmtree(folder / "cam_1" / "depth")
    assert import_it(folder, tmp_path) == 0
    rig = tmp_path / "rig.json"
    rig.write_text(json.dumps({"cam_1": {**LENS, "world_from_camera": POSE}}))
    case = str(tmp_path / "case.recording")
    for line in (["info", case], ["rig", "set", case, str(rig)], ["info", case], ["rig", "show", case]):
        capsys.readouterr()
        assert run(line) == 0
        err = capsys.readouterr().err
        assert "next: ortwin build" not in err
        assert "no camera has depth" in err


def test_info_ends_with_7_where_a_segment_is_lost(folder, tmp_path, capsys):
    for name in ("color", "depth"):
        for index in range(3):
            image = next((folder / "cam_1" / name).glob(f"{index:06d}.*"))
            shutil.copy(image, image.with_stem(f"{index + 10:06d}"))
    assert import_it(folder, tmp_path) == 0
    assert run(["info", str(tmp_path / "case.recording")]) == 0
    table = sorted((tmp_path / "case.recording").rglob("frames.parquet"))[-1]
    table.write_bytes(table.read_bytes()[:50])
    capsys.readouterr()
    assert run(["info", str(tmp_path / "case.recording")]) == 7
    assert f"segments/{table.parent.name}" in capsys.readouterr().out


def test_verify_tells_seconds_and_none_for_what_belongs_to_no_time(recording, capsys):
    packets = next(recording.rglob("cam_1.depth"))
    packets.write_bytes(packets.read_bytes()[:-1])
    (recording / "clocks.json").write_text("{}")
    assert run(["verify", str(recording), "--json"]) == 3
    head, segment = json.loads(capsys.readouterr().out)["damaged"]
    assert (head["file"], head["begin_s"], head["end_ns"]) == ("clocks.json", None, None)
    assert (segment["begin_s"], segment["end_s"]) == (0.0, 1.0)
    assert run(["verify", str(recording)]) == 3
    out, err = capsys.readouterr()
    assert "000000000" not in out
    assert f"next: ortwin info {recording}" in err


@pytest.mark.parametrize("option", ["rig", "config", "room"])
def test_a_file_that_is_not_there_is_an_unreadable_input(recording, tmp_path, capsys, option):
    missing = tmp_path / f"none.{option}"
    line = ["build", str(recording), str(tmp_path / "case.twin"), f"--{option}", str(missing)]
    assert run(line) == 3
    assert f"where: {missing}" in capsys.readouterr().err


def test_config_show_says_what_comes_next(capsys):
    assert run(["config", "show"]) == 0
    assert "next: ortwin build" in capsys.readouterr().err


def test_register_tries_its_target_before_the_work(recording, capsys, monkeypatch):
    monkeypatch.setattr("ortwin.capture.register.register", lambda *_, **__: pytest.fail("the work has begun"))
    assert run(["register", str(recording), "--out", "/proc/rig.json"]) == 2
    assert "where: /proc/rig.json" in capsys.readouterr().err


def test_register_leaves_out_a_camera_without_depth_and_ends_with_7(folder, tmp_path, capsys):
    second_camera(folder)
    shutil.rmtree(folder / "cam_2" / "depth")
    for image in (folder / "cam_1" / "depth").iterdir():
        cv2.imwrite(str(image), np.full((48, 64), 1500, np.uint16))
    assert import_it(folder, tmp_path, "--without-poses") == 0
    capsys.readouterr()
    assert run(["register", str(tmp_path / "case.recording"), "--json"]) == 7
    document = json.loads(capsys.readouterr().out)
    assert document["left_out"] == ["cam_2"]
    assert "cam_2 was left out: it has no depth frames" in document["warnings"]
    assert run(["rig", "show", str(tmp_path / "case.recording"), "--json"]) == 0
    assert [camera["camera"] for camera in json.loads(capsys.readouterr().out)["cameras"]] == ["cam_1"]


def test_register_names_a_camera_that_sees_nothing(folder, tmp_path, capsys):
    for image in (folder / "cam_1" / "depth").iterdir():
        cv2.imwrite(str(image), np.zeros((48, 64), np.uint16))
    assert import_it(folder, tmp_path) == 0
    assert run(["register", str(tmp_path / "case.recording")]) == 3
    assert "cam_1: its depth shows no surface" in capsys.readouterr().err


def test_register_tells_what_it_lacks(folder, tmp_path, capsys):
    shutil.rmtree(folder / "cam_1" / "depth")
    path = tmp_path / "case.recording"
    assert run(["import", "plain", str(folder), str(path), "--fps", "5"]) == 0
    assert run(["register", str(path)]) == 3
    err = capsys.readouterr().err
    assert f"where: {path}" in err
    assert "cam_1: it has no depth frames" in err
    assert "ortwin rig set" in err
