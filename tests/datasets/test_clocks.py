"""Clocks that the truth explains to the nanosecond, and frames that arrive as from a real host."""

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.datasets.simulated_or.clocks import CameraClock, ClockConfig, draw_clocks

NAMES = ("cam_1", "cam_2", "cam_3")
FAST = CameraClock(
    offset_ns=-3_000_000_000_000, drift_ppm=180.0, reference_ns=3_000_000_000_000, free_running=True, phase=0.3,
    jitter_ns=200_000, host_delay_ns=35_000_000, host_queue_ns=4_000_000,
)  # fmt: skip


def test_stamps_and_model_agree_exactly():
    rig_ns, device_ns = FAST.exposures(120.0, 10.0, np.random.default_rng(1))
    assert (FAST.model.rig_ns(device_ns) == rig_ns).all()
    assert (device_ns % 1000 == 0).all()
    assert (np.diff(rig_ns) > 0).all()
    assert rig_ns[0] >= 0 and rig_ns[-1] < 120_000_000_000


@pytest.mark.parametrize("drift_ppm", [-400.0, 0.0, 37.5, 400.0])
def test_device_times_are_the_inverse_to_a_nanosecond(drift_ppm):
    clock = CameraClock(offset_ns=-77_777, drift_ppm=drift_ppm, reference_ns=12_345)
    rig_ns = np.random.default_rng(2).integers(0, 3_600_000_000_000, 5000)
    assert np.abs(clock.model.rig_ns(clock.device_ns(rig_ns)) - rig_ns).max() <= 1


def test_a_free_running_camera_ticks_on_its_own_clock():
    rig_ns, device_ns = FAST.exposures(300.0, 10.0, np.random.default_rng(3))
    number = np.arange(len(rig_ns))
    period_ns = np.polyfit(number, (device_ns - device_ns[0]).astype(float), 1)[0]
    # The slope of n ticks with jitter s has a standard error of s * sqrt(12 / n^3).
    error_ns = FAST.jitter_ns * np.sqrt(12 / len(number) ** 3)
    assert period_ns == pytest.approx(1e8, abs=6 * error_ns)
    seen_from_rig_ns = np.polyfit(number, (rig_ns - rig_ns[0]).astype(float), 1)[0]
    assert seen_from_rig_ns == pytest.approx(1e8 * (1 + 180e-6), abs=6 * error_ns + 1)
    jitter_ns = np.std((device_ns - device_ns[0]) - number * 1e8)
    assert jitter_ns == pytest.approx(FAST.jitter_ns, rel=0.1)


def test_triggered_cameras_expose_together_and_stamp_rig_time():
    clocks = draw_clocks(np.random.default_rng(4), NAMES, ClockConfig(free_running=False))
    exposures = [clock.exposures(3.0, 30.0, np.random.default_rng(5)) for clock in clocks.values()]
    for rig_ns, device_ns in exposures:
        assert (rig_ns == exposures[0][0]).all() and (device_ns == rig_ns).all()
    assert len(exposures[0][0]) == 90


def test_free_running_clocks_differ_as_they_are_told_to():
    config = ClockConfig(drift_ppm=50.0, uptime_s=100.0)
    clocks = list(draw_clocks(np.random.default_rng(6), [f"c{n}" for n in range(400)], config).values())
    drifts = np.array([clock.drift_ppm for clock in clocks])
    assert np.std(drifts) == pytest.approx(50.0, rel=5 / np.sqrt(2 * len(drifts)))
    phases = np.array([clock.phase for clock in clocks])
    assert phases.min() >= 0 and phases.max() < 1 and np.std(phases) == pytest.approx(np.sqrt(1 / 12), rel=0.1)
    assert all(clock.model.rig_ns_of(clock.reference_ns) == 0 for clock in clocks)
    assert max(clock.reference_ns for clock in clocks) <= 100_000_000_000


def test_frames_arrive_in_order_after_the_least_delay():
    rig_ns, _ = FAST.exposures(60.0, 30.0, np.random.default_rng(7))
    arrivals_ns = FAST.arrivals(rig_ns, np.random.default_rng(8))
    wait_ns = arrivals_ns - rig_ns
    least_ns = FAST.exposure_ns + FAST.host_delay_ns
    assert (np.diff(arrivals_ns) >= 0).all()
    assert wait_ns.min() >= least_ns
    # A mean of n exponential waits has a relative error of 1 / sqrt(n); the order adds little at 30 Hz.
    assert np.mean(wait_ns) - least_ns == pytest.approx(FAST.host_queue_ns, rel=0.12)


def test_impossible_clocks_are_refused():
    with pytest.raises(ConfigError):
        ClockConfig(jitter_s=-1.0)
    with pytest.raises(ConfigError):
        ClockConfig(drift_ppm=float("nan"))
