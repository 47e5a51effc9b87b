import json
import shutil

import pytest
from ortwin.archive import TwinArchive
from ortwin.cli.app import ExitCode, run


@pytest.fixture
def twin(still_twin):
    return still_twin.path


@pytest.fixture
def vitals(tmp_path):
    path = tmp_path / "vitals.csv"
    path.write_text("time_s,spo2,robot\n0,98,idle\n0.4,91,\n0.8,,cutting\n")
    return path


def told(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_stream_comes_is_listed_and_goes(twin, vitals, capsys):
    line = ["stream", "add", str(twin), str(vitals), "--clock", "start", "--json", "--name"]
    assert run([*line, "spo2", "--unit", "%", "--value-column", "spo2"]) == ExitCode.OK
    said = told(capsys)
    assert (said["kind"], said["samples"], said["without_value"], said["max_age_s"]) == ("numbers", 3, 1, 1.2)
    assert run([*line, "robot", "--value-column", "robot"]) == ExitCode.OK
    capsys.readouterr()
    assert run(["stream", "list", str(twin), "--json"]) == ExitCode.OK
    assert [(row["name"], row["unit"], row["end_s"]) for row in told(capsys)["streams"]] == [
        ("robot", "", 0.8),
        ("spo2", "%", 0.8),
    ]
    assert run(["verify", str(twin)]) == ExitCode.OK
    assert run(["stream", "remove", str(twin), "robot"]) == ExitCode.OK
    assert run(["stream", "remove", str(twin), "robot"]) == ExitCode.USAGE
    assert run(["verify", str(twin)]) == ExitCode.OK


def test_a_stream_answers_questions(twin, vitals, capsys):
    line = ["stream", "add", str(twin), str(vitals), "--clock", "start", "--name", "spo2", "--unit", "%"]
    assert run([*line, "--value-column", "spo2"]) == ExitCode.OK
    capsys.readouterr()
    assert run(["query", str(twin), 'stream("spo2") < 92', "--json"]) == ExitCode.OK
    rows = [(row["begin_s"], row["end_s"], row["state"]) for row in told(capsys)["rows"]]
    assert rows == [(0.4, 0.8, "true"), (0.8, rows[-1][1], "unknown")]


def test_a_stream_outlives_a_fresh_build(twin, vitals):
    line = ["stream", "add", str(twin), str(vitals), "--clock", "start", "--name", "robot", "--value-column", "robot"]
    assert run(line) == ExitCode.OK
    archive = TwinArchive(twin)
    TwinArchive.create(twin, archive.head | {"config": {"changed": 1}}, archive.rig, {}, fresh=True)
    assert (twin / "streams" / "robot.parquet").exists() and not (twin / "moving").exists()


def test_what_cannot_be_added_says_why(twin, vitals, tmp_path, capsys):
    add = ["stream", "add", str(twin), str(vitals), "--name", "spo2", "--value-column", "spo2"]
    assert run([*add, "--unit", "%", "--clock", "moon"]) == ExitCode.USAGE
    assert run([*add, "--clock", "start"]) == ExitCode.INPUT
    assert "numbers need a unit" in capsys.readouterr().err
    assert run([*add, "--unit", "%", "--clock", "unix", "--start-unix", "noon"]) == ExitCode.USAGE
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    assert run(["stream", "list", str(tmp_path / "none")]) == ExitCode.INPUT
