"""The example that a newcomer runs: its answers are the true ones, and its page shows them."""

import runpy
import sys
from pathlib import Path

import ortwin
import pytest
from ortwin.evaluation.truth import read_truth

EXAMPLE = Path(ortwin.__file__).parent / "examples" / "five_questions.py"


@pytest.mark.slow
def test_five_questions_get_true_answers_and_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(tmp_path)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    told = capsys.readouterr().out
    page = (tmp_path / "answers.html").read_text()
    assert page.count("<h2>") == 5 and str(tmp_path / "answers.html") in told
    pictures = [f"question_{number}.png" for number in range(1, 6) if f"question_{number}.png" in page]
    assert pictures and all((tmp_path / name).stat().st_size > 10_000 for name in pictures)
    truth = read_truth(tmp_path / "or.recording")
    near = [row for row in truth.relations if row.predicate == "close_to" and row.state == "true"]
    people = {row.subject for row in near if row.object == "operating_table"}
    rows = ortwin.open(tmp_path / "or.twin").query("close_to(?who, operating_table)").rows()
    assert len({row["who"] for row in rows}) == len(people) > 0
    seconds = sum(row["end_ns"] - row["begin_ns"] for row in rows if row["state"] == "true") / 1e9
    true_s = sum(
        truth.time_of(row.end_instant) - truth.time_of(row.begin_instant) for row in near
        if row.object == "operating_table"
    ) / 1e9  # fmt: skip
    assert seconds == pytest.approx(true_s, abs=0.5 * len(rows)), "each end within a quarter of a second"
