import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.capture import plugins
from ortwin.capture.errors import ConfigError
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.predicate import ENTER_SCORE, EXIT_SCORE, grade, load_predicates, measuring_function
from ortwin.scenegraph.vocabulary import PREDICATES, PredicateSpec

ABOUT = 1e-9


def score_of(name, features, column=0):
    return measuring_function(PREDICATES[name])(features)[0][:, column]


def turned(angle_rad, shift_m):
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    return rotation, np.array([*shift_m, 0.0])


@pytest.mark.parametrize(
    ("name", "measure", "enter", "exit"),
    [
        ("close_to", "gap_m", 0.40, 0.55),
        ("touching", "gap_m", 0.03, 0.06),
    ],
)
def test_gap_thresholds_are_those_of_the_page(features_of, name, measure, enter, exit):
    gaps = [enter, enter + ABOUT, exit, exit + ABOUT]
    score = score_of(name, features_of(gaps))
    assert (score >= ENTER_SCORE).tolist() == [True, False, False, False]
    assert (score < EXIT_SCORE).tolist() == [False, False, False, True]


def test_zone_thresholds_are_those_of_the_page(features_of):
    features = features_of([9.0] * 4, depth_m=[0.0, -ABOUT, -0.10, -0.10 - ABOUT])
    score = score_of("inside_zone", features, column=1)
    assert (score >= ENTER_SCORE).tolist() == [True, False, False, False]
    assert (score < EXIT_SCORE).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("bottom_m", "share", "enters", "exits"),
    [
        (0.10, 0.5, True, False),
        (-0.10, 1.0, True, False),
        (0.10 + ABOUT, 1.0, False, False),
        (0.0, 0.5 - ABOUT, False, False),
        (0.15, 0.4, False, False),
        (-0.15 - ABOUT, 1.0, False, True),
        (0.0, 0.4 - ABOUT, False, True),
    ],
)
def test_on_thresholds_are_those_of_the_page(features_of, bottom_m, share, enters, exits):
    score = score_of("on", features_of([0.0], bottom_m=[bottom_m], footprint_share=[share]))
    assert (score >= ENTER_SCORE).tolist() == [enters]
    assert (score < EXIT_SCORE).tolist() == [exits]


def test_noise_sets_a_floor_under_touching(features_of):
    score = score_of("touching", features_of([0.05, 0.05 + ABOUT, 0.08, 0.08 + ABOUT], gap_sigma_m=0.025))
    assert (score >= ENTER_SCORE).tolist() == [True, False, False, False]
    assert (score < EXIT_SCORE).tolist() == [False, False, False, True]


@given(st.floats(0, 5), st.floats(0, 1), st.floats(0.01, 2))
def test_grades_lie_between_0_and_1_and_fall_with_the_gap(measure, enter, width):
    here, farther = grade(np.array([measure, measure + 0.1]), enter, enter + width)
    assert 0 <= farther <= here <= 1


def body(seed, center_m):
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (300, 3)) * [0.4, 0.5, 1.7]
    return points + np.array([*center_m, 0.85])


ANGLE, SHIFT = st.floats(-3.2, 3.2), st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@settings(max_examples=40, deadline=None)
@given(angle=ANGLE, shift=SHIFT, place=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), seed=st.integers(0, 99))
def test_gap_relations_do_not_depend_on_where_the_world_has_its_axes(window_of, angle, shift, place, seed):
    rotation, translation = turned(angle, shift)
    first, second = body(seed, (0, 0)), body(seed + 1, place)
    box = OrientedBox(np.array([0.8, 0.3, 0.45]), turned(0.4, (0, 0))[0], np.array([0.6, 1.2, 0.9]))
    moved_box = OrientedBox(rotation @ box.center_m + translation, rotation @ box.rotation, box.extent_m)
    here = compute_pair_features(window_of({"person_1": [first], "person_2": [second]}, {"table": box}))
    there = compute_pair_features(
        window_of(
            {"person_1": [first @ rotation.T + translation], "person_2": [second @ rotation.T + translation]},
            {"table": moved_box},
        )
    )
    assert there.gap_m == pytest.approx(here.gap_m, abs=1e-9)
    for name in ("close_to", "touching"):
        for column in range(here.num_pairs):
            assert score_of(name, there, column) == pytest.approx(score_of(name, here, column), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(quarter=st.integers(0, 3), shift=SHIFT, place=st.tuples(st.floats(-0.6, 0.6), st.floats(-0.9, 0.9)))
def test_footprint_relations_do_not_depend_on_shifts_and_quarter_turns(window_of, quarter, shift, place):
    rotation, translation = turned(quarter * np.pi / 2, shift)
    cloud = body(1, place) + np.array([0, 0, 0.92])
    box = OrientedBox(np.array([0.1, 0.0, 0.45]), turned(0.4, (0, 0))[0], np.array([0.6, 1.6, 0.9]))
    moved_box = OrientedBox(rotation @ box.center_m + translation, rotation @ box.rotation, box.extent_m)
    outline = np.array([[-0.5, -0.5], [0.8, -0.5], [0.8, 0.3], [0.1, 0.9], [-0.5, 0.3]])
    moved_outline = outline @ rotation[:2, :2].T + translation[:2]
    here = compute_pair_features(window_of({"person_1": [cloud]}, {"table": box}, {"zone": Zone("zone", outline)}))
    moved = [cloud @ rotation.T + translation]
    there = compute_pair_features(
        window_of({"person_1": moved}, {"table": moved_box}, {"zone": Zone("zone", moved_outline)})
    )
    for name in ("bottom_m", "footprint_share", "depth_m"):
        assert getattr(there, name) == pytest.approx(getattr(here, name), abs=1e-9, nan_ok=True)
    assert score_of("on", there, 0) == pytest.approx(score_of("on", here, 0), abs=1e-6)
    assert score_of("inside_zone", there, 1) == pytest.approx(score_of("inside_zone", here, 1), abs=1e-6)


def test_pairs_of_moving_things_are_measured_both_ways_alike(window_of):
    window = window_of({"object_1": [body(1, (0, 0))], "person_1": [body(2, (0.9, 0.2))[:150]]})
    features = compute_pair_features(window)
    assert features.num_pairs == 2
    assert features.gap_m[0, 0] == features.gap_m[0, 1] > 0


def test_order_of_entities_changes_no_gap(window_of):
    clouds = {f"person_{number}": [body(number, (0.7 * number, 0))] for number in (1, 2, 3)}
    forward = compute_pair_features(window_of(clouds))
    backward = compute_pair_features(window_of(dict(reversed(clouds.items()))))

    def by_name(features):
        names = [entity.node_id for entity in features.entities]
        pairs = zip(features.subject_index, features.object_index, features.gap_m[0], strict=True)
        return {(names[a], names[b]): gap for a, b, gap in pairs}

    assert by_name(forward) == by_name(backward)


def test_far_gaps_are_bounds_from_below(window_of):
    window = window_of({"person_1": [body(1, (0, 0))], "person_2": [body(2, (3, 1))]})
    features = compute_pair_features(window)
    true_gap = np.linalg.norm(body(1, (0, 0))[:, None] - body(2, (3, 1))[None], axis=-1).min()
    assert 1.0 < features.gap_m[0, 0] <= true_gap


def test_absent_things_have_no_measures(window_of):
    window = window_of({"person_1": [body(1, (0, 0)), None], "person_2": [body(2, (1, 0)), body(2, (1, 0))]})
    features = compute_pair_features(window)
    assert features.present.tolist() == [[True, True], [False, False]]
    assert np.isnan(features.gap_m[1]).all()
    assert np.isnan(score_of("close_to", features)[1])


@given(st.floats(0, 3), st.floats(0, 3), st.floats(-1, 1), st.floats(0, 1))
def test_what_could_be_brackets_what_was_measured(features_of, reach, gap, bottom, share):
    features = features_of([gap], depth_m=[bottom], bottom_m=[bottom], footprint_share=[share])
    reach_m = np.full((1, 2), reach)
    for name, column in (("close_to", 0), ("touching", 0), ("on", 0), ("inside_zone", 1)):
        versions = features.tightened(reach_m), features, features.loosened(reach_m)
        low, here, high = (score_of(name, some, column)[0] for some in versions)
        assert low <= here + 1e-12
        assert here <= high + 1e-12


class _Point:
    def __init__(self, item, name="outside"):
        self.item, self.name, self.value = item, name, "package.module:SPEC"

    def load(self):
        if isinstance(self.item, Exception):
            raise self.item
        return self.item


def test_predicates_come_in_through_entry_points(monkeypatch):
    spec = PredicateSpec("moving_with", frozenset({"track"}), frozenset({"track"}), False, 0.5, lambda features: None)
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [_Point(spec)])
    assert load_predicates()["moving_with"] is spec
    assert set(PREDICATES) < set(load_predicates())


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (ImportError("no module named package"), "cannot be loaded"),
        ("not a row", "must name a PredicateSpec"),
        (PREDICATES["close_to"], "offered twice"),
        (PredicateSpec("bad", frozenset({"planet"}), frozenset({"track"}), False, 0.5), "unsound"),
        (PredicateSpec("b-a-d", frozenset({"track"}), frozenset({"track"}), False, 0.5), "unsound"),
    ],
)
def test_a_broken_entry_point_is_named(monkeypatch, item, message):
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [_Point(item)])
    with pytest.raises(ConfigError, match=message) as caught:
        load_predicates()
    assert "package.module:SPEC" in str(caught.value)


def test_a_row_without_its_function_is_named():
    spec = PredicateSpec("x", frozenset({"track"}), frozenset({"track"}), False, 0.5, ".predicates_spatial:nowhere")
    with pytest.raises(ConfigError, match="nowhere"):
        measuring_function(spec)


def test_the_noise_of_a_gap_joins_that_of_both_sides(window_of):
    box = OrientedBox(np.array([0.8, 0.3, 0.45]), np.eye(3), np.array([0.6, 1.2, 0.9]))
    features = compute_pair_features(window_of({"person_1": [body(1, (0, 0))]}, {"table": box}, sigma_m=0.03))
    assert features.gap_sigma_m[0, 0] == pytest.approx(0.03 * np.sqrt(2))
