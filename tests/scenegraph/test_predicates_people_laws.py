"""Laws of what people do with body and hands: of axes, of the unseen, and of windows in pieces."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.capture.errors import InputError
from ortwin.reconstruction.skeleton import JOINT
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_features import TAKEN_M, PairFeatures
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.predicate import measuring_function
from ortwin.scenegraph.vocabulary import PREDICATES
from people_plays import (
    KNEE_M,
    STEP_NS,
    TIP_M,
    Play,
    at_work,
    patient,
    skeleton,
    still,
    surgeon,
)


def everything() -> Play:
    """A small scene in which most relations are near a threshold."""
    rng = np.random.default_rng(5)
    num = 12
    path = still(KNEE_M, num) + np.cumsum(rng.normal(0, 0.02, (num, 3)), axis=0)
    walk = np.stack([skeleton((1.5 - 0.05 * i, -1.2), 2.4, (path[i] + 0.1, path[i] + 0.2)) for i in range(num)])
    tool = path + rng.normal(0, 0.01, (num, 3))
    return Play(
        {"patient": patient(num), "person_1": surgeon(path), "person_2": walk},
        {"saw_1": ("saw", tool, TIP_M), "cloth_1": ("cloth", tool + np.array([0.0, 0.08, 0.0]), TIP_M)},
    )


@functools.cache
def features_of_everything() -> PairFeatures:
    return everything().features()


@settings(max_examples=15, deadline=None)
@given(angle=st.floats(-3.2, 3.2), shift=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_what_people_do_does_not_depend_on_where_the_world_has_its_axes(angle, shift):
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    here, there = features_of_everything(), everything().features(turn, (*shift, 0.0))
    boxes_turn = {"close_to", "touching", "on", "inside", "inside_zone", "lying_on"}  # these know the axes of boxes
    for name, spec in PREDICATES.items():
        if spec.function and name not in boxes_turn:
            before, after = (measuring_function(spec)(some)[0] for some in (here, there))
            assert after == pytest.approx(before, abs=1e-6, nan_ok=True), name


@settings(max_examples=30, deadline=None)
@given(reach=st.floats(0.001, 3.0))
def test_what_could_be_brackets_what_people_do(reach):
    features = features_of_everything()
    reach_m = np.full(features.gap_m.shape, reach)
    for spec in PREDICATES.values():
        if spec.function:
            versions = features.tightened(reach_m), features, features.loosened(reach_m)
            low, here, high = (measuring_function(spec)(some)[0] for some in versions)
            known = np.isfinite(low) & np.isfinite(here) & np.isfinite(high)
            if spec.name == "holding":  # whoever is unseen holds nothing that somebody else is seen to hold
                known &= features.others_m > TAKEN_M
            assert (low[known] <= here[known] + 1e-12).all(), spec.name
            assert (here[known] <= high[known] + 1e-12).all(), spec.name


@pytest.mark.parametrize("name", ["person_1", "patient", "drill_1"])
def test_blinding_turns_no_act_from_true_to_false(name):
    """Whoever acts is acting or unknown once a part of it is seen no more."""
    whole, dark = at_work("drill", 60), at_work("drill", 60)
    dark.seen[name] = np.arange(60) < 20
    for predicate in ("holding", "drilling", "facing", "close_to"):
        for subject, other, begin, end, _ in whole.told(predicate):
            rows = [row for row in dark.told(predicate) if row[:2] == (subject, other)]
            spans = [(max(row[2], begin), min(row[3], end)) for row in rows if row[3] > begin and row[2] < end]
            covered = sum(stop - start for start, stop in spans)
            assert covered == end - begin, (predicate, subject, other)


def test_what_needs_joints_is_not_measured_without_any():
    window = at_work("drill", person_2=surgeon(still((1.3, -0.6, 1.2), 20), (1.3, -0.9))).window()
    blind = replace(window, bodies={})
    builder = GraphBuilder(GraphConfig(), STEP_NS)
    builder.push(compute_pair_features(blind))
    assert {"holding", "facing", "drilling", "handover", "assisting"}.isdisjoint(builder.measured)
    assert {"close_to", "touching", "on", "inside"} <= builder.measured
    assert {row.predicate for row in builder.finish()} <= builder.measured
    whole = GraphBuilder(GraphConfig(), STEP_NS)
    whole.push(compute_pair_features(window))
    assert {"holding", "facing", "drilling", "handover", "assisting"} <= whole.measured


def test_joints_that_are_missing_for_a_while_make_acts_unknown():
    play = at_work("drill", 60)
    play.people["person_1"] = play.people["person_1"].copy()
    play.people["person_1"][20:40, [JOINT["left_wrist"], JOINT["right_wrist"]]] = np.nan
    states = {(begin, state) for _, _, begin, _, state in play.told("drilling")}
    assert states == {(0, "true"), (20, "unknown"), (40, "true")}


def test_joints_of_another_shape_are_refused():
    window = at_work("drill").window()
    with pytest.raises(InputError, match="joints of 'patient'"):
        replace(window, bodies={0: np.zeros((20, 4, 3))})


def test_a_window_in_pieces_with_context_gives_the_same_measures():
    whole = everything().window()
    measured = compute_pair_features(whole)
    arrays = {name: getattr(whole, name) for name in ("center_m", "extent_m", "velocity_m_s", "sigma_m", "present", "observed")}  # fmt: skip  # noqa: E501
    for first, last in ((0, 5), (5, 12)):
        lead, trail = min(first, 5), min(12 - last, 5)
        cut = slice(first - lead, last + trail)
        part = replace(
            whole, times_ns=whole.times_ns[cut], **{name: array[cut] for name, array in arrays.items()},
            bodies={number: joints[cut] for number, joints in whole.bodies.items()},
            tools={number: replace(path, rotation=path.rotation[cut], translation_m=path.translation_m[cut])
                   for number, path in whole.tools.items()},
            surface_m=lambda time, entity, start=cut.start: whole.surface_m(start + time, entity),
            context=(lead, trail),
        )  # fmt: skip
        piece = compute_pair_features(part)
        expected = measured.between(first, last)
        for name in ("gap_m", "bearing_rad", "approach_m_s", "palm_m", "slip_m_s", "stir_m_s", "help_m", "free_hand_m"):
            assert getattr(piece, name) == pytest.approx(getattr(expected, name), nan_ok=True), name


def test_unknown_rows_are_no_claims():
    rows = at_work("drill", 60)
    rows.seen["person_1"] = np.arange(60) < 20
    assert {state for *_, state in rows.told("drilling")} <= {str(TruthState.TRUE), str(TruthState.UNKNOWN)}
