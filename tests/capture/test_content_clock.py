"""Clocks from what moves: offsets, rates and jumps of cameras that see one scene, and silence where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel
from ortwin.capture.content_clock import fit_content, likelihood, series_of
from ortwin.capture.content_sync import content_clocks
from ortwin.capture.motion_energy import MotionEnergy, moved_share
from scipy.ndimage import gaussian_filter1d

FINE_S, STEP_S, SECONDS = 0.005, 0.1, 240.0


def smooth(rng: np.random.Generator, sigma_s: float) -> np.ndarray:
    """(t,) smooth noise of standard deviation 1 on a fine grid."""
    noise = gaussian_filter1d(rng.normal(size=round((SECONDS + 2) / FINE_S)), sigma_s / FINE_S)
    return noise / noise.std()


def filmed(
    speed: np.ndarray, rng: np.random.Generator, phase_s: float, *, unlike: float = 0.0, drops: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Rig times (k,) s of frames and (k,) what moved since the frame before, as one view shows it."""
    rig_s = np.arange(1.0 + phase_s, SECONDS, STEP_S)
    rig_s = rig_s[rng.random(len(rig_s)) >= drops]
    seen = np.exp(speed + unlike * smooth(rng, 0.15))
    way = np.interp(rig_s, FINE_S * np.arange(len(seen)), np.cumsum(seen) * FINE_S)
    moved = np.concatenate([[np.nan], np.diff(way)])
    return rig_s, 0.01 * moved * np.exp(rng.normal(0.0, 0.02, len(moved)))


def scene(
    seed: int, drifts_ppm: tuple[float, ...], *, unlike: float = 0.0, drops: float = 0.0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, MotionEnergy]]:
    """By camera, rig times in s, device stamps in ns, and what moved."""
    rng = np.random.default_rng(seed)
    speed = 0.8 * smooth(rng, 0.15)
    rig_s, device_ns, energies = {}, {}, {}
    for number, ppm in enumerate(drifts_ppm):
        name = f"cam_{number + 1}"
        rig_s[name], moved = filmed(speed, rng, float(rng.uniform(0, STEP_S)), unlike=unlike, drops=drops)
        start_s = 1000.0 + 3.7 * number
        device_ns[name] = np.rint((start_s + rig_s[name] / (1 + ppm * 1e-6)) * 1e9).astype(np.int64)
        energies[name] = MotionEnergy(name, np.arange(len(moved)), moved)
    return rig_s, device_ns, energies


def apart_s(
    clocks: dict[str, ClockModel], device_ns: dict[str, np.ndarray], rig_s: dict[str, np.ndarray]
) -> np.ndarray:
    """(c, t) error of each camera against the first, s, every second."""
    grid_s = np.arange(2.0, SECONDS - 2.0)
    errors = [np.interp(grid_s, rig_s[n], c.frames_ns(device_ns[n]) * 1e-9 - rig_s[n]) for n, c in clocks.items()]
    return np.array(errors) - errors[0]


def stamps_of(device_ns: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: (stamps, stamps) for name, stamps in device_ns.items()}


@pytest.mark.parametrize("seed", range(3))
def test_the_same_signal_sampled_at_other_times_gives_the_offset_within_2_ms(seed):
    rig_s, _, energies = scene(seed, (0.0, 0.0))
    series = {n: series_of(rig_s[n] + 0.3 * (n == "cam_2"), e.moved, STEP_S) for n, e in energies.items()}
    fit = fit_content({n: s for n, s in series.items() if s is not None}, {"cam_1": 0.0, "cam_2": -0.27}, drift=False)
    assert fit.offset_s[1] == pytest.approx(-0.3, abs=0.002)


@pytest.mark.parametrize("seed", range(3))
def test_unlike_views_of_four_drifting_cameras_are_within_their_sigma(seed):
    rig_s, device_ns, energies = scene(seed, (60.0, -80.0, 100.0, 0.0), unlike=0.4, drops=0.1)
    clocks, findings, fit = content_clocks(stamps_of(device_ns), energies)
    assert fit is not None and set(clocks) == set(device_ns)
    assert not [finding for finding in findings if finding.kind == "jump"]
    sigma_s = np.sqrt(np.diag(fit.covariance))
    true_ppm = np.array([0.0, -140.0, 40.0, -60.0])
    assert (np.abs(fit.drift_ppm - true_ppm)[1:] < 4 * sigma_s[5:]).all()
    middle = apart_s(clocks, device_ns, rig_s)[1:, 110:130].mean(axis=1)
    assert (np.abs(middle) < 4 * sigma_s[1:4]).all()
    assert sigma_s[1:4].max() < 0.02


@pytest.mark.parametrize("jump_s", [0.5, -0.5])
def test_a_jump_is_found_at_its_frame(jump_s):
    _, device_ns, energies = scene(5, (30.0, -30.0, 0.0), unlike=0.2, drops=0.05)
    position = len(device_ns["cam_2"]) // 2
    device_ns["cam_2"][position:] += round(jump_s * 1e9)
    clocks, findings, fit = content_clocks(stamps_of(device_ns), energies)
    jumps = [finding for finding in findings if finding.kind == "jump"]
    assert [(f.camera_id, f.position) for f in jumps] == [("cam_2", position)]
    assert fit is not None
    sigma_s = fit.jump_sigma_s["cam_2"][0]
    assert sigma_s < 0.03
    assert abs(jumps[0].size_ns * 1e-9 - jump_s) < 4 * sigma_s + 0.002
    assert (np.diff(clocks["cam_2"].frames_ns(device_ns["cam_2"])) > 0).all()


def test_cameras_that_see_other_scenes_are_not_linked():
    _, device_ns, energies = scene(1, (0.0,))
    _, other_ns, others = scene(2, (0.0,))
    both = {"cam_1": energies["cam_1"], "cam_2": MotionEnergy("cam_2", *_parts(others["cam_1"]))}
    clocks, findings, fit = content_clocks(stamps_of({"cam_1": device_ns["cam_1"], "cam_2": other_ns["cam_1"]}), both)
    assert fit is None and not clocks
    assert {finding.camera_id for finding in findings if finding.kind == "unknown"} == {"cam_1", "cam_2"}


def test_the_share_that_moved_counts_change_and_not_noise_nor_holes():
    rng = np.random.default_rng(0)
    still = 3.0 + rng.normal(0, 0.005, (60, 80))
    image = 3.0 + rng.normal(0, 0.005, (60, 80))
    image[:30] = 0.0
    assert moved_share(still, image, depth=True) == 0.0
    image[30:45, :40] = 2.0
    assert moved_share(still, image, depth=True) == pytest.approx(0.25)
    flicker = np.where(np.arange(80) < 20, 1.5, 0.0) * np.ones((60, 1))
    assert moved_share(still, image, depth=True, least=flicker) == pytest.approx(0.125)


def test_likelihood_rises_with_correlation_and_is_none_without():
    x = np.sin(np.arange(500.0))
    assert likelihood(x, x)[1] > likelihood(x, x + np.cos(np.arange(500.0)))[1] > 0.5
    assert likelihood(x, -x) == (0.0, 0.0)


def _parts(energy: MotionEnergy) -> tuple[np.ndarray, np.ndarray]:
    return energy.positions, energy.moved
