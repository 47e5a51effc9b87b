"""Masks: pooled intersection over union, counted by hand."""

from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.evaluation.foreground import score_foreground, spread
from ortwin.evaluation.truth import Truth
from ortwin.evaluation.truth_as_tables import truth_as_tables
from ortwin.evaluation.truth_writer import TruthWriter


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    owner = np.zeros((10, 10), np.uint8)
    owner[2:6, 0:5] = 1  # 20 pixels
    owner[8, 8] = 101
    with TruthWriter(tmp_path / "truth") as writer:
        for index in (0, 1, 5):
            writer.foreground("cam_1", index, owner)
        writer.foreground("cam_2", 0, np.zeros((4, 4), np.uint8))
    return Truth(np.zeros(1, np.int64), folder=tmp_path / "truth")


def test_truth_is_perfect_and_an_empty_camera_says_nothing(truth):
    scores = score_foreground(truth_as_tables(truth).foreground, truth)
    assert scores.iou == 1
    assert scores.cameras["cam_1"].num_frames == 3
    assert scores.cameras["cam_2"].iou is None


def test_a_mask_shifted_by_a_column(truth):
    def shifted(camera_id: str, index: int) -> np.ndarray | None:
        mask = truth.foreground(camera_id, index)
        return None if mask is None or index == 5 else np.roll(mask, 1, axis=1)

    camera = score_foreground(shifted, truth).cameras["cam_1"]
    # Of 21 pixels the block shares 16 of 20 and the single one none.
    assert camera.iou == pytest.approx(16 / (21 + 21 - 16))
    assert camera.precision == camera.recall == pytest.approx(16 / 21)
    assert camera.num_frames == 2


def test_masks_of_another_size_are_refused(truth):
    with pytest.raises(InputError, match="another size"):
        score_foreground(lambda camera_id, index: np.zeros((5, 5), np.uint8), truth)


def test_nothing_in_common_is_absent(truth):
    assert score_foreground(lambda camera_id, index: None, truth) is None
    assert score_foreground(truth.foreground, Truth(truth.times_ns)) is None


def test_frames_are_spread_evenly():
    assert spread(list(range(5)), 10) == [0, 1, 2, 3, 4]
    assert spread(list(range(101)), 5) == [0, 25, 50, 75, 100]
