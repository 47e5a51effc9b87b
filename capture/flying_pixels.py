"""Flying pixels: returns that hang in the air between the border of one thing and what lies behind it.

A sensor whose pixel sees two surfaces answers with a depth between them. Such a return has next to no companion: the
pixels around it lie before or behind it. A return of a real surface, even of a thin or slanted one, has companions
along it. So a return flies when too few returns around it lie on one surface with it and at least one beside it does
not; a return that is alone because nothing beside it came back is left to others. (The edge tests of Sabov and
Krueger 2008 and the vendors' filters compare depths along a line; counting over 5x5 pixels survives noise.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .arrays import MaskImage, RawDepthImage
from .camera import Intrinsics
from .noise import DepthNoise


@dataclass(frozen=True, slots=True)
class FlyingPixelConfig:
    """When a return flies.

    Args:
        enabled: whether flying pixels are taken away at all.
        sigmas, floor_m: two returns of one surface differ by at most max(sigmas * sigma, floor) and its slant.
        tangent: steepest slant of a surface, depth per width; 3 is an incidence of 72 degrees.
        most_beside: a flying return has at most so many companions within 3x3 pixels.
        most_around: and at most so many within 5x5 pixels.
        share_around: and at most this share of the returns within 5x5 pixels.
        noise: the frontal noise of the sensor.
    """

    enabled: bool = True
    sigmas: float = 2.0
    floor_m: float = 0.015
    tangent: float = 3.0
    most_beside: int = 1
    most_around: int = 9
    share_around: float = 0.25
    noise: DepthNoise = field(default_factory=DepthNoise)


def find_flying(
    depth_raw: RawDepthImage, unit_m: float, lens: Intrinsics, config: FlyingPixelConfig | None = None
) -> MaskImage:
    """(h, w) bool: which returns of a depth image fly.

    Args:
        depth_raw: (h, w) counts, 0 = no return.
        unit_m: metres per count.
        lens: the depth lens.
        config: see FlyingPixelConfig.
    """
    from ._flying_kernel import flying_returns

    config = config or FlyingPixelConfig()
    if not config.enabled:
        return np.zeros(depth_raw.shape, dtype=bool)
    noise = config.noise
    return flying_returns(
        depth_raw, unit_m, 1 / lens.fx_px, 1 / lens.fy_px, noise.constant_m, noise.quadratic_per_m, config.sigmas,
        config.floor_m, config.tangent, config.most_beside, config.most_around, config.share_around,
    )  # fmt: skip


def without_flying(
    depth_raw: RawDepthImage, unit_m: float, lens: Intrinsics, config: FlyingPixelConfig | None = None
) -> RawDepthImage:
    """The depth image with flying pixels at 0, as if they had not come back; a copy."""
    return np.where(find_flying(depth_raw, unit_m, lens, config), np.uint16(0), depth_raw)
