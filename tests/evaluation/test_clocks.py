"""Clocks: the zero of the rig is free, and a wrong clock bears its own error alone."""

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel
from ortwin.evaluation.clocks import device_ns, score_clocks
from ortwin.evaluation.true_clock import clock_with_jumps

EPOCH_NS = 1_700_000_000_000_000_000
TRUE = {
    "cam_1": ClockModel(-EPOCH_NS, 12.0, EPOCH_NS),
    "cam_2": ClockModel(-EPOCH_NS + 5_000_000, -390.0, EPOCH_NS),
    "cam_3": ClockModel(250_000_000, 0.0, 0),
}
TIMES_NS = np.arange(0, 101, dtype=np.int64) * 100_000_000  # 10 s


def test_device_time_is_the_inverse_to_the_nanosecond():
    for clock in TRUE.values():
        np.testing.assert_array_less(np.abs(clock.rig_ns(device_ns(clock, TIMES_NS)) - TIMES_NS), 2)


def test_true_clocks_are_right_and_their_zero_is_free():
    late = {name: ClockModel(c.offset_ns + 7_000_000_000, c.drift_ppm, c.reference_ns) for name, c in TRUE.items()}
    scores = score_clocks(late, TRUE, TIMES_NS)
    assert scores.offset_ms == pytest.approx(0, abs=1e-5)
    assert scores.drift_ppm == 0
    assert scores.pair_skew_p95_ms == pytest.approx(0, abs=1e-5)
    assert scores.common_offset_ms == pytest.approx(7000)


def test_one_clock_ten_milliseconds_late():
    c = TRUE["cam_2"]
    scores = score_clocks(
        {**TRUE, "cam_2": ClockModel(c.offset_ns + 10_000_000, c.drift_ppm, c.reference_ns)}, TRUE, TIMES_NS
    )
    assert scores.cameras["cam_2"].offset_ms == pytest.approx(10, abs=1e-5)
    assert scores.cameras["cam_1"].offset_ms == pytest.approx(0, abs=1e-5)
    assert scores.offset_ms == pytest.approx(10 / 3, abs=1e-5)
    assert scores.pair_skew_p95_ms == pytest.approx(10, abs=1e-5)  # two of three pairs have it throughout


def test_one_clock_drifts_by_100_ppm():
    scores = score_clocks({**TRUE, "cam_3": ClockModel(250_000_000, 100.0, -250_000_000)}, TRUE, TIMES_NS)
    assert scores.cameras["cam_3"].drift_ppm == pytest.approx(100)
    # 100 ppm over 10 s is 1 ms at the end, 0.5 ms in the mean.
    assert scores.cameras["cam_3"].offset_ms == pytest.approx(0.5, abs=1e-4)
    skew_ms = np.repeat(np.linspace(0, 1, 101), 2).tolist() + [0.0] * 101
    assert scores.pair_skew_p95_ms == pytest.approx(np.percentile(skew_ms, 95), abs=1e-4)


def test_what_is_missing_is_counted():
    scores = score_clocks({"cam_1": TRUE["cam_1"]}, TRUE, TIMES_NS)
    assert scores.num_missing == 2
    assert scores.pair_skew_p95_ms is None
    assert score_clocks({}, TRUE, TIMES_NS) is None


FRAME, STEP_NS = 40, 100_000_000


def jumped(jump_ns: int, position: int = FRAME) -> ClockModel:
    """The clock of cam_2 that is later by `jump_ns` from the frame at an instant on."""
    line = TRUE["cam_2"]
    stamp_ns = int(device_ns(line, TIMES_NS[position : position + 1])[0]) + jump_ns
    jump = {"rig_ns": position * STEP_NS - 1, "jump_ns": jump_ns, "position": position, "device_ns": stamp_ns}
    return clock_with_jumps(line, [jump])


@pytest.mark.parametrize("jump_ns", [500_000_000, -500_000_000])
def test_a_clock_that_truly_jumped_is_followed(jump_ns):
    true = jumped(jump_ns)
    stamps_ns = device_ns(TRUE["cam_2"], TIMES_NS) + np.where(np.arange(101) >= FRAME, jump_ns, 0)
    assert np.abs(true.frames_ns(stamps_ns) - TIMES_NS).max() <= 1
    assert np.abs(device_ns(true, TIMES_NS) - stamps_ns).max() <= 1


@pytest.mark.parametrize("jump_ns", [500_000_000, -500_000_000])
def test_who_finds_the_jump_is_right_and_who_does_not_is_wrong_by_it(jump_ns):
    true = {**TRUE, "cam_2": jumped(jump_ns)}
    found = score_clocks(true, true, TIMES_NS)
    assert found.offset_ms == pytest.approx(0, abs=1e-5) and found.pair_skew_p95_ms == pytest.approx(0, abs=1e-5)
    missed = score_clocks({**true, "cam_2": TRUE["cam_2"]}, true, TIMES_NS)
    # The clock runs 390 ppm fast, and so does what it is wrong by.
    assert missed.pair_skew_p95_ms == pytest.approx(500 * (1 - 390e-6), abs=1e-3)
    # It is wrong from the jump on; the times that a clock tells twice when it was set back are no part of the mean.
    told_twice = 2 * 500_000_000 // STEP_NS if jump_ns < 0 else 0
    wrong, all_instants = 101 - FRAME - told_twice // 2, 101 - told_twice
    assert abs(missed.cameras["cam_2"].offset_ms) == pytest.approx(500 * wrong / all_instants, rel=0.03)


def test_a_jump_after_which_nothing_was_recorded_changes_nothing():
    jump = {"rig_ns": 5, "jump_ns": 7, "position": -1, "device_ns": 0}
    assert clock_with_jumps(TRUE["cam_1"], [jump]) is TRUE["cam_1"]
