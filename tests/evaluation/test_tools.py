"""Tools: truth is perfect, a shift is ADD, a turn of a symmetric thing is not ADD-S, and lost time is counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.geometry import SE3
from ortwin.evaluation.rows import ToolRows
from ortwin.evaluation.tools import area_under_curve, reacquisitions_s, score_tools
from ortwin.evaluation.truth import ToolTruth, Truth
from ortwin.evaluation.truth_as_tables import truth_as_tables
from ortwin.evaluation.truth_writer import TruthWriter
from scipy.spatial.transform import Rotation

STEP_NS = 100_000_000
NUM = 30
TIP_M = np.array([0.1, 0.0, 0.0])
# A square in the y-z plane of its own frame: half a turn about x leaves it as it was.
SQUARE_M = np.array([[0, -0.1, -0.1], [0, 0.1, -0.1], [0, 0.1, 0.1], [0, -0.1, 0.1]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def tool(name: str, label: str, y_m: float) -> ToolTruth:
    angles = np.linspace(0, 1, NUM)
    rotation = Rotation.from_rotvec(np.stack([0 * angles, 0 * angles, angles], axis=1)).as_matrix()
    place_m = np.stack([np.linspace(0, 1, NUM), np.full(NUM, y_m), np.ones(NUM)], axis=1)
    return ToolTruth(name, label, rotation, place_m, np.full(NUM, 2))


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    with TruthWriter(tmp_path / "truth") as writer:
        writer.tool_shape("drill", SQUARE_M, FACES)
        writer.tool_shape("saw", SQUARE_M, FACES)
        writer.tips({"drill": TIP_M, "saw": TIP_M})
    tools = {"drill_1": tool("drill_1", "drill", 0.0), "saw_1": tool("saw_1", "saw", 0.2)}
    return Truth(np.arange(NUM, dtype=np.int64) * STEP_NS, tools=tools, folder=tmp_path / "truth")


def claims(truth: Truth) -> ToolRows:
    rows = truth_as_tables(truth).tools
    assert rows is not None
    return rows


def test_truth_is_perfect(truth):
    scores = score_tools(claims(truth), truth)
    assert (scores.recall, scores.recall_seen, scores.add_auc, scores.add_s_auc, scores.within_5_cm_5_deg) == (
        pytest.approx((1, 1, 1, 1, 1))
    )
    assert (scores.add_mm, scores.add_s_mm, scores.tip_mm) == pytest.approx((0, 0, 0), abs=1e-9)
    assert (scores.num_switches, scores.num_ghosts, scores.num_reappearances) == (0, 0, 0)
    assert scores.reacquisition_s is None
    assert set(scores.tools) == {"drill_1", "saw_1"}


def test_a_shift_out_of_the_plane_is_the_add(truth):
    rows = claims(truth)
    scores = score_tools(replace(rows, translation_m=rows.translation_m + rows.rotation[:, :, 0] * 0.01), truth)
    assert scores.add_mm == pytest.approx(10)
    assert scores.add_s_mm == pytest.approx(10)
    assert scores.add_auc == pytest.approx(0.9)
    assert (scores.tip_mm, scores.tip_p95_mm) == pytest.approx((10, 10))


def test_half_a_turn_of_a_symmetric_shape(truth):
    rows = claims(truth)
    turn = SE3.exp(np.array([np.pi, 0, 0, 0, 0, 0])).rotation
    scores = score_tools(replace(rows, rotation=rows.rotation @ turn), truth)
    # A point at distance r from the axis moves by 2 r; the mean distance within a square of side s to its centre is
    # s (sqrt 2 + asinh 1) / 6.
    expected_mm = 2 * 200 * (np.sqrt(2) + np.arcsinh(1)) / 6
    assert scores.add_mm == pytest.approx(expected_mm, rel=0.03)  # 1000 points: sd of r / sqrt(n) is below 0.02 r
    # 1000 points over a square of 200 mm leave their nearest neighbour 0.5 sqrt(area / n) away in the mean.
    assert scores.add_s_mm == pytest.approx(0.5 * 200 / np.sqrt(1000), rel=0.15)
    assert scores.within_5_cm_5_deg == 0
    assert scores.tip_mm == pytest.approx(0, abs=1e-6)  # the tip is on the axis


def test_a_label_that_differs_is_no_pair(truth):
    rows = claims(truth)
    scores = score_tools(replace(rows, label=np.full(len(rows.label), "drill", dtype=object)), truth)
    assert scores.tools["drill_1"].recall == 1
    assert scores.tools["saw_1"].recall == 0
    assert scores.tools["saw_1"].add_mm is None
    assert scores.tools["saw_1"].add_auc == 0
    assert scores.add_auc == pytest.approx(0.5)
    assert scores.num_ghosts == 1


def test_lost_rows_are_no_claims_and_reacquisition_takes_its_time(truth):
    rows = claims(truth)
    instant = rows.time_ns // STEP_NS
    mine = rows.tool_id == "drill_1"
    truth.tools["drill_1"].num_views[10:15] = 0
    status = rows.status.copy()
    status[mine & (instant >= 10) & (instant < 19)] = "lost"
    scores = score_tools(replace(rows, status=status), truth)
    drill = scores.tools["drill_1"]
    # Seen again at instant 15, back at 19. A gap of ten steps is not bridged by a blend.
    assert drill.reacquisition_s == pytest.approx(0.4)
    assert (drill.num_reappearances, drill.num_never_reacquired) == (1, 0)
    assert drill.recall == pytest.approx(21 / 30)
    assert drill.recall_seen == pytest.approx(21 / 25)
    assert drill.add_auc == pytest.approx(21 / 30)


def test_reacquisition_by_hand():
    times_ns = np.arange(10, dtype=np.int64) * STEP_NS
    seen = np.array([0, 1, 0, 0, 1, 1, 0, 1, 1, 1], bool)
    near = np.array([0, 1, 0, 0, 0, 1, 1, 0, 0, 0], bool)
    # The first sight is no reappearance; at 4 it takes one step, at 7 it never comes.
    assert reacquisitions_s(seen, near, times_ns) == ([pytest.approx(0.1)], 2)


def test_area_under_the_curve():
    errors_m = np.array([0.0, 0.05, 0.2, np.nan, 0.0])
    there = np.array([True, True, True, True, False])
    assert area_under_curve(errors_m, there) == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert area_under_curve(errors_m, np.zeros(5, bool)) is None


def test_without_a_model_there_is_no_add(truth):
    bare = replace(truth, folder=None)
    scores = score_tools(claims(truth), bare)
    assert (scores.add_mm, scores.add_auc, scores.tip_mm) == (None, None, None)
    assert scores.recall == 1
    assert scores.within_5_cm_5_deg == 1
    assert score_tools(claims(truth), Truth(truth.times_ns)) is None


def test_rows_between_instants_are_blended(truth):
    rows = claims(truth)
    mine = np.flatnonzero(rows.tool_id == "drill_1")[::2]
    half = ToolRows(
        *(getattr(rows, key)[mine] for key in ("time_ns", "tool_id", "label", "rotation", "translation_m", "status"))
    )
    drill = score_tools(half, truth).tools["drill_1"]
    assert drill.recall == pytest.approx(29 / 30)  # nothing stands after the last row
    assert drill.add_mm == pytest.approx(0, abs=1e-6)  # the turn and the way are even, so the blend is exact
