"""The sixteen questions that geometry and zones answer, put to a simulated knee replacement; each answer is compared
with what a few lines of code read off the tables of its truth.

The seed is none that anything was developed on.
"""

import csv
import dataclasses
import os
from collections import defaultdict

import numpy as np
import pytest
from ortwin.capture.errors import MissingExtraError
from ortwin.capture.rig_file import read_rig, write_rig
from ortwin.datasets.simulated_or.simulation_config import SimulationConfig
from ortwin.datasets.simulated_or.truth_tables import write_truth
from ortwin.datasets.simulated_or.world import draw_world
from ortwin.evaluation.truth_as_scene import truth_scene
from ortwin.evaluation.truth_writer import TruthWriter
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.questions import ask
from ortwin.scenegraph.roles import load_role_rules, roles_of_recording
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline
from ortwin.scenegraph.vocabulary_terms import load_terms

pytestmark = pytest.mark.slow

SEED, SECONDS, STEP_NS = 8101, 30.0, 500_000_000
EVERY = 4  # instants
UNSTERILE = {"circulating_nurse", "anaesthetist", "technician", "visitor"}
SYMMETRIC = {name for name, term in load_terms().predicates.items() if term.symmetric}
PRIORITY = {name: term.priority for name, term in load_terms().predicates.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Truth alone, without any picture."""
    try:
        world = draw_world(SEED, SimulationConfig(scenario="knee_replacement", seconds=SECONDS, num_cameras=4))
    except MissingExtraError as error:
        if os.environ.get("ORTWIN_REQUIRE_TEST_DATA") == "1":
            pytest.fail(str(error))
        pytest.skip(f"no bodies: {error.what}")
    path = tmp_path_factory.mktemp("knee") / "truth"
    times_ns = np.arange(round(SECONDS * 1e9 / STEP_NS)) * STEP_NS
    clocks = {name: clock.model for name, clock in world.schedule.clocks.items()}
    with TruthWriter(path) as truth:
        write_truth(truth, world.performance, world.rig, clocks, times_ns, bodies=False)
    write_rig(path / "cameras.json", world.rig)
    return path


@pytest.fixture(scope="module")
def scene(folder):
    return truth_scene(folder, read_rig(folder / "cameras.json"))


@pytest.fixture(scope="module")
def tables(folder):
    names = ("people", "tools", "tracks", "relations", "unknown", "phases")
    return {name: list(csv.DictReader((folder / f"{name}.csv").open())) for name in names}


@pytest.fixture(scope="module")
def instants(scene):
    return range(0, round((scene.span_ns[1] - scene.span_ns[0]) / STEP_NS), EVERY)


@pytest.fixture
def value(scene):
    def get(name, instant, *arguments):
        answer = ask(scene, name, arguments, instant * STEP_NS)
        assert answer.state == TruthState.TRUE, answer.because
        return answer.value

    return get


def rows_at(rows, instant):
    return [row for row in rows if int(row["begin_instant"]) <= instant < int(row["end_instant"])]


def centers(tables, instant):
    return {
        row["track_id"]: np.array([float(row[axis]) for axis in ("x_m", "y_m", "z_m")])
        for row in tables["tracks"] if int(row["time_ns"]) == instant * STEP_NS
    }  # fmt: skip


def holding(tables, person=None):
    return [
        (int(row["begin_instant"]), int(row["end_instant"]), row["subject"], row["object"])
        for row in tables["relations"] if row["predicate"] == "holding" and person in (None, row["subject"])
    ]  # fmt: skip


def test_count_people_and_role_people(value, tables, instants):
    for instant in instants:
        roles = {row["person_id"]: row["role"] for row in tables["people"] if int(row["instant"]) == instant}
        assert value("count_people", instant) == len(roles)
        assert value("role_people", instant) == roles


def test_list_all_entities(value, scene, tables, instants):
    for instant in instants:
        assert set(value("list_all_entities", instant)) == set(centers(tables, instant)) | set(scene.boxes)


def test_where_3d_distance_3d_and_attributes(value, tables, instants):
    for instant in instants:
        places = centers(tables, instant)
        for name, center_m in places.items():
            assert value("where_3d", instant, name) == pytest.approx(center_m, abs=1e-4)
        first, *others = places
        for other in others:
            true_mm = 1000 * np.linalg.norm(places[first] - places[other])
            assert value("distance_3d", instant, first, other) == pytest.approx(true_mm, abs=0.1)
        for row in tables["tools"]:
            if int(row["instant"]) == instant:
                found = value("tool_equipment_attribute", instant, row["tool_id"])
                assert (found["class"], found["layer"]) == (row["label"], "track")


def test_where_2d_and_the_order_from_left_to_right(value, scene, folder, tables, instants):
    rig = read_rig(folder / "cameras.json")
    for instant in instants:
        seen = defaultdict(set)
        for row in (*tables["people"], *tables["tools"]):
            if int(row["instant"]) == instant:
                seen[row.get("person_id") or row["tool_id"]] |= set(row["visible_in"].split(";"))
        for name, camera in rig.cameras.items():
            matrix = camera.world_from_camera.matrix()
            order = []
            for entity, center_m in (
                centers(tables, instant) | {n: b.center_m for n, b in scene.boxes.items()}
            ).items():
                x, y, z = (np.linalg.inv(matrix) @ [*center_m, 1.0])[:3]
                lens = camera.color
                u, v = camera.color.distort(np.array([x / z, y / z])) * [lens.fx_px, lens.fy_px] + [
                    lens.cx_px, lens.cy_px
                ]  # fmt: skip
                inside = z > 0 and -0.5 <= u < lens.width_px - 0.5 and -0.5 <= v < lens.height_px - 0.5
                found = value("where_2d", instant, entity, name)
                assert (found is not None) == inside, (entity, name, instant)
                assert found is None or found == pytest.approx([u, v], abs=0.06)
                if inside and (entity in scene.boxes or name in seen[entity]):
                    order.append((u, entity))
            names = [row["entity"] for row in value("list_all_entities_ordered_2d", instant, name)]
            followed = [entity for _, entity in sorted(order)]
            assert [entity for entity in names if entity in followed] == followed
            assert set(names) - set(followed) <= {"drape_1", "stretcher_1", "stretcher_2"}, "no camera is told of these"


def most_telling(rows, *, both_ways):
    best = {}
    for row in rows:
        pair = row["subject"], row["object"]
        for way in (pair, pair[::-1]) if both_ways and row["predicate"] == "close_to" else (pair,):
            if PRIORITY[row["predicate"]] > PRIORITY.get(best.get(way), -1):
                best[way] = row["predicate"]
    return best


def test_interaction_and_the_scene_graph(scene, tables, instants):
    for instant in instants:
        rows = rows_at(tables["relations"], instant)
        best = most_telling(rows, both_ways=True)
        hidden = {frozenset((row["subject"], row["object"])) for row in rows_at(tables["unknown"], instant)}
        for a, b in best:
            answer = ask(scene, "interaction", (a, b), instant * STEP_NS)
            assert (answer.state == TruthState.UNKNOWN) == (frozenset((a, b)) in hidden)
            assert answer.value[f"{a} -> {b}"] == best[a, b]
        graph = ask(scene, "current_scene_graph", (), instant * STEP_NS).value
        one_way = most_telling(rows, both_ways=False)
        assert {(a, b): predicate for a, predicate, b in graph} == one_way


def test_current_action(scene, tables, instants):
    for instant in instants:
        there = {row["person_id"] for row in tables["people"] if int(row["instant"]) == instant}
        for person in there:
            own = [row for row in rows_at(tables["relations"], instant) if row["subject"] == person]
            answer = ask(scene, "current_action", (person,), instant * STEP_NS)
            if own:
                most = max(PRIORITY[row["predicate"]] for row in own)
                assert PRIORITY[answer.value[1]] == most
                assert answer.value in [[row["subject"], row["predicate"], row["object"]] for row in own]
            else:
                assert answer.value in (None, "none")


def test_steps_that_happened_go_on_and_come(value, scene, tables, instants):
    steps = {row["phase"]: (int(row["begin_instant"]), int(row["end_instant"])) for row in tables["phases"]}
    for predicate in ("cutting", "sawing", "drilling", "hammering", "cementing", "suturing"):
        (row,) = [row for row in tables["relations"] if row["predicate"] == predicate]
        steps[f"{predicate}(head_surgeon, patient)"] = int(row["begin_instant"]), int(row["end_instant"])
    assert len(steps) == 8 + 6
    for step, (begin, end) in steps.items():
        for instant in instants:
            assert value("did_happen", instant, step) == (instant >= begin)
            share = 100 * (instant - begin) / (end - begin) if begin <= instant < end else None
            assert value("status_action", instant, step) == (None if share is None else pytest.approx(share, abs=0.06))
            wait_s = None if instant >= end else max(begin - instant, 0) * STEP_NS / 1e9
            assert value("time_until_step", instant, step) == wait_s


def test_tools_used(scene, tables, instants):
    for instant in instants:
        begun = [row for row in holding(tables) if row[0] <= instant]
        answer = ask(scene, "tools_used", (), instant * STEP_NS)
        assert [row["tool"] for row in answer.value] == list(dict.fromkeys(row[3] for row in sorted(begun)))
        uses = {(use["by"], row["tool"], use["begin_s"]) for row in answer.value for use in row["uses"]}
        assert uses == {(who, tool, begin * STEP_NS / 1e9) for begin, _, who, tool in begun}


def test_touching_what_is_sterile_is_told_and_what_nobody_could_see_is_unknown(scene, tables, instants):
    roles = {row["person_id"]: row["role"] for row in tables["people"]}
    unsterile = {name for name, role in roles.items() if role in UNSTERILE}
    for instant in instants:
        begun = {
            state: [
                row for row in tables[state]
                if row["predicate"] == "touching" and row["object"] in ("instrument_table", "drape_1")
                and row["subject"] in unsterile and int(row["begin_instant"]) <= instant
            ]
            for state in ("relations", "unknown")
        }  # fmt: skip
        answer = ask(scene, "sterility_breach", (), instant * STEP_NS)
        assert (answer.state == TruthState.UNKNOWN) == bool(begun["unknown"])
        assert len(answer.value) == len(begun["relations"]) + len(begun["unknown"])


def test_who_walks_into_a_sterile_zone_is_told(scene, tables, instants):
    """A zone around the table that the script does not know of; the rows of who is in it are made here."""
    table = scene.boxes["operating_table"]
    low_m, high_m = table.corners_m().min(axis=0)[:2] - 0.8, table.corners_m().max(axis=0)[:2] + 0.8
    roles = {row["person_id"]: row["role"] for row in tables["people"]}
    inside = defaultdict(list)
    for row in tables["tracks"]:
        place_m = np.array([float(row["x_m"]), float(row["y_m"])])
        if row["track_id"] in roles and ((place_m >= low_m) & (place_m <= high_m)).all():
            inside[row["track_id"]].append(int(row["time_ns"]))
    rows = [Interval(name, "inside_zone", "sterile_zone", t, t + STEP_NS) for name, ts in inside.items() for t in ts]
    nodes = (*scene.timeline.nodes, NodeSpan("sterile_zone", "zone", "zone", (0.0, 0.0, 0.0), 0, scene.span_ns[1]))
    zoned = dataclasses.replace(scene, timeline=SceneGraphTimeline(nodes, (*scene.timeline.intervals, *rows)))
    found = 0
    for instant in instants:
        true = {name for name, ts in inside.items() if roles[name] in UNSTERILE and min(ts) <= instant * STEP_NS}
        answer = ask(zoned, "sterility_breach", (), instant * STEP_NS)
        assert {row["person"] for row in answer.value if row["object"] == "sterile_zone"} == true
        now = {name for name in true if instant * STEP_NS in inside[name]}
        assert {row["person"] for row in answer.value if row["now"] and row["object"] == "sterile_zone"} == now
        found += len(now)
    assert found > 0


def test_roles_follow_from_what_is_done(scene, tables):
    """Nobody says who they are; whoever only helps with the stretcher may stay without a role."""
    nodes = tuple(dataclasses.replace(node, role="") for node in scene.timeline.nodes)
    line = SceneGraphTimeline(nodes, scene.timeline.intervals)
    found = roles_of_recording(line, None, load_role_rules("team"), period_ns=STEP_NS)
    true = {row["person_id"]: row["role"] for row in tables["people"] if row["role"] not in ("patient", "technician")}
    assert {name: found[name].role for name in true} == true
