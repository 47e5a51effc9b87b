"""Tables of a twin: each file of the plain export is read, another world is taken out, truth is the perfect twin."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel
from ortwin.capture.conventions import quat_wxyz_from_rotation
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.evaluation.cost import read_cost_log, score_cost
from ortwin.evaluation.joints import COCO_17
from ortwin.evaluation.rows import CostLog, PhaseRow
from ortwin.evaluation.scores import FAMILIES, evaluate_twin
from ortwin.evaluation.shifted_thresholds import UNSCALED, divided
from ortwin.evaluation.truth import PersonTruth, RelationTruth, ToolTruth, TrackTruth, Truth, read_truth
from ortwin.evaluation.truth_as_tables import truth_as_tables
from ortwin.evaluation.truth_writer import TruthWriter
from ortwin.evaluation.twin_tables import TwinTables, from_plain_export
from ortwin.reconstruction.state import Fixture, OrientedBox, Zone
from ortwin.scenegraph.pair_features import PairFeatures

NUM = 12
TIMES_NS = np.arange(NUM, dtype=np.int64) * 100_000_000
FLOOR_M = np.array([[0.0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])
CORNERS = ((3, 2, 2.5), (-3, 2, 2.6), (-3, -2, 2.4))


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """Something of everything, written and read back."""
    rng = np.random.default_rng(2)
    joints_m = rng.uniform(0, 1, (17, 3)) + np.stack([np.linspace(0, 1, NUM)] * 3, axis=1)[:, None]
    poses = {f"cam_{i}": look_at(place, (0, 0, 1)) for i, place in enumerate(CORNERS)}
    box = OrientedBox(np.array([1.0, 1.0, 0.45]), np.eye(3), np.array([2.0, 0.6, 0.9]))
    with TruthWriter(tmp_path / "truth") as writer:
        writer.instants(TIMES_NS)
        writer.clocks({name: ClockModel(1000 * i, 3.0 * i, 5) for i, name in enumerate(poses)})
        writer.rig(poses)
        writer.people((t, "person_1", "head_surgeon", joints_m[t], [["cam_0"]] * 17) for t in range(NUM))
        writer.tools((t, "drill_1", "drill", SE3.exp(np.full(6, 0.1 * t)), ["cam_1"]) for t in range(NUM))
        writer.tool_shape("drill", FLOOR_M / 20, FACES)
        writer.tracks([TrackTruth("person_1", "person", TIMES_NS, joints_m.mean(axis=1), np.ones((NUM, 3)))])
        writer.room(FLOOR_M, FACES, FLOOR_M)
        writer.fixtures([Fixture("operating_table", "operating_table", box, guessed=False)])
        writer.zones([Zone("room", FLOOR_M[:, :2])])
        writer.relations([RelationTruth("person_1", "close_to", "operating_table", 2, 9)])
        writer.phases([("sterile", 0, 5), ("roll_in", 5, NUM)])
        writer.body("person_1", np.arange(NUM), np.repeat(FLOOR_M[None], NUM, axis=0), FACES)
        writer.foreground("cam_0", 0, np.full((4, 4), 1, np.uint8))
    return read_truth(tmp_path)


def test_the_fixture_holds_what_it_should(truth):
    assert isinstance(truth.people["person_1"], PersonTruth)
    assert isinstance(truth.tools["drill_1"], ToolTruth)


def test_truth_scores_perfectly_in_every_family(truth):
    scores = evaluate_twin(truth_as_tables(truth), truth)
    assert set(scores.absent) == {"flying_pixels", "uncertainty", "cost"}
    assert scores.calibration.worst_position_mm == pytest.approx(0, abs=1e-6)
    assert (scores.clocks.offset_ms, scores.clocks.drift_ppm) == pytest.approx((0, 0), abs=1e-5)
    assert scores.foreground.iou == 1
    assert set(scores.room.f_score.values()) == {1.0}
    assert (scores.tracks.idf1, scores.tracks.mota) == (1, 1)
    assert (scores.people.mpjpe_mm, scores.people.pcp3d, scores.people.idf1) == (0, 1, 1)
    assert scores.bodies.to_truth_mm == pytest.approx(0, abs=0.1)  # stored to a tenth of a millimetre
    assert scores.moving_surfaces.p90_mm == pytest.approx(0, abs=0.1)
    assert (scores.moving_surfaces.near_share, scores.moving_surfaces.covered_share) == (1, 1)
    assert (scores.tools.add_mm, scores.tools.add_auc) == pytest.approx((0, 1), abs=1e-6)
    assert scores.relations.frames.f1 == scores.relations.intervals.f1 == 1
    assert scores.roles.accuracy == 1
    assert (scores.phases.accuracy, scores.phases.edit) == (1, 1)
    json.dumps(scores.to_json(), allow_nan=False)


def test_another_world_is_laid_onto_the_true_one(truth):
    other = SE3.exp(np.array([0.0, 0.0, 0.7, 3.0, -2.0, 0.0]))
    tables = truth_as_tables(truth).moved(other)
    lost = evaluate_twin(tables, truth)
    assert lost.tracks.recall == 0
    assert lost.calibration.worst_position_mm == pytest.approx(0, abs=1e-6)
    found = evaluate_twin(tables, truth, align=True)
    assert found.calibration.gauge_mm == pytest.approx(1000 * np.linalg.norm(other.inverse().translation_m))
    assert found.people.mpjpe_mm == pytest.approx(0, abs=1e-6)
    assert found.tools.add_mm == pytest.approx(0, abs=1e-6)
    assert found.room.accuracy_mean_mm == pytest.approx(0, abs=1e-2)
    assert found.bodies.to_truth_mm == pytest.approx(0, abs=0.1)
    assert found.moving_surfaces.p90_mm == pytest.approx(0, abs=0.1)
    assert found.relations.frames.f1 == 1


def test_one_table_alone_leaves_the_others_absent(truth):
    scores = evaluate_twin(TwinTables(phases=(PhaseRow("sterile", 0, 10**9),)), truth)
    assert scores.phases is not None
    assert set(scores.absent) == set(FAMILIES) - {"phases"}
    assert scores.absent["people"] == "the twin has no skeletons"
    assert evaluate_twin(TwinTables(), Truth(TIMES_NS)).absent["people"] == "the truth has no people"


def test_a_plain_export_gives_the_scores_of_its_tables(truth, tmp_path):
    out = tmp_path / "export"
    out.mkdir()
    lens = {"fx_px": 9, "fy_px": 9, "cx_px": 4, "cy_px": 4, "width_px": 8, "height_px": 8}
    rig = {
        name: {
            **lens,
            "world_from_camera": {"rotation": p.rotation.tolist(), "translation_m": p.translation_m.tolist()},
        }
        for name, p in truth.poses.items()
    }
    (out / "rig.json").write_text(json.dumps(rig))
    clocks = [f"{name},{c.offset_ns},{c.drift_ppm},{c.reference_ns}" for name, c in truth.clocks.items()]
    (out / "clocks.csv").write_text("\n".join(["camera_id,offset_ns,drift_ppm,reference_ns", *clocks]))
    (out / "phases.csv").write_text(f"phase,begin_ns,end_ns\nsterile,0,{TIMES_NS[5]}\nroll_in,{TIMES_NS[5]},{10**10}\n")
    lines = []
    for time_ns, joints_m in zip(TIMES_NS.tolist(), truth.people["person_1"].joints_m.tolist(), strict=True):
        person = {"track_id": 3, "joints_m": [None, *joints_m[1:]], "sigma_m": [None, *[0.02] * 16], "role": "visitor"}
        lines.append(json.dumps({"instant": 0, "time_ns": time_ns, "people": [person]}))
    (out / "people.jsonl").write_text("\n".join(lines))
    poses = [
        SE3(*pose) for pose in zip(truth.tools["drill_1"].rotation, truth.tools["drill_1"].translation_m, strict=True)
    ]
    rows = [
        ",".join(
            map(
                str, (time_ns, "tool", "drill", *pose.translation_m, *quat_wxyz_from_rotation(pose.rotation), "tracked")
            )
        )
        for time_ns, pose in zip(TIMES_NS.tolist(), poses, strict=True)
    ]
    (out / "tools.csv").write_text("\n".join(["time_ns,tool_id,label,x_m,y_m,z_m,qw,qx,qy,qz,status", *rows]))
    tables = from_plain_export(out)
    scores = evaluate_twin(tables, truth)
    assert scores.calibration.worst_position_mm == pytest.approx(0, abs=1e-6)
    assert scores.clocks.offset_ms == pytest.approx(0, abs=1e-5)
    assert (scores.people.mpjpe_mm, scores.people.joint_recall) == (0, pytest.approx(16 / 17))
    assert scores.people.mpjpe_by_joint_mm[COCO_17[0]] is None
    assert scores.roles.accuracy == 0
    assert scores.tools.add_mm == pytest.approx(0, abs=1e-5)
    assert scores.phases.accuracy == 1
    assert scores.uncertainty.joints.num_errors == 16 * NUM
    assert set(scores.absent) == {
        "foreground", "flying_pixels", "room", "tracks", "bodies", "moving_surfaces", "relations", "cost",
    }  # fmt: skip


def test_a_broken_export_is_named(tmp_path):
    (tmp_path / "tools.csv").write_text("time_ns,tool_id,label,x_m\n0,a,b,1\n")
    with pytest.raises(InputError, match="cannot be read"):
        from_plain_export(tmp_path)


def test_cost_per_camera_frame(tmp_path):
    scores = score_cost(CostLog(200, {"room": 1.0, "moving": 3.0}, 700_000_000))
    assert scores.cpu_ms_per_frame == pytest.approx(20)
    assert scores.by_stage_ms == pytest.approx({"room": 5, "moving": 15})
    assert scores.peak_memory_mb == 700
    assert score_cost(CostLog(0, {}, None)) is None
    assert read_cost_log(tmp_path) is None
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "cost.json").write_text('{"num_camera_frames": 10, "cpu_s": {"room": 2}}')
    assert read_cost_log(tmp_path) == CostLog(10, {"room": 2.0}, None)
    (tmp_path / "log" / "cost.json").write_text("{}")
    with pytest.raises(InputError, match="cost log"):
        read_cost_log(tmp_path)


def test_divided_measures_cross_the_thresholds_where_multiplied_thresholds_would():
    shape = (1, 1)
    features = PairFeatures(
        TIMES_NS[:1], (), *(np.zeros(1, np.int64) for _ in range(2)),
        *(np.full(shape, value) for value in (0.45, 0.01, 2.0, 1.0, 0.09, 0.55, 3.0, -0.09)),
        *(np.ones(shape, bool) for _ in range(2)),
    )  # fmt: skip
    for factor in (0.8, 1.2):
        small = divided(features, factor)
        assert small.gap_m.item() == pytest.approx(0.45 / factor)
        assert (small.gap_m.item() <= 0.40) == (0.40 * factor >= 0.45)
        assert small.depth_m.item() == pytest.approx(-0.09 / factor)
        assert small.footprint_share.item() == pytest.approx(0.55 / factor)
        # Moving a pair by so many metres is the same before and after, in the measures' own scale.
        reach_m = np.full(shape, 0.05)
        moved = divided(features.loosened(reach_m), factor)
        np.testing.assert_allclose(small.loosened(reach_m / factor).gap_m, moved.gap_m)
        np.testing.assert_allclose(
            small.loosened(reach_m / factor).footprint_share, np.minimum(moved.footprint_share, 1)
        )
        for name in UNSCALED:
            np.testing.assert_array_equal(getattr(small, name), getattr(features, name))


def test_other_thresholds_are_scored_beside(truth):
    tables = truth_as_tables(truth)
    shifted = replace(tables, relations_at=lambda factors: {f: tables.relations if f > 1 else () for f in factors})
    found = evaluate_twin(shifted, truth).relations.shifted
    assert (found["1.2"].frames, found["1.2"].intervals) == (1, 1)
    assert (found["0.8"].frames, found["0.8"].intervals) == (0, 0)
    assert evaluate_twin(tables, truth).relations.shifted is None
