from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.capture import plugins
from ortwin.capture.errors import ConfigError, InputError
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.scenegraph import predicate as protocol
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_features import PairFeatures
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.predicates_zone import zone_events
from ortwin.scenegraph.timeline import Interval
from ortwin.scenegraph.timeline_tables import intervals_from_table, relations_table
from ortwin.scenegraph.vocabulary import PREDICATES, PredicateSpec, Threshold

FRAME_NS = 100_000_000
TENTH = FRAME_NS


def built(features, cuts=(), config=None, end_ns=None):
    builder = GraphBuilder(config or GraphConfig(), FRAME_NS)
    edges = [0, *sorted(cuts), len(features.times_ns)]
    for first, last in pairwise(edges):
        builder.push(features.between(first, last))
    return builder.finish(end_ns)


def spans(intervals, predicate, state="true"):
    return [
        (row.begin_ns // TENTH, row.end_ns // TENTH)
        for row in intervals
        if row.predicate == predicate and row.state == state
    ]


def told(rows):
    return [(row.order, row.score, dict(row.evidence)) for row in rows]


def test_a_relation_lasts_from_its_enter_to_its_exit(features_of):
    gaps = [1.0] * 3 + [0.5, 0.40, 0.54, 0.40, 0.3, 0.55] + [0.551] + [1.0] * 3
    rows = built(features_of(gaps))
    assert spans(rows, "close_to") == [(4, 9)]
    (row,) = [row for row in rows if row.predicate == "close_to"]
    inside = np.array(gaps[4:9])
    assert row.evidence["gap_m"] == pytest.approx(inside.mean(), abs=2e-6)
    assert row.evidence["gap_min_m"] == pytest.approx(inside.min(), abs=2e-6)
    assert row.evidence["speed_m_s"] == pytest.approx(0.5, abs=2e-6)
    assert row.evidence["observed_share"] == 1.0
    assert 0 <= row.score <= 1


def test_a_relation_at_the_last_instant_ends_one_frame_later(features_of):
    assert spans(built(features_of([0.2] * 6)), "close_to") == [(0, 6)]
    assert spans(built(features_of([0.2] * 6), end_ns=9 * TENTH), "close_to") == [(0, 9)]


def test_short_gaps_are_bridged_before_short_relations_are_dropped(features_of):
    gaps = [0.2] * 2 + [1.0] * 3 + [0.2] * 2 + [1.0] * 9 + [0.2] * 3 + [1.0] * 4
    assert spans(built(features_of(gaps)), "close_to") == [(0, 7)]


def plain_reference(gaps, enter, exit, minimum):
    """The page on thresholds and durations, instant by instant."""
    on, states = False, []
    for gap in gaps:
        on = gap <= enter or (on and gap <= exit)
        states.append(on)
    marks = [place for place, state in enumerate(states) if state]
    for before, after in pairwise(marks):
        if after - before - 1 < minimum:
            states[before:after] = [True] * (after - before)
    rows, begin = [], None
    for place, state in enumerate([*states, False]):
        if state and begin is None:
            begin = place
        elif not state and begin is not None:
            rows += [(begin, place)] if place - begin >= minimum else []
            begin = None
    return rows


GAPS = st.lists(st.sampled_from([0.0, 0.03, 0.045, 0.061, 0.3, 0.45, 0.56, 2.0]), min_size=1, max_size=60)


@settings(max_examples=40, deadline=None)
@given(gaps=GAPS)
def test_intervals_follow_the_page(features_of, gaps):
    rows = built(features_of(gaps))
    assert spans(rows, "close_to") == plain_reference(gaps, 0.40, 0.55, 4)
    assert spans(rows, "touching") == plain_reference(gaps, 0.03, 0.06, 5)
    assert all(row.state is TruthState.TRUE for row in rows)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), gaps=GAPS)
def test_results_do_not_depend_on_where_the_recording_is_cut(features_of, data, gaps):
    flags = st.lists(st.booleans(), min_size=len(gaps), max_size=len(gaps))
    features = features_of(
        gaps,
        observed=data.draw(flags),
        present=data.draw(flags) if data.draw(st.booleans()) else None,
        depth_m=[0.5 - gap for gap in gaps],
        bottom_m=[gap - 0.3 for gap in gaps],
        footprint_share=[1 / (1 + gap) for gap in gaps],
    )
    cuts = data.draw(st.lists(st.integers(0, len(gaps)), max_size=8))
    assert told(built(features, cuts)) == told(built(features))


def room_scene(window_of, seed):
    """Two people and a cart walk at random about two tables in a room, now and then unseen or away."""
    rng = np.random.default_rng(seed)
    steps = 40
    moving, observed = {}, {}
    for number, name in enumerate(("person_1", "person_2", "object_1")):
        skin = rng.uniform(-0.5, 0.5, (60, 3)) * [0.4, 0.4, 1.0]
        path = np.cumsum(rng.normal(0, 0.12, (steps, 3)) * [1, 1, 0], axis=0) + rng.uniform(-1, 1, 3) * [1, 1, 0]
        away = range(5 * number, 5 * number + 7)
        moving[name] = [None if t in away else skin + path[t] + [0, 0, 0.9] for t in range(steps)]
        observed[name] = (rng.random(steps) > 0.2).tolist()
    boxes = {
        "operating_table": OrientedBox(np.array([0, 0, 0.2]), np.eye(3), np.array([1.9, 0.6, 0.4])),
        "instrument_table": OrientedBox(np.array([1.2, 0.8, 0.45]), np.eye(3), np.array([0.6, 0.4, 0.9])),
    }
    zones = {"room": Zone("room", np.array([[-2, -2], [2, -2], [2, 2], [-2, 2.0]]))}
    return window_of(moving, boxes, zones, observed, sigma_m=0.005)


@pytest.mark.parametrize("seed", range(4))
def test_windows_may_list_their_entities_as_they_like(window_of, seed):
    """Each window lists only who is there, in an order of its own: the graph is the same."""
    window = room_scene(window_of, seed)
    whole = built(compute_pair_features(window))
    builder = GraphBuilder(GraphConfig(), FRAME_NS)
    rng = np.random.default_rng(seed)
    for first in range(0, 40, 5):
        here = slice(first, first + 5)
        order = [e for e in rng.permutation(len(window.entities)).tolist() if window.present[here, e].any() or e > 2]
        arrays = {
            name: getattr(window, name)[here][:, order]
            for name in ("center_m", "extent_m", "velocity_m_s", "sigma_m", "present", "observed")
        }
        part = type(window)(
            window.times_ns[here],
            tuple(window.entities[e] for e in order),
            **arrays,
            boxes={place: window.boxes[e] for place, e in enumerate(order) if e in window.boxes},
            zones={place: window.zones[e] for place, e in enumerate(order) if e in window.zones},
            surface_m=lambda t, e, first=first, order=order: window.surface_m(first + t, order[e]),
        )
        builder.push(compute_pair_features(part))
    assert told(builder.finish()) == told(whole)
    assert whole


@pytest.mark.parametrize("seed", range(4))
def test_relations_keep_to_their_domain_and_range(window_of, seed):
    window = room_scene(window_of, seed)
    layers = {entity.node_id: entity.layer for entity in window.entities}
    rows = built(compute_pair_features(window))
    for row in rows:
        spec = PREDICATES[row.predicate]
        assert layers[row.subject_id] in spec.domain
        assert layers[row.object_id] in spec.range
        assert row.begin_ns < row.end_ns
        assert not (spec.symmetric and (row.subject_id, row.object_id) == ("object_1", "person_1"))
    triples = [(row.subject_id, row.predicate, row.object_id) for row in rows]
    assert not {(s, p, o) for s, p, o in triples if PREDICATES[p].symmetric and (o, p, s) in triples}


@pytest.mark.parametrize("seed", range(4))
def test_intervals_of_one_relation_never_overlap(window_of, seed):
    rows = built(compute_pair_features(room_scene(window_of, seed)))
    by_triple: dict = {}
    for row in rows:
        by_triple.setdefault((row.subject_id, row.predicate, row.object_id), []).append(row)
    for of_triple in by_triple.values():
        assert all(a.end_ns <= b.begin_ns for a, b in pairwise(of_triple))


def test_what_nobody_saw_is_unknown_and_never_silently_false(features_of):
    gaps = [0.2] * 10 + [3.0] * 10 + [0.2] * 10
    seen = [True] * 10 + [False] * 10 + [True] * 10
    rows = built(features_of(gaps, observed=seen))
    assert spans(rows, "close_to") == [(0, 10), (20, 30)]
    assert spans(rows, "close_to", "unknown") == [(10, 20)]


def test_small_motion_unseen_does_not_matter(features_of):
    # At 1.4 m/s the gap of 0.10 m cannot exceed 0.55 m within 0.32 s; far away, 5 m are not walked in 2 s.
    near = built(features_of([0.10] * 13, observed=[True] * 5 + [False] * 3 + [True] * 5))
    assert (spans(near, "close_to"), spans(near, "close_to", "unknown")) == ([(0, 13)], [])
    far = built(features_of([5.0] * 30, observed=[True] * 5 + [False] * 20 + [True] * 5))
    assert far == ()


def test_a_widely_spread_prediction_is_unknown_at_once(features_of):
    features = features_of([1.0] * 20, observed=[True] * 10 + [False] * 10, gap_sigma_m=0.4)
    assert spans(built(features), "close_to", "unknown") == [(10, 20)]


@settings(max_examples=40, deadline=None)
@given(gaps=GAPS, data=st.data())
def test_blinding_turns_nothing_true_into_false(features_of, gaps, data):
    first = data.draw(st.integers(0, len(gaps)))
    seen = [not first <= place for place in range(len(gaps))]
    before = built(features_of(gaps[:first])) if first else ()
    rows = built(features_of(gaps, observed=seen))
    for row in before:
        if row.end_ns == first * TENTH:
            later = [r for r in rows if r.predicate == row.predicate and r.begin_ns <= (first - 1) * TENTH < r.end_ns]
            assert [r.state for r in later] == [TruthState.TRUE]
            # it goes on to the end, true or unknown, but for an unknown rest too short to be stored
            end = max(r.end_ns for r in rows if r.predicate == row.predicate)
            assert len(gaps) * TENTH - end < 4 * TENTH


def test_unknown_rows_carry_no_measurement(features_of):
    rows = built(features_of([0.2] * 20, observed=[True] * 5 + [False] * 15))
    (unknown,) = [row for row in rows if row.predicate == "close_to" and row.state is TruthState.UNKNOWN]
    assert set(unknown.evidence) == {"observed_share"}
    assert unknown.evidence["observed_share"] == 0.0


def test_absence_is_false(features_of):
    present = [True] * 10 + [False] * 10 + [True] * 10
    assert spans(built(features_of([0.2] * 30, present=present)), "close_to") == [(0, 10), (20, 30)]


def test_coming_and_going_are_events_of_one_second(features_of):
    depth = [-1.0] * 5 + [1.0] * 20 + [-1.0] * 15
    rows = built(features_of([9.0] * 40, depth_m=depth))
    assert spans(rows, "inside_zone") == [(5, 25)]
    assert spans(rows, "entered") == [(5, 15)]
    assert spans(rows, "left") == [(25, 35)]


def test_who_is_there_from_first_to_last_neither_came_nor_went(features_of):
    rows = built(features_of([9.0] * 30, depth_m=[1.0] * 30))
    assert (spans(rows, "entered"), spans(rows, "left")) == ([], [])


def test_who_appears_came_and_who_is_gone_left_and_events_end_with_the_recording(features_of):
    present = [False] * 5 + [True] * 30 + [False] * 4
    rows = built(features_of([9.0] * 39, depth_m=[1.0] * 39, present=present))
    assert spans(rows, "entered") == [(5, 15)]
    assert spans(rows, "left") == [(35, 39)]


def test_a_span_that_nobody_saw_is_no_going_and_coming(features_of):
    depth = [1.0] * 60
    seen = [True] * 20 + [False] * 20 + [True] * 20
    rows = built(features_of([9.0] * 60, depth_m=depth, observed=seen))
    assert spans(rows, "inside_zone", "unknown") != []
    assert (spans(rows, "entered"), spans(rows, "left")) == ([], [])


def test_a_second_entering_within_a_second_extends_the_first():
    stays = [Interval("person_1", "inside_zone", "room", begin, begin + 4, TruthState.TRUE) for begin in (10, 16, 40)]
    events = zone_events(stays, 0, 100, 10)
    assert [(e.begin_ns, e.end_ns) for e in events if e.predicate == "entered"] == [(10, 26), (40, 50)]
    assert [(e.begin_ns, e.end_ns) for e in events if e.predicate == "left"] == [(14, 30), (44, 54)]


def test_a_slow_recording_counts_in_its_own_instants(features_of):
    """At one frame per second every minimum is one instant, and an event lasts one."""
    builder = GraphBuilder(GraphConfig(), 1_000_000_000)
    slow = features_of([1.0, 0.2, 1.0, 1.0], depth_m=[-1, 1, 1, -1])
    arrays = {name: getattr(slow, name) for name in slow.__dataclass_fields__ if name != "times_ns"}
    builder.push(PairFeatures(times_ns=slow.times_ns * 10, **arrays))
    rows = {row.predicate: (row.begin_ns, row.end_ns) for row in builder.finish()}
    second = 1_000_000_000
    assert rows == {
        "close_to": (second, 2 * second),
        "inside_zone": (second, 3 * second),
        "entered": (second, 2 * second),
        "left": (3 * second, 4 * second),
    }


def test_a_predicate_of_another_package_is_built_like_any_other(features_of, monkeypatch):
    def slow(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
        return protocol.grade_by(Threshold(0.6, 0.8), features.relative_speed_m_s), {
            "slowness_s_m": 1 / features.relative_speed_m_s
        }

    spec = PredicateSpec("slow", frozenset({"track"}), frozenset({"fixture"}), False, 0.3, slow, ("slowness_s_m",))

    class Point:
        name, value = "slow", "package:SLOW"

        @staticmethod
        def load():
            return spec

    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [Point()])
    rows = built(features_of([9.0] * 10))
    (row,) = [row for row in rows if row.predicate == "slow"]
    assert row.evidence["slowness_s_m"] == pytest.approx(2.0, abs=2e-6)
    assert intervals_from_table(relations_table(rows))[0].evidence == row.evidence


def test_the_config_chooses_predicates(features_of):
    rows = built(features_of([0.01] * 20, depth_m=[1.0] * 20), config=GraphConfig(predicates=("touching",)))
    assert {row.predicate for row in rows} == {"touching"}
    with pytest.raises(ConfigError, match="did you mean 'touching'"):
        GraphBuilder(GraphConfig(predicates=("touch",)), FRAME_NS)


def test_bad_input_is_refused(features_of, monkeypatch):
    with pytest.raises(ConfigError, match="positive"):
        GraphBuilder(GraphConfig(), 0)
    builder = GraphBuilder(GraphConfig(), FRAME_NS)
    builder.push(features_of([1.0] * 5))
    with pytest.raises(InputError, match="order of time"):
        builder.push(features_of([1.0] * 5))


def test_nothing_in_gives_nothing_out(features_of):
    assert GraphBuilder(GraphConfig(), FRAME_NS).finish() == ()
    assert built(features_of([1.0] * 5).between(0, 0)) == ()


def test_a_thing_that_a_window_does_not_list_was_absent(features_of):
    """What held before it went is forgotten: between the thresholds it comes back as false."""
    builder = GraphBuilder(GraphConfig(), FRAME_NS)
    builder.push(features_of([0.2] * 6))
    builder.push(features_of([0.2] * 6, begin_ns=6 * TENTH).select(np.zeros(2, dtype=bool)))
    builder.push(features_of([0.5] * 6, begin_ns=12 * TENTH))
    assert spans(builder.finish(), "close_to") == [(0, 6)]


def test_a_wide_spread_loosens_no_contact_of_what_nobody_sees(features_of):
    features = features_of([0.0] * 20, observed=[True] * 10 + [False] * 10, gap_sigma_m=0.5)
    assert spans(built(features), "touching") == [(0, 10)]
    assert spans(built(features), "touching", "unknown") == [(10, 20)]
