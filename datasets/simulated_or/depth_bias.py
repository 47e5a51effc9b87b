"""The systematic error of a depth camera: smooth over range and image, its own, and constant through a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...capture.arrays import read_only
from ...capture.camera import Intrinsics

#: How the bound is shared among a field over the image, one that grows with the range, and a wave over the range.
IMAGE_SHARE, SLOPE_SHARE, WAVE_SHARE = 0.45, 0.3, 0.25
#: Range over which the sloping part goes through its whole span, metres.
SLOPE_CENTER_M, SLOPE_REACH_M = 2.2, 2.2
WAVELENGTH_M = (1.1, 2.2)


class BiasNumbers(Protocol):
    """What a bias needs to know of a sensor (see SensorConfig)."""

    @property
    def systematic_m(self) -> float:
        """Bound of the bias at the lens, metres."""
        ...

    @property
    def systematic_per_m(self) -> float:
        """Growth of the bound with the squared range, 1 / m."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BiasField:
    """What one camera adds to every depth: bound(z) * (image(u, v) + slope(u, v) * g(z) + wave * sin(k z + phase)).

    The three parts share the bound, so |bias| never passes bound(z) = systematic_m + systematic_per_m * z^2. A
    time-of-flight camera shows the wave (its *wiggling* error, Lindner et al. 2010) and a nearly constant bound; a
    stereo camera has a bound that grows with the square, as a constant error of the disparity does.

    Args:
        image: (h, w) float32, within +-0.45.
        slope: (h, w) float32, within +-0.3.
        wave: at most 0.25.
        wavenumber_per_m, phase_rad: of the wave.
        bound_m, bound_per_m: bound(z) = bound_m + bound_per_m * z^2, metres.
    """

    image: np.ndarray
    slope: np.ndarray
    wave: float
    wavenumber_per_m: float
    phase_rad: float
    bound_m: float
    bound_per_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", read_only(self.image))
        object.__setattr__(self, "slope", read_only(self.slope))

    @classmethod
    def draw(cls, rng: np.random.Generator, intrinsics: Intrinsics, config: BiasNumbers) -> BiasField:
        """The bias of one camera. The same draw at another image size is the same field on another grid."""
        coefficients = rng.uniform(-1.0, 1.0, (2, 6))
        wave, phase = rng.uniform(0.4, 1.0), rng.uniform(0.0, 2 * np.pi)
        wavelength_m = rng.uniform(*WAVELENGTH_M)
        x = (np.arange(intrinsics.width_px) + 0.5) / intrinsics.width_px * 2 - 1
        y = ((np.arange(intrinsics.height_px) + 0.5) / intrinsics.height_px * 2 - 1)[:, None]
        terms = np.stack(np.broadcast_arrays(1.0, x, y, x * x, x * y, y * y))
        image, slope = np.tensordot(coefficients / np.abs(coefficients).sum(axis=1, keepdims=True), terms, axes=1)
        return cls(
            (IMAGE_SHARE * image).astype(np.float32), (SLOPE_SHARE * slope).astype(np.float32), WAVE_SHARE * wave,
            2 * np.pi / wavelength_m, phase, config.systematic_m, config.systematic_per_m,
        )  # fmt: skip

    @classmethod
    def none(cls) -> BiasField:
        """No bias, for any image size."""
        return cls(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), 0.0, 1.0, 0.0, 0.0, 0.0)

    def at(self, depth_m: np.ndarray) -> np.ndarray:
        """(h, w) metres: the error at every pixel, for true depths (h, w)."""
        depth_m = np.asarray(depth_m, dtype=np.float32)
        bound = np.float32(self.bound_m) + np.float32(self.bound_per_m) * depth_m * depth_m
        reach = np.clip((depth_m - np.float32(SLOPE_CENTER_M)) * np.float32(1 / SLOPE_REACH_M), -1.0, 1.0)
        wave = np.float32(self.wave) * np.sin(np.float32(self.wavenumber_per_m) * depth_m + np.float32(self.phase_rad))
        return bound * (self.image + self.slope * reach + wave)

    def apply(self, depth_m: np.ndarray) -> np.ndarray:
        """(h, w) float32 metres: true depths with the error on them; 0 (nothing there) stays 0."""
        depth_m = np.asarray(depth_m, dtype=np.float32)
        if self.bound_m == 0.0 and self.bound_per_m == 0.0:
            return depth_m.copy()
        return np.where(depth_m > 0, depth_m + self.at(depth_m), np.float32(0.0))
