"""Offsets that boards told move the clocks of a recording, and nothing else does."""

import numpy as np
import pytest
from ortwin.capture.calibration.clock_offsets import corrected_clocks
from ortwin.capture.clock import ClockModel, ClockPiece
from ortwin.capture.errors import InputError


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
