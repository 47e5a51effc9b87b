"""Shapes in a truth folder: bodies to a tenth of a millimetre, and where the tip of a tool is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.evaluation.truth_shapes import BODY_UNIT_M, FARTHEST_M, body_bytes, read_body, read_tip_m, read_tool_shape
from ortwin.evaluation.truth_writer import TruthWriter

FACES = np.array([[0, 1, 2]])


@given(st.integers(0, 1000), st.floats(0.0, 2 * FARTHEST_M))
def test_a_body_comes_back_to_a_tenth_of_a_millimetre(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size_m: float
) -> None:
    """Also where every vertex jumps across all of the range from one instant to the next."""
    rng = np.random.default_rng(seed)
    vertices_m = rng.uniform(-size_m / 2, size_m / 2, (5, 3, 3)) + rng.uniform(-50, 50, 3)
    folder = tmp_path_factory.mktemp("truth")
    path = folder / "bodies" / "person_1" / "000007.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(body_bytes(np.array([7, 8, 10, 11, 12]), vertices_m, FACES))
    for place, instant in enumerate((7, 8, 10, 11, 12)):
        body = read_body(folder, "person_1", instant)
        assert body is not None
        assert np.abs(body[0] - vertices_m[place]).max() <= BODY_UNIT_M / 2 + 1e-9
        assert body[1].tolist() == FACES.tolist()
    assert all(read_body(folder, "person_1", instant) is None for instant in (6, 9, 13))


def test_a_body_too_large_for_the_format_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        body_bytes(np.array([0]), np.array([[[0.0, 0, 0], [2.1 * FARTHEST_M, 0, 0], [0, 1, 0]]]), FACES)


def test_long_recordings_are_read_stretch_by_stretch(tmp_path: Path) -> None:
    with TruthWriter(tmp_path) as truth:
        for begin in (0, 4):
            instants = np.arange(begin, begin + 4)
            vertices_m = np.tile(np.eye(3), (4, 1, 1)) + instants[:, None, None]
            truth.body("person_1", instants, vertices_m, FACES)
    for instant in range(8):
        body = read_body(tmp_path, "person_1", instant)
        assert body is not None
        assert body[0] == pytest.approx(np.eye(3) + instant, abs=BODY_UNIT_M)


def test_the_tip_is_told_else_guessed_from_the_shape(tmp_path: Path) -> None:
    shape = np.array([[0.0, 0, 0], [0.01, 0, 0], [0, 0.01, 0], [0, 0, 0.3]])
    with TruthWriter(tmp_path) as truth:
        truth.tool_shape("drill", shape, np.array([[0, 1, 2], [0, 1, 3]]))
        truth.tool_shape("saw_2", 2 * shape, np.array([[0, 1, 2]]))
    assert read_tip_m(tmp_path, "drill_1", "drill") == pytest.approx(shape[3])
    assert read_tip_m(tmp_path, "hammer_1", "hammer") is None
    own = read_tool_shape(tmp_path, "saw_2", "saw")
    assert own is not None
    assert own[0] == pytest.approx(2 * shape)
    with TruthWriter(tmp_path) as truth:
        truth.extra("scenario", {"drill_tip_in_tool_m": [0.0, 0.0, 0.2]})
    assert read_tip_m(tmp_path, "drill_1", "drill") == pytest.approx([0, 0, 0.2])
    with TruthWriter(tmp_path) as truth:
        truth.tips({"drill": np.array([0.0, 0.0, 0.1])})
    assert read_tip_m(tmp_path, "drill_1", "drill") == pytest.approx([0, 0, 0.1])
