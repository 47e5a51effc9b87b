"""Offsets that boards told move the clocks of a recording, and nothing else does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ortwin.capture.calibration.clock_offsets import corrected_clocks, known_offsets_ms, told_by_board
from ortwin.capture.calibration.rig_calibration import CalibrationConfig, RigCalibration, calibrate_rig
from ortwin.capture.clock import ClockModel, ClockPiece
from ortwin.capture.errors import InputError
from scipy.stats import chi2


def test_known_offsets_move_a_clock_and_all_its_pieces() -> None:
    pieces = (ClockPiece(0, 0, 5, 0.0, 0), ClockPiece(3, 300, 900, 10.0, 300))
    clocks = {"a": ClockModel(7, 20.0, 1), "b": ClockModel(5, pieces=pieces), "c": ClockModel(4)}
    found = corrected_clocks(clocks, {"a": 1.5, "b": -2.0})
    stamps_ns = np.array([0, 100, 200, 300, 400])
    assert (found["a"].frames_ns(stamps_ns) - clocks["a"].frames_ns(stamps_ns) == 1_500_000).all()
    assert (found["b"].frames_ns(stamps_ns) - clocks["b"].frames_ns(stamps_ns) == -2_000_000).all()
    assert found["c"] is clocks["c"]


def test_another_recording_is_refused() -> None:
    with pytest.raises(InputError, match="another recording"):
        corrected_clocks({}, {"a": 1.0})


@pytest.fixture(scope="module")
def filmed(simulate_boards: Callable) -> Any:
    return simulate_boards(1, offset_sigma_s=0.02, num_instants=40, shape=(6, 5), noise_px=0.2, phase_s=0.016)


@pytest.fixture(scope="module")
def found(filmed: Any) -> RigCalibration:
    return calibrate_rig(filmed.observations, CalibrationConfig(intrinsics="fixed", timing="estimated"))


class Stamped:
    """A recording of the cameras at 30 Hz whose stamps are rig times, as far as anybody knows."""

    def __init__(self, names: list[str]) -> None:
        self.stamps_ns = {name: 10_000_000_000 + np.arange(3000) * 33_333_333 for name in names}

    def device_ns(self, name: str) -> np.ndarray:
        return self.stamps_ns[name]

    timestamps_ns = device_ns


def test_what_a_board_told_is_kept_as_times_of_frames_with_what_they_share(filmed: Any, found: RigCalibration) -> None:
    recording: Any = Stamped(list(found.rig.cameras))
    clocks = corrected_clocks({name: ClockModel() for name in recording.stamps_ns}, known_offsets_ms(found.report))
    told = told_by_board(found, clocks, recording)
    assert told is not None
    root = found.report.root_id
    assert told.camera_ids[0] == root and set(told.camera_ids) == set(recording.stamps_ns)
    sigma_s = np.array([1e-3 * c.time_offset_sigma_ms for c in found.report.cameras])
    by_name = dict(zip([c.camera_id for c in found.report.cameras], sigma_s, strict=True))
    np.testing.assert_allclose(np.sqrt(np.diag(told.covariance)), [by_name[n] for n in told.camera_ids], rtol=1e-9)
    # All were compared with the root's frames, so that they err together.
    assert (told.covariance[1:, 1:] > 0).all()
    evidence = told.evidence(
        {name: ClockModel() for name in clocks}, {n: (s, s) for n, s in recording.stamps_ns.items()}, 10_000_000_000
    )
    assert evidence is not None
    off_s = evidence.late_s - [filmed.offsets_s[n] - filmed.offsets_s[root] for n in told.camera_ids]
    information = np.linalg.inv(told.covariance[1:, 1:])
    assert off_s[1:] @ information @ off_s[1:] < chi2.ppf(0.9999, len(off_s) - 1)
    stories = [c.clock for c in found.report.cameras if c.clock is not None]
    times_s = np.concatenate([story.time_s for story in stories])
    assert (np.abs(evidence.at_s - np.clip(evidence.at_s, times_s.min(), times_s.max())) < 0.1).all()
    assert np.ptp(evidence.at_s) < 0.1  # nearly one time: whatever the rates were, the word holds
