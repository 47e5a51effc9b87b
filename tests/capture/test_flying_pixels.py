"""Flying pixels between two walls are found; surfaces, thin ones and slanted ones too, are kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ortwin.capture._flying_kernel import MOST_ALIKE_AROUND
from ortwin.capture._flying_weights import MOST_STEPS, flying_network
from ortwin.capture.camera import Intrinsics
from ortwin.capture.flying_pixels import FlyingPixelConfig, find_flying
from ortwin.capture.noise import DepthNoise

#: The eight around the middle of 7x7 pixels, row by row.
BESIDE = [16, 17, 18, 23, 25, 30, 31, 32]
LENS = Intrinsics(500.0, 500.0, 159.5, 119.5, 320, 240)


def _counts(depth_m: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noisy = depth_m + rng.normal(size=depth_m.shape) * DepthNoise().sigma_m(depth_m)
    return np.where(depth_m > 0, np.rint(noisy * 1000), 0).astype(np.uint16)


@pytest.mark.parametrize("seed", range(3))
def test_pixels_between_two_walls_fly(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    depth_m = np.full((240, 320), 3.0)
    depth_m[:, 160:] = 1.5
    flies = np.zeros(depth_m.shape, bool)
    rows = np.flatnonzero(rng.random(240) < 0.5)
    flies[rows, 159] = True
    depth_m[rows, 159] = rng.uniform(1.7, 2.8, len(rows))
    found = find_flying(_counts(depth_m, seed), 0.001)
    # Two flying pixels in a column of 120 rarely agree: recall can lose those only.
    assert (found & flies).sum() >= 0.9 * flies.sum()
    assert (found & ~flies).sum() <= 0.0005 * flies.size


@pytest.mark.parametrize("tangent", [0.0, 1.0, 3.0])
def test_a_slanted_wall_stays(tangent: float) -> None:
    x = LENS.rays()[..., 0].astype(np.float64)
    depth_m = 2.5 / (1 + tangent * x)
    assert find_flying(_counts(depth_m, 1), 0.001).mean() < 1e-3


@pytest.mark.parametrize("width_px", [3, 5])
def test_a_thin_rod_stays(width_px: int) -> None:
    depth_m = np.full((240, 320), 3.0)
    depth_m[:, 100 : 100 + width_px] = 1.5
    found = find_flying(_counts(depth_m, 2), 0.001)
    assert found[:, 98 : 102 + width_px].mean() < 0.01


def test_an_empty_image_and_a_filter_turned_off() -> None:
    nothing = np.zeros((240, 320), np.uint16)
    assert not find_flying(nothing, 0.001).any()
    lonely = np.full((240, 320), 3000, np.uint16)
    lonely[50, 50] = 2000
    assert find_flying(lonely, 0.001)[50, 50]
    assert not find_flying(lonely, 0.001, FlyingPixelConfig(enabled=False)).any()


def test_the_compiled_test_is_the_network_that_it_says() -> None:
    """Against the same sums with numpy, one return after the other, edges of the image and holes included."""
    rng = np.random.default_rng(11)
    raw = _counts(rng.choice([1.4, 1.5, 1.6, 3.0], (40, 50)) + rng.uniform(-0.2, 0.2, (40, 50)), 11)
    raw[rng.random(raw.shape) < 0.1] = 0
    config, (table, bias, joined) = FlyingPixelConfig(), flying_network()
    expected, padded = np.zeros(raw.shape, bool), np.pad(raw.astype(np.int64), 3)
    for row, column in zip(*np.nonzero(raw), strict=True):
        own = int(raw[row, column])
        sigma_m = float(config.noise.sigma_m(np.array([own * 0.001]))[0])
        gate = max(config.sigmas * sigma_m, config.floor_m) * 1000
        around = padded[row : row + 7, column : column + 7].ravel()
        alike = np.abs(around - own) < gate
        if alike[[17, 23, 25, 31]].sum() > config.most_alike or alike[BESIDE].sum() > MOST_ALIKE_AROUND:
            continue
        place = np.clip(np.floor((around - own) * 4 / gate), -MOST_STEPS - 1, MOST_STEPS).astype(int) + MOST_STEPS + 1
        place[around == 0] = table.shape[1] - 1
        total = np.maximum(table[np.arange(48), np.delete(place, 24)].sum(axis=0) + bias, 0) @ joined[:-1] + joined[-1]
        expected[row, column] = total > config.least_evidence and (np.abs(around[around > 0] - own) > gate).any()
    found = find_flying(raw, 0.001)
    assert 0.1 < expected[raw > 0].mean() < 0.9
    # A difference on the border between two quarter gates may be counted to either.
    assert (found != expected).mean() < 0.005


def test_more_evidence_takes_fewer_returns_away() -> None:
    rng = np.random.default_rng(5)
    raw = _counts(np.where(rng.random((240, 320)) < 0.3, 1.5, 3.0) + rng.uniform(-0.4, 0.4, (240, 320)), 5)
    taken = [find_flying(raw, 0.001, FlyingPixelConfig(least_evidence=least)) for least in (-1.0, 0.1, 2.0, 5.0)]
    assert all((more >= fewer).all() for more, fewer in itertools.pairwise(taken))
    assert taken[0].sum() > taken[2].sum() > 0
