"""What a time-of-flight sensor and a colour camera make of a perfect picture.

The depth model has the terms that matter to a static rig: axial noise that grows with range and slant, flying pixels
at edges, lost returns on slanted surfaces and out of range, and whole millimetres. Its numbers keep inside what
Toelgyessy et al. 2021 measured on the Azure Kinect (standard deviation at most 17 mm up to 3.5 m).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class SensorConfig:
    """The numbers of the sensor model.

    Args:
        constant_m, quadratic_per_m: frontal sigma = constant + quadratic * depth^2, metres.
        slant: sigma grows by sqrt(1 + slant * tan(incidence)^2).
        nearest_m, farthest_m: range outside which nothing returns.
        grazing_cosine: below this cosine of incidence returns begin to be lost; at half of it all are.
        lost: share of returns lost anywhere.
        flying: share of the pixels at an edge that mix both surfaces.
        edge_m: depth step within 3x3 pixels that makes an edge.
        color_sigma: noise of a colour value, of 255.
    """

    constant_m: float = 0.0012
    quadratic_per_m: float = 0.0006
    slant: float = 0.05
    nearest_m: float = 0.3
    farthest_m: float = 7.5
    grazing_cosine: float = 0.16
    lost: float = 0.002
    flying: float = 0.3
    edge_m: float = 0.12
    color_sigma: float = 2.0


def sigma_m(depth_m: np.ndarray, cosine: np.ndarray, config: SensorConfig) -> np.ndarray:
    """(...) metres: standard deviation along the axis at a depth (...) and a cosine of incidence (...)."""
    square = np.maximum(cosine * cosine, 1e-3)
    frontal = config.constant_m + config.quadratic_per_m * depth_m * depth_m
    return np.asarray(frontal * np.sqrt(1 + config.slant * (1 / square - 1)))


def return_probability(depth_m: np.ndarray, cosine: np.ndarray, config: SensorConfig) -> np.ndarray:
    """(...) how likely a pixel gives a depth at all."""
    slant = np.clip(2 * cosine / config.grazing_cosine - 1, 0.0, 1.0)
    in_range = (depth_m > config.nearest_m) & (depth_m < config.farthest_m)
    return np.where(in_range, slant * (1 - config.lost), 0.0)


def sense_depth(depth_m: np.ndarray, cosine: np.ndarray, rng: np.random.Generator, config: SensorConfig) -> np.ndarray:
    """Raw depth (h, w) uint16 millimetres, 0 = no return, of a true depth image.

    Args:
        depth_m: (h, w) float32 true depth along the axis, 0 = nothing there.
        cosine: (h, w) float32 cosine of the angle between ray and surface normal.
        rng: all chance comes from here.
        config: the sensor.
    """
    import cv2

    uniform = rng.random(depth_m.shape, dtype=np.float32)
    normal = rng.standard_normal(depth_m.shape, dtype=np.float32)
    noisy = depth_m + sigma_m(depth_m, cosine, config) * normal
    kernel = np.ones((3, 3), np.uint8)
    far = cv2.dilate(depth_m, kernel)
    near = cv2.erode(np.where(depth_m > 0, depth_m, 100.0).astype(np.float32), kernel)
    edge = np.flatnonzero((far - near > config.edge_m).ravel() & (uniform.ravel() < config.flying))
    noisy.ravel()[edge] = (near.ravel() + (far - near).ravel() * (uniform.ravel() / config.flying))[edge]
    lost = rng.random(depth_m.shape, dtype=np.float32) >= return_probability(depth_m, cosine, config)
    noisy[lost] = 0.0
    return np.clip(np.rint(noisy * 1000.0), 0, 65535).astype(np.uint16)


def sense_color(color_rgb: np.ndarray, rng: np.random.Generator, config: SensorConfig) -> np.ndarray:
    """(h, w, 3) uint8 picture with noise; one draw serves all three channels, each from another place of it."""
    height, width = color_rgb.shape[:2]
    grain = np.rint(rng.standard_normal((height + 16, width + 16), dtype=np.float32) * config.color_sigma).astype(
        np.int16
    )
    shifts = rng.integers(0, 16, (3, 2))
    noise = np.stack([grain[y : y + height, x : x + width] for y, x in shifts], axis=-1)
    return np.clip(color_rgb + noise, 0, 255).astype(np.uint8)
