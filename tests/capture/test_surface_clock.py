"""Clocks from surfaces that several cameras see move: balls that swing through a room, their depth exact but for noise.

A pixel of 7 cm at 3 m and balls at 0.5 m/s: a point is late by up to 70 ms, and thousands
of points agree to TOLERANCE_S.
"""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.surface_clock import fit_surfaces
from ortwin.capture.surface_delay import COARSE, DepthView

LENS = Intrinsics(45.0, 45.0, 39.5, 29.5, 80, 60)
EYES_M = {"cam_1": (3.0, 0.0, 2.4), "cam_2": (2.0, 2.2, 2.4), "cam_3": (2.0, -2.2, 2.4)}
SECONDS, STEP_S, NOISE_M, WALL_M = 40.0, 0.1, 0.005, 6.0
TOLERANCE_S = 0.003
RADII_M = (0.35, 0.3, 0.25)


def paths(seed):
    """Centres (balls, 3) of the balls at a time: sums of slow swings, nowhere even."""
    rng = np.random.default_rng(seed)
    rate, phase = rng.uniform(1.0, 3.5, (3, 3, 3)), rng.uniform(0, 2 * np.pi, (3, 3, 3))
    size_m = rng.uniform(0.08, 0.2, (3, 3, 3)) * np.array([1.0, 1.0, 0.5])[:, None]
    middle_m = np.array([(0.5, 0.6, 1.0), (-0.4, 0.0, 1.2), (0.3, -0.7, 0.9)])
    return lambda time_s: middle_m + (size_m * np.sin(rate * time_s + phase)).sum(axis=2)


def depth_m(camera, centers_m, rng):
    rays = LENS.rays().astype(np.float64)
    local = camera.world_from_camera.inverse().apply(centers_m)
    length, image = (rays**2).sum(axis=-1), np.full(rays.shape[:2], WALL_M)
    for center, radius_m in zip(local, RADII_M, strict=True):
        along = rays @ center
        inside = along**2 - length * (center @ center - radius_m**2)
        near = (along - np.sqrt(np.maximum(inside, 0))) / length
        image = np.where(inside > 0, np.minimum(image, near), image)
    return (image + rng.normal(0, NOISE_M, image.shape)).astype(np.float32)


def filmed(seed, late_s, lost=lambda _name, stamp_s: stamp_s < 0):
    """By camera its view; `late_s` gives, by camera, how much later its frames are than their stamps say."""
    rng, where, views = np.random.default_rng([seed, 1]), paths(seed), {}
    for name, eye_m in EYES_M.items():
        pose = look_at(np.array(eye_m), np.array([0.0, 0.0, 1.0]))
        camera = Camera(name, LENS, LENS, SE3.identity(), world_from_camera=pose)
        stamp_s = np.arange(rng.uniform(0, STEP_S), SECONDS, STEP_S)
        stamp_s = stamp_s[(rng.random(len(stamp_s)) > 0.05) & ~lost(name, stamp_s)]
        true_s = stamp_s + late_s(name, stamp_s)
        images = [depth_m(camera, where(time_s), rng) for time_s in true_s.tolist()]
        views[name] = DepthView(camera, stamp_s, images.__getitem__)
    return views


@pytest.mark.parametrize("seed", [1, 2])
def test_offsets_and_rates_are_within_what_is_claimed(seed):
    late_s, ppm = {"cam_1": 0.0, "cam_2": 0.137, "cam_3": -0.262}, {"cam_1": 0.0, "cam_2": 90.0, "cam_3": -60.0}
    views = filmed(seed, lambda name, t: late_s[name] + 1e-6 * ppm[name] * (t - SECONDS / 2))
    fit = fit_surfaces(views, {})
    assert fit is not None and set(fit.names) == set(EYES_M) and not fit.jumps
    sigma = np.sqrt(np.diag(fit.covariance))
    assert sigma[1:3].max() < 0.01
    away_s = 1e-6 * np.array([ppm[n] for n in fit.names]) * (fit.middle_s - SECONDS / 2)
    error_s = fit.late_s - np.array([late_s[n] for n in fit.names]) - away_s
    assert (np.abs(error_s - error_s[0])[1:] < TOLERANCE_S).all()
    error_ppm = fit.rate_ppm - np.array([ppm[n] for n in fit.names])
    assert (np.abs(error_ppm)[1:] < 1e6 * TOLERANCE_S / SECONDS).all()


def test_a_jump_is_told_from_silences_in_which_nothing_jumped():
    views = filmed(3, lambda name, t: -0.5 * ((name == "cam_2") & (t > 22.0)) + 0.05 * (name == "cam_3"), skipped)
    silences_s = {"cam_1": (12.0, 31.0), "cam_2": (9.0, 22.25, 33.0), "cam_3": (21.0,)}
    silences_s = {name: dict.fromkeys(times, True) for name, times in silences_s.items()}
    fit = fit_surfaces(views, silences_s)
    assert fit is not None
    assert [(name, at_s) for name, at_s, _ in fit.jumps] == [("cam_2", 22.25)]
    sigma_s = float(np.sqrt(fit.covariance[-1, -1]))
    assert sigma_s < COARSE.step_s
    assert abs(fit.jumps[0][2] + 0.5) < 4 * sigma_s


@pytest.mark.parametrize("silences_s", [(18.1, 22.25), (18.1,)])
def test_where_nothing_is_seen_to_move_a_jump_lies_where_the_frames_stay_in_order(silences_s):
    """Between 18 s, where two frames are lost, and the jump at 22 s cam_2 sees nothing: content cannot tell which."""

    def lost(name, stamp_s):
        return skipped(name, stamp_s) | ((name == "cam_2") & (stamp_s > 18.0) & (stamp_s < 18.2))

    views = filmed(3, lambda name, t: -0.5 * ((name == "cam_2") & (t > 22.0)), lost)
    see, time_s = views["cam_2"].read, views["cam_2"].time_s
    dark = (time_s > 17.5) & (time_s < 22.6)
    views["cam_2"] = replace(views["cam_2"], read=lambda k: None if dark[k] else see(k))
    fit = fit_surfaces(views, {"cam_2": dict.fromkeys(silences_s, True)})
    assert fit is not None
    assert [(name, at_s) for name, at_s, _ in fit.jumps] == [("cam_2", at_s) for at_s in silences_s if at_s > 20]


def skipped(name, stamp_s):
    """The stamps that the clock of cam_2 skips where it jumps by 0.5 s."""
    return (name == "cam_2") & (stamp_s > 22.0) & (stamp_s <= 22.5)


def test_cameras_that_see_other_scenes_are_not_linked():
    views, others = filmed(4, lambda _n, t: 0 * t), filmed(5, lambda _n, t: 0 * t)
    assert fit_surfaces({"cam_1": views["cam_1"], "cam_2": others["cam_2"]}, {}) is None
