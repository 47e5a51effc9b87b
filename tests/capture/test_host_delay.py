"""What stamps of the host cannot show is said, and what a board or content told of it is used and recognised."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.calibration.clock_offsets import corrected_clocks
from ortwin.capture.host_delay import told_delays_ms
from ortwin.capture.host_report import ClockReport, host_report

COUNT, STEP_NS, QUEUE_NS = 600, 100_000_000, 1_000_000.0
LEAST_MS = {"cam_1": 30.0, "cam_2": 43.0, "cam_3": 30.0}
OFFSET_NS = {"cam_1": -5_000_000_000, "cam_2": 9_000_000_000, "cam_3": 60_000_000_000}


@pytest.fixture
def stamps():
    """Three cameras exposed together, whose clocks count from elsewhere; frames of cam_2 need 13 ms longer."""
    rng, rig_ns = np.random.default_rng(1), np.arange(COUNT) * STEP_NS
    waits_ns = {name: rng.exponential(QUEUE_NS, COUNT) + ms * 1e6 for name, ms in LEAST_MS.items()}
    return {name: (rig_ns - OFFSET_NS[name], rig_ns + wait_ns.astype(np.int64)) for name, wait_ns in waits_ns.items()}


def apart_ms(clocks, stamps):
    """By how much each camera is later than cam_1, ms; all were exposed together."""
    times_ns = {name: clocks[name].frames_ns(device_ns) for name, (device_ns, _) in stamps.items()}
    return {name: float(np.mean(t - times_ns["cam_1"])) * 1e-6 for name, t in times_ns.items()}


#: A line along the least of COUNT waits errs by a few of QUEUE / COUNT; 100 of them are a fifth of a millisecond.
NEAR_MS = 100 * QUEUE_NS / COUNT * 1e-6


def test_a_longer_way_to_the_host_is_not_seen_in_stamps_and_the_report_says_so(stamps):
    report = host_report(stamps)
    assert apart_ms(report.clocks, stamps)["cam_2"] == pytest.approx(13.0, abs=NEAR_MS)
    assert report.unknown_delay == ("cam_1", "cam_2", "cam_3")
    assert report.to_json()["unknown_delay"] == ["cam_1", "cam_2", "cam_3"]


def test_what_a_board_told_takes_it_out_and_is_recognised(stamps):
    host = host_report(stamps).clocks
    device_ns = {name: pair[0] for name, pair in stamps.items()}
    assert told_delays_ms(host, host, device_ns) is None
    assert told_delays_ms({}, host, device_ns) is None
    moved = corrected_clocks(host, {"cam_2": -13.0})
    assert apart_ms(moved, stamps)["cam_2"] == pytest.approx(0.0, abs=NEAR_MS)
    told_ms = told_delays_ms(moved, host, device_ns)
    assert told_ms == pytest.approx({"cam_1": 0.0, "cam_2": 13.0, "cam_3": 0.0})
    later = {name: clock.moved(70_000_000) for name, clock in host.items()}
    assert told_delays_ms(later, host, device_ns) is None  # all alike: only zero of the rig clock


def test_only_cameras_that_content_did_not_link_are_unknown(stamps):
    clocks = host_report(stamps).clocks
    assert ClockReport(clocks, (), "both", {"cam_1": 2.0, "cam_2": 3.0, "cam_3": None}).unknown_delay == ("cam_3",)
    assert ClockReport(clocks, (), "content", dict.fromkeys(clocks, 4.0)).unknown_delay == ()
    one_clock = host_report({name: (host_ns, host_ns) for name, (_, host_ns) in stamps.items()})
    assert one_clock.source == "stamps" and one_clock.unknown_delay == ()
