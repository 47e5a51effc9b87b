"""The depth sensor against published figures, and every effect of it against its own formula."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.datasets.simulated_or.camera_presets import PRESETS
from ortwin.datasets.simulated_or.depth_bias import BiasField
from ortwin.datasets.simulated_or.random_fields import normal_field, uniform_field
from ortwin.datasets.simulated_or.sensor_noise import SensorConfig, return_probability, sense_depth, sigma_m
from scipy.stats import kstest

SHAPE = (144, 160)
#: Nothing but axial noise; whole tenths of a millimetre.
CLEAN = SensorConfig(
    unit_m=0.0001, dark=0.0, nearest_m=0.0, farthest_m=0.0, signal_floor=0.0, grazing_cosine=0.0, specular=0.0,
    lost=0.0, flying=0.0, edge_lost=0.0, interference_share=0.0, systematic_m=0.0, field_radius=0.0, edge_noise=0.0,
)  # fmt: skip
NOISELESS = replace(CLEAN, constant_m=0.0, quadratic_per_m=0.0)


def flat(value: float, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.full(shape, value, np.float32)


def sensed(
    depth_m, cosine, config, seed=1, albedo=None, specular=None, bias=None, overlapping=0.0
) -> np.ndarray:  # fmt: skip
    rng = np.random.default_rng(seed)
    raw = sense_depth(depth_m, cosine, albedo, specular, rng, config, bias or BiasField.none(), overlapping)
    assert raw.dtype == np.uint16
    return raw * config.unit_m


def slanted_plane(lens, distance_m: float, angle_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """Depth and cosine of a plane that crosses the axis at a distance, turned by an angle about the vertical."""
    rays = lens.rays().astype(np.float64)
    normal = np.array([np.sin(angle_rad), 0.0, -np.cos(angle_rad)])
    along = rays @ normal
    depth_m = -distance_m * np.cos(angle_rad) / along
    cosine = -along / np.linalg.norm(rays, axis=-1)
    good = (depth_m > 0) & (depth_m < 20)
    return np.where(good, depth_m, 0).astype(np.float32), np.where(good, cosine, 0).astype(np.float32)


@pytest.mark.parametrize("name", ["azure_kinect_nfov", "femto_bolt"])
def test_a_kinect_keeps_within_what_was_measured_of_it(name):
    """Toelgyessy et al. 2021: up to 3.5 m, standard deviation <= 17 mm and distance error < 11 mm."""
    kind = PRESETS[name]
    lens = kind.depth.scaled(0.25)
    num_frames = 40
    for seed, (distance_m, angle_deg) in enumerate((d, a) for d in (0.8, 2.0, 3.2) for a in (0, 30, 55)):
        depth_m, cosine = slanted_plane(lens, distance_m, np.deg2rad(angle_deg))
        rng = np.random.default_rng([5, seed])
        bias = BiasField.draw(rng, lens, kind.sensor)
        albedo = np.full(depth_m.shape, 0.3, np.float32)
        frames = np.stack(
            [sense_depth(depth_m, cosine, albedo, None, rng, kind.sensor, bias) for _ in range(num_frames)]
        )
        measured = np.where(frames > 0, frames * kind.depth_unit_m, np.nan)
        steady = (np.isfinite(measured).mean(axis=0) > 0.8) & (depth_m > kind.range_m[0]) & (depth_m < 3.5)
        assert steady.mean() > 0.1
        spread = np.nanstd(measured[:, steady], axis=0)
        error = np.nanmean(measured[:, steady], axis=0) - depth_m[steady]
        # The sample of 40 frames has a relative error of 1 / sqrt(2 * 40) = 11 % per pixel; the mean over all has none.
        assert np.sqrt(np.mean(spread**2)) <= 0.017
        assert np.quantile(spread, 0.95) <= 0.017 * 1.1
        # The mean of 40 frames still has sigma / 6 = 2 mm of noise: the error itself is bounded by the config.
        assert np.sqrt(np.mean(error**2)) < 0.011
        assert np.abs(bias.at(depth_m)[steady]).max() < 0.011


def test_every_kind_of_camera_has_a_bias_within_its_bound():
    for kind in PRESETS.values():
        for seed in range(8):
            bias = BiasField.draw(np.random.default_rng(seed), kind.depth, kind.sensor)
            for depth_m in (0.5, 1.7, 3.3, 5.0):
                bound_m = kind.sensor.systematic_m + kind.sensor.systematic_per_m * depth_m**2
                error_m = bias.at(flat(depth_m, (kind.depth.height_px, kind.depth.width_px)))
                assert np.abs(error_m).max() <= bound_m * (1 + 1e-6)
                # Smooth: neighbours differ by less than the largest slope of the polynomial times a pixel.
                assert np.abs(np.diff(error_m, axis=1)).max() < bound_m * 8 / kind.depth.width_px


def test_a_bias_is_one_field_whatever_the_size_of_the_image():
    kind = PRESETS["azure_kinect_nfov"]
    full = BiasField.draw(np.random.default_rng(3), kind.depth, kind.sensor)
    half = BiasField.draw(np.random.default_rng(3), kind.depth.scaled(0.5), kind.sensor)
    at_full, at_half = full.at(flat(2.0, (576, 640))), half.at(flat(2.0, (288, 320)))
    pairs = at_full.reshape(288, 2, 320, 2).mean(axis=(1, 3))
    assert np.abs(pairs - at_half).max() < 1e-5
    assert (full.apply(np.zeros((576, 640), np.float32)) == 0).all()


def test_the_noise_has_the_spread_that_its_formula_says():
    for depth_m in (1.0, 3.0, 5.0):
        for cosine in (1.0, 0.6, 0.3):
            error = sensed(flat(depth_m), flat(cosine), CLEAN) - depth_m
            expected = float(sigma_m(np.array(depth_m), np.array(cosine), CLEAN))
            # n = 23040 samples: the sample deviation has a relative error of 1 / sqrt(2 n) = 0.5 %.
            assert np.std(error) == pytest.approx(expected, rel=0.025)
            assert abs(np.mean(error)) < 5 * expected / np.sqrt(error.size)
    assert sigma_m(np.array(2), np.array(1), CLEAN) == pytest.approx(0.001 + 0.0005 * 4)


def test_fields_of_chance_have_their_distributions():
    rng = np.random.default_rng(4)
    assert kstest(uniform_field(rng, SHAPE).ravel(), "uniform").pvalue > 1e-3
    assert kstest(normal_field(rng, SHAPE).ravel(), "norm").pvalue > 1e-3


def test_without_any_effect_depth_passes_through():
    depth_m = np.random.default_rng(0).uniform(0.2, 6.0, SHAPE).astype(np.float32)
    assert np.abs(sensed(depth_m, flat(0.5), NOISELESS) - depth_m).max() <= 0.00005 + 1e-6
    assert (sensed(flat(0.0), flat(0.0), NOISELESS) == 0).all()


def test_dark_grazing_glossy_and_far_surfaces_are_lost():
    config = SensorConfig(lost=0.0)
    one = np.ones(1, np.float32)
    assert return_probability(2 * one, one, config, albedo=one * 0.5) == 1.0
    assert return_probability(one * 4.5, one * 0.5, config, albedo=one * 0.0) < 0.5
    assert return_probability(one * 2, one * 0.07, config, albedo=one) == 0.0
    assert return_probability(2 * one, one, config, albedo=one, specular=one) == pytest.approx(1 - config.specular)
    assert return_probability(one * 6.5, one, config, albedo=one) == 0.0
    assert return_probability(one * 0.2, one, config, albedo=one) == 0.0
    for off in ("signal_floor", "grazing_cosine", "specular", "farthest_m"):
        config = replace(config, **{off: 0.0})
    assert return_probability(one * 9, one * 0.01, config, albedo=one * 0, specular=one) == 1.0


def test_losses_occur_as_often_as_their_probability_says():
    config = replace(CLEAN, lost=0.2, signal_floor=0.05)
    depth_m, albedo = flat(2.5), flat(0.3)
    expected = float(return_probability(depth_m[:1, 0], np.ones(1), config, albedo[:1, 0])[0])
    assert 0.2 < expected < 0.7
    share = np.mean(sensed(depth_m, flat(1.0), config, albedo=albedo) > 0)
    assert share == pytest.approx(expected, abs=5 * 0.5 / np.sqrt(depth_m.size))


def test_pixels_fly_at_edges_only_and_between_both_surfaces():
    depth_m = flat(3.0)
    depth_m[40:100, 50:110] = 1.5
    measured = sensed(depth_m, flat(1.0), replace(NOISELESS, flying=0.5))
    off = (np.abs(measured - 1.5) > 0.001) & (np.abs(measured - 3.0) > 0.001)
    assert (measured[off] > 1.5).all() and (measured[off] < 3.0).all()
    rim = np.zeros(SHAPE, bool)
    rim[39:101, 49:111] = True
    rim[41:99, 51:109] = False
    assert not off[~rim].any()
    assert off[rim].mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(rim.sum()))
    lost = sensed(depth_m, flat(1.0), replace(NOISELESS, edge_lost=0.4)) == 0
    assert not lost[~rim].any()
    assert lost[rim].mean() == pytest.approx(0.4, abs=5 * 0.5 / np.sqrt(rim.sum()))


def test_a_slanted_floor_is_no_edge():
    lens = PRESETS["azure_kinect_nfov"].depth.scaled(0.25)
    depth_m, cosine = slanted_plane(lens, 2.0, np.deg2rad(65))
    near = (depth_m > 0) & (depth_m < 6)
    measured = sensed(depth_m, cosine, replace(NOISELESS, flying=1.0))
    assert np.mean(np.abs(measured - depth_m)[near] < 0.001) > 0.999


def test_other_cameras_disturb_a_share_of_the_image():
    config = replace(CLEAN, interference_share=0.3, interference_lost=0.5, interference_noise=0.0)
    assert (sensed(flat(2.0), flat(1.0), config, overlapping=0.0) > 0).all()
    shares = [np.mean(sensed(flat(2.0), flat(1.0), config, seed, overlapping=0.8) == 0) for seed in range(6)]
    assert np.mean(shares) == pytest.approx(0.3 * 0.8 * 0.5, rel=0.1)
    loud = replace(config, interference_lost=0.0, interference_noise=3.0)
    error = sensed(flat(2.0), flat(1.0), loud, overlapping=1.0) - 2.0
    sigma = 0.001 + 0.0005 * 4
    # A mixture of 70 % of variance 1 and 30 % of variance 16.
    assert np.std(error) == pytest.approx(sigma * np.sqrt(0.7 + 0.3 * 16), rel=0.05)


def test_the_rim_of_the_image_sees_nothing():
    measured = sensed(flat(2.0), flat(1.0), replace(NOISELESS, field_radius=1.0))
    assert np.mean(measured > 0) == pytest.approx(np.pi / 4, abs=0.01)
    assert measured[0, 0] == 0 and measured[72, 80] > 0


def test_stereo_noise_is_that_of_a_disparity():
    kind = PRESETS["realsense_d455"]
    focal_px, baseline_m = kind.depth.fx_px, 0.095
    for depth_m in (1.0, 2.0, 4.0):
        expected = kind.sensor.constant_m + depth_m**2 / (focal_px * baseline_m) * 0.08
        assert sigma_m(np.array(depth_m), np.array(1.0), kind.sensor) == pytest.approx(expected, rel=1e-6)
    # Intel: z accuracy within 2 % at 4 m.
    assert sigma_m(np.array(4), np.array(1), kind.sensor) + 16 * kind.sensor.systematic_per_m < 0.02 * 4


def test_smeared_noise_keeps_its_spread():
    config = replace(CLEAN, correlation_px=12.0)
    error = sensed(flat(2.0), flat(1.0), config) - 2.0
    assert np.std(error) == pytest.approx(0.003, rel=0.06)
    neighbours = np.corrcoef(error[:, :-1].ravel(), error[:, 1:].ravel())[0, 1]
    assert neighbours > 0.5


def test_a_second_lens_cannot_see_behind_the_left_edge():
    config = replace(NOISELESS, stereo_m=0.05)
    shape = (40, 400)
    depth_m = flat(4.0, shape)
    depth_m[:, 200:300] = 1.0
    hole = sensed(depth_m, flat(1.0, shape), config) == 0
    # Disparities are 0.05 * 400 / z px: 20 in front, 5 behind. The shadow is as wide as their difference.
    columns = np.flatnonzero(hole[20])
    assert columns.tolist() == [*range(5), *range(185, 200)]


def test_stereo_depths_are_steps_of_the_disparity():
    config = replace(NOISELESS, stereo_m=0.05, disparity_step=1 / (32 * 400))
    depth_m = np.broadcast_to(np.linspace(3, 5, 400, dtype=np.float32), (10, 400))
    measured = sensed(np.ascontiguousarray(depth_m), flat(1.0, (10, 400)), config)
    steps = 0.05 * 32 * 400 / measured[measured > 0]
    # A tenth of a millimetre in depth is that much of a step: d(steps) = steps / z * dz.
    assert np.abs(steps - np.rint(steps)).max() < (0.05 * 32 * 400 / 9) * 0.00006 + 1e-3


def test_equal_seeds_give_equal_images_and_frames_do_not_repeat():
    kind = PRESETS["azure_kinect_nfov"]
    depth_m, cosine = slanted_plane(kind.depth.scaled(0.25), 2.0, 0.3)
    bias = BiasField.draw(np.random.default_rng(1), kind.depth.scaled(0.25), kind.sensor)
    rng = np.random.default_rng(9)
    first = sense_depth(depth_m, cosine, None, None, rng, kind.sensor, bias)
    second = sense_depth(depth_m, cosine, None, None, rng, kind.sensor, bias)
    again = sense_depth(depth_m, cosine, None, None, np.random.default_rng(9), kind.sensor, bias)
    assert (first == again).all()
    both = (first > 0) & (second > 0)
    assert abs(np.corrcoef((first * 1e-3 - depth_m)[both], (second * 1e-3 - depth_m)[both])[0, 1]) < 0.9


@pytest.mark.parametrize("change", [{"lost": 1.5}, {"constant_m": -1.0}, {"unit_m": 0.0}, {"flying": float("nan")}])
def test_impossible_numbers_are_refused(change):
    with pytest.raises(ConfigError):
        SensorConfig(**change)
