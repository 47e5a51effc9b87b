"""What people do with body and hands, measured in scenes that are written down instant by instant."""

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.capture.errors import InputError
from ortwin.reconstruction.skeleton import JOINT
from ortwin.reconstruction.state import OrientedBox
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_features import TAKEN_M, PairFeatures
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.predicate import ENTER_SCORE, EXIT_SCORE, measuring_function
from ortwin.scenegraph.scene_window import Entity, SceneWindow, ToolPath
from ortwin.scenegraph.vocabulary import PREDICATES

STEP_NS = 100_000_000
TABLE = OrientedBox(np.array([0.0, 0.0, 0.45]), np.eye(3), np.array([2.0, 0.6, 0.9]))
KNEE_M = np.array([0.3, 0.0, 1.05])
FOREARM_M, PALM_M = 0.25, 0.35 * 0.25


def skeleton(place_m, heading_rad, hands_m=None, lying=False) -> np.ndarray:
    """(17, 3) somebody at a place (2,), facing a heading; `hands_m` (2, 3) where the palms are, left and right."""
    forward = np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
    left, up = np.array([-forward[1], forward[0], 0.0]), np.array([0.0, 0.0, 1.0])
    hips_m, trunk = np.array([*place_m, 0.97]), forward if lying else up
    joints_m = np.full((17, 3), hips_m + 0.6 * trunk)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder_m = hips_m + 0.5 * trunk + sign * 0.2 * left
        palm_m = hips_m + sign * 0.3 * left if hands_m is None else np.asarray(hands_m[0 if sign > 0 else 1])
        toward = (palm_m - shoulder_m) / np.linalg.norm(palm_m - shoulder_m)
        joints_m[JOINT[f"{side}_hip"]], joints_m[JOINT[f"{side}_shoulder"]] = hips_m + sign * 0.12 * left, shoulder_m
        joints_m[JOINT[f"{side}_wrist"]] = palm_m - PALM_M * toward
        joints_m[JOINT[f"{side}_elbow"]] = palm_m - (PALM_M + FOREARM_M) * toward
    return joints_m


def surgeon(hands_m: Sequence, place_m=(0.3, -0.5), both: bool = False) -> np.ndarray:
    """(T, 17, 3) somebody who stands at the table; `hands_m` (T, 3) is the right palm, the left one hangs or helps."""
    idle_m, beside_m = np.array([place_m[0] - 0.4, place_m[1] - 0.3, 0.9]), np.array([0.04, 0.0, 0.0])
    lefts_m = [hand_m - beside_m if both else idle_m for hand_m in np.asarray(hands_m)]
    pairs = zip(lefts_m, np.asarray(hands_m), strict=True)
    return np.stack([skeleton(place_m, np.pi / 2, pair) for pair in pairs])


def patient(num: int) -> np.ndarray:
    """(T, 17, 3) somebody who lies on the table, with a surface at the knee (see Play)."""
    return np.stack([skeleton((0.0, 0.0), 0.0, lying=True)] * num)


class Play:
    """A scene: joints (T, 17, 3) by name; tools by name as (label, (T, 3) places, tip (3,)); fixtures by label."""

    def __init__(self, people: dict, tools: dict | None = None, boxes: dict | None = None, seen: dict | None = None):
        self.people, self.tools = people, tools or {}
        self.boxes, self.seen = {"operating_table": TABLE} if boxes is None else boxes, seen or {}

    def window(self, turn: np.ndarray | None = None, shift_m: Sequence[float] = (0, 0, 0)) -> SceneWindow:
        """The scene in a world that is turned about the vertical and shifted."""
        turn, offset_m = np.eye(3) if turn is None else turn, np.asarray(shift_m, dtype=np.float64)
        names, num_people = [*self.people, *self.tools], len(self.people)
        entities = (
            *(Entity(name, "patient" if name == "patient" else "person", "track") for name in self.people),
            *(Entity(name, label, "track") for name, (label, _, _) in self.tools.items()),
            *(Entity(label, label, "fixture") for label in self.boxes),
        )
        cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.02
        clouds = {name: np.asarray(joints) for name, joints in self.people.items()}
        if "patient" in clouds:
            clouds["patient"] = np.concatenate([clouds["patient"], np.tile(KNEE_M, (len(clouds["patient"]), 1, 1))], 1)
        clouds |= {name: np.asarray(places)[:, None] + cube for name, (_, places, _) in self.tools.items()}
        clouds = {name: cloud @ turn.T + offset_m for name, cloud in clouds.items()}
        num = len(clouds[names[0]])
        center_m, extent_m = (np.full((num, len(entities), 3), np.nan) for _ in range(2))
        observed = np.ones((num, len(entities)), dtype=bool)
        for column, name in enumerate(names):
            low_m, high_m = np.nanmin(clouds[name], axis=1), np.nanmax(clouds[name], axis=1)
            center_m[:, column], extent_m[:, column] = (low_m + high_m) / 2, high_m - low_m
            observed[:, column] = self.seen.get(name, True)
        paths = [
            ToolPath(np.broadcast_to(turn, (num, 3, 3)), np.asarray(places) @ turn.T + offset_m, np.full(3, -0.02),
                     np.full(3, 0.02), tip_m)
            for _, places, tip_m in self.tools.values()
        ]  # fmt: skip
        boxes = [OrientedBox(turn @ b.center_m + offset_m, turn @ b.rotation, b.extent_m) for b in self.boxes.values()]
        return SceneWindow(
            np.arange(num, dtype=np.int64) * STEP_NS, entities, center_m, extent_m, np.zeros_like(center_m),
            np.zeros(observed.shape), np.isfinite(center_m[..., 0]), observed,
            {len(names) + place: box for place, box in enumerate(boxes)}, {},
            lambda time, entity: (cloud := clouds[names[entity]][time])[np.isfinite(cloud).all(axis=1)],
            {place: np.asarray(joints) @ turn.T + offset_m for place, joints in enumerate(self.people.values())},
            {num_people + place: path for place, path in enumerate(paths)},
        )  # fmt: skip

    def features(self, turn: np.ndarray | None = None, shift_m: Sequence[float] = (0, 0, 0)) -> PairFeatures:
        """Its measures."""
        return compute_pair_features(self.window(turn, shift_m))

    def told(self, predicate: str) -> list[tuple]:
        """(subject, object, first instant, end, state) of each interval of a predicate."""
        builder = GraphBuilder(GraphConfig(), STEP_NS)
        builder.push(self.features())
        return [
            (row.subject_id, row.object_id, row.begin_ns // STEP_NS, row.end_ns // STEP_NS, str(row.state))
            for row in builder.finish()
            if row.predicate == predicate
        ]


def score_of(features: PairFeatures, name: str, subject: str, other: str) -> np.ndarray:
    """(T,) scores of a pair."""
    ids = [entity.node_id for entity in features.entities]
    pairs = zip(features.subject_index.tolist(), features.object_index.tolist(), strict=True)
    column = [(ids[a], ids[b]) for a, b in pairs].index((subject, other))
    return measuring_function(PREDICATES[name])(features)[0][:, column]


def enters(score: np.ndarray) -> list[bool]:
    return (score >= ENTER_SCORE).tolist()


def leaves(score: np.ndarray) -> list[bool]:
    return (score < EXIT_SCORE).tolist()


def still(point_m, num: int) -> np.ndarray:
    return np.tile(np.asarray(point_m, dtype=np.float64), (num, 1))


def busy(point_m, num: int) -> np.ndarray:
    """(T, 3) a hand that sweeps 8 cm to and fro, once in 0.8 s."""
    swing = 0.04 * np.sin(2 * np.pi * np.arange(num) / 8)
    return still(point_m, num) + swing[:, None] * np.array([1.0, 0.0, 0.0])


# Posture and gait


@pytest.mark.parametrize(("turned_deg", "expected"), [(0, (True, False)), (29, (True, False)), (31, (False, False)),
                                                       (44, (False, False)), (46, (False, True))])  # fmt: skip
def test_facing_asks_for_the_bearing_of_the_page(turned_deg, expected):
    play = Play({"person_1": [skeleton((0, -1.5), np.pi / 2 + np.deg2rad(turned_deg))], "person_2": [skeleton((0, 0), 0)]}, boxes={})  # fmt: skip  # noqa: E501
    score = score_of(play.features(), "facing", "person_1", "person_2")
    assert (enters(score)[0], leaves(score)[0]) == expected


def test_who_faces_a_table_faces_its_nearest_spot():
    play = Play({"person_1": [skeleton((0.9, -1.0), np.pi / 2)]})
    assert enters(score_of(play.features(), "facing", "person_1", "operating_table")) == [True]


def test_who_stands_on_the_footprint_of_a_fixture_neither_faces_nor_approaches_it():
    play = Play({"person_1": np.stack([skeleton((0.1 * i, 0.0), 0.0) for i in range(8)])})
    for name in ("facing", "approaching"):
        assert leaves(score_of(play.features(), name, "person_1", "operating_table")) == [True] * 8


def test_who_lies_faces_nobody_and_lies_on_the_table():
    play = Play({"patient": patient(25), "person_1": np.stack([skeleton((1.6, 0.0), np.pi)] * 25)})
    assert leaves(score_of(play.features(), "facing", "patient", "person_1")) == [True] * 25
    flat = replace(play.features(), gap_m=np.zeros_like(play.features().gap_m))
    flat = replace(flat, footprint_share=np.ones_like(flat.gap_m))
    assert enters(score_of(flat, "lying_on", "patient", "operating_table")) == [True] * 25
    assert leaves(score_of(flat, "lying_on", "person_1", "operating_table")) == [True] * 25


def test_only_ones_own_motion_approaches():
    walk = np.stack([skeleton((0.0, -2.5 + 0.08 * i), np.pi / 2) for i in range(12)])
    stands = np.stack([skeleton((0.0, 0.5), 0.0)] * 12)
    play = Play({"person_1": walk, "person_2": stands})
    assert play.told("approaching") == [
        ("person_1", "operating_table", 0, 12, "true"),
        ("person_1", "person_2", 0, 12, "true"),
    ]


# Hands


def test_a_tool_that_goes_along_with_the_hand_is_held():
    path = still((0.3, -0.3, 1.2), 30)
    path[10:20, 0] += 0.04 * np.arange(10)
    path[20:, 0] += 0.36
    play = Play({"person_1": surgeon(path)}, {"drill_1": ("drill", path, np.zeros(3))})
    assert play.told("holding") == [("person_1", "drill_1", 0, 30, "true")]


def test_a_tool_that_lies_is_not_held_by_a_hand_beside_it():
    rests = still((0.3, -0.25, 0.92), 30)
    play = Play({"person_1": surgeon(still((0.3, -0.25, 0.98), 30))}, {"saw_1": ("saw", rests, np.zeros(3))})
    assert play.told("holding") == []


def test_a_tool_is_taken_and_laid_down_when_the_hand_comes_and_goes():
    lies, up = np.array([0.3, -0.25, 0.92]), np.array([0.3, -0.25, 1.2])
    lift = np.linspace(lies, up, 5)
    tool = np.concatenate([still(lies, 15), lift, still(up, 10), lift[::-1], still(lies, 15)])
    come = np.linspace(up, lies, 5)
    hand = np.concatenate([still(up, 8), come, still(lies, 2), lift, still(up, 10), lift[::-1], still(lies, 2),
                           come[::-1], still(up, 8)])  # fmt: skip
    ((_, _, begin, end, state),) = Play(
        {"person_1": surgeon(hand)}, {"saw_1": ("saw", tool, np.zeros(3))}
    ).told("holding")  # fmt: skip
    assert state == "true"
    assert 13 <= begin <= 16
    assert 35 <= end <= 39


def test_a_handover_is_an_event_between_two_holders():
    meet = np.array([0.0, -0.5, 1.1])
    tool = np.concatenate([np.linspace([-0.4, -0.5, 1.1], meet, 10), still(meet, 6), np.linspace(meet, [0.4, -0.5, 1.1], 10)])  # fmt: skip  # noqa: E501
    give = np.concatenate([tool[:16], np.linspace(meet, [-0.5, -0.5, 1.0], 10)])
    take = np.concatenate([np.linspace([0.5, -0.5, 1.0], meet, 10), tool[10:]])
    play = Play(
        {"person_1": surgeon(give, (-0.4, -0.9)), "person_2": surgeon(take, (0.4, -0.9))},
        {"saw_1": ("saw", tool, np.zeros(3))},
        boxes={},
    )
    ((giver, taker, begin, end, state),) = play.told("handover")
    assert (giver, taker, state, end - begin) == ("person_1", "person_2", "true", 10)
    assert 8 <= begin <= 17


def test_free_hands_prepare_at_tables_and_patients_and_operate_devices():
    side = OrientedBox(np.array([0.3, 1.2, 0.45]), np.eye(3), np.array([1.0, 0.5, 0.9]))
    for label, predicate in (("instrument_table", "preparing"), ("anesthesia_equipment", "operating")):
        play = Play({"person_1": surgeon(busy((0.3, 1.0, 0.92), 20), (0.3, 0.7), both=True)}, boxes={label: side})
        for name in ("preparing", "operating"):
            expected = [("person_1", label, 0, 20, "true")] if name == predicate else []
            assert play.told(name) == expected


def test_one_hand_at_a_table_may_only_fetch_something():
    side = OrientedBox(np.array([0.3, 1.2, 0.45]), np.eye(3), np.array([1.0, 0.5, 0.9]))
    play = Play({"person_1": surgeon(busy((0.3, 1.0, 0.92), 20), (0.3, 0.7))}, boxes={"instrument_table": side})
    assert play.told("preparing") == []


def test_whoever_walks_by_operates_nothing():
    hand = np.stack([(-0.5 + 0.12 * i, -0.32, 0.92) for i in range(12)])
    walk = np.stack([skeleton((h[0], -0.6), 0.0, (h, h - [0, 0.4, 0])) for h in hand])
    assert Play({"person_1": walk}).told("operating") == []


def test_a_hand_at_the_patient_operates_no_table():
    play = Play({"patient": patient(20), "person_1": surgeon(busy(KNEE_M, 20), both=True)})
    assert play.told("operating") == []
    assert play.told("preparing") == [("person_1", "patient", 0, 20, "true")]


# Tools at work

TIP_M = np.array([0.0, 0.1, 0.0])


def at_work(label: str, num: int = 20, **more) -> Play:
    """Somebody whose tool is at the knee of the patient all the time."""
    grip = busy(KNEE_M - TIP_M, num)
    return Play({"patient": patient(num), "person_1": surgeon(grip), **more}, {f"{label}_1": (label, grip, TIP_M)})


@pytest.mark.parametrize(
    ("label", "action"),
    [("scalpel", "cutting"), ("saw", "sawing"), ("drill", "drilling"), ("hammer", "hammering"),
     ("needle_holder", "suturing"), ("cementer", "cementing"), ("suction", "cleaning"), ("cloth", "cleaning"),
     ("ultrasound_probe", "scanning"), ("marker_array", "calibrating"), ("screwdriver", "manipulating")],
)  # fmt: skip
def test_each_tool_at_the_patient_is_its_own_action(label, action):
    play = at_work(label)
    assert play.told(action) == [("person_1", "patient", 0, 20, "true")]
    others = {"cutting", "sawing", "drilling", "hammering", "suturing", "cementing", "cleaning", "scanning",
              "calibrating", "manipulating", "preparing"} - {action}  # fmt: skip
    assert {name for name in others if play.told(name)} == set()


def test_a_tool_at_the_patient_that_nobody_holds_works_nothing():
    play = at_work("drill")
    play.people["person_1"] = surgeon(still((0.3, -0.6, 1.2), 20), (0.3, -0.9))
    assert play.told("drilling") == []


def test_who_lends_a_quiet_hand_assists_whoever_works():
    helper = np.stack([skeleton((0.3, 0.5), -np.pi / 2, ((0.1, 0.9, 0.9), KNEE_M + np.array([0.0, 0.12, 0.05])))] * 20)
    play = at_work("saw", person_2=helper)
    assert play.told("assisting") == [("person_2", "person_1", 0, 20, "true")]
    assert play.told("preparing") == []


def test_bare_hands_cement_after_the_hammer_and_before_the_needle():
    num = 90
    hand, hammer, needle = busy(KNEE_M, num), still((0.0, -2.0, 1.0), num), still((0.5, -2.0, 1.0), num)
    hand[20:25] = hand[40:45] = hand[60:65] = (0.3, -0.4, 1.3)
    hammer[25:40] = hand[25:40] = busy(KNEE_M - TIP_M, 15)
    needle[65:75] = hand[65:75] = busy(KNEE_M - TIP_M, 10)
    hand[75:78] = (0.3, -0.4, 1.3)
    play = Play(
        {"patient": patient(num), "person_1": surgeon(hand, both=True)},
        {"hammer_1": ("hammer", hammer, TIP_M), "needle_holder_1": ("needle_holder", needle, TIP_M)},
    )

    def middles(name: str) -> list[int]:
        return [(begin + end) // 20 for _, _, begin, end, _ in play.told(name)]

    assert middles("hammering") == [3]
    assert middles("cementing") == [5]
    assert middles("suturing") == [7]
    assert middles("preparing") == [1, 8]


# Laws


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
