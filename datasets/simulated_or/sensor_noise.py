"""What a depth camera makes of a perfect depth image: noise, holes and lies, each of which can be switched off.

The form of the axial noise follows Nguyen et al. 2012 (grows with the squared range and with the slant of the
surface). The numbers of a time-of-flight camera keep inside what Toelgyessy et al. 2021 measured on the Azure Kinect:
standard deviation at most 17 mm and distance error below 11 mm up to 3.5 m. Flying pixels, dark, grazing and glossy
surfaces and the interference of several cameras are described there, too, and in Kurillo et al. 2022. A stereo camera
is told by a baseline: its noise is that of a disparity, and what its second lens cannot see is a hole.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

import numpy as np

from ...capture.errors import ConfigError
from .depth_bias import BiasField
from .random_fields import normal_field, smooth_field, uniform_field

#: Reflectance for which the noise is stated, and the least: dyes that look black reflect some near infrared.
REFERENCE_ALBEDO, DARKEST = 0.5, 0.08
#: Most by which a surface seen edge on can raise the noise: tan(84 deg)^2.
LARGEST_TANGENT_SQUARE = 90.0
INTERFERENCE_CELLS = 9
#: Returns fade out over so much of the end of the range.
FADE_M = 0.3


@dataclass(frozen=True, slots=True)
class SensorConfig:
    """The numbers of a depth sensor. Every effect is off where its number is 0.

    Args:
        unit_m: metres per raw count (raw depth is always a whole number of counts).
        constant_m, quadratic_per_m: frontal sigma = constant + quadratic * depth^2, metres and 1 / m.
        slant: sigma grows by sqrt(1 + slant * tan(incidence)^2).
        dark: how far sigma follows 1 / sqrt(reflectance), 0 to 1.
        correlation_px: width of the spots of the noise (block matching smears it), of an image 848 pixels wide.
        nearest_m, farthest_m: range outside which nothing returns (it fades out over 0.3 m); a farthest of 0 = no end.
        signal_floor: half of the returns are lost where reflectance * cosine / depth^2 falls to this, 1 / m^2.
        grazing_cosine: below this cosine of incidence returns begin to be lost; at half of it all are.
        specular: share of the returns of a mirror that is lost; of a surface with less gloss, times its square.
        lost: share of returns lost anywhere.
        flying: share of the pixels at an edge that mix both surfaces.
        edge_lost: share of the pixels at an edge that give nothing.
        edge_m: depth step within 3x3 pixels that makes an edge.
        interference_share: share of an image that is disturbed while others expose all the time.
        interference_noise: by how much sigma grows there.
        interference_lost: share of returns lost there.
        systematic_m, systematic_per_m: the bias stays within systematic_m + systematic_per_m * depth^2.
        field_radius: nothing returns outside this radius of the image, whose half sides are 1.
        edge_noise: by how much sigma grows from the centre to that radius (or to the corner).
        stereo_m: baseline times focal length over image width, metres: the disparity of depth z is stereo_m / z image
            widths; 0 = time of flight.
        disparity_step: step of the disparity, image widths.

    Raises:
        ConfigError: a number is negative, or a share is above 1.
    """

    unit_m: float = 0.001
    constant_m: float = 0.001
    quadratic_per_m: float = 0.0005
    slant: float = 0.05
    dark: float = 0.5
    correlation_px: float = 0.0
    nearest_m: float = 0.3
    farthest_m: float = 5.8
    signal_floor: float = 0.0032
    grazing_cosine: float = 0.16
    specular: float = 0.9
    lost: float = 0.002
    flying: float = 0.3
    edge_lost: float = 0.25
    edge_m: float = 0.12
    interference_share: float = 0.12
    interference_noise: float = 3.0
    interference_lost: float = 0.35
    systematic_m: float = 0.009
    systematic_per_m: float = 0.0
    field_radius: float = 1.25
    edge_noise: float = 0.3
    stereo_m: float = 0.0
    disparity_step: float = 0.0

    def __post_init__(self) -> None:
        shares = {"specular", "lost", "flying", "edge_lost", "interference_share", "interference_lost", "dark"}
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= (1.0 if field.name in shares else np.inf):
                raise ConfigError(f"the sensor's {field.name} must be {_range(field.name in shares)}, got {value}")
        if self.unit_m == 0:
            raise ConfigError("a raw count of depth must stand for some length, got unit_m = 0")


def _range(is_share: bool) -> str:
    return "in [0, 1]" if is_share else "at least 0"


def sigma_m(
    depth_m: np.ndarray, cosine: np.ndarray, config: SensorConfig, albedo: np.ndarray | None = None
) -> np.ndarray:
    """(...) metres: standard deviation along the optical axis.

    Args:
        depth_m: (...) depth along the axis, metres.
        cosine: (...) cosine of the angle between ray and surface normal.
        config: the sensor.
        albedo: (...) visible reflectance 0..1; None = the reference of 0.5.
    """
    depth_m = np.asarray(depth_m)
    frontal = config.constant_m + config.quadratic_per_m * depth_m * depth_m
    tangent_square = np.minimum(1.0 / np.maximum(cosine * cosine, 1e-3) - 1.0, LARGEST_TANGENT_SQUARE)
    sigma = frontal * np.sqrt(1.0 + config.slant * tangent_square)
    if albedo is not None and config.dark > 0:
        dimmer = np.sqrt(REFERENCE_ALBEDO / _infrared(albedo))
        sigma = sigma * (1.0 + config.dark * (dimmer - 1.0))
    return np.asarray(sigma)


def return_probability(
    depth_m: np.ndarray,
    cosine: np.ndarray,
    config: SensorConfig,
    albedo: np.ndarray | None = None,
    specular: np.ndarray | None = None,
) -> np.ndarray:
    """(...) how likely a pixel gives a depth at all, edges, interference and the rim of the image apart.

    Args:
        depth_m: (...) depth along the axis, metres, 0 = nothing there.
        cosine: (...) cosine of the angle between ray and surface normal.
        config: the sensor.
        albedo: (...) visible reflectance 0..1; None = the reference of 0.5.
        specular: (...) gloss 0..1, 1 = a mirror; None = matt.
    """
    depth_m, cosine = np.asarray(depth_m), np.asarray(cosine)
    probability = np.where(depth_m > config.nearest_m, np.float32(1.0 - config.lost), np.float32(0.0))
    if config.farthest_m > 0:
        probability *= np.clip((config.farthest_m - depth_m) * np.float32(1.0 / FADE_M), 0.0, 1.0)
    if config.grazing_cosine > 0:
        probability *= np.clip(cosine * (2.0 / config.grazing_cosine) - 1.0, 0.0, 1.0)
    if config.signal_floor > 0:
        reflectance = REFERENCE_ALBEDO if albedo is None else _infrared(albedo)
        signal = reflectance * cosine / (config.signal_floor * np.maximum(depth_m * depth_m, 1e-4))
        probability *= np.clip(signal - 0.5, 0.0, 1.0)
    if specular is not None and config.specular > 0:
        probability *= 1.0 - config.specular * specular * specular
    return probability


def sense_depth(
    depth_m: np.ndarray,
    cosine: np.ndarray,
    albedo: np.ndarray | None,
    specular: np.ndarray | None,
    rng: np.random.Generator,
    config: SensorConfig,
    bias: BiasField,
    overlapping: float = 0.0,
) -> np.ndarray:
    """Raw depth (h, w) uint16 in counts of config.unit_m, 0 = no return, of a true depth image.

    Args:
        depth_m: (h, w) float32 true depth along the axis, 0 = nothing there.
        cosine: (h, w) float32 cosine of the angle between ray and surface normal.
        albedo: (h, w) float32 visible reflectance 0..1, or None for 0.5 everywhere.
        specular: (h, w) float32 gloss 0..1, or None for matt surfaces.
        rng: all chance comes from here.
        config: the sensor.
        bias: the camera's own systematic error, on the same grid.
        overlapping: share of this exposure during which other cameras expose, 0..1 (Shot.overlapping).
    """
    depth_m = np.asarray(depth_m, dtype=np.float32)
    shape = depth_m.shape
    noise, chance, mix = normal_field(rng, shape), uniform_field(rng, shape), uniform_field(rng, shape)
    sigma = sigma_m(depth_m, cosine, config, albedo) * _rim_noise(shape, config)
    probability = return_probability(depth_m, cosine, config, albedo, specular)
    if config.interference_share * overlapping > 0:
        disturbed = _disturbed(rng, shape, config.interference_share * min(overlapping, 1.0))
        sigma[disturbed] *= 1.0 + config.interference_noise
        probability[disturbed] *= 1.0 - config.interference_lost
    measured = bias.apply(depth_m) + sigma * _smeared(noise, config)
    _mix_edges(measured, probability, depth_m, cosine, mix, config)
    if config.stereo_m > 0:
        measured[_hidden_from_second_lens(depth_m, config.stereo_m * shape[1])] = 0.0
        if config.disparity_step > 0:
            measured = _stepped(measured, config)
    measured[(chance >= probability) | ~_inside_field(shape, config.field_radius)] = 0.0
    return np.clip(np.rint(measured * np.float32(1.0 / config.unit_m)), 0, 65535).astype(np.uint16)


def _infrared(albedo: np.ndarray) -> np.ndarray:
    """(...) reflectance in the near infrared of a surface of this visible reflectance."""
    return np.float32(DARKEST) + np.float32(1.0 - DARKEST) * np.clip(albedo, 0.0, 1.0)


def _mix_edges(
    measured: np.ndarray, probability: np.ndarray, depth_m: np.ndarray, cosine: np.ndarray, mix: np.ndarray,
    config: SensorConfig,
) -> None:  # fmt: skip
    """Let pixels at depth steps fly between both surfaces, or give nothing; in place."""
    import cv2

    if config.flying + config.edge_lost <= 0:
        return
    kernel = np.ones((3, 3), np.uint8)
    far = cv2.dilate(depth_m, kernel)
    near = cv2.erode(np.where(depth_m > 0, depth_m, np.float32(100.0)), kernel)
    edge = np.flatnonzero((far - near).ravel() > config.edge_m)
    near, far, slope = near.ravel()[edge], far.ravel()[edge], cosine.ravel()[edge]
    # A slanted surface steps, too: by its tangent per pixel, of which a lens of 90 degrees has width / 2 per unit.
    own_step = far * (6.0 / depth_m.shape[1]) * np.sqrt(1.0 / np.maximum(slope * slope, 1e-2) - 1.0)
    real = far - near > config.edge_m + own_step
    edge, near, far = edge[real], near[real], far[real]
    share = mix.ravel()[edge]
    flies = share < config.flying
    measured.ravel()[edge[flies]] = (near + (far - near) * (share / max(config.flying, 1e-6)))[flies]
    probability.ravel()[edge[share > 1.0 - config.edge_lost]] = 0.0


def _disturbed(rng: np.random.Generator, shape: tuple[int, int], share: float) -> np.ndarray:
    """(h, w) bool: patches that cover about a share of the image."""
    field = smooth_field(rng, shape, INTERFERENCE_CELLS)
    return field > np.quantile(field[::8, ::8], 1.0 - share)


def _smeared(noise: np.ndarray, config: SensorConfig) -> np.ndarray:
    """White noise (h, w) with the sensor's own grain, of the same standard deviation."""
    import cv2

    width_px = config.correlation_px * noise.shape[1] / 848
    if width_px < 0.3:
        return noise
    spread = width_px / 2
    size = 2 * int(np.ceil(2.5 * spread)) + 1
    kernel = cv2.getGaussianKernel(size, spread, cv2.CV_32F)
    return cv2.sepFilter2D(noise, -1, kernel, kernel) * np.float32(1.0 / (kernel**2).sum())


def _hidden_from_second_lens(depth_m: np.ndarray, focal_baseline_px_m: float) -> np.ndarray:
    """(h, w) bool: what a second lens to the right sees behind something nearer, or outside its image."""
    disparity = focal_baseline_px_m / np.where(depth_m > 0, depth_m, np.float32(1e6))
    column = np.arange(depth_m.shape[1], dtype=np.float32) - disparity
    reached = np.minimum.accumulate(column[:, ::-1], axis=1)[:, ::-1]
    hidden = column < 0
    hidden[:, :-1] |= column[:, :-1] >= reached[:, 1:]
    return hidden


def _stepped(depth_m: np.ndarray, config: SensorConfig) -> np.ndarray:
    """Depths (h, w) whose disparity is a whole number of steps."""
    steps = np.rint(config.stereo_m / (config.disparity_step * np.maximum(depth_m, 0.05)))
    stepped = config.stereo_m / (config.disparity_step * np.maximum(steps, 1.0))
    return np.where(depth_m > 0, stepped, 0.0).astype(np.float32)


@functools.lru_cache(maxsize=16)
def _radius_square(shape: tuple[int, int]) -> np.ndarray:
    """(h, w) float32 squared distance from the image centre, half sides 1."""
    y, x = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1 for size in shape)
    return x * x + (y * y)[:, None]


@functools.lru_cache(maxsize=16)
def _inside_field(shape: tuple[int, int], radius: float) -> np.ndarray:
    return _radius_square(shape) <= (radius * radius or np.inf)


@functools.lru_cache(maxsize=16)
def _rim_noise(shape: tuple[int, int], config: SensorConfig) -> np.ndarray:
    """(h, w) float32 factor by which sigma grows towards the rim."""
    share = np.minimum(_radius_square(shape) / (config.field_radius**2 or 2.0), 1.0)
    return 1.0 + np.float32(config.edge_noise) * share * share
