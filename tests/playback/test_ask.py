"""`ortwin ask` on a small twin whose two people walk as its script says."""

import json

import numpy as np
import pyarrow as pa
import pytest
from ortwin.cli.app import run
from ortwin.scenegraph.streams import make_stream, write_stream


def answer(capsys, *words, code=0):
    assert run(["ask", *(str(word) for word in words), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_people_are_counted_at_a_moment(toy_path, capsys):
    found = answer(capsys, toy_path, "count_people", "--at", "00:00:04")
    assert (found["answer"], found["unit"], found["state"]) == (2, "people", "true")
    assert answer(capsys, toy_path, "count_people", "--at", "1")["answer"] == 1


def test_places_are_those_of_the_tracks(toy_path, capsys):
    where = answer(capsys, toy_path, "where_3d", "person_1", "--at", "2")["answer"]
    assert where == pytest.approx([0.6 + 0.045 * 20, 1.2, 0.85], abs=1e-4)
    guessed = answer(capsys, toy_path, "where_3d", "person_2", "--at", "5.7")
    assert guessed["state"] == "unknown" and "no camera measured" in guessed["because"]


def test_what_was_not_looked_for_is_not_denied(toy_path, capsys):
    did = answer(capsys, toy_path, "did_happen", "close_to(person_1, operating_table)", "--at", "3")
    assert did["answer"] is True
    hidden = answer(capsys, toy_path, "interaction", "person_2", "operating_table", "--at", "5.7")
    assert hidden["state"] == "unknown"


def test_streams_answer_for_devices(toy_path, tmp_path, capsys):
    import shutil

    path = tmp_path / "own.twin"
    shutil.copytree(toy_path, path)
    begin_ns = 1_000_000_000
    times = pa.array(np.array([begin_ns, begin_ns + 2 * 10**9]))
    write_stream(path, make_stream("robot_step", times, pa.array(["setup", "cut"])))
    write_stream(path, make_stream("base_array_visible", times, pa.array([1.0, 0.0]), "1"))
    assert answer(capsys, path, "current_robot_step", "--at", "1")["answer"] == "setup"
    assert answer(capsys, path, "next_robot_step", "--at", "1")["answer"] == "cut"
    assert answer(capsys, path, "is_base_array_visible", "--at", "3")["answer"] is False
    for name, value in zip(("x", "y", "z", "dx", "dy", "dz"), (2.5, 0.2, 1.6, 0.0, 1.0, -0.5), strict=True):
        write_stream(path, make_stream(f"gaze_person_1_{name}", times[:1], pa.array([value]), "m"))
    assert answer(capsys, path, "gaze_object", "person_1", "--at", "1")["answer"] == "operating_table"


def test_what_is_refused_says_why(toy_path, capsys):
    assert answer(capsys, toy_path, "monitor_reading", code=2)["error"]["what"] == "ortwin does not read screens"
    assert "count_people" in answer(capsys, toy_path, "count_peple", code=2)["error"]["what"]
    assert "--at from 0 to 8" in answer(capsys, toy_path, "count_people", "--at", "90", code=2)["error"]["do"]


def test_a_twin_that_nothing_was_measured_of_has_no_phases_and_no_roles(toy_twin, capsys):
    """Its graph holds closeness and zones alone."""
    from ortwin.scenegraph.procedure import procedure_phases, with_roles

    measured = frozenset({"close_to", "inside_zone", "entered"})
    assert procedure_phases(toy_twin.timeline, measured) is None
    assert all(not node.role for node in with_roles(toy_twin.timeline.nodes, toy_twin.timeline, measured))
    assert toy_twin.phases is None
    assert run(["roles", str(toy_twin.path), "--json"]) == 0
    people = json.loads(capsys.readouterr().out)["people"]
    assert [row["role"] for row in people] == [None, None]


def test_questions_are_listed(capsys):
    assert len(answer(capsys)["questions"]) == 23
    assert run(["ask"]) == 0
    assert "distance_3d ENTITY ENTITY" in capsys.readouterr().out
