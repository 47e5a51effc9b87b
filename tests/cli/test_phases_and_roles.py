import json

import pytest
from ortwin.cli.app import run

FOUR_D_OR = "or4d_graphs/relationships_validation.json"


def answer(capsys, *words):
    code = run([*(str(word) for word in words), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def frames(document):
    """Phase by frame, one frame a second."""
    return [row["phase"] for row in document["phases"] for _ in range(round(row["end_s"] - row["begin_s"]))]


def test_phases_of_a_labelled_operation_are_the_labelled_ones_and_say_why_they_began(test_data, capsys):
    document = answer(capsys, "phases", test_data / FOUR_D_OR, "--take", "8")
    found = frames(document)
    labelled = json.loads((test_data / "or4d_graphs/phases/phase_to_frames_8.json").read_text())
    true = [name for name, (first, last) in labelled.items() for _ in range(first, last + 1)]
    assert len(found) == len(true)
    assert sum(a == b for a, b in zip(found, true, strict=True)) / len(true) >= 0.99
    rows = {row["phase"]: row["because"] for row in document["phases"]}
    assert rows["sterile"] == "the recording begins"
    assert "cutting(head_surgeon, patient)" in rows["knee_prep"]


@pytest.fixture
def some_instants(test_data, tmp_path):
    """Some seconds of the middle of an operation."""
    document = json.loads((test_data / FOUR_D_OR).read_text())
    path = tmp_path / "some.json"
    path.write_text(json.dumps({"scans": [scan for scan in document["scans"] if scan["take_idx"] == 4][300:420:2]}))
    return path


def test_roles_from_single_instants_say_how_right_they_are(some_instants, capsys):
    document = answer(capsys, "roles", some_instants, "--instants")
    told = [row for row in document["people"] if row["told"]]
    assert len(told) == document["num_told"] > 100
    assert document["accuracy"] == pytest.approx(sum(row["told"] == row["role"] for row in told) / len(told))


def test_roles_over_a_stretch_name_the_surgeon(some_instants, capsys):
    people = {row["person"]: row for row in answer(capsys, "roles", some_instants)["people"]}
    assert people["head_surgeon"]["role"] == people["head_surgeon"]["told"] == "head_surgeon"
    assert people["head_surgeon"]["confidence"] >= 0.9


def test_labels_answer_questions_that_need_no_places(some_instants, capsys):
    document = json.loads(some_instants.read_text())
    last = document["scans"][-1]
    truth = {(last["objects"][str(a)], last["objects"][str(b)]): name for a, b, _, name in last["relationships"]}
    found = answer(capsys, "ask", some_instants, "interaction", "patient", "operating_table", "--at", int(last["scan"]))
    told = truth.get(("Patient", "operating_table"))
    assert told == "LyingOn" and found["answer"]["patient -> operating_table"] == "lying_on"
    where = answer(capsys, "ask", some_instants, "where_3d", "patient", "--at", int(last["scan"]))
    assert (where["state"], where["answer"]) == ("unknown", None)


@pytest.fixture
def unnumbered(tmp_path):
    rows = [{"id": f"a/{frame:06d}", "relations": [["nurse", "holding", "saw"]]} for frame in range(4)]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"instants": rows}))
    return path


def test_what_cannot_be_told_is_not_guessed(unnumbered, capsys):
    document = answer(capsys, "phases", unnumbered)
    assert [row["phase"] for row in document["phases"]] == ["sterile"]
    assert document["missing"][0] == "roll_in" and "operating" in document["waiting_for"]
    assert run(["roles", str(unnumbered), "--instants"]) == 3
    assert "number nobody" in capsys.readouterr().err


def test_rules_of_ones_own_are_taken(unnumbered, tmp_path, capsys):
    rules = tmp_path / "mine.toml"
    rules.write_text(
        '[[phase]]\nname = "before"\n[[phase]]\nname = "work"\n'
        'begin = { when = ["holding(nurse, saw)"], span_s = 2, for_s = 1 }\n'
    )
    rows = answer(capsys, "phases", unnumbered, "--rules", rules)["phases"]
    assert [row["phase"] for row in rows] == ["before", "work"]
    assert run(["phases", str(unnumbered), "--rules", "nobodys"]) == 2
    assert "knee_replacement" in capsys.readouterr().err
