"""The field's questions on a small recording whose answers can be read off its script."""

import dataclasses

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction.state import OrientedBox
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.phases import PhaseSpan
from ortwin.scenegraph.query_language import parse_query
from ortwin.scenegraph.question_queries import QUERIES, rows_of
from ortwin.scenegraph.question_scene import Path3D, QuestionScene, Samples
from ortwin.scenegraph.questions import QUESTIONS, ask
from ortwin.scenegraph.questions_device import box_distance_m
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

SECOND = 1_000_000_000
START = 7 * SECOND
LENGTH_S = 20
TIMES_NS = START + np.arange(LENGTH_S * 10) * SECOND // 10
TABLE = OrientedBox(np.array([0.0, 0.0, 0.45]), np.eye(3), np.array([2.0, 0.6, 0.9]))


def at_s(seconds):
    return START + round(seconds * SECOND)


def walk(begin_s, end_s, from_m, to_m, extent_m=(0.5, 0.5, 1.8), hidden=(99, 99)):
    times = TIMES_NS[(at_s(begin_s) <= TIMES_NS) & (at_s(end_s) > TIMES_NS)]
    share = np.linspace(0, 1, len(times))[:, None]
    centers = (1 - share) * np.array(from_m) + share * np.array(to_m)
    measured = ~((times >= at_s(hidden[0])) & (times < at_s(hidden[1])))
    cameras = tuple(frozenset({"cam_1"} if ok else ()) for ok in measured)
    return Path3D(times, centers, np.tile(extent_m, (len(times), 1)).astype(float), measured, cameras)


def row(subject, predicate, obj, begin_s, end_s, state=TruthState.TRUE):
    return Interval(subject, predicate, obj, at_s(begin_s), at_s(end_s), state)


@pytest.fixture(scope="module")
def scene():
    """person_1 is a surgeon at the table; person_2, a circulating nurse, comes at 5 s and is hidden from 15 to 17 s."""
    paths = {
        "person_1": walk(0, 20, (0.0, -0.6, 0.9), (0.0, -0.6, 0.9)),
        "person_2": walk(5, 20, (-2.0, 1.0, 0.9), (1.0, 1.0, 0.9), hidden=(15, 17)),
        "saw_1": walk(0, 20, (0.2, -0.3, 1.0), (0.2, -0.3, 1.0), (0.1, 0.1, 0.1)),
    }
    ends = {"person_1": 19.9, "person_2": 19.9, "saw_1": 19.9}
    labels = {"person_1": "person", "person_2": "person", "saw_1": "saw"}
    roles = {"person_1": "head_surgeon", "person_2": "circulating_nurse"}
    nodes = [
        NodeSpan(name, labels[name], "track", (0.0, 0.0, 0.0), int(path.times_ns[0]), at_s(ends[name]))
        for name, path in paths.items()
    ]
    nodes += [
        NodeSpan("operating_table", "operating_table", "fixture", (0.0, 0.0, 0.45), START, at_s(19.9)),
        NodeSpan("sterile_zone", "zone", "zone", (0.0, 0.0, 1.5), START, at_s(19.9)),
    ]
    rows = (
        row("person_1", "close_to", "operating_table", 0, 20), row("person_1", "touching", "operating_table", 2, 4),
        row("person_1", "holding", "saw_1", 4, 10), row("person_1", "holding", "saw_1", 12, 13),
        row("person_2", "inside_zone", "sterile_zone", 8, 9), row("person_1", "inside_zone", "sterile_zone", 0, 20),
        row("person_2", "touching", "operating_table", 15, 17, TruthState.UNKNOWN),
    )  # fmt: skip
    lens = Intrinsics(300.0, 300.0, 159.5, 119.5, 320, 240)
    camera = Camera("cam_1", lens, None, SE3.identity(), world_from_camera=look_at((0.0, -4.0, 2.0), (0.0, 0.0, 0.9)))
    phases = (PhaseSpan("before", "", at_s(0), at_s(6), ""), PhaseSpan("work", "", at_s(6), at_s(20), ""))
    gaze = {"x": 0.0, "y": -2.0, "z": 1.6, "dx": 0.0, "dy": 0.0, "dz": -1.0}
    streams = {f"gaze_person_1_{axis}": Samples(np.array([START]), (value,)) for axis, value in gaze.items()}
    streams["gaze_person_1_dy"] = Samples(np.array([START, at_s(10), at_s(12)]), (1.4, 0.0, None))
    streams["base_array_visible"] = Samples(np.array([START, at_s(3)]), (0.0, 1.0))
    streams["robot_calibrated"] = Samples(np.array([at_s(5)]), ("yes",), 2 * SECOND)
    streams["robot_step"] = Samples(np.array([START, at_s(4), at_s(8)]), ("setup", "register", "cut"))
    return QuestionScene(
        SceneGraphTimeline(tuple(nodes), rows), (START, at_s(20)), paths, {"operating_table": TABLE},
        CameraRig({"cam_1": camera}), phases, roles, streams,
        frozenset({"close_to", "touching", "holding", "inside_zone"}),
    )  # fmt: skip


@pytest.fixture
def value(scene):
    def get(name, *arguments, at=1.0):
        answer = ask(scene, name, arguments, at_s(at))
        assert answer.state == TruthState.TRUE, answer.because
        return answer.value

    return get


@pytest.fixture
def unknown(scene):
    def get(name, *arguments, at=1.0):
        answer = ask(scene, name, arguments, at_s(at))
        assert answer.state == TruthState.UNKNOWN and answer.because
        return answer

    return get


def test_all_types_of_the_field_are_there():
    assert len(QUESTIONS) == 16 + 6 + 1
    assert all(row.meaning.endswith(".") for row in QUESTIONS.values())


def test_count_people(value):
    assert [value("count_people", at=at) for at in (0, 4.9, 5, 16)] == [1, 1, 2, 2]


def test_role_people(value):
    assert value("role_people", at=6) == {"person_1": "head_surgeon", "person_2": "circulating_nurse"}


def test_who_has_no_role_is_unknown(scene):
    nameless = dataclasses.replace(scene, roles={"person_1": "head_surgeon"})
    answer = ask(nameless, "role_people", (), at_s(6))
    assert answer.state == TruthState.UNKNOWN and answer.value["person_2"] is None


def test_list_all_entities(value):
    assert value("list_all_entities") == ["person_1", "saw_1", "operating_table"]
    assert "person_2" in value("list_all_entities", at=10)


def test_list_all_entities_ordered_2d_goes_from_left_to_right(value):
    names = [row["entity"] for row in value("list_all_entities_ordered_2d", "cam_1", at=19)]
    assert names.index("person_1") < names.index("saw_1") < names.index("person_2")
    assert "person_2" not in [row["entity"] for row in value("list_all_entities_ordered_2d", "cam_1", at=16)]


def test_interaction_and_scene_graph_tell_the_most_telling_predicate(value, unknown):
    assert value("interaction", "person_1", "operating_table", at=1)["person_1 -> operating_table"] == "close_to"
    assert value("interaction", "person_1", "operating_table", at=3)["person_1 -> operating_table"] == "touching"
    assert value("interaction", "head_surgeon", "saw_1", at=11) == {"person_1 -> saw_1": "none",
                                                                    "saw_1 -> person_1": "none"}  # fmt: skip
    assert ["person_1", "holding", "saw_1"] in value("current_scene_graph", at=5)
    assert unknown("interaction", "person_2", "operating_table", at=16).value


def test_current_action(value, unknown):
    assert value("current_action", "head_surgeon", at=5) == ["person_1", "holding", "saw_1"]
    assert value("current_action", "person_2", at=2) == "none"
    assert value("current_action", "person_2", at=14) == "none"
    unknown("current_action", "person_2", at=16)


def test_status_action_is_a_share_of_time(value):
    assert value("status_action", "holding(head_surgeon, saw)", at=7) == pytest.approx(50)
    assert value("status_action", "work", at=6) == 0
    assert value("status_action", "holding(*, saw)", at=11) is None


def test_did_happen(value, unknown):
    assert [value("did_happen", "holding(*, saw)", at=at) for at in (3.9, 4, 15)] == [False, True, True]
    assert [value("did_happen", "work", at=at) for at in (5.9, 6)] == [False, True]
    assert value("did_happen", "touching(circulating_nurse, operating_table)", at=14) is False
    unknown("did_happen", "touching(circulating_nurse, operating_table)", at=15)
    unknown("did_happen", "sawing(*, patient)", at=19)


def test_time_until_step(value, unknown):
    assert value("time_until_step", "work", at=1.5) == pytest.approx(4.5)
    assert value("time_until_step", "holding(*, saw)", at=10) == pytest.approx(2)
    assert value("time_until_step", "holding(*, saw)", at=5) == 0
    assert value("time_until_step", "holding(*, saw)", at=14) is None
    unknown("time_until_step", "touching(person_2, operating_table)", at=1)


def test_tools_used(value):
    assert value("tools_used", at=3) == []
    (tool,) = value("tools_used", at=12.5)
    assert tool["tool"] == "saw_1"
    assert [(use["begin_s"], use["end_s"]) for use in tool["uses"]] == [(4, 10), (12, None)]


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("holding(*, saw)", "holding(_, saw)"),
        ("holding|touching(head_surgeon, *)", "holding(head_surgeon, _) or touching(head_surgeon, _)"),
        ("touching(*, operating_table)", "touching(staff, operating_table)"),
        ("work", 'phase "work"'),
        ("holding(*, saw) or inside_zone(person_2, *)", "holding(_, saw) or inside_zone(person_2, sterile_zone)"),
    ],
)
def test_a_step_is_a_pattern_or_an_expression(scene, pattern, expression):
    for name in ("status_action", "did_happen", "time_until_step"):
        for at in (0, 3, 8.5, 12.5, 16, 19):
            one, other = (ask(scene, name, (step,), at_s(at)) for step in (pattern, expression))
            assert (one.value, one.state, one.because) == (other.value, other.state, other.because)


def test_a_step_may_be_whatever_can_be_asked(value):
    step = "touching(?p, operating_table) then holding(?p, saw) within 1 s"
    assert [value("did_happen", step, at=at) for at in (1.9, 2)] == [False, True]
    assert value("time_until_step", 'holding(_, saw) for > 2 s during phase "work"', at=0) == pytest.approx(6)


def test_who_may_have_a_role_that_nobody_knows_may_have_done_it(scene):
    nameless = dataclasses.replace(scene, roles={"person_2": "circulating_nurse"})
    assert ask(nameless, "did_happen", ("holding(head_surgeon, saw)",), at_s(5)).state == TruthState.UNKNOWN


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_questions_that_are_queries_say_so(scene, name):
    """And what they say, put to the engine, rests on the same rows."""
    answer = ask(scene, name, ("holding(*, saw)",) * len(QUESTIONS[name].takes), at_s(9))
    assert parse_query(answer.query)
    assert rows_of(scene, answer.query)
    assert ask(scene, "count_people", (), at_s(9)).query == ""


def test_tool_equipment_attribute(value):
    found = value("tool_equipment_attribute", "saw_1")
    assert (found["class"], found["kind"], found["extent_m"]) == ("saw", "instrument", [0.1, 0.1, 0.1])
    assert value("tool_equipment_attribute", "operating_table")["kind"] == "furniture"


def test_where_2d_is_the_projection(scene, value, unknown):
    camera = scene.rig["cam_1"]
    uv = camera.color.project(camera.camera_from_world @ np.array([[0.2, -0.3, 1.0]]))[0]
    assert value("where_2d", "saw_1", "cam_1") == pytest.approx(uv.tolist(), abs=0.06)
    unknown("where_2d", "person_2", "cam_1", at=3)
    unknown("where_2d", "person_2", "cam_1", at=16)


def test_where_3d_and_distance_3d(value, unknown):
    assert value("where_3d", "person_1") == [0.0, -0.6, 0.9]
    assert value("distance_3d", "saw_1", "person_1") == pytest.approx(1000 * np.sqrt(0.04 + 0.09 + 0.01), abs=0.1)
    assert unknown("distance_3d", "person_2", "person_1", at=16).value > 1000, "a guess, and said to be one"
    assert unknown("where_3d", "person_2", at=3).value is None


def test_sterility_breach(value):
    assert value("sterility_breach", at=7) == []
    (event,) = value("sterility_breach", at=8.5)
    assert (event["person"], event["object"], event["begin_s"], event["now"]) == ("person_2", "sterile_zone", 8, True)
    assert value("sterility_breach", at=15)[0]["now"] is False


def test_gaze_that_goes_straight_down_meets_the_floor(value, unknown):
    assert value("gaze_object", "person_1", at=11) == "floor"
    assert value("gaze_location", "person_1", at=11) == pytest.approx([0.0, -2.0, 0.0])
    unknown("gaze_object", "person_1", at=13)


def test_gaze_object_is_not_the_person_who_looks(value):
    """The line goes through the box of who looks, and meets the table's side at y = -0.3 m."""
    assert value("gaze_object", "person_1", at=1) == "operating_table"
    assert value("gaze_location", "person_1", at=1) == pytest.approx([0.0, -0.3, 1.6 - 1.7 / 1.4], abs=1e-3)


def test_devices_say_how_they_stand(value, unknown):
    assert [value("is_base_array_visible", at=at) for at in (1, 3)] == [False, True]
    assert value("is_robot_calibrated", at=6) is True
    unknown("is_robot_calibrated", at=4)
    unknown("is_robot_calibrated", at=8)
    assert (value("current_robot_step", at=5), value("next_robot_step", at=5)) == ("register", "cut")
    assert value("next_robot_step", at=9) is None


def test_screens_are_not_read(scene):
    with pytest.raises(ConfigError, match=r"(?s)does not read screens.*stream add"):
        ask(scene, "monitor_reading", (), START)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("count_peple", (), "count_people"), ("count_people", ("x",), "takes 0 arguments"),
        ("where_3d", ("person_9",), "person_9"), ("where_3d", ("person",), "may mean person_1, person_2"),
        ("where_2d", ("saw_1", "cam_7"), "cam_1"), ("did_happen", ("lunch",), "before, work"),
        ("did_happen", ("sawing(",), "ends too early"), ("did_happen", ("holding(a, saw)",), "unknown name 'a'"),
        ("did_happen", ("not holding(*, saw)",), "is no step"), ("did_happen", ("2 touching(*, saw)",), "is no step"),
        ("did_happen", ("count holding(_, saw)",), "is no step"), ("did_happen", ("lunch(_, saw)",), "lunch"),
        ("gaze_object", ("person_2",), "gaze_person_2_x"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(scene, name, arguments, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        ask(scene, name, arguments, START)


def test_a_moment_outside_the_recording_is_refused(scene):
    with pytest.raises(ConfigError, match=r"(?s)25 s lies outside.*0 to 20"):
        ask(scene, "count_people", (), at_s(25))


@pytest.mark.parametrize("seed", range(5))
def test_a_ray_meets_a_box_where_points_along_it_first_lie_inside(seed):
    rng = np.random.default_rng(seed)
    rotation = SE3.exp(np.array([*rng.normal(size=3), 0, 0, 0])).rotation
    box = OrientedBox(rng.normal(size=3), rotation, rng.uniform(0.3, 1.5, 3))
    hits = 0
    for _ in range(60):
        eye = rng.normal(size=3) * 3
        direction = box.center_m + rng.normal(size=3) * 0.4 - eye
        direction /= np.linalg.norm(direction)
        steps = np.linspace(0, 12, 12_001)
        inside = box.contains(eye + steps[:, None] * direction)
        found = box_distance_m(box, eye, direction)
        if inside.any():
            hits += 1
            assert found == pytest.approx(steps[inside.argmax()], abs=2e-3)
        elif found is not None:
            assert found > 12 or box.distance_m(eye + found * direction) < 1e-3, "a corner between two steps"
    assert hits >= 10
