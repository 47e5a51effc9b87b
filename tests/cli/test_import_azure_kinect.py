"""ortwin import azure-kinect on the command line: one file per camera, and what the shell learns."""

import json

import pytest
from ortwin.cli.app import run


@pytest.fixture
def mkv(test_data):
    return test_data / "azure_kinect" / "recording.mkv"


def test_a_file_per_camera_becomes_one_recording(mkv, tmp_path, capsys):
    out = tmp_path / "case.recording"
    code = run([
        "import", "azure-kinect", str(mkv), str(mkv), str(out), "--name", "north", "--name", "south", "--json",
    ])  # fmt: skip
    document = json.loads(capsys.readouterr().out)
    assert (code, document["frames"], document["damaged"]) == (0, 2, [])
    assert any("not wired together" in sentence for sentence in document["assumptions"])
    assert run(["verify", str(out)]) == 0


def test_a_try_says_the_cost_and_writes_nothing(mkv, tmp_path, capsys):
    assert run(["import", "azure-kinect", str(mkv), str(tmp_path / "case.recording"), "--dry-run", "--json"]) == 0
    estimate = json.loads(capsys.readouterr().out)["estimate"]
    assert estimate["num_frames"] == 1
    assert min(estimate["disk_bytes"], estimate["memory_bytes"], estimate["free_bytes"]) > 0
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("num_bytes", "code"), [(100, 3), (100_000, 3), (1_000_000, 7)])
def test_a_file_that_is_cut_off_ends_with_its_own_code(mkv, tmp_path, num_bytes, code, capsys):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(mkv.read_bytes()[:num_bytes])
    assert run(["import", "azure-kinect", str(cut), str(tmp_path / "case.recording")]) == code
    said = capsys.readouterr().err
    assert "cut" in said
    assert (tmp_path / "case.recording").exists() == (code == 7)


def test_a_wrong_moment_is_a_wrong_command(mkv, tmp_path, capsys):
    assert run(["import", "azure-kinect", str(mkv), str(tmp_path / "a.recording"), "--from", "soon"]) == 2
    assert "--from" in capsys.readouterr().err
