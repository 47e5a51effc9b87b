"""The verbs of this floor, as a person types them."""

from __future__ import annotations

import json
import shutil

import pytest
from matplotlib.image import imread
from ortwin.cli.app import ExitCode, run


@pytest.fixture
def twin_path(toy_path, tmp_path):
    return shutil.copytree(toy_path, tmp_path / "toy.twin")


def test_export(twin_path, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["export", str(twin_path), str(out), "--format", "plain", "--json"]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)
    assert {row["file"] for row in said["files"]} == {str(path) for path in out.iterdir()}
    assert run(["export", str(twin_path), str(out)]) == ExitCode.USAGE
    assert run(["export", str(twin_path), str(out), "--force"]) == ExitCode.OK


def test_a_floor_plan_as_screenshot(twin_path, tmp_path, capsys):
    out = tmp_path / "plan.png"
    command = ["screenshot", str(twin_path), "--at", "2.6", "--view", "floor", "--out", str(out), "--json"]
    assert run(command) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)
    assert said["view"] == "floor" and said["at_s"] == 2.6
    assert imread(out).ndim == 3


def test_screenshot_refuses_what_makes_no_sense(twin_path, tmp_path):
    out = str(tmp_path / "a.png")
    assert run(["screenshot", str(twin_path), "--out", out, "--size", "big"]) == ExitCode.USAGE
    assert run(["screenshot", str(twin_path), "--out", out, "--at", "99"]) == ExitCode.USAGE


def test_a_screenshot_is_a_png_and_replaces_nothing_but_a_picture(twin_path, tmp_path, capsys):
    def draw(out) -> int:
        return run(["screenshot", str(twin_path), "--view", "floor", "--out", str(out)])

    assert draw(tmp_path / "a.jpg") == ExitCode.USAGE
    notes = tmp_path / "notes.png"
    notes.write_text("what I must not lose")
    assert draw(notes) == ExitCode.USAGE
    assert notes.read_text() == "what I must not lose"
    assert "no picture" in capsys.readouterr().err
    assert draw(tmp_path / "a.png") == ExitCode.OK
    assert f"next: ortwin play {twin_path}" in capsys.readouterr().err
    assert draw(tmp_path / "a.png") == ExitCode.OK


def test_a_target_below_a_file_is_refused_by_name(twin_path, tmp_path, capsys):
    (tmp_path / "afile").touch()
    target = tmp_path / "afile" / "x"
    for line in (
        ["export", str(twin_path), str(target)],
        ["screenshot", str(twin_path), "--view", "floor", "--out", f"{target}.png"],
        ["play", str(twin_path), "--no-open", "--save", str(target)],
        ["play", str(twin_path), "--no-open", "--save", str(target.parent)],
    ):
        capsys.readouterr()
        assert run(line) == ExitCode.USAGE, line
        err = capsys.readouterr().err
        assert f"where: {target.parent}" in err
        assert "do: " in err


def test_info_of_a_twin(twin_path, capsys):
    assert run(["info", str(twin_path)]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert f"{twin_path}: a twin of 7.9 s" in out
    assert "person_2" in out
    assert "operating_table (fixture_1)" in out
    assert "3 close_to" in out
    assert f"next: ortwin query {twin_path}" in err
    assert run(["info", str(twin_path), "--json"]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)
    assert said["cameras"] == ["cam_1", "cam_2"]
    assert {"track": "person_2", "label": "person", "from_s": 3.0, "to_s": 5.9} in said["tracks"]


def test_every_verb_says_what_comes_next(twin_path, tmp_path, capsys):
    twin = str(twin_path)
    for line, following in (
        (["export", twin, str(tmp_path / "out")], "screenshot"),
        (["label", twin], "label"),
        (["query", twin, "touching(person, ?x)"], "info"),
        (["verify", twin], "play"),
    ):
        capsys.readouterr()
        assert run(line) == ExitCode.OK, line
        assert f"next: ortwin {following} {twin}" in capsys.readouterr().err, line


@pytest.mark.parametrize(("written", "meant"), [("near", "close_to"), ("CLOSE_TO", "close_to"), ("Inside", "inside")])
def test_another_word_for_a_predicate_is_answered_with_the_right_one(twin_path, capsys, written, meant):
    assert run(["query", str(twin_path), f"{written}(person, ?x)"]) == ExitCode.USAGE
    assert f"did you mean '{meant}'" in capsys.readouterr().err


def test_play_writes_once(twin_path, capsys):
    assert run(["play", str(twin_path), "--no-open", "--json"]) == ExitCode.OK
    files = json.loads(capsys.readouterr().out)["playback"]
    assert files == [str(twin_path / "playback" / name) for name in ("000000.rrd", "000001.rrd")]
    before = [(twin_path / "playback" / name).stat().st_mtime_ns for name in ("000000.rrd", "000001.rrd")]
    assert run(["play", str(twin_path), "--no-open"]) == ExitCode.OK
    after = [(twin_path / "playback" / name).stat().st_mtime_ns for name in ("000000.rrd", "000001.rrd")]
    assert before == after


def test_play_without_a_screen(twin_path, monkeypatch, capsys):
    monkeypatch.setattr("ortwin.playback.play.has_display", lambda: False)
    assert run(["play", str(twin_path)]) == ExitCode.RESOURCES
    assert "--web" in capsys.readouterr().err
