"""RGB-D cameras that can be bought: their lenses, how these sit to each other, and what their depth is like.

The figures are public and approximate, of a typical device. A lens of a real camera is calibrated on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...capture.camera import CameraModel, Intrinsics
from ...capture.errors import ConfigError, nearest_name
from ...capture.geometry import SE3
from .sensor_noise import SensorConfig


@dataclass(frozen=True, slots=True, eq=False)
class CameraPreset:
    """A kind of camera.

    Args:
        name: how it is asked for.
        color, depth: its lenses at full size.
        color_from_depth: the pose of the depth lens in the colour lens frame.
        sensor: the noise of its depth.
        fps: frame rates that it offers, Hz.
        range_m: the range for which its maker vouches; returns may come from beyond.
    """

    name: str
    color: Intrinsics
    depth: Intrinsics
    color_from_depth: SE3
    sensor: SensorConfig
    fps: tuple[int, ...]
    range_m: tuple[float, float]

    @property
    def depth_unit_m(self) -> float:
        """Metres per raw count of depth."""
        return self.sensor.unit_m

    def model(self, camera_id: str, scale: float = 1.0) -> CameraModel:
        """A camera of this kind with images of `scale` times the size.

        Raises:
            ConfigError: the scale lies outside [0.05, 1].
        """
        if not 0.05 <= scale <= 1.0:
            raise ConfigError(f"the image scale must lie in [0.05, 1], got {scale}")
        color, depth = (lens if scale == 1.0 else lens.scaled(scale) for lens in (self.color, self.depth))
        return CameraModel(camera_id, color, depth, self.color_from_depth, self.depth_unit_m)


#: The depth chip of Azure Kinect and Femto Bolt, 1024x1024: one lens; the modes read windows or join pixels.
#: A calibration blob of a device, published in the issue tracker of the Azure Kinect Sensor SDK (issue 1488), rounded.
_CHIP_PX, _CHIP_FOCAL, _CHIP_CENTER = 1024, (0.4920, 0.4919), (0.5015, 0.4970)
_CHIP_DISTORTION = np.array([4.725, 3.209, 0.00001, 0.00012, 0.1706, 5.056, 4.776, 0.8865])
#: The depth lens lies 32 mm beside the colour lens and looks six degrees lower (Azure Kinect hardware specification).
_KINECT_COLOR_FROM_DEPTH = SE3.exp(np.array([np.deg2rad(-6.0), 0.002, -0.001, -0.032, -0.002, 0.004]))


def _chip_lens(left_px: int, top_px: int, width_px: int, height_px: int, binning: int) -> Intrinsics:
    """The lens of a mode that reads a window of the depth chip; binning joins so many pixels along each axis."""
    fx, fy = (focal * _CHIP_PX / binning for focal in _CHIP_FOCAL)
    cx, cy = (center * _CHIP_PX / binning - 0.5 for center in _CHIP_CENTER)
    return Intrinsics(fx, fy, cx - left_px, cy - top_px, width_px, height_px, "brown_conrady", _CHIP_DISTORTION)


_KINECT_COLOR = Intrinsics(
    613.0, 612.9, 638.1, 366.4, 1280, 720, "brown_conrady",
    np.array([0.4039, -2.603, 0.00089, -0.00004, 1.512, 0.2843, -2.421, 1.435]),
)  # fmt: skip

AZURE_KINECT_NFOV = CameraPreset(
    "azure_kinect_nfov", _KINECT_COLOR, _chip_lens(192, 180, 640, 576, 1), _KINECT_COLOR_FROM_DEPTH,
    SensorConfig(), (5, 15, 30), (0.5, 3.86),
)  # fmt: skip
"""Azure Kinect, narrow field of view (75x65 degrees), unbinned; noise inside Toelgyessy et al. 2021."""

AZURE_KINECT_WFOV = CameraPreset(
    "azure_kinect_wfov", _KINECT_COLOR, _chip_lens(0, 0, 512, 512, 2), _KINECT_COLOR_FROM_DEPTH,
    SensorConfig(
        constant_m=0.0012, quadratic_per_m=0.0008, signal_floor=0.007, nearest_m=0.25, farthest_m=4.6,
        field_radius=1.03, edge_noise=0.6,
    ),
    (5, 15, 30), (0.25, 2.88),
)  # fmt: skip
"""Azure Kinect, wide field of view (120x120 degrees), 2x2 binned: its light is spread wider, so it reaches less far."""

FEMTO_BOLT = CameraPreset(
    "femto_bolt",
    Intrinsics(
        747.0, 746.8, 641.0, 361.5, 1280, 720, "brown_conrady",
        np.array([0.0766, -0.1071, -0.0004, -0.0002, 0.0453, 0.0, 0.0, 0.0]),
    ),
    _chip_lens(192, 180, 640, 576, 1), _KINECT_COLOR_FROM_DEPTH,
    SensorConfig(nearest_m=0.25, farthest_m=6.5, signal_floor=0.0024), (5, 15, 25, 30), (0.25, 5.46),
)  # fmt: skip
"""Orbbec Femto Bolt: the depth chip of the Azure Kinect, 75x65 degrees to 5.46 m, a narrower colour lens (80x51)."""

_D455_FOCAL, _D455_BASELINE_M, _D455_SUBPIXEL = 428.0, 0.095, 0.08
_D455_STEREO_M = _D455_BASELINE_M * _D455_FOCAL / 848

REALSENSE_D455 = CameraPreset(
    "realsense_d455",
    Intrinsics(
        642.0, 641.5, 638.6, 359.2, 1280, 720, "brown_conrady", np.array([-0.0560, 0.0680, -0.0006, 0.0004, -0.0220])
    ),
    Intrinsics(_D455_FOCAL, _D455_FOCAL, 424.6, 238.7, 848, 480),
    SE3.exp(np.array([0.002, -0.001, 0.001, -0.059, 0.0002, 0.0003])),
    SensorConfig(
        constant_m=0.0005, quadratic_per_m=_D455_SUBPIXEL / (848 * _D455_STEREO_M), slant=0.1, dark=0.3,
        correlation_px=4.0, nearest_m=0.52, farthest_m=8.0, signal_floor=0.0008, grazing_cosine=0.2, specular=0.7,
        lost=0.004, flying=0.15, edge_lost=0.35, interference_share=0.0, systematic_m=0.001,
        systematic_per_m=0.06 / (848 * _D455_STEREO_M), field_radius=0.0, edge_noise=0.3,
        stereo_m=_D455_STEREO_M, disparity_step=1 / (32 * 848),
    ),
    (5, 15, 30, 60), (0.6, 6.0),
)  # fmt: skip
"""RealSense D455, 848x480: rectified stereo on a baseline of 95 mm, 87x58 degrees. sigma = z^2 * subpixel / (focal *
baseline) with a subpixel error of 0.08 and a disparity in 32nds of a pixel (Intel, *Best-known methods for tuning D400
cameras*); what the second lens cannot see is a hole; its own pattern does not disturb other cameras."""

PRESETS: dict[str, CameraPreset] = {
    preset.name: preset for preset in (AZURE_KINECT_NFOV, AZURE_KINECT_WFOV, FEMTO_BOLT, REALSENSE_D455)
}


def presets_of(preset: str | Sequence[str], num_cameras: int) -> tuple[CameraPreset, ...]:
    """The kind of each camera; several kinds take turns.

    Raises:
        ConfigError: there is no such kind (the nearest one is named).
    """
    names = [preset] if isinstance(preset, str) else list(preset)
    unknown = next((name for name in names if name not in PRESETS), None)
    if unknown is not None or not names:
        raise ConfigError(
            f"unknown camera '{unknown or ''}'{nearest_name(unknown or '', PRESETS)}",
            todo=f"use one of {', '.join(PRESETS)}",
        )
    return tuple(PRESETS[names[number % len(names)]] for number in range(num_cameras))
