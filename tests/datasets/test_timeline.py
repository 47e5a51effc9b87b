"""Tempo: time never runs backwards, walks keep their speed where they can, and the play fills the recording."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.datasets.simulated_or.timeline import MOST_SQUEEZE, Tempo, Walk, where_m

TENTHS = st.tuples(st.integers(0, 500), st.integers(1, 80))
SPANS = st.lists(TENTHS.map(lambda pair: (pair[0] / 10, sum(pair) / 10)), min_size=1, max_size=9)


@given(busy=SPANS, seconds=st.floats(5, 500))
def test_a_play_fills_the_recording_and_time_runs_forward(busy, seconds):
    length_s = max(end for _, end in busy) + 5
    composed, haste = Tempo.fit(busy, length_s, seconds)
    tempo = composed.faster(haste)
    assert tempo(0.0) == 0.0
    assert tempo(length_s) == pytest.approx(seconds)
    assert np.all(np.diff(tempo.played_s) > 0)
    assert haste >= 1.0


@given(busy=SPANS, seconds=st.floats(5, 500))
def test_walks_keep_their_own_speed_while_they_are_composed(busy, seconds):
    length_s = max(end for _, end in busy) + 5
    composed, haste = Tempo.fit(busy, length_s, seconds)
    for begin_s, end_s in busy:
        assert composed(end_s) - composed(begin_s) == pytest.approx(end_s - begin_s, rel=1e-6)
    slopes = np.diff(composed.played_s) / np.diff(composed.rehearsed_s)
    assert slopes.min() >= min(MOST_SQUEEZE, 1.0) - 1e-6
    if haste > 1.0:
        assert composed(length_s) > seconds


def test_who_walks_is_where_the_path_says():
    walk = Walk(1.0, 3.0, np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), 0.0)
    places_m = where_m(np.array([0.0, 0.0]), [walk], np.array([0.0, 1.0, 2.0, 3.0, 9.0]))
    assert places_m == pytest.approx(np.array([[0, 0], [0, 0], [1, 0], [1, 1], [1, 1]]), abs=1e-9)
