"""The factory calibration of an Azure Kinect or a Femto: JSON with lenses in units of the whole sensor.

The sensor is 1 wide and 1 high there, and (0, 0) is the outer corner of its first pixel. An image is a binned and
cropped part of it, and here its pixel centres lie at integers. What a mode crops follows Microsoft's Azure Kinect
Sensor SDK (`mode_specific_calibration.c`), tangential terms and centre of distortion its `intrinsic_transformation.c`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .camera import Intrinsics
from .errors import InputError
from .geometry import SE3

DEPTH_SENSOR, COLOR_SENSOR = "CALIBRATION_CameraLocationD0", "CALIBRATION_CameraLocationPV0"
DEPTH_SENSOR_PX = 1024
DEPTH_MODES = {
    (640, 576): ("NFOV_UNBINNED", 1, (192, 180)),
    (320, 288): ("NFOV_2X2BINNED", 2, (96, 90)),
    (1024, 1024): ("WFOV_UNBINNED", 1, (0, 0)),
    (512, 512): ("WFOV_2X2BINNED", 2, (0, 0)),
}
"""By image size: the name, how many sensor pixels make one, and what is cut off at the left and the top."""
OPENCV_MODEL, LEGACY_MODEL = "CALIBRATION_LensDistortionModelBrownConrady", "CALIBRATION_LensDistortionModelRational6KT"
NUM_PARAMETERS = 14
WIDEST_ANGLE_TAN = 1.0
FIT_STEPS = 21


@dataclass(frozen=True, slots=True, eq=False)
class K4aLens:
    """One lens as the factory wrote it.

    Args:
        center: (2,) principal point, shares of the sensor's width and height.
        focal: (2,) focal lengths, likewise.
        distortion: (8,) in OpenCV's order k1 k2 p1 p2 k3 k4 k5 k6.
        distortion_center: (2,) where the distortion has its centre, on the image plane at distance 1.
        metric_radius: how far from its centre the distortion was measured, on the same plane; 0 = nobody says.
        sensor_px: (width, height) of the whole sensor.
        tangential_twice: whether p1 p2 are OpenCV's (2 p1 xy); the older model has p1 xy.
        this_from_depth: the pose of the depth lens in this one.
    """

    center: np.ndarray
    focal: np.ndarray
    distortion: np.ndarray
    distortion_center: np.ndarray
    metric_radius: float
    sensor_px: tuple[int, int]
    tangential_twice: bool
    this_from_depth: SE3

    def on_grid(self, binned_px: tuple[float, float], crop_px: tuple[float, float], size_px: tuple[int, int]) -> Lens:
        """The lens of images that are a part of the binned sensor.

        Args:
            binned_px: width and height of the whole sensor in pixels of the image.
            crop_px: what is cut off at its left and its top.
            size_px: width and height of the image.
        """
        fx_px, fy_px = self.focal * binned_px
        cx_px, cy_px = self.center * binned_px - crop_px - 0.5
        exact = self.tangential_twice and not self.distortion_center.any()
        plain = self.distortion if exact else self._as_opencv(max(fx_px, fy_px))
        coefficients, shift = plain[:8], plain[8:] if len(plain) > 8 else np.zeros(2)
        lens = Intrinsics(
            float(fx_px), float(fy_px), float(cx_px + shift[0] * fx_px), float(cy_px + shift[1] * fy_px), *size_px,
            "brown_conrady", coefficients,
        )  # fmt: skip
        return Lens(lens, 0.0 if exact else self._misfit_px(lens, coefficients, shift))

    def _bend(self, xy: np.ndarray) -> np.ndarray:
        """Ideal image-plane coordinates (n, 2) to those of the real lens, as the factory means them."""
        k1, k2, p1, p2, k3, k4, k5, k6 = self.distortion
        x, y = (xy - self.distortion_center).T
        r2, half = x * x + y * y, 1.0 if self.tangential_twice else 0.5
        radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        bent_x = x * radial + half * 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        bent_y = y * radial + half * 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
        return np.stack([bent_x, bent_y], axis=-1) + self.distortion_center

    def _as_opencv(self, focal_px: float) -> np.ndarray:
        """(10,) OpenCV's eight coefficients and a shift of the centre that come nearest, by least squares."""
        from scipy.optimize import least_squares

        xy = _plane()
        target = self._bend(xy)

        def residuals(values: np.ndarray) -> np.ndarray:
            return ((_opencv(xy, values[:8]) + values[8:] - target) * focal_px).ravel()

        return least_squares(residuals, np.concatenate([self.distortion, np.zeros(2)]), method="lm").x

    def _misfit_px(self, lens: Intrinsics, coefficients: np.ndarray, shift: np.ndarray) -> float:
        xy = _plane()
        off = (_opencv(xy, coefficients) + shift - self._bend(xy)) * [lens.fx_px, lens.fy_px]
        return float(np.abs(off).max())


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """A lens in our model, and by how many pixels at most it misses the factory's (0 = the same)."""

    intrinsics: Intrinsics
    misfit_px: float


@dataclass(frozen=True, slots=True, eq=False)
class K4aCalibration:
    """Both lenses of a camera as the factory wrote them.

    Args:
        depth, color: the lenses; None where the file has none.
        device_name: what the factory calls the device, or "".
        where: the file, for messages.
    """

    depth: K4aLens | None
    color: K4aLens | None
    device_name: str
    where: str

    def depth_lens(self, width_px: int, height_px: int) -> Lens:
        """The depth (and infrared) lens of images of a size.

        Raises:
            InputError: no mode of the camera has that size, or the calibration has no such lens.
        """
        if self.depth is None:
            raise InputError("the factory calibration has no depth lens", where=self.where)
        if (width_px, height_px) not in DEPTH_MODES or self.depth.sensor_px != (DEPTH_SENSOR_PX, DEPTH_SENSOR_PX):
            sizes = ", ".join(f"{w}x{h}" for w, h in DEPTH_MODES)
            raise InputError(
                f"depth images of {width_px}x{height_px} pixels fit no mode of the camera", where=self.where,
                why=f"an Azure Kinect or a Femto gives {sizes} of a sensor of 1024x1024; the calibration is of one of "
                f"{self.depth.sensor_px[0]}x{self.depth.sensor_px[1]}",
                todo="import it as a plain folder, with a calibration of your own",
            )  # fmt: skip
        _, binning, crop_px = DEPTH_MODES[width_px, height_px]
        whole = DEPTH_SENSOR_PX / binning
        return self.depth.on_grid((whole, whole), crop_px, (width_px, height_px))

    def color_lens(self, width_px: int, height_px: int) -> Lens:
        """The colour lens of images of a size: 4:3 shows the whole sensor, 16:9 lacks as much above as below.

        Raises:
            InputError: the images are neither 4:3 nor 16:9, or the calibration has no such lens.
        """
        if self.color is None:
            raise InputError("the factory calibration has no colour lens", where=self.where)
        sensor_width, sensor_height = self.color.sensor_px
        whole_height = width_px * sensor_height / sensor_width
        shapes = {3 * sensor_width == 4 * sensor_height, 9 * sensor_width == 16 * sensor_height}
        fits = 3 * width_px == 4 * height_px or 9 * width_px == 16 * height_px
        if True not in shapes or not fits:
            raise InputError(
                f"colour images of {width_px}x{height_px} pixels fit no mode of the camera", where=self.where,
                why=f"modes are 4:3 or 16:9 of a sensor that is; the calibration is of one of "
                f"{sensor_width}x{sensor_height}",
                todo="import it as a plain folder, with a calibration of your own",
            )  # fmt: skip
        return self.color.on_grid((width_px, whole_height), (0, (whole_height - height_px) / 2), (width_px, height_px))

    @property
    def color_from_depth(self) -> SE3:
        """The pose of the depth lens in the colour lens frame; identity where one of them is missing."""
        if self.color is None or self.depth is None:
            return SE3.identity()
        rest = self.depth.this_from_depth  # the depth lens is the origin of the device, so that no digit is lost
        if not rest.translation_m.any() and np.array_equal(rest.rotation, np.eye(3)):
            return self.color.this_from_depth
        return self.color.this_from_depth @ rest.inverse()


def read_k4a_calibration(data: bytes, where: str) -> K4aCalibration:
    """Read what the factory wrote into the device, and its recorder into a file.

    Args:
        data: the JSON text.
        where: the file, for messages.

    Raises:
        InputError: it is no such calibration; names the camera and the key.
    """
    try:
        value = json.loads(data.rstrip(b"\0 \r\n\t").decode("utf-8-sig"))["CalibrationInformation"]
        cameras = {camera["Location"]: camera for camera in value["Cameras"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the factory calibration cannot be read", where=where, why=f"{type(error).__name__}: {error}",
            todo="it is JSON with CalibrationInformation, as k4arecorder attaches it",
        ) from error  # fmt: skip
    metadata = value.get("Metadata")
    name = metadata.get("DeviceName", "") if isinstance(metadata, Mapping) else ""
    lenses = {
        location: _lens(cameras[location], f"{where}, {location}") if location in cameras else None
        for location in (DEPTH_SENSOR, COLOR_SENSOR)
    }
    if not any(lenses.values()):
        raise InputError("the factory calibration has neither a depth nor a colour lens", where=where)
    return K4aCalibration(lenses[DEPTH_SENSOR], lenses[COLOR_SENSOR], str(name), where)


def _lens(camera: Mapping[str, Any], where: str) -> K4aLens:
    try:
        model = str(camera["Intrinsics"]["ModelType"])
        values = np.array(camera["Intrinsics"]["ModelParameters"], dtype=np.float64)
        rotation = np.array(camera["Rt"]["Rotation"], dtype=np.float64).reshape(3, 3)
        translation_m = np.array(camera["Rt"]["Translation"], dtype=np.float64)
        sensor_px = int(camera["SensorWidth"]), int(camera["SensorHeight"])
        radius = float(camera.get("MetricRadius", 0.0))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("the factory calibration lacks a value", where=where, why=repr(error)) from error
    if model not in (OPENCV_MODEL, LEGACY_MODEL) or len(values) < NUM_PARAMETERS or min(sensor_px) <= 0:
        raise InputError(
            f"a lens of the model {model} with {len(values)} parameters is not known", where=where,
            todo="import it as a plain folder, with a calibration of your own",
        )  # fmt: skip
    if not np.isfinite(values).all() or not (values[2:4] > 0).all():
        raise InputError("the factory calibration has impossible numbers", where=where)
    k1, k2, k3, k4, k5, k6, codx, cody, p2, p1 = values[4:NUM_PARAMETERS]
    try:
        this_from_depth = SE3(rotation, translation_m)
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error
    return K4aLens(
        values[:2], values[2:4], np.array([k1, k2, p1, p2, k3, k4, k5, k6]), np.array([codx, cody]), radius, sensor_px,
        model == OPENCV_MODEL, this_from_depth,
    )  # fmt: skip


def _plane() -> np.ndarray:
    """(n, 2) points of the ideal image plane as far out as such cameras look."""
    steps = np.linspace(-WIDEST_ANGLE_TAN, WIDEST_ANGLE_TAN, FIT_STEPS)
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


def _opencv(xy: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    zero = np.zeros(2)
    return K4aLens(zero, zero, coefficients, zero, 0.0, (1, 1), True, SE3.identity())._bend(xy)
