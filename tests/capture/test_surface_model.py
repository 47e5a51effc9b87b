"""What profiles of moving surfaces say of clocks, from profiles in closed form."""

import numpy as np
import pytest
from ortwin.capture.surface_delay import COARSE, FINE, DelayProfile, SurfaceDelays
from ortwin.capture.surface_model import SurfaceModel

SECONDS, POINTS = 600, 40
LATE_S, RATE_PPM, APART_M = 0.004, 20.0, 0.005


def profile(look, late_s, apart_m, seed):
    """Points that go at speeds v lie `apart_m` + v * (how late they are) off the other camera's surface.

    Somebody comes for minutes and goes for minutes, so that a distance looks like a delay.
    """
    rng = np.random.default_rng(seed)
    come = np.where((np.arange(SECONDS) // 150) % 2 == 0, 1.0, -1.0)[:, None]
    speed = come * 0.6 + 0.3 * rng.normal(size=(SECONDS, POINTS))
    apart = apart_m + speed[:, None] * (late_s[:, None] - look.lags_s)[:, :, None]
    speed = np.broadcast_to(speed[:, None], apart.shape)
    sums = np.stack([speed * apart, speed**2, np.ones_like(apart), apart, speed, speed], axis=-1).sum(axis=2)
    return DelayProfile(np.ascontiguousarray(sums[..., : look.num_sums]))


def refined(look, apart_m):
    """How far off the offset, s, and the rate, ppm, of the second of two cameras come out."""
    late_s = LATE_S + RATE_PPM * 1e-6 * (np.arange(SECONDS) + 0.5 - SECONDS / 2)
    profiles = {("cam_1", "cam_2"): profile(look, late_s, apart_m, 1), ("cam_2", "cam_1"): profile(look, -late_s, 0, 2)}
    fit = SurfaceModel.of(SurfaceDelays(0.0, look, profiles)).refined()
    assert fit is not None
    return abs(fit.late_s[1] - LATE_S), abs(fit.rate_ppm[1] - RATE_PPM)


def test_a_distance_that_is_always_there_is_no_delay():
    off_s, off_ppm = refined(FINE, APART_M)
    assert off_s < 1e-6 and off_ppm < 1e-3


def test_without_an_intercept_it_would_be_one():
    off_s, off_ppm = refined(COARSE, APART_M)
    assert off_s > 1e-4 or off_ppm > 1.0


def test_two_cameras_are_enough_for_a_jump_too():
    late_s = np.where(np.arange(SECONDS) + 0.5 > 350.0, LATE_S, 0.0)
    profiles = {("cam_1", "cam_2"): profile(FINE, late_s, APART_M, 1), ("cam_2", "cam_1"): profile(FINE, -late_s, 0, 2)}
    model = SurfaceModel.of(SurfaceDelays(0.0, FINE, profiles))
    model.jumps, model.values = [(1, 350.0)], np.zeros(5)
    fit = model.refined()
    assert fit is not None
    assert abs(fit.jumps[0][2] - LATE_S) < 1e-6 and abs(fit.late_s[1]) < 1e-6


@pytest.mark.parametrize("look", [COARSE, FINE])
def test_surfaces_that_lie_on_each_other_tell_the_clocks_exactly(look):
    off_s, off_ppm = refined(look, 0.0)
    # What the line between two lags misses of a straight score: nothing but rounding.
    assert off_s < 1e-6 and off_ppm < 0.1
