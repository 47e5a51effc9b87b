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
