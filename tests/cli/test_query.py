"""`ortwin query` on labels: phases, sums, plans and SQL, for people and for programs."""

import json

import pytest
from ortwin.capture.errors import ConfigError
from ortwin.cli.app import ExitCode, run


@pytest.fixture
def labels(tmp_path):
    rows = [
        {
            "id": f"1/{frame:06d}",
            "entities": ["head_surgeon", "saw", "patient"],
            "relations": [["head_surgeon", "holding", "saw"], ["head_surgeon", "sawing", "patient"]][: frame % 3],
        }
        for frame in range(3, 12)
    ]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"instants": rows}))
    return str(path)


def asked(capsys, *arguments):
    assert run(["query", *arguments, "--json"]) == ExitCode.OK
    return json.loads(capsys.readouterr().out)


def test_a_composed_question_has_seconds_and_evidence(labels, capsys):
    document = asked(capsys, labels, "holding(?p, saw) and not sawing(?p, patient)")
    assert document["start_ns"] == 0
    first = document["rows"][0]
    assert (first["p"], first["begin_s"], first["end_s"], first["state"]) == ("head_surgeon", 4, 5, "true")
    assert [fact["predicate"] for fact in first["evidence"]] == ["holding"]
    assert "gap_m" not in first["evidence"][0]


def test_times_count_from_the_first_second_of_the_labels(labels, capsys):
    (row,) = asked(capsys, labels, "holding(_, saw) between 00:05 and 00:07")["rows"]
    assert (row["begin_s"], row["end_s"]) == (5, 6)


def test_sums_are_told_in_seconds(labels, capsys):
    (row,) = asked(capsys, labels, "duration holding(?p, _) per role")["rows"]
    assert (row["role"], row["duration_s"], row["unknown_s"]) == ("head_surgeon", 6, 0)
    assert run(["query", labels, "count sawing(_, _)"]) == ExitCode.OK
    assert "unknown_count" in capsys.readouterr().out


def test_a_plan_is_explained(labels, capsys):
    assert run(["query", labels, "holding(?p, saw) for > 2 s", "--explain"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "holding(?p, saw)" in out
    assert "FROM relations" in out
    document = asked(capsys, labels, "holding(?p, saw) for > 2 s", "--explain")
    assert 2_000_000_000 in document["values"].values()


def test_sql_reads_and_does_nothing_else(labels, capsys):
    document = asked(capsys, labels, "--sql", "SELECT count(*) AS n FROM relations WHERE predicate = 'holding'")
    assert document["rows"] == [{"n": 3}]
    assert run(["query", labels, "--sql", "COPY relations TO '/tmp/stolen.csv'"]) == ExitCode.USAGE
    assert "one SELECT is allowed" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["holding(_, _)", "--sql", "SELECT 1"]])
def test_one_question_is_asked(labels, capsys, arguments):
    assert run(["query", labels, *arguments]) == ExitCode.USAGE
    assert "ask one question" in capsys.readouterr().err


def test_an_error_points_at_the_column(labels, capsys):
    assert run(["query", labels, "holding(?p, saww)"]) == ConfigError.exit_code
    said = capsys.readouterr().err
    assert "did you mean 'saw'" in said
    assert "column 13" in said


def test_phases_that_labels_do_not_tell_are_not_known(labels, capsys):
    assert run(["query", labels, 'holding(_, saw) during phase "knee_prep"']) == ExitCode.USAGE
    assert "no phases are known here" in capsys.readouterr().err
