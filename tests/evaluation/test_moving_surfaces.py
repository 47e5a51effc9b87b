"""Measured surfaces against truth: a cube that drives is judged where it is at the time, and once more in step."""

from pathlib import Path

import numpy as np
import pytest
from ortwin.evaluation.moving_surfaces import body_between, score_moving_surfaces
from ortwin.evaluation.truth import PersonTruth, Truth
from ortwin.evaluation.truth_writer import TruthWriter

SECOND, STEP_NS, SPEED_M_S = 1_000_000_000, 100_000_000, 0.8
CUBE_M = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * 0.25 + [0, 0, 1]
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
FRONT = CUBE_FACES[2:4]
TIMES_NS = np.arange(10, dtype=np.int64) * STEP_NS


def cube_m(time_ns: float) -> np.ndarray:
    """It drives along x, the normal of its front."""
    return CUBE_M + np.array([SPEED_M_S * time_ns / SECOND, 0, 0])


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    with TruthWriter(tmp_path / "truth") as writer:
        writer.body("person_1", np.arange(10), np.array([cube_m(time_ns) for time_ns in TIMES_NS]), CUBE_FACES)
    person = PersonTruth("person_1", "surgeon", np.full((10, 17, 3), np.nan), np.zeros((10, 17), np.int64))
    return Truth(TIMES_NS, people={"person_1": person}, folder=tmp_path / "truth")


def test_between_two_instants_the_true_surface_is_their_blend(truth):
    for share in (0.0, 0.3, 1.0):
        found = body_between(truth, "person_1", round((2 + share) * STEP_NS))
        assert found is not None
        vertices_m, faces = found
        np.testing.assert_allclose(vertices_m, cube_m((2 + share) * STEP_NS), atol=1e-4)
        assert (faces == CUBE_FACES).all()
    assert body_between(truth, "person_1", -1) is None
    assert body_between(truth, "person_1", int(TIMES_NS[-1]) + 1) is None
    assert body_between(truth, "nobody", 150_000_000) is None


def test_a_front_that_is_late_is_off_by_its_way_and_right_in_step(truth):
    late_ns, own_ns = 30_000_000, TIMES_NS[1:] - 40_000_000
    scores = score_moving_surfaces(
        lambda name, time_ns: (cube_m(time_ns - late_ns), FRONT), own_ns, truth, {"a": "person_1"}, late_ns
    )
    away_mm = 1000 * SPEED_M_S * late_ns / SECOND  # 24 mm behind the front: of a square of 500 mm all but the border
    assert scores.median_mm == pytest.approx(away_mm, abs=0.2)
    assert scores.p90_mm == pytest.approx(away_mm, abs=0.2)
    border = 1 - (1 - 2 * 20 / 500) ** 2  # within 20 mm of a side of the cube
    assert scores.near_share == pytest.approx(border, abs=0.02)
    assert scores.good_share == 0
    assert scores.num_surfaces == scores.people["person_1"].num_surfaces == len(own_ns)
    assert scores.in_step.median_mm == pytest.approx(0, abs=0.2)
    assert scores.in_step.near_share == 1
    whole = score_moving_surfaces(lambda name, time_ns: (cube_m(time_ns), FRONT), own_ns, truth, {"a": "person_1"})
    assert whole.in_step is None
    # One of six sides, and of the four beside it a strip of 20 mm.
    assert whole.covered_share == pytest.approx(1 / 6 + 4 / 6 * 20 / 500, abs=0.02)
    assert whole.good_share == 1


def test_nothing_in_common_is_no_score(truth):
    assert score_moving_surfaces(lambda name, time_ns: None, TIMES_NS, truth, {"a": "person_1"}) is None
    still = Truth(TIMES_NS, people=truth.people)
    assert score_moving_surfaces(lambda name, time_ns: (CUBE_M, FRONT), TIMES_NS, still, {"a": "person_1"}) is None
