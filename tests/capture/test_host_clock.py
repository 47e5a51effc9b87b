"""A clock from host stamps: queues do not bend it, and what is left is of the order of the least waits."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.host_clock import clock_from_host, clocks_from_host

NO_TIME = np.iinfo(np.int64).min
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
    clock = clock_from_host(device_ns, host_ns)
    error_ns = clock.rig_ns(device_ns) - rig_ns - 30_000_000
    # The least of n waits is queue / n; a line through two of them errs by a few of those.
    assert np.abs(error_ns).max() < 100 * queue_ns / len(rig_ns)


def test_a_short_recording_gets_an_offset_only():
    rig_ns, device_ns, host_ns = stamps(1, 60, 0.0, -5_000_000_000, 2_000_000.0)
    clock = clock_from_host(device_ns, host_ns)
    assert clock.drift_ppm == 0.0
    assert abs(clock.rig_ns(device_ns) - rig_ns - 30_000_000).max() < 1_000_000


def test_false_stamps_far_from_the_others_change_nothing():
    _, device_ns, host_ns = stamps(2, 2000, 20.0, -5_000_000_000, 4_000_000.0)
    clean = clock_from_host(device_ns, host_ns)
    device_ns = device_ns.copy()
    device_ns[[100, 900]] += 2_000_000_000
    device_ns[[400]] -= 700_000_000
    assert abs(clock_from_host(device_ns, host_ns).offset_ns - clean.offset_ns) < 1_000_000


def test_without_host_stamps_there_is_no_clock():
    assert clock_from_host(np.arange(5), np.full(5, NO_TIME)) is None
    assert clock_from_host(np.arange(5), np.array([10, NO_TIME, NO_TIME, NO_TIME, NO_TIME])).offset_ns == 10


def test_clocks_that_differ_are_brought_together():
    one, two = stamps(4, 300, 10.0, -5_000_000_000, 3_000_000.0), stamps(5, 300, -30.0, 9_000_000_000, 3_000_000.0)
    clocks = clocks_from_host({"a": one[1:], "b": two[1:]})
    apart_ns = clocks["a"].rig_ns(one[1]) - clocks["b"].rig_ns(two[1])
    assert np.abs(apart_ns).max() < 2_000_000


def test_cameras_that_are_stamped_by_one_clock_keep_it():
    one, two = stamps(4, 300, 0.0, 5_000, 3_000_000.0), stamps(5, 300, 0.0, 5_000, 3_000_000.0)
    assert clocks_from_host({"a": one[1:], "b": two[1:]}) == {}
    assert clocks_from_host({"a": one[1:]}) == {}
    assert clocks_from_host({"a": one[1:], "b": (two[1], np.full(300, NO_TIME))}) == {}
