"""What content says of clocks that host stamps gave: within what it claims, at the times of those clocks."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture import content_evidence
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.clock import ClockModel
from ortwin.capture.clock_evidence import DELAY_SIGMA_S, host_evidence
from ortwin.capture.clock_join import join_clocks, joined_clocks
from ortwin.capture.content_evidence import told_by_energies, told_by_surfaces
from ortwin.capture.geometry import SE3
from ortwin.capture.motion_energy import MotionEnergy
from ortwin.capture.surface_model import SurfaceFit
from ortwin.capture.surface_sync import Watch
from scipy.ndimage import gaussian_filter1d

FINE_S, STEP_S, SECONDS, COUNT = 0.005, 0.1, 240.0, 3
LENS = Intrinsics(20.0, 20.0, 7.5, 7.5, 16, 16)


def smooth(rng, sigma_s):
    noise = gaussian_filter1d(rng.normal(size=round((SECONDS + 2) / FINE_S)), sigma_s / FINE_S)
    return noise / noise.std()


def rig(seed, late_s, *, unlike=0.3):
    """Cameras before one scene, each view a little its own: rig times, stamps, clocks that are late by so much, and
    what moved."""
    rng = np.random.default_rng(seed)
    speed, rig_s, stamps, clocks, energies = 0.8 * smooth(rng, 0.15), {}, {}, {}, {}
    for number, late in enumerate(late_s):
        name = f"cam_{number + 1}"
        rig_s[name] = np.arange(1.0 + rng.uniform(0, STEP_S), SECONDS, STEP_S)
        seen = np.exp(speed + unlike * smooth(rng, 0.15))
        way = np.interp(rig_s[name], FINE_S * np.arange(len(seen)), np.cumsum(seen) * FINE_S)
        moved = np.concatenate([[np.nan], np.diff(way)])
        device_ns = np.rint((1000.0 + 3.7 * number + rig_s[name]) * 1e9).astype(np.int64)
        stamps[name] = (device_ns, device_ns)
        clocks[name] = ClockModel(offset_ns=round((late - 1000.0 - 3.7 * number) * 1e9))
        energies[name] = MotionEnergy(name, np.arange(len(moved)), moved * np.exp(rng.normal(0, 0.02, len(moved))))
    return rig_s, stamps, clocks, energies


@pytest.mark.parametrize("seed", range(3))
def test_ways_to_the_host_are_told_apart_within_what_is_claimed(seed):
    delays_s = np.random.default_rng([seed, 5]).normal(0, DELAY_SIGMA_S, COUNT)
    rig_s, stamps, clocks, energies = rig(seed, delays_s)
    told = told_by_energies(clocks, stamps, energies, 0)
    assert told is not None and told.camera_ids == tuple(clocks)
    joint = join_clocks([host_evidence(clocks, stamps, 0), told])
    found = joined_clocks(clocks, joint, stamps, 0)
    error_s = np.array([np.mean(found[n].frames_ns(stamps[n][0]) * 1e-9 - rig_s[n]) for n in clocks])
    error_s -= error_s.mean()
    sigma_s = np.sqrt(np.diag(joint.covariance)[:COUNT])
    assert (np.abs(error_s) < 4 * sigma_s).all()
    assert sigma_s.max() < DELAY_SIGMA_S * np.sqrt(1 - 1 / COUNT)  # surer than host stamps alone
    assert not joint.disagreements


def test_cameras_before_other_scenes_are_no_evidence():
    _, stamps, clocks, energies = rig(1, [0.0, 0.0])
    _, _, _, others = rig(2, [0.0, 0.0])
    mixed = {"cam_1": energies["cam_1"], "cam_2": others["cam_2"]}
    assert told_by_energies(clocks, stamps, mixed, 0) is None


def test_surfaces_are_compared_at_the_times_of_the_clocks_without_false_frames(monkeypatch):
    _, stamps, clocks, _ = rig(3, [0.0, 0.0])
    clocks["cam_2"] = ClockModel(clocks["cam_2"].offset_ns, excluded=(7, 8))
    read, base_ns = {}, 500_000_000

    def fit(views, silences_s, _progress):
        assert not silences_s  # host stamps have told jumps from gaps already
        read.update({name: view.time_s for name, view in views.items()})
        covariance = np.diag([0.0, 9e-6, 0.0, 4.0, 1.0])
        return SurfaceFit(tuple(views), 60.0, np.array([0.0, 0.01]), np.array([0.0, 3.0]), (), covariance)

    monkeypatch.setattr(content_evidence, "fit_surfaces", fit)
    cameras = {name: Camera(name, LENS, LENS, SE3.identity(), world_from_camera=SE3.identity()) for name in clocks}
    watch = Watch(cameras, lambda _name, _positions: lambda _k: np.zeros((16, 16), np.float32))
    told = told_by_surfaces(watch, clocks, stamps, base_ns)
    assert told is not None and told.covariance.shape == (4, 4) and (told.at_s == 60.0).all()
    assert told.late_s.tolist() == [0.0, 0.01] and told.rate_ppm is not None and told.rate_ppm.tolist() == [0.0, 3.0]
    times_s = (clocks["cam_2"].frames_ns(stamps["cam_2"][0]) - base_ns) * 1e-9
    np.testing.assert_array_equal(read["cam_2"], np.delete(times_s, [7, 8]))
