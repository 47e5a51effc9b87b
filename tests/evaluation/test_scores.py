"""The yardstick: truth scores perfectly against itself, and a known error gives exactly that error."""

import json
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.evaluation.relations import Count, match_fixtures, match_spans, span_iou
from ortwin.evaluation.room import distance_to_surface_m, sample_surface
from ortwin.evaluation.scores import FAMILIES, evaluate_twin
from ortwin.evaluation.tracks import sample_tracks
from ortwin.evaluation.truth import RelationTruth, TrackTruth, Truth, read_truth
from ortwin.evaluation.truth_writer import TruthWriter
from ortwin.evaluation.twin_tables import RelationRow, TrackRows, TwinTables, from_plain_export
from ortwin.reconstruction.state import Fixture, OrientedBox, Zone

STEP_NS = 100_000_000
NUM = 40
SQUARE_M = np.array([[0.0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0]])
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]])


def true_table() -> Fixture:
    box = OrientedBox(np.array([1.0, 1.0, 0.45]), np.eye(3), np.array([2.0, 0.6, 0.9]))
    return Fixture("operating_table", "operating_table", box, guessed=False)


def make_truth() -> Truth:
    times_ns = np.arange(NUM, dtype=np.int64) * STEP_NS
    along = np.linspace(0, 2, NUM)
    ones = np.ones(NUM)
    tracks = {
        name: TrackTruth(
            name, label, times_ns[:num], np.stack([x0 + along, y * ones, ones], 1)[:num], np.ones((num, 3))
        )
        for name, label, num, x0, y in (
            ("person_1", "person", NUM, 0.0, 0.0),
            ("person_2", "person", NUM, 0.0, 2.0),
            ("cart_1", "cart", 20, 3.0, 1.0),
        )
    }
    relations = (
        RelationTruth("person_1", "close_to", "person_2", 5, 15),
        RelationTruth("person_1", "touching", "operating_table", 20, 30),
        RelationTruth("cart_1", "inside_zone", "room", 0, 20),
        RelationTruth("person_2", "close_to", "cart_1", 0, 10, "unknown"),
    )
    grid = np.stack(np.meshgrid(np.linspace(0, 4, 81), np.linspace(0, 3, 61)), -1).reshape(-1, 2)
    zone = Zone("room", SQUARE_M[:, :2])
    return Truth(
        times_ns, {"cam_1": ClockModel(5, 1.5, 7)}, {"cam_1": SE3.identity()}, None, None, tracks,
        SQUARE_M, SQUARE_FACES,
        np.concatenate([grid, np.zeros((len(grid), 1))], axis=1), (true_table(),), (zone,), relations,
    )  # fmt: skip


def rows_of(truth: Truth, names: dict[str, str], shift_m: tuple[float, float, float] = (0, 0, 0)) -> TrackRows:
    tracks = list((truth.tracks or {}).values())
    ids = [names[track.track_id] for track in tracks for _ in track.time_ns]
    labels = ["person" if track.label == "person" else "object" for track in tracks for _ in track.time_ns]
    return TrackRows(
        np.concatenate([track.time_ns for track in tracks]),
        np.array(ids, dtype=object), np.array(labels, dtype=object),
        np.concatenate([track.center_m for track in tracks]) + np.array(shift_m), np.zeros(len(ids), bool),
    )  # fmt: skip


NAMES = {"person_1": "person_7", "person_2": "person_1", "cart_1": "object_1"}


def claims(truth: Truth, late: int = 0) -> tuple[RelationRow, ...]:
    """The truth as a twin would tell it: its own names, symmetric relations turned round, perhaps some late."""
    names = {**NAMES, "operating_table": "fixture_3"}
    told = []
    for r in truth.relations or ():
        ends = (names[r.subject], names.get(r.object, r.object))
        symmetric = r.predicate in ("close_to", "touching")
        begin_ns, end_ns = truth.time_of(r.begin_instant + late * symmetric), truth.time_of(r.end_instant)
        a, b = ends[::-1] if symmetric else ends
        told.append(RelationRow(a, r.predicate, b, begin_ns, end_ns, r.state))
    return tuple(told)


def found_table(offset_m: float = 0.1) -> Fixture:
    box = OrientedBox(np.array([1.0 + offset_m, 1.0, 0.45]), np.eye(3), np.array([2.0, 0.6, 0.9]))
    return Fixture("fixture_3", "instrument_table", box, guessed=True)


def tables_of(truth: Truth) -> TwinTables:
    return TwinTables(rows_of(truth, NAMES), claims(truth), SQUARE_M, SQUARE_FACES, (found_table(),))


def test_truth_scores_perfectly_under_other_names() -> None:
    truth = make_truth()
    scores = evaluate_twin(tables_of(truth), truth)
    assert scores.room is not None and scores.tracks is not None and scores.relations is not None
    assert scores.room.accuracy_median_mm == pytest.approx(0.0, abs=1e-3)
    assert scores.room.f_score == {"5_mm": 1.0, "10_mm": 1.0, "20_mm": 1.0}
    assert (scores.tracks.recall, scores.tracks.precision, scores.tracks.idf1, scores.tracks.mota) == (1, 1, 1, 1)
    assert scores.tracks.rmse_m == 0.0
    assert scores.relations.frames == Count(40, 0, 0)
    assert scores.relations.intervals == Count(3, 0, 0)
    assert scores.relations.unknown_recall == 1.0
    json.dumps(scores.to_json(), allow_nan=False)


def test_a_shifted_room_is_that_far_off() -> None:
    truth = make_truth()
    lifted = TwinTables(room_vertices_m=SQUARE_M + np.array([0, 0, 0.007]), room_faces=SQUARE_FACES)
    room = evaluate_twin(lifted, truth).room
    assert room is not None and room.completeness is not None
    assert room.accuracy_median_mm == pytest.approx(7.0, abs=1e-3)
    assert room.accuracy_mean_mm == pytest.approx(7.0, abs=1e-3)
    assert room.precision == room.completeness == {"5_mm": 0.0, "10_mm": 1.0, "20_mm": 1.0}


def test_half_a_room_is_half_complete() -> None:
    truth = make_truth()
    half = SQUARE_M * [0.5, 1, 1]
    room = evaluate_twin(TwinTables(room_vertices_m=half, room_faces=SQUARE_FACES), truth).room
    assert room is not None and room.completeness is not None
    assert room.precision["5_mm"] == 1.0
    assert room.completeness["5_mm"] == pytest.approx(41 / 81)


def test_shifted_tracks_are_that_far_off() -> None:
    truth = make_truth()
    scores = evaluate_twin(TwinTables(rows_of(truth, NAMES, (0.03, 0.04, 0.12))), truth).tracks
    assert scores is not None
    assert scores.rmse_m == pytest.approx(0.05)
    assert scores.people_rmse_m == pytest.approx(0.05)
    assert scores.rmse_3d_m == pytest.approx(0.13)
    assert scores.recall == 1.0


def test_swapped_identities_are_two_switches() -> None:
    truth = make_truth()
    rows = rows_of(truth, NAMES)
    ids = rows.track_id.copy()
    later = rows.time_ns >= 30 * STEP_NS
    swap = {"person_7": "person_1", "person_1": "person_7"}
    ids[later] = [swap.get(name, name) for name in ids[later]]
    swapped = TrackRows(rows.time_ns, ids, rows.label, rows.center_m, rows.predicted)
    scores = evaluate_twin(TwinTables(swapped), truth).tracks
    assert scores is not None
    assert scores.num_switches == 2
    assert scores.mota == pytest.approx(1 - 2 / 100)
    assert scores.idf1 == pytest.approx(80 / 100)  # 30 + 30 + 20 of 100 instants keep their name
    assert scores.entities["person_1"].num_identities == 2


def test_a_missing_track_and_a_ghost() -> None:
    truth = make_truth()
    rows = rows_of(truth, NAMES)
    center_m = rows.center_m.copy()
    center_m[rows.track_id == "object_1"] += [5.0, 0, 0]
    scores = evaluate_twin(
        TwinTables(TrackRows(rows.time_ns, rows.track_id, rows.label, center_m, rows.predicted)), truth
    ).tracks
    assert scores is not None
    assert scores.recall == scores.precision == pytest.approx(0.8)
    assert scores.mota == pytest.approx(1 - 40 / 100)
    assert scores.num_ghosts == 1
    assert scores.entities["cart_1"].recall == 0.0
    assert scores.entities["cart_1"].rmse_m is None


def test_a_late_interval_counts_by_its_overlap() -> None:
    truth = make_truth()
    scores = evaluate_twin(
        TwinTables(rows_of(truth, NAMES), claims(truth, late=6), fixtures=(found_table(),)), truth
    ).relations
    assert scores is not None
    # Two of three true intervals are 10 instants long and lose 6: too little overlap, and 12 missed instants.
    assert scores.intervals == Count(1, 2, 2)
    assert scores.frames == Count(28, 0, 12)
    assert scores.unknown_recall == pytest.approx(0.4)


def test_a_ghost_is_wrong_and_unknown_furniture_is_ignored() -> None:
    truth = make_truth()
    ghost = TrackRows(
        np.array([0], np.int64), np.array(["person_9"], dtype=object), np.array(["person"], dtype=object),
        np.array([[9.0, 9, 1]]), np.zeros(1, bool),
    )  # fmt: skip
    rows = (
        RelationRow("person_9", "inside_zone", "room", 0, STEP_NS * 10),
        RelationRow("person_9", "close_to", "fixture_8", 0, STEP_NS * 10),
        RelationRow("person_9", "facing", "room", 0, STEP_NS * 10),
    )
    scores = evaluate_twin(TwinTables(ghost, rows), truth).relations
    assert scores is not None
    assert scores.frames_by_predicate["inside_zone"] == Count(0, 10, 20)
    assert scores.num_ignored == 2


def test_absent_is_absent() -> None:
    truth = make_truth()
    for nothing, who in (
        (evaluate_twin(TwinTables(), truth), "the twin has no"),
        (evaluate_twin(tables_of(truth), Truth(truth.times_ns)), "the truth has no"),
    ):
        document = nothing.to_json()
        assert set(document) == {*FAMILIES, "absent"}
        assert all(document[name] is None for name in FAMILIES)
        assert set(nothing.absent) == set(FAMILIES)
        assert nothing.absent["room"].startswith(who)
        assert nothing.absent["relations"].startswith(who)


def test_tracks_are_blended_between_rows_and_not_across_gaps() -> None:
    times_ns = np.array([0, 2, 10], np.int64) * STEP_NS
    rows = TrackRows(
        times_ns, np.array(["a"] * 3, dtype=object), np.array(["person"] * 3, dtype=object),
        np.array([[0.0, 0, 0], [2, 0, 0], [10, 0, 0]]), np.zeros(3, bool),
    )  # fmt: skip
    sampled = sample_tracks(rows, np.arange(12, dtype=np.int64) * STEP_NS, STEP_NS).center_m[0, :, 0]
    np.testing.assert_allclose(sampled[[0, 1, 2, 10]], [0, 1, 2, 10])
    assert np.isnan(sampled[[3, 4, 9, 11]]).all()


def test_spans_and_furniture() -> None:
    assert span_iou((0, 10), (5, 15)) == pytest.approx(5 / 15)
    assert match_spans([(0, 10), (20, 30)], [(1, 9), (2, 11), (40, 50)]) == [(0, 0)]
    assert match_fixtures((found_table(),), (true_table(),)) == {"fixture_3": "operating_table"}
    assert match_fixtures((found_table(3.0),), (true_table(),)) == {}


def test_distances_are_exact() -> None:
    points_m = np.array([[1.0, 1, 0.5], [-3, 0, 4], [5, 4, 0]])
    np.testing.assert_allclose(distance_to_surface_m(points_m, SQUARE_M, SQUARE_FACES), [0.5, 5, np.sqrt(2)], rtol=1e-6)
    np.testing.assert_allclose(
        distance_to_surface_m(points_m, SQUARE_M, np.zeros((0, 3), np.int64))[1:], [5, np.sqrt(2)]
    )
    samples = sample_surface(SQUARE_M, SQUARE_FACES, 20000)
    # The mean of uniform values has a standard error of width / sqrt(12 n).
    np.testing.assert_allclose(samples.mean(axis=0), [2, 1.5, 0], atol=5 * 4 / np.sqrt(12 * 20000))


def test_truth_comes_back_as_it_was_written(tmp_path: Path) -> None:
    truth = make_truth()
    assert truth.clocks and truth.poses and truth.tracks and truth.relations and truth.fixtures and truth.zones
    joints = np.arange(51, dtype=np.float64).reshape(17, 3)
    turn = SE3.exp(np.array([0.1, -0.4, 0.2, 1.0, 2.0, 3.0]))
    with TruthWriter(tmp_path / "truth") as writer:
        writer.instants(truth.times_ns)
        writer.clocks(truth.clocks)
        writer.rig(truth.poses)
        writer.tracks(truth.tracks.values())
        writer.relations(truth.relations)
        writer.fixtures(truth.fixtures)
        writer.zones(truth.zones)
        writer.room(SQUARE_M, SQUARE_FACES, SQUARE_M)
        writer.people([(3, "person_1", "head_surgeon", joints, [["cam_1", "cam_2"]] * 17)])
        writer.tools([(4, "cart_1", "cart", turn, ["cam_1"])])
        writer.phases([("turnover", 0, 5)])
        writer.foreground("cam_1", 2, np.full((3, 4), 101, np.uint8))
    back = read_truth(tmp_path)
    np.testing.assert_array_equal(back.times_ns, truth.times_ns)
    assert back.clocks == truth.clocks
    assert back.relations is not None and set(back.relations) == set(truth.relations)
    assert back.phases == (("turnover", 0, 5),)
    assert back.people is not None and back.tools is not None and back.tracks is not None
    np.testing.assert_allclose(back.people["person_1"].joints_m[3], joints)
    assert np.isnan(back.people["person_1"].joints_m[2]).all()
    assert (back.people["person_1"].num_views[3] == 2).all()
    np.testing.assert_allclose(back.tools["cart_1"].rotation[4], turn.rotation, atol=1e-8)
    np.testing.assert_allclose(back.tracks["person_1"].center_m, truth.tracks["person_1"].center_m, atol=1e-5)
    assert back.fixtures is not None
    np.testing.assert_allclose(back.fixtures[0].box.corners_m(), truth.fixtures[0].box.corners_m())
    mask = back.foreground("cam_1", 2)
    assert mask is not None and (mask == 101).all()
    assert back.foreground("cam_1", 3) is None


def test_a_plain_export_is_read(tmp_path: Path) -> None:
    (tmp_path / "tracks.csv").write_text("time_ns,track_id,label,x_m,y_m,z_m,sigma_m\n0,4,person,1,2,3,0.1\n")
    (tmp_path / "relations.csv").write_text(
        "subject,predicate,object,begin_ns,end_ns,state,score\nperson_4,close_to,operating_table,0,5,true,1\n"
    )
    tables = from_plain_export(tmp_path)
    assert tables.tracks is not None and tables.tracks.center_m.tolist() == [[1.0, 2.0, 3.0]]
    assert tables.relations == (RelationRow("person_4", "close_to", "operating_table", 0, 5),)
    assert tables.room_vertices_m is None


def test_no_truth_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no truth"):
        read_truth(tmp_path)


def test_predicates_that_the_twin_does_not_look_for_are_absent_and_not_missed():
    from dataclasses import replace

    from ortwin.evaluation.relations import score_relations
    from ortwin.evaluation.rows import RelationRow
    from ortwin.evaluation.truth import RelationTruth, Truth
    from ortwin.evaluation.twin_tables import TwinTables

    times_ns = np.arange(10) * 100_000_000
    truth = Truth(
        times_ns, relations=(RelationTruth("a", "close_to", "b", 0, 10), RelationTruth("a", "drilling", "b", 2, 6))
    )
    claimed = (RelationRow("a", "close_to", "b", 0, 1_000_000_000),)
    tables = TwinTables(relations=claimed, predicates=frozenset({"close_to"}))
    scores = score_relations(tables, truth, {"a": "a", "b": "b"})
    assert scores.frames.f1 == 1.0
    assert scores.absent == ("drilling",)
    everything = score_relations(replace(tables, predicates=None), truth, {"a": "a", "b": "b"})
    assert everything.frames.missed == 4
