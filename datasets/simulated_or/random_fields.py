"""Random images, drawn fast: a sensor model needs several per frame, and a frame may cost milliseconds only."""

from __future__ import annotations

import functools

import numpy as np

LEVELS = 65536


def uniform_field(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) float32, uniform in (0, 1), one of 65536 evenly spaced values."""
    return (_levels(rng, shape).astype(np.float32) + np.float32(0.5)) * np.float32(1.0 / LEVELS)


def normal_field(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) float32, standard normal, by looking up 65536 quantiles: a sixth of the cost of exact draws.

    The largest value is 4.3; up to there the distribution is exact to the width of one quantile.
    """
    return _quantiles()[_levels(rng, shape)]


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], num_cells: int) -> np.ndarray:
    """(h, w) float32 smooth noise about 0 with spots of 1 / `num_cells` of the image, standard deviation near 0.7."""
    import cv2

    coarse = rng.standard_normal((num_cells + 2, num_cells + 2), dtype=np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _levels(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(rng.bytes(2 * shape[0] * shape[1]), dtype="<u2").reshape(shape)


@functools.cache
def _quantiles() -> np.ndarray:
    from scipy.special import ndtri

    return ndtri((np.arange(LEVELS) + 0.5) / LEVELS).astype(np.float32)
