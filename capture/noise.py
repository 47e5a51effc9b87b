"""How uncertain a depth pixel is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

LARGEST_TANGENT = 10.0


@dataclass(frozen=True, slots=True)
class DepthNoise:
    """Axial noise that grows with the square of the range, and with the slant of the surface.

    sigma(z, theta) = (constant_m + quadratic_per_m * z^2) * sqrt(1 + slant * tan(theta)^2)

    The form follows Nguyen et al. 2012 (structured light) and Toelgyessy et al. 2021 (Azure Kinect: standard deviation
    at most 17 mm up to 3.5 m, which the default meets with equality near the end of that range).

    Args:
        constant_m: noise of a surface at the lens, metres.
        quadratic_per_m: growth with the squared range, 1 / m.
        slant: how much a slanted surface adds, no unit.
    """

    constant_m: float = 0.0015
    quadratic_per_m: float = 0.0012
    slant: float = 0.05

    def sigma_m(self, depth_m: np.ndarray, tan_incidence: np.ndarray | float = 0.0) -> np.ndarray:
        """Standard deviation along the optical axis.

        Args:
            depth_m: (...) range along the optical axis, metres.
            tan_incidence: (...) tangent of the angle between ray and surface normal.

        Returns:
            (...) metres, in the dtype of `depth_m`.
        """
        depth_m = np.asarray(depth_m)
        tangent = np.minimum(np.asarray(tan_incidence, dtype=depth_m.dtype), LARGEST_TANGENT)
        return (self.constant_m + self.quadratic_per_m * depth_m * depth_m) * np.sqrt(
            1 + self.slant * tangent * tangent
        )


SENSOR_NOISE: Mapping[str, DepthNoise] = MappingProxyType({
    "azure_kinect_nfov": DepthNoise(),
    "azure_kinect_wfov": DepthNoise(),
    "femto_bolt": DepthNoise(),
    "realsense_d455": DepthNoise(0.0005, 0.08 / (428.0 * 0.095), 0.1),
    "structured_light": DepthNoise(0.0012, 0.0019, 0.05),
})  # fmt: skip
"""Noise by the name of a sensor.

Azure Kinect: Microsoft's bound of 17 mm, both fields of view alike; the Femto Bolt has the same chip. RealSense D455:
sigma = z^2 * subpixel / (focal * baseline) with 0.08, 428 pixels and 95 mm (Intel, *Best-known methods for tuning D400
cameras*). Structured light: Nguyen et al. 2012 without their offset of 0.4 m, hence an upper bound. The slant of the
bounds is an assumption; measure it where it matters.
"""


def noise_of(sensor: str) -> DepthNoise:
    """The noise of a sensor by its name; that of a time-of-flight camera where the name is not known."""
    return SENSOR_NOISE.get(sensor, DepthNoise())
