"""Colour: the curve, the noise and the falloff are those of the settings."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.datasets.simulated_or.exposure import Exposure, expose

PLAIN = Exposure()


def flat(value: float, shape=(100, 120)) -> np.ndarray:
    return np.full((*shape, 3), value, np.float32)


def test_the_curve_is_the_power_of_gamma_to_half_a_level():
    light = np.linspace(0, 1, 300, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    picture = expose(light, PLAIN, np.random.default_rng(1)).astype(float)
    # Half a level of rounding, and the step of the light (1 / 16384) on the slope of the curve.
    slope = 255 / 2.2 * np.maximum(light, 1 / 16384) ** (1 / 2.2 - 1) / 16384
    assert (np.abs(picture - 255 * light ** (1 / 2.2)) <= 0.5 + 1.1 * slope).all()
    assert (expose(flat(7.0), PLAIN, np.random.default_rng(1)) == 255).all()
    assert (expose(flat(0.0), PLAIN, np.random.default_rng(1)) == 0).all()


def test_gain_and_white_balance_scale_the_light():
    picture = expose(flat(0.2), replace(PLAIN, gain=1.5, white_balance=(1.2, 1.0, 0.8)), np.random.default_rng(1))
    expected = 255 * (0.2 * 1.5 * np.array([1.2, 1.0, 0.8])) ** (1 / 2.2)
    assert np.abs(picture[50, 60] - expected).max() <= 0.6


def test_vignetting_takes_its_share_in_the_corners():
    settings = replace(PLAIN, gamma=1.0, vignetting=0.2)
    picture = expose(flat(0.5, (400, 500)), settings, np.random.default_rng(1)).astype(float)
    assert picture[200, 250, 1] == pytest.approx(127.5, abs=0.6)
    assert picture[0, 0, 1] == pytest.approx(127.5 * 0.8, abs=1.5)


def test_noise_has_the_variance_of_reading_and_of_light():
    settings = replace(PLAIN, gamma=1.0, read_noise=0.01, shot_noise=0.001)
    for light in (0.2, 0.5):
        picture = expose(flat(light, (200, 200)), settings, np.random.default_rng(2)).astype(float)
        variance = (0.01**2 + 0.001 * light) * 255**2 + 1 / 12
        # 40000 samples a channel: relative error of the deviation 0.35 %.
        assert picture.std(axis=(0, 1)) == pytest.approx(np.full(3, np.sqrt(variance)), rel=0.02)
        assert picture.mean() == pytest.approx(255 * light, abs=0.2)
        red, green = (picture[..., channel] - 255 * light for channel in (0, 1))
        assert abs(np.corrcoef(red.ravel(), green.ravel())[0, 1]) < 0.03


def test_equal_draws_are_equal_and_cameras_differ():
    light = np.random.default_rng(3).random((60, 80, 3), dtype=np.float32)
    first, second = (Exposure.draw(np.random.default_rng(seed)) for seed in (1, 2))
    assert first != second and first == Exposure.draw(np.random.default_rng(1))
    pictures = [expose(light, first, np.random.default_rng(4)) for _ in range(2)]
    assert (pictures[0] == pictures[1]).all() and pictures[0].dtype == np.uint8
    assert (expose(light, second, np.random.default_rng(4)) != pictures[0]).mean() > 0.5
