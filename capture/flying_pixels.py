"""Flying pixels: returns that hang in the air between the border of one thing and what lies behind it.

A sensor whose pixel sees two surfaces answers with a depth between them. Such a return has next to no companion: the
pixels around it lie before or behind it. A return of a real surface, even of a thin or slanted one, has companions
along it. Each return within 7x7 pixels therefore speaks for or against: by where it lies, and by how much nearer or
farther it reads. What they say is weighed by a few units, which can know a line or a corner, and added up as log-odds;
see `_flying_weights`. (The edge tests of Sabov and Krueger 2008 and the vendors' filters compare depths along a line; a
sum over many pixels survives noise, and what is before and what is behind count differently.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .arrays import MaskImage, RawDepthImage
from .noise import DepthNoise


@dataclass(frozen=True, slots=True)
class FlyingPixelConfig:
    """When a return flies.

    Args:
        enabled: whether flying pixels are taken away at all.
        sigmas, floor_m: differences of depth count in gates, a gate is max(sigmas * sigma, floor).
        most_alike: a flying return is within one gate of at most so many of the four beside it.
        least_evidence: a return flies when the log-odds that its neighbours add up to are above this; higher takes
            fewer returns away, and more surely.
        noise: the frontal noise of the sensor.
    """

    enabled: bool = True
    sigmas: float = 4.0
    floor_m: float = 0.03
    most_alike: int = 2
    least_evidence: float = -0.45
    noise: DepthNoise = field(default_factory=DepthNoise)


def find_flying(depth_raw: RawDepthImage, unit_m: float, config: FlyingPixelConfig | None = None) -> MaskImage:
    """(h, w) bool: which returns of a depth image fly.

    Args:
        depth_raw: (h, w) counts, 0 = no return.
        unit_m: metres per count.
        config: see FlyingPixelConfig.
    """
    from ._flying_kernel import flying_returns
    from ._flying_weights import flying_network

    config = config or FlyingPixelConfig()
    if not config.enabled:
        return np.zeros(depth_raw.shape, dtype=bool)
    noise = config.noise
    return flying_returns(
        depth_raw, np.float32(unit_m), np.float32(noise.constant_m), np.float32(noise.quadratic_per_m),
        np.float32(config.sigmas), np.float32(config.floor_m), config.most_alike, np.float32(config.least_evidence),
        *flying_network(),
    )  # fmt: skip
