"""Meshes of people: a body blown up by a centimetre is a centimetre off, and what stands before it is in free space."""

from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.geometry import look_at
from ortwin.evaluation.bodies import score_bodies
from ortwin.evaluation.truth import PersonTruth, Truth
from ortwin.evaluation.truth_as_tables import truth_as_tables
from ortwin.evaluation.truth_writer import TruthWriter

CUBE_M = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * 0.25 + [0, 0, 1]
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
WALL_M = np.array([[-3.0, -9, -9], [-3, 9, -9], [-3, 9, 9], [-3, -9, 9]])


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    with TruthWriter(tmp_path / "truth") as writer:
        writer.body("person_1", np.arange(3), np.repeat(CUBE_M[None], 3, axis=0), CUBE_FACES)
    joints_m = np.full((3, 17, 3), np.nan)
    return Truth(
        np.arange(3, dtype=np.int64) * 100, poses={"cam_1": look_at((5, 0, 1), (0, 0, 1))},
        people={"person_1": PersonTruth("person_1", "patient", joints_m, np.zeros((3, 17), np.int64))},
        room_vertices_m=WALL_M, room_faces=np.array([[0, 1, 2], [0, 2, 3]]), folder=tmp_path / "truth",
    )  # fmt: skip


NAMES = {"person_1": "person_1"}


def test_truth_is_perfect(truth):
    scores = score_bodies(truth_as_tables(truth).bodies, truth, NAMES)
    assert scores.to_truth_mm == pytest.approx(0, abs=1e-3)
    assert scores.from_truth_mm == pytest.approx(0, abs=1e-3)
    assert scores.free_space_share == 0
    assert scores.num_meshes == 3


def test_a_shift_towards_the_camera(truth):
    scores = score_bodies(lambda name, time_ns: (CUBE_M + np.array([0.1, 0, 0]), CUBE_FACES), truth, NAMES)
    # The front is 100 mm off; so is the back, now inside, but where a side is nearer: the mean of min(d, 100 mm) over a
    # square of 500 mm, d being the distance to its border, is 500 (1 - 0.6^3) / 6; of each of the four sides a fifth
    # lies beyond the true cube, in the mean by 50 mm.
    expected_mm = (100 + 500 * (1 - 0.6**3) / 6 + 4 * (0.2 * 50)) / 6
    # 5000 samples of values between 0 and 100 mm: standard error below 1 mm.
    assert scores.to_truth_mm == pytest.approx(expected_mm, abs=3)
    assert scores.from_truth_mm == pytest.approx(expected_mm, abs=3)
    # The front, a sixth, stands 100 mm before the true one; of the sides a strip of 70 mm (and a little at the edges,
    # where rays pass the cube) is more than 30 mm before what is behind.
    least, most = 1 / 6, 1 / 6 + 4 / 6 * 0.2
    assert scores.free_space_share == pytest.approx((least + most) / 2, abs=(most - least) / 2 + 0.02)


def test_behind_the_truth_no_free_space_is_claimed(truth):
    small = (CUBE_M - [0, 0, 1]) * 0.5 + [0, 0, 1]
    scores = score_bodies(lambda name, time_ns: (small, CUBE_FACES), truth, NAMES)
    assert scores.free_space_share == 0
    assert scores.to_truth_mm == pytest.approx(125, abs=1e-3)


def test_nobody_in_common_is_absent(truth):
    assert score_bodies(lambda name, time_ns: None, truth, NAMES) is None
    assert score_bodies(truth_as_tables(truth).bodies, truth, {}) is None
