"""Rig times are exact to the nanosecond, at today's Unix times too."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.clock import ClockModel, ClockPiece
from ortwin.capture.clock_file import clocks_to_json, read_clocks
from ortwin.capture.errors import InputError

UNIX_NS = 1_790_000_000_000_000_000  # 2026
DAY_NS = 86_400 * 10**9
moments = st.integers(UNIX_NS, UNIX_NS + 10 * DAY_NS)


@given(moments, st.integers(-DAY_NS, DAY_NS))
def test_an_offset_is_exact(device_ns, offset_ns):
    clock = ClockModel(offset_ns=offset_ns)
    assert clock.rig_ns(np.array([device_ns])).tolist() == [device_ns + offset_ns]


@given(moments, moments, st.integers(-DAY_NS, DAY_NS), st.floats(-200.0, 200.0))
def test_a_drift_is_exact_to_the_rounding_of_its_own_product(device_ns, reference_ns, offset_ns, drift_ppm):
    clock = ClockModel(offset_ns, drift_ppm, reference_ns)
    exact = device_ns + offset_ns + Fraction(drift_ppm) / 1_000_000 * (device_ns - reference_ns)
    assert abs(int(clock.rig_ns(np.array([device_ns]))[0]) - exact) <= 1


def test_a_reference_at_the_epoch_costs_less_than_a_nanosecond_between_neighbours():
    device_ns = UNIX_NS + np.arange(1000) * 33_333_333
    rig_ns = ClockModel(drift_ppm=20.0).rig_ns(device_ns)
    steps = np.diff(rig_ns)
    assert np.abs(steps - 33_333_333 * (1 + 20e-6)).max() <= 2


def test_two_clocks_that_start_together_drift_apart():
    begin_ns = np.array([UNIX_NS, UNIX_NS + 3600 * 10**9])
    fast = ClockModel(drift_ppm=50.0, reference_ns=UNIX_NS).rig_ns(begin_ns)
    assert (fast - begin_ns).tolist() == [0, 180_000_000]  # 50 ppm of an hour


@given(st.lists(moments, min_size=2, max_size=20), st.floats(-200.0, 200.0))
def test_order_is_kept(device_ns, drift_ppm):
    times = np.sort(np.array(device_ns))
    assert (np.diff(ClockModel(drift_ppm=drift_ppm, reference_ns=UNIX_NS).rig_ns(times)) >= 0).all()


@pytest.mark.parametrize("drift_ppm", [np.nan, np.inf])
def test_a_drift_must_be_a_number(drift_ppm):
    with pytest.raises(InputError, match="drift"):
        ClockModel(drift_ppm=drift_ppm)


def test_a_clock_in_pieces_survives_its_file_and_takes_false_frames_between_their_neighbours(tmp_path):
    pieces = (ClockPiece(0, 0, 100, 0.0, 0), ClockPiece(3, 5, 1000, 10.0, 5, 3.0, 0.5, 0.1))
    clock = ClockModel(100, 0.0, 0, 7, pieces, (2,))
    (tmp_path / "clocks.json").write_bytes(clocks_to_json({"a": clock, "b": ClockModel(5)}))
    assert read_clocks(tmp_path / "clocks.json") == {"a": clock, "b": ClockModel(5)}
    stamps_ns = np.array([0, 10, 10, 5, 15])
    assert clock.frames_ns(stamps_ns).tolist() == [100, 110, 558, 1005, 1015]
    assert clock.excluded_mask(5).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("value", [{"offset_ns": 5}, {"offset_ns": 5, "drift_ppm": 2.0, "reference_ns": 9}])
def test_a_file_from_before_clocks_had_pieces_is_read(tmp_path, value):
    (tmp_path / "clocks.json").write_text(json.dumps({"a": value}))
    clock = read_clocks(tmp_path / "clocks.json")["a"]
    assert clock == ClockModel(**value) and not clock.pieces and not clock.excluded
    stamps_ns = np.array([9, 1_000_009])
    assert clock.frames_ns(stamps_ns).tolist() == [14, 1_000_014 + round(value.get("drift_ppm", 0.0))]


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": {"offset": 3}}', '{"a": {"pieces": [{"from_position": 0}]}}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "clocks.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_clocks(tmp_path / "clocks.json")
    assert "clocks.json" in str(caught.value)
