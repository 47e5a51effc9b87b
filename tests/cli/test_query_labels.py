import json

import pytest
from ortwin.cli.app import run


@pytest.fixture
def labels(tmp_path):
    rows = [
        {"id": f"{take}/{frame:06d}", "entities": ["nurse", "saw"],
         "relations": [["nurse", "holding", "saw"]] if frame < 2 else []}
        for take in ("a", "b") for frame in range(4)
    ]  # fmt: skip
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"instants": rows}))
    return path


def test_labels_are_asked_like_a_twin(labels, capsys):
    assert run(["query", str(labels), "holding(nurse, ?what)", "--take", "b", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["what"], row["begin_s"], row["end_s"], row["state"]) == ("saw", 0.0, 2.0, "true")


def test_a_take_must_be_chosen(labels, capsys):
    assert run(["query", str(labels), "holding(nurse, ?what)"]) == 3
    assert "choose among a, b" in capsys.readouterr().err


def test_a_predicate_of_the_vocabulary_that_never_holds_has_no_row(labels, capsys):
    assert run(["query", str(labels), "sawing(nurse, ?whom)", "--take", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == []
    assert run(["query", str(labels), "juggling(nurse, ?whom)", "--take", "a"]) == 2
