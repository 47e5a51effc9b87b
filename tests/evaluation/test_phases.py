"""Phases: a delay costs its instants, a wrong order its edits."""

import numpy as np
import pytest
from ortwin.evaluation.phases import edit_score, levenshtein, score_phases
from ortwin.evaluation.rows import PhaseRow
from ortwin.evaluation.truth import Truth
from ortwin.evaluation.truth_as_tables import truth_as_tables

STEP_NS = 100_000_000
PHASES = (("sterile", 0, 20), ("roll_in", 20, 30), ("cleanup", 30, 50))
TRUTH = Truth(np.arange(60, dtype=np.int64) * STEP_NS, phases=PHASES)


def claimed(*rows: tuple[str, int, int]) -> tuple[PhaseRow, ...]:
    return tuple(PhaseRow(name, begin * STEP_NS, end * STEP_NS) for name, begin, end in rows)


def test_truth_is_perfect_and_instants_without_a_phase_do_not_count():
    scores = score_phases(truth_as_tables(TRUTH).phases, TRUTH)
    assert (scores.accuracy, scores.macro_f1, scores.edit) == (1, 1, 1)
    more = score_phases(claimed(*PHASES, ("other", 50, 60)), TRUTH)
    assert (more.accuracy, more.macro_f1, more.edit) == (1, 1, 1)


def test_phases_five_instants_late():
    scores = score_phases(claimed(("sterile", 5, 25), ("roll_in", 25, 35), ("cleanup", 35, 55)), TRUTH)
    assert scores.accuracy == pytest.approx(35 / 50)
    assert scores.f1 == pytest.approx({"sterile": 30 / 40, "roll_in": 10 / 20, "cleanup": 30 / 35})
    assert scores.macro_f1 == pytest.approx((0.75 + 0.5 + 6 / 7) / 3)
    assert scores.edit == 1


def test_a_phase_left_out_and_a_flicker():
    left_out = score_phases(claimed(("sterile", 0, 30), ("cleanup", 30, 50)), TRUTH)
    assert left_out.accuracy == pytest.approx(40 / 50)
    assert left_out.f1["roll_in"] == 0
    assert left_out.edit == pytest.approx(1 - 1 / 3)
    flicker = score_phases(
        claimed(("sterile", 0, 10), ("cleanup", 10, 12), ("sterile", 12, 20), ("roll_in", 20, 30), ("cleanup", 30, 50)),
        TRUTH,
    )
    assert flicker.accuracy == pytest.approx(48 / 50)
    assert flicker.edit == pytest.approx(1 - 2 / 5)


def test_nothing_claimed_is_nothing_right():
    scores = score_phases((), TRUTH)
    assert (scores.accuracy, scores.macro_f1, scores.edit) == (0, 0, 0)
    assert score_phases((), Truth(TRUTH.times_ns)) is None


@pytest.mark.parametrize(
    ("a", "b", "edits"), [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("ab", "ba", 2)]
)
def test_levenshtein(a, b, edits):
    assert levenshtein(list(a), list(b)) == levenshtein(list(b), list(a)) == edits
    assert edit_score(list(a), list(b)) == 1 - edits / max(len(a), len(b))
