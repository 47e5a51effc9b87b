"""Clocks in pieces from host stamps: jumps, restarts, false stamps, and a host whose clock was set."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.host_pieces import pieces_from_host
from ortwin.capture.sync_clocks import host_report

FRAME_NS = 100_000_000
QUEUE_NS = 4_000_000.0


def filmed(seed: int, drift_ppm: float, count: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rig times, device and host stamps of a camera that loses a tenth of its frames and 0.7 s at one place."""
    rng = np.random.default_rng(seed)
    rig_ns = np.arange(count) * FRAME_NS + 3_000_000
    device_ns = 5_000_000_000 + np.rint(rig_ns / (1 + drift_ppm * 1e-6)).astype(np.int64)
    host_ns = rig_ns + np.rint(rng.exponential(QUEUE_NS, count)).astype(np.int64)
    there = (rng.random(count) > 0.1) & ((np.arange(count) < 700) | (np.arange(count) > 706))
    return rig_ns[there], device_ns[there], np.maximum.accumulate(host_ns[there])


def error_ns(clock, device_ns: np.ndarray, rig_ns: np.ndarray) -> np.ndarray:
    return clock.frames_ns(device_ns) - rig_ns


def most_ns(count: int) -> float:
    """The least of n exponential waits is queue / n; a line through two of them errs by some of those."""
    return 100 * QUEUE_NS / count


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("jump_ns", [500_000_000, -500_000_000, 130_000_000])
def test_a_jump_is_found_at_its_frame_and_taken_out(seed, jump_ns):
    rig_ns, device_ns, host_ns = filmed(seed, 100.0 - 50.0 * seed)
    device_ns = device_ns + np.where(np.arange(len(device_ns)) >= 1500, jump_ns, 0)
    fit = pieces_from_host("cam_1", device_ns, host_ns)
    jumps = [finding for finding in fit.findings if finding.kind == "jump"]
    assert [finding.position for finding in jumps] == [1500]
    assert abs(jumps[0].size_ns - jump_ns) < 2 * most_ns(1500)
    assert np.abs(error_ns(fit.clock, device_ns, rig_ns)).max() < 2 * most_ns(1500)
    assert (np.diff(fit.clock.frames_ns(device_ns)) > 0).all()


def test_a_gap_is_no_jump_and_drops_are_counted():
    rig_ns, device_ns, host_ns = filmed(1, 40.0)
    fit = pieces_from_host("cam_1", device_ns, host_ns)
    kinds = [finding.kind for finding in fit.findings]
    assert "jump" not in kinds and not fit.clock.pieces
    gaps = [finding for finding in fit.findings if finding.kind == "gap"]
    assert max(gap.size_ns for gap in gaps) >= 700_000_000
    lost = sum(finding.count for finding in fit.findings if finding.kind in ("gap", "drops"))
    assert (
        lost
        == 3000
        - len(rig_ns)
        - (rig_ns[0] - 3_000_000) // FRAME_NS
        - (2999 * FRAME_NS - rig_ns[-1] + 3_000_000) // FRAME_NS
    )


def test_a_device_that_starts_anew_goes_on_in_a_new_piece():
    rig_ns, device_ns, host_ns = filmed(2, -60.0)
    away = np.where(np.arange(len(rig_ns)) >= 1600, 180_000_000_000, 0)
    rig_ns, host_ns = rig_ns + away, host_ns + away
    device_ns = np.where(np.arange(len(device_ns)) >= 1600, device_ns - device_ns[1600] + 1_000_000, device_ns)
    fit = pieces_from_host("cam_1", device_ns, host_ns)
    assert [f.position for f in fit.findings if f.kind == "restart"] == [1600]
    assert np.abs(error_ns(fit.clock, device_ns, rig_ns)).max() < 2 * most_ns(1000)


def test_false_stamps_are_left_out_and_time_still_increases():
    rig_ns, device_ns, host_ns = filmed(3, 20.0)
    device_ns = device_ns.copy()
    device_ns[200], device_ns[400], device_ns[900] = (
        device_ns[199],
        device_ns[399] - 50_000_000,
        device_ns[900] + 9 * 10**9,
    )
    fit = pieces_from_host("cam_1", device_ns, host_ns)
    named = {f.position: f.kind for f in fit.findings if f.kind in ("duplicate", "backward", "runaway", "jump")}
    assert named == {200: "duplicate", 400: "backward", 900: "runaway"}
    assert fit.clock.excluded == (200, 400, 900)
    assert (np.diff(fit.clock.frames_ns(device_ns)) > 0).all()
    kept = ~fit.clock.excluded_mask(len(device_ns))
    assert np.abs(error_ns(fit.clock, device_ns, rig_ns)[kept]).max() < most_ns(2000)


def test_a_rate_that_changes_with_temperature_is_followed():
    rng = np.random.default_rng(5)
    rig_ns = np.arange(6000) * FRAME_NS
    ppm = 40.0 + 60.0 * (1 - np.exp(-rig_ns * 1e-9 / 200.0))
    device_ns = 10**9 + np.rint(np.cumsum(np.concatenate([[0], np.diff(rig_ns) * (1 - ppm[1:] * 1e-6)]))).astype(
        np.int64
    )
    host_ns = rig_ns + np.rint(rng.exponential(QUEUE_NS, 6000)).astype(np.int64)
    fit = pieces_from_host("cam_1", device_ns, host_ns)
    assert len(fit.clock.pieces) > 1
    assert np.percentile(np.abs(error_ns(fit.clock, device_ns, rig_ns)), 95) < 1_000_000
    assert not [f for f in fit.findings if f.kind == "jump"]


def test_a_host_whose_clock_was_set_bends_no_camera():
    films = {f"cam_{k}": filmed(10 + k, 30.0 * k) for k in range(3)}
    step_ns, at_ns = 700_000_000, 150_000_000_000
    stamps = {n: (d, h + np.where(h >= at_ns, step_ns, 0)) for n, (_, d, h) in films.items()}
    report = host_report(stamps)
    steps = [finding for finding in report.findings if finding.kind == "host_step"]
    assert len(steps) == 1 and abs(steps[0].size_ns - step_ns) < 30_000_000
    assert not [finding for finding in report.findings if finding.kind == "jump"]
    # The size of the step is known to the waits of some frames, and wrong by the same for all cameras.
    errors = {n: error_ns(report.clocks[n], stamps[n][0], films[n][0]) for n in films}
    for half in (lambda e: e[: len(e) // 2 - 300], lambda e: e[len(e) // 2 + 300 :]):
        middles = [float(np.median(half(error))) for error in errors.values()]
        assert max(middles) - min(middles) < 1_000_000
