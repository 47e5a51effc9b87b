"""How sure scores are, and what blinding loses, on numbers that can be worked out by hand."""

import numpy as np
import pytest
from ortwin.evaluation.relations import Count
from ortwin.evaluation.state_showing import Graph, calibration_error, pooled, share_turned_false, turned_false
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.timeline import Interval

SECOND_NS = 1_000_000_000


def interval(begin_s: float, end_s: float, state: TruthState = TruthState.TRUE, predicate: str = "holding") -> Interval:
    return Interval("person_1", predicate, "saw_1", int(begin_s * SECOND_NS), int(end_s * SECOND_NS), state)


def graph(*rows: Interval) -> Graph:
    return Graph(rows, frozenset({"holding"}))


def test_scores_that_are_as_sure_as_they_are_right_have_no_error():
    scores, right = np.full(10, 0.75), np.arange(10) < 8
    assert calibration_error(scores, right) == pytest.approx(0.05)
    assert calibration_error(np.ones(4), np.ones(4, dtype=bool)) == 0.0
    assert calibration_error(np.ones(4), np.zeros(4, dtype=bool)) == 1.0
    assert calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) is None


def test_what_is_unknown_after_blinding_is_not_lost_and_what_is_gone_is():
    seen = graph(interval(0, 10))
    assert turned_false(seen, graph(interval(0, 4), interval(4, 10, TruthState.UNKNOWN))) == []
    assert share_turned_false(seen, graph(interval(0, 4), interval(4, 10, TruthState.UNKNOWN))) == 0.0
    assert share_turned_false(seen, graph(interval(0, 4))) == pytest.approx(0.6)
    assert share_turned_false(seen, graph(interval(0, 8))) == pytest.approx(0.2)
    assert turned_false(seen, graph(interval(0, 8))) == []
    assert turned_false(seen, graph(interval(0, 4))) == ["person_1 holding saw_1 [0.0, 10.0) s"]
    assert turned_false(graph(interval(0, 1, predicate="handover")), graph()) == []


def test_counts_of_recordings_are_added():
    found = pooled([{"on": Count(1, 2, 3)}, {"on": Count(1, 0, 0), "inside": Count(2, 0, 1)}])
    assert found == {"inside": Count(2, 0, 1), "on": Count(2, 2, 3)}
