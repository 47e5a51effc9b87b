"""What a colour camera makes of the light: exposure, white balance, vignetting, noise, and the curve of its picture."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from .random_fields import normal_field

#: Levels of light between black and saturation, fine enough for the steep dark end of the curve.
LIGHT_LEVELS = 16384
GRAIN_SHIFT = 16


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one camera is set; constant through a recording.

    Args:
        gain: factor on all light; saturation is 1 after it.
        white_balance: factors on red, green, blue.
        gamma: the picture is light^(1 / gamma).
        vignetting: share of the light lost in the corners.
        read_noise: standard deviation in the dark, of saturation.
        shot_noise: variance per light: variance = read_noise^2 + shot_noise * light.
    """

    gain: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 2.2
    vignetting: float = 0.0
    read_noise: float = 0.0
    shot_noise: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Exposure:
        """The settings of one camera, as automatic exposure and white balance leave them: near right, never equal."""
        red, blue = np.exp(rng.normal(0.0, 0.05, 2))
        return cls(
            gain=float(np.exp(rng.normal(0.0, 0.12))),
            white_balance=(float(red), 1.0, float(blue)),
            gamma=float(rng.uniform(2.1, 2.35)),
            vignetting=float(rng.uniform(0.08, 0.28)),
            read_noise=float(rng.uniform(0.0015, 0.003)),
            shot_noise=float(rng.uniform(0.0001, 0.00025)),
        )


def expose(linear_rgb: np.ndarray, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """(h, w, 3) uint8 picture of light.

    Args:
        linear_rgb: (h, w, 3) float32 light, 1 = saturation at a gain of 1.
        exposure: the camera's settings.
        rng: the noise comes from here; one draw serves all three channels, each from another place of it.
    """
    from ._exposure_kernel import count_light

    height, width = linear_rgb.shape[:2]
    noisy = exposure.read_noise > 0 or exposure.shot_noise > 0
    grain_shape = (height + GRAIN_SHIFT, width + GRAIN_SHIFT)
    grain = normal_field(rng, grain_shape) if noisy else np.zeros((1, 1), np.float32)
    return count_light(
        linear_rgb, _gains((height, width), exposure), grain, rng.integers(0, GRAIN_SHIFT, (3, 2)),
        np.float32(exposure.shot_noise), np.float32(exposure.read_noise**2), _curve(exposure.gamma),
        np.float32(LIGHT_LEVELS - 1),
    )  # fmt: skip


@functools.lru_cache(maxsize=16)
def _gains(shape: tuple[int, int], exposure: Exposure) -> np.ndarray:
    """(h, w, 3) float32 factor from light to what the sensor takes of it."""
    y, x = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1 for size in shape)
    corner = (x * x + (y * y)[:, None]) / 2
    falloff = 1 - np.float32(exposure.vignetting) * corner * (0.5 + 0.5 * corner)
    return falloff[..., None] * (np.array(exposure.white_balance, dtype=np.float32) * np.float32(exposure.gain))


@functools.lru_cache(maxsize=16)
def _curve(gamma: float) -> np.ndarray:
    light = np.arange(LIGHT_LEVELS) / (LIGHT_LEVELS - 1)
    return np.rint(255 * light ** (1 / gamma)).astype(np.uint8)
