"""Clocks of a rig from host stamps: queues do not bend them, and one clock that stamps all cameras is kept."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel
from ortwin.capture.host_pieces import NO_TIME, pieces_from_host
from ortwin.capture.host_report import host_report, unsynced_clocks

FRAME_NS = 100_000_000


def stamps(
    seed: int, count: int, drift_ppm: float, offset_ns: int, queue_ns: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rig times, device stamps and host stamps of one camera whose frames wait in queues."""
    rng = np.random.default_rng(seed)
    rig_ns = np.arange(count) * FRAME_NS + 7_000_000
    device_ns = np.rint((rig_ns - offset_ns) / (1 + drift_ppm * 1e-6)).astype(np.int64)
    wait_ns = rng.exponential(queue_ns, count) + 30_000_000
    wait_ns[count // 2 : count // 2 + count // 8] += 400_000_000  # the host was busy for a while
    return rig_ns, device_ns, rig_ns + wait_ns.astype(np.int64)


@pytest.mark.parametrize("drift_ppm", [0.0, 35.0, -120.0, 390.0])
@pytest.mark.parametrize("offset_ns", [-3_600_000_000_000, 1_700_000_000_000_000_000])
def test_rig_time_is_found_but_for_the_common_delay(drift_ppm, offset_ns):
    queue_ns = 4_000_000.0
    rig_ns, device_ns, host_ns = stamps(3, 3000, drift_ppm, offset_ns, queue_ns)
    clock = pieces_from_host("a", device_ns, host_ns).clock
    error_ns = clock.frames_ns(device_ns) - rig_ns - 30_000_000
    # The least of n waits is queue / n; a line through two of them errs by a few of those.
    assert np.abs(error_ns).max() < 100 * queue_ns / len(rig_ns)


def test_a_short_recording_gets_an_offset_only():
    rig_ns, device_ns, host_ns = stamps(1, 60, 0.0, -5_000_000_000, 2_000_000.0)
    clock = pieces_from_host("a", device_ns, host_ns).clock
    assert clock.drift_ppm == 0.0
    assert abs(clock.frames_ns(device_ns) - rig_ns - 30_000_000).max() < 1_000_000


def test_without_host_stamps_there_is_no_clock():
    assert pieces_from_host("a", np.arange(5), np.full(5, NO_TIME)).clock is None


def test_clocks_that_differ_are_brought_together():
    one, two = stamps(4, 300, 10.0, -5_000_000_000, 3_000_000.0), stamps(5, 300, -30.0, 9_000_000_000, 3_000_000.0)
    clocks = unsynced_clocks({"a": one[1:], "b": two[1:]})
    apart_ns = clocks["a"].frames_ns(one[1]) - clocks["b"].frames_ns(two[1])
    assert np.abs(apart_ns).max() < 2_000_000


def test_cameras_that_are_stamped_by_one_clock_keep_it():
    one, two = stamps(4, 300, 0.0, 5_000, 3_000_000.0), stamps(5, 300, 0.0, 5_000, 3_000_000.0)
    assert host_report({"a": one[1:], "b": two[1:]}).source == "stamps"
    kept = {"a": ClockModel(), "b": ClockModel()}
    assert unsynced_clocks({"a": one[1:], "b": two[1:]}) == kept
    assert unsynced_clocks({"a": one[1:], "b": (two[1], np.full(300, NO_TIME))}) == kept


def test_a_camera_alone_keeps_its_own_time_unless_it_jumped():
    _, device_ns, host_ns = stamps(4, 300, 20.0, -5_000_000_000, 3_000_000.0)
    assert unsynced_clocks({"a": (device_ns, host_ns)}) == {"a": ClockModel()}
    doubled = device_ns.copy()
    doubled[50] = doubled[49]
    assert unsynced_clocks({"a": (doubled, host_ns)}) == {"a": ClockModel(excluded=(50,))}
    jumped = device_ns + np.where(np.arange(300) >= 100, 900_000_000, 0)
    clock = unsynced_clocks({"a": (jumped, host_ns)})["a"]
    assert [piece.from_position for piece in clock.pieces] == [0, 100]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_are_no_matter(count):
    _, device_ns, host_ns = stamps(4, count, 20.0, -5_000_000_000, 3_000_000.0)
    clocks = unsynced_clocks({"a": (device_ns, host_ns), "b": (device_ns + 10**10, host_ns)})
    assert all((np.diff(clock.frames_ns(device_ns)) > 0).all() for clock in clocks.values())
    assert unsynced_clocks({}) == {}
