"""Noise measured from frames whose noise is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.measured_noise import noise_of_pairs
from ortwin.capture.noise import DepthNoise

LENS = Intrinsics(180.0, 180.0, 159.5, 119.5, 320, 240)
CAMERA = CameraModel("c", LENS, LENS, SE3.identity(), 0.001)
TRUE = DepthNoise(0.0025, 0.0022, 0.15)


def _scene() -> tuple[np.ndarray, np.ndarray]:
    """(h, w) depth and tangent of the incidence: a floor, a wall and a slab before it."""
    rays = LENS.rays().astype(np.float64)
    planes = [
        (np.array([0.0, -0.9, -0.44]), -1.9),
        (np.array([0.3, 0.0, -1.0]), -4.0),
        (np.array([0.1, 0.0, -1.0]), -1.5),
    ]
    depth_m = np.full(rays.shape[:2], np.inf)
    tangent = np.zeros(rays.shape[:2])
    for number, (normal, offset_m) in enumerate(planes):
        normal = normal / np.linalg.norm(normal)
        along = rays @ normal
        hit_m = offset_m / np.where(along < -1e-6, along, np.nan)
        nearer = hit_m < depth_m
        if number == 2:
            nearer &= (np.abs(rays[..., 0]) < 0.25) & (rays[..., 1] < 0.1)
        cosine = -along / np.linalg.norm(rays, axis=-1)
        depth_m[nearer] = hit_m[nearer]
        tangent[nearer] = np.sqrt(1 / cosine[nearer] ** 2 - 1)
    return depth_m, tangent


def _frames(count: int, rng: np.random.Generator, walker: bool) -> list[np.ndarray]:
    depth_m, tangent = _scene()
    frames = []
    for number in range(count):
        read_m = depth_m + TRUE.sigma_m(depth_m, tangent) * rng.standard_normal(depth_m.shape)
        if walker:
            left = 20 + 12 * number
            toward_m = 2.6 - 0.12 * number  # a step of 0.12 m between two frames
            noise_m = TRUE.sigma_m(np.array([toward_m])) * rng.standard_normal((160, 45))
            read_m[60:220, left : left + 45] = toward_m + noise_m
        frames.append(np.rint(read_m / 0.001).astype(np.uint16))
    return frames


@pytest.mark.parametrize("walker", [False, True])
@pytest.mark.parametrize("seed", [11, 12])
def test_the_model_is_found(seed: int, walker: bool) -> None:
    frames = _frames(9, np.random.default_rng(seed), walker)
    measured = noise_of_pairs(itertools.pairwise(frames), CAMERA)
    assert measured.num_returns.sum() > 50_000
    # A cell of 1000 differences knows its spread to 1 / sqrt(2000); cells as wide as 0.5 m or a tangent of 1.5 mix
    # sigmas of up to a third apart, and slants are those of the smoothed picture.
    ratio = measured.sigma_m / TRUE.sigma_m(measured.depth_m, measured.tan_incidence)
    assert np.average(np.abs(np.log(ratio)), weights=measured.num_returns) < 0.05
    for depth_m, tangent in ((1.5, 0.2), (3.0, 0.2), (4.0, 1.0)):
        found, true = (noise.sigma_m(np.array([depth_m]), tangent)[0] for noise in (measured.noise, TRUE))
        assert found == pytest.approx(true, rel=0.12)


def test_frames_that_repeat_say_nothing() -> None:
    frame = _frames(1, np.random.default_rng(3), False)[0]
    with pytest.raises(InputError, match="camera c"):
        noise_of_pairs([(frame, frame.copy())], CAMERA)


def test_empty_frames_say_nothing() -> None:
    empty = np.zeros((240, 320), np.uint16)
    spoiled = empty.copy()
    spoiled[3, 3] = 900
    with pytest.raises(InputError, match="noise cannot be measured"):
        noise_of_pairs([(empty, spoiled)], CAMERA)
