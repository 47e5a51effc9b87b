"""Laws of the noise of depth sensors."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.noise import SENSOR_NOISE, DepthNoise, noise_of

Z_M = np.linspace(0.5, 6.0, 30)


@pytest.mark.parametrize("sensor", sorted(SENSOR_NOISE))
def test_noise_grows_with_range_and_slant(sensor: str) -> None:
    noise = noise_of(sensor)
    assert (np.diff(noise.sigma_m(Z_M)) > 0).all()
    assert (noise.sigma_m(Z_M, 2.0) > noise.sigma_m(Z_M)).all()


def test_published_figures() -> None:
    assert noise_of("azure_kinect_nfov").sigma_m(np.array([3.5]))[0] <= 0.017
    nguyen = 0.0012 + 0.0019 * (Z_M - 0.4) ** 2
    assert (noise_of("structured_light").sigma_m(Z_M) >= nguyen).all()
    stereo = noise_of("realsense_d455")
    ratio = stereo.sigma_m(np.array([6.0]))[0] / stereo.sigma_m(np.array([3.0]))[0]
    assert 3.7 < ratio < 4.0


def test_an_unknown_sensor_has_the_default() -> None:
    assert noise_of("") == DepthNoise() == noise_of("never heard of")
