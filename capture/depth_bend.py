"""Depth corrections as unknowns: what is thinkable for a sensor, how points move with them, and how normals turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .arrays import read_only
from .depth_correction import BEND_POWERS, LARGEST_SCALE, LEAST_SCALE, DepthCorrection, bend_terms

REFERENCE_RAY, REFERENCE_DEPTH_M = 0.45, 3.0
NUM_TERMS = 2 + len(BEND_POWERS)


@dataclass(frozen=True, slots=True)
class BendPrior:
    """How wrong the depth of a sensor may be, before anyone has looked: standard deviations about "it is right".

    Args:
        bias_m: of the bias, metres.
        share: of the scale, and of what each term of the bend adds at a ray of 0.45 and a range of 3 m.
        rest_m: of what no smooth correction mends (wiggles, steps), alike over about a metre of a surface.
    """

    bias_m: float
    share: float
    rest_m: float

    def sigmas(self) -> np.ndarray:
        """(13,) standard deviations of bias, scale and the terms of BEND_POWERS."""
        sizes = [REFERENCE_RAY ** (i + j) * REFERENCE_DEPTH_M**k for i, j, k in BEND_POWERS]
        return np.array([self.bias_m, self.share, *(self.share / size for size in sizes)])

    def remaining_m(self, depth_m: np.ndarray) -> np.ndarray:
        """(...) how wrong corrected depth may still be, metres: what cannot be mended, and three tenths of what can."""
        return np.hypot(self.rest_m, 0.3 * self.share * np.asarray(depth_m))


TIME_OF_FLIGHT = BendPrior(0.004, 0.001, 0.002)
STRUCTURED_LIGHT = BendPrior(0.010, 0.020, 0.004)
STEREO = BendPrior(0.005, 0.010, 0.003)
SENSOR_BEND: Mapping[str, BendPrior] = MappingProxyType({
    "azure_kinect_nfov": TIME_OF_FLIGHT,
    "azure_kinect_wfov": TIME_OF_FLIGHT,
    "femto_bolt": TIME_OF_FLIGHT,
    "realsense_d455": STEREO,
    "structured_light": STRUCTURED_LIGHT,
})  # fmt: skip
"""By the names of `capture.noise.SENSOR_NOISE`.

Azure Kinect and its kin: the error of distance stays below 11 mm up to 3.5 m (Toelgyessy et al. 2021), which is two
standard deviations here. Structured light: several percent at the far end of the range, bent over the image (Teichman,
Miller and Thrun 2013). RealSense D455: 2 % at 4 m (its data sheet), two standard deviations.
"""


@dataclass(frozen=True, slots=True, eq=False)
class BendablePoints:
    """Points of one camera that move when its depth is corrected: p = eye + f(ray, depth) * (p_read - eye).

    Args:
        read_m: (n, 3) points as read, camera frame.
        eye_m: (3,) where the rays start, camera frame.
        rays: (n, 2) the ray of each point at depth 1, frame of the depth lens.
        depth_m: (n,) depth as read, along the axis of the depth lens.
    """

    read_m: np.ndarray
    eye_m: np.ndarray
    rays: np.ndarray
    depth_m: np.ndarray

    def __post_init__(self) -> None:
        for name in ("read_m", "eye_m", "rays", "depth_m"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def at(self, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Corrected points (n, 3), and the derivatives by the terms (13,) of them (n, 3, 13) and of log f (n, 13)."""
        factor, by_terms = factors(self.rays, self.depth_m, terms)
        from_eye = self.read_m - self.eye_m
        points_m = self.eye_m + factor[:, None] * from_eye
        return points_m, from_eye[:, :, None] * by_terms[:, None, :], by_terms / factor[:, None]


def no_bend() -> np.ndarray:
    """(13,) the terms that change nothing: bias 0, scale 1, bend 0."""
    terms = np.zeros(NUM_TERMS)
    terms[1] = 1.0
    return terms


def correction_of(terms: np.ndarray, covariance: np.ndarray | None = None) -> DepthCorrection:
    """The correction that the terms (13,) describe, with their covariance (13, 13)."""
    return DepthCorrection(
        float(terms[0]), float(np.clip(terms[1], LEAST_SCALE, LARGEST_SCALE)), np.asarray(terms[2:]), covariance
    )


def terms_of(correction: DepthCorrection) -> np.ndarray:
    """(13,) bias, scale and bend of a correction."""
    terms = no_bend()
    terms[0], terms[1] = correction.bias_m, correction.scale
    terms[2 : 2 + len(correction.bend)] = correction.bend
    return terms


def factors(rays: np.ndarray, depth_m: np.ndarray, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corrected by read depth (n,), and its derivatives (n, 13) by the terms.

    Args:
        rays: (n, 2) ray at depth 1, frame of the depth lens.
        depth_m: (n,) as read, positive.
        terms: (13,) bias, scale and bend.
    """
    monomials = bend_terms(rays, depth_m)
    bend = 1.0 + monomials @ terms[2:]
    by_terms = np.concatenate([(1.0 / depth_m)[:, None], bend[:, None], terms[1] * monomials], axis=1)
    return terms[0] / depth_m + terms[1] * bend, by_terms


def turned_normals(rays: np.ndarray, depth_m: np.ndarray, normals: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """(n, 3) unit normals of the corrected surface; all in the frame of the depth lens.

    A surface moved by p' = f(p) p has the normal (f I + p g^T)^-T n with g the gradient of f (Sherman-Morrison).
    """
    x, y, z = rays[:, 0], rays[:, 1], depth_m
    slope_x, slope_y, slope_z = (np.zeros(len(z)) for _ in range(3))
    for (i, j, k), coefficient in zip(BEND_POWERS, terms[1] * terms[2:], strict=True):
        slope_x += coefficient * i * x ** max(i - 1, 0) * y**j * z**k
        slope_y += coefficient * j * x**i * y ** max(j - 1, 0) * z**k
        slope_z += coefficient * k * x**i * y**j * z ** max(k - 1, 0)
    slope_z -= terms[0] / z**2
    gradient = np.stack([slope_x / z, slope_y / z, slope_z - (slope_x * x + slope_y * y) / z], axis=1)
    points_m = np.stack([x, y, np.ones(len(z))], axis=1) * z[:, None]
    factor = factors(rays, depth_m, terms)[0]
    along = np.einsum("nc,nc->n", points_m, normals) / (factor + np.einsum("nc,nc->n", points_m, gradient))
    turned = normals - gradient * along[:, None]
    return turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
