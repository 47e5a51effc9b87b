from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.scenegraph.hysteresis import FALSE, TRUE, UNKNOWN, Run, find_runs, hold, lasting, minimum_instants

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=60)
STATES = st.lists(st.sampled_from([FALSE, TRUE, UNKNOWN]), min_size=1, max_size=80)


def held(scores, observed=None, present=None, low=None, high=None, before=False):
    column = np.array(scores, dtype=np.float64)[:, None]
    yes = np.ones(column.shape, dtype=bool)
    seen = yes if observed is None else np.array(observed, dtype=bool)[:, None]
    there = yes if present is None else np.array(present, dtype=bool)[:, None]
    low = column if low is None else np.array(low, dtype=np.float64)[:, None]
    high = column if high is None else np.array(high, dtype=np.float64)[:, None]
    states, _ = hold(column, low, high, there, seen, np.array([before]))
    return states[:, 0].tolist()


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0, 1)), min_size=2, max_size=40), st.integers(1, 39)
)
def test_states_of_what_is_seen_now_and_then_do_not_depend_on_the_cut(rows, cut):
    score, seen, spread = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    there = np.ones(score.shape, dtype=bool)
    inputs = score, np.where(seen, score, score - spread), np.where(seen, score, score + spread), there, seen
    whole, last = hold(*inputs, np.array([FALSE]))
    first, carried = hold(*(array[:cut] for array in inputs), np.array([FALSE]))
    second, end = hold(*(array[cut:] for array in inputs), carried)
    assert np.concatenate([first, second]).tolist() == whole.tolist() and end.tolist() == last.tolist()


def runs_of(states):
    columns, begins, ends = find_runs(np.array(states, dtype=np.int8)[:, None])
    assert not columns.any()
    return [
        Run(states[begin], begin, end, begin * 10, end * 10, end - begin, end - begin, 0)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def spans(runs):
    return [(run.state, run.begin_index, run.end_index) for run in runs]


@given(SCORES)
def test_seen_states_follow_the_schmitt_trigger(scores):
    expected, on = [], False
    for score in scores:
        on = score >= 0.75 if not on else score >= 0.25
        expected.append(TRUE if on else FALSE)
    assert held(scores) == expected


@given(SCORES)
def test_a_second_pass_changes_nothing(scores):
    once = held(scores)
    assert held([1.0 if state == TRUE else 0.0 for state in once]) == once


@given(SCORES, st.integers(0, 60))
def test_states_do_not_depend_on_the_cut(scores, cut):
    cut = min(cut, len(scores))
    first = held(scores[:cut]) if cut else []
    before = bool(first) and first[-1] == TRUE
    assert first + (held(scores[cut:], before=before) if scores[cut:] else []) == held(scores)


def test_unseen_keeps_its_state_while_nothing_contradicts_it():
    seen = [True, False, False, False, True]
    assert held([1, 1, 1, 1, 1], seen, low=[1, 0.5, 0.25, 0.2, 1]) == [TRUE, TRUE, TRUE, UNKNOWN, TRUE]
    assert held([0, 0, 0, 0, 0], seen, high=[0, 0.5, 0.74, 0.75, 0]) == [FALSE, FALSE, FALSE, UNKNOWN, FALSE]


def test_unseen_never_turns_true_or_false_by_itself():
    seen = [True, False, False]
    assert held([1, 0, 0], seen, low=[1, 0, 0], high=[1, 0, 0]) == [TRUE, UNKNOWN, UNKNOWN]
    assert held([0, 1, 1], seen, low=[0, 1, 1], high=[0, 1, 1]) == [FALSE, UNKNOWN, UNKNOWN]


def test_seen_again_between_the_thresholds_resumes():
    seen = [True, False, True]
    assert held([1, 0, 0.5], seen, low=[1, 0, 0.5]) == [TRUE, UNKNOWN, TRUE]
    assert held([0, 0.5, 0.5], seen, high=[0, 0.7, 0.5]) == [FALSE, FALSE, FALSE]


def test_what_may_have_begun_unseen_is_unknown_until_the_score_tells():
    seen = [True, False, True, True, True]
    assert held([0, 1, 0.5, 0.5, 0.2], seen, high=[0, 1, 0.5, 0.5, 0.2]) == [FALSE, UNKNOWN, UNKNOWN, UNKNOWN, FALSE]
    assert held([0, 1, 0.5, 0.5, 0.8], seen, high=[0, 1, 0.5, 0.5, 0.8]) == [FALSE, UNKNOWN, UNKNOWN, UNKNOWN, TRUE]
    # Unseen again, it is false only where it would have ended.
    seen = [True, False, True, False, False]
    assert held([0, 1, 0.5, 0.5, 0.5], seen, high=[0, 1, 0.5, 0.5, 0.2]) == [FALSE, UNKNOWN, UNKNOWN, UNKNOWN, FALSE]


def test_a_score_that_says_nothing_is_unknown_and_absence_is_false():
    assert held([1, np.nan, 1]) == [TRUE, UNKNOWN, TRUE]
    assert held([1, np.nan, 0.5], present=[True, False, True]) == [TRUE, FALSE, FALSE]


@given(STATES, STATES)
def test_runs_are_found_in_every_column(first, second):
    size = min(len(first), len(second))
    states = np.array([first[:size], second[:size]], dtype=np.int8).T
    rebuilt = np.zeros_like(states)
    for column, begin, end in zip(*find_runs(states), strict=True):
        assert begin < end
        assert not rebuilt[begin:end, column].any()
        rebuilt[begin:end, column] = states[begin, column]
    assert np.array_equal(rebuilt, states)


def plainly_lasting(states, minimum):
    """The page's sentences on durations for what is true, one instant at a time."""
    states = [state == TRUE for state in states]
    marks = [place for place, state in enumerate(states) if state]
    for before, after in pairwise(marks):
        if after - before - 1 < minimum:
            states[before:after] = [True] * (after - before)
    kept, begin = [], None
    for place, state in enumerate([*states, False]):
        if state and begin is None:
            begin = place
        if not state and begin is not None:
            if place - begin >= minimum:
                kept.append((begin, place))
            begin = None
    return kept


@given(STATES, st.integers(1, 8))
def test_true_runs_follow_the_page(states, minimum):
    kept = [
        (run.begin_index, run.end_index) for run in lasting(runs_of(states), minimum, len(states)) if run.state == TRUE
    ]
    assert kept == plainly_lasting(states, minimum)


@given(STATES, st.integers(1, 8))
def test_what_lasts_is_long_enough_apart_and_stable(states, minimum):
    runs = lasting(runs_of(states), minimum, len(states))
    at_edge = [run.state == UNKNOWN and (run.begin_index == 0 or run.end_index == len(states)) for run in runs]
    assert all(run.length >= minimum or edge for run, edge in zip(runs, at_edge, strict=True))
    assert all(a.end_index <= b.begin_index for a, b in pairwise(runs))
    assert spans(lasting(runs, minimum, len(states))) == spans(runs)
    assert {run.state for run in runs} <= set(states)


@given(STATES)
def test_a_minimum_of_one_instant_keeps_everything(states):
    assert spans(lasting(runs_of(states), 1, len(states))) == spans(runs_of(states))


def test_a_glimpse_within_an_unknown_span_is_not_turned_into_false():
    states = [UNKNOWN] * 5 + [TRUE] + [UNKNOWN] * 5
    assert spans(lasting(runs_of(states), 4, len(states))) == [(UNKNOWN, 0, 11)]


def test_a_short_loss_of_sight_is_bridged():
    states = [TRUE] * 4 + [UNKNOWN] * 2 + [TRUE] * 4
    assert spans(lasting(runs_of(states), 4, len(states))) == [(TRUE, 0, 10)]


@pytest.mark.parametrize(
    ("minimum_s", "frame_interval_ns", "instants"),
    [(0.4, 100_000_000, 4), (0.3, 200_000_000, 2), (0.3, 1_000_000_000, 1), (0.5, 66_666_667, 7)],
)
def test_minimum_durations_scale_with_the_frame_interval(minimum_s, frame_interval_ns, instants):
    assert minimum_instants(minimum_s, frame_interval_ns) == instants


def test_the_thresholds_themselves_belong_to_the_true_side():
    assert held([0.7499, 0.75, 0.25, 0.2499]) == [FALSE, TRUE, TRUE, FALSE]


@pytest.mark.parametrize("states", [[UNKNOWN] * 5 + [TRUE], [TRUE] + [UNKNOWN] * 5])
def test_a_short_true_span_beside_an_unknown_one_is_unknown(states):
    assert spans(lasting(runs_of(states), 4, len(states))) == [(UNKNOWN, 0, 6)]


def test_moments_far_from_each_other_are_no_act_and_a_short_pause_is_bridged():
    moments = runs_of([TRUE, FALSE, FALSE, FALSE, TRUE, FALSE, FALSE, FALSE, TRUE, TRUE])
    assert lasting(moments, 5, 20, bridged=10) == []
    paused = runs_of([TRUE, TRUE, TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, TRUE, TRUE, TRUE])
    assert spans(lasting(paused, 5, 20, bridged=10)) == [(TRUE, 0, 12)]
    # What follows from shapes is bridged over its own minimum only, however short its parts are.
    assert spans(lasting(runs_of([TRUE, FALSE, TRUE, FALSE, TRUE]), 4, 20)) == [(TRUE, 0, 5)]
