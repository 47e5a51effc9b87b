"""How uncertain a depth pixel is."""

from __future__ import annotations

from dataclasses import dataclass

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
