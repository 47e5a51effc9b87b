"""Cameras: how a lens maps space to pixels, and where a rig's lenses stand.

Pixel centres lie at integers and uv = (column, row). *Camera* means the colour lens; where a rig has no colour lens,
the depth lens takes its place. The pose is stored as `world_from_camera`; everything else is derived from it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from .arrays import Covariance6, Pixels, Points, read_only
from .camera_move import PoseFrom
from .depth_correction import DepthCorrection
from .errors import InputError
from .geometry import SE3

DISTORTION_MODELS = ("none", "brown_conrady", "fisheye")
UNDISTORTION_STEPS = 40
UNDISTORTION_TOLERANCE = 1e-12
LARGEST_STEP = 0.5
LARGEST_RADIUS = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Intrinsics:
    """A lens: pinhole, with Brown-Conrady (Brown 1966; up to k1 k2 p1 p2 k3 k4 k5 k6) or fisheye distortion.

    Args:
        fx_px, fy_px: focal lengths, pixels, positive.
        cx_px, cy_px: principal point, pixels.
        width_px, height_px: size of the image grid.
        distortion_model: "none", "brown_conrady" or "fisheye" (Kannala-Brandt 2006, k1..k4).
        distortion: (k,) coefficients in OpenCV's order.

    Raises:
        InputError: a number is not finite, a focal length or size is not positive, or the coefficients do not fit.
    """

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    width_px: int
    height_px: int
    distortion_model: str = "none"
    distortion: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        distortion = np.asarray(self.distortion, dtype=np.float64).ravel()
        numbers = np.array([self.fx_px, self.fy_px, self.cx_px, self.cy_px, *distortion])
        if not np.isfinite(numbers).all():
            raise InputError("a lens has parameters that are not finite numbers")
        if min(self.fx_px, self.fy_px) <= 0 or min(self.width_px, self.height_px) <= 0:
            raise InputError("a lens needs positive focal lengths and a positive image size")
        if self.distortion_model not in DISTORTION_MODELS:
            raise InputError(
                f"unknown distortion model '{self.distortion_model}'", todo=f"use one of {', '.join(DISTORTION_MODELS)}"
            )
        allowed = {"none": (0,), "brown_conrady": (0, 4, 5, 8), "fisheye": (0, 4)}[self.distortion_model]
        if len(distortion) not in allowed:
            raise InputError(
                f"the model '{self.distortion_model}' takes {' or '.join(map(str, allowed))} coefficients, "
                f"got {len(distortion)}"
            )
        object.__setattr__(self, "distortion", read_only(distortion))

    @property
    def key(self) -> tuple[float | int | str, ...]:
        """All parameters as a hashable value: equal keys mean the same lens."""
        return (
            self.fx_px, self.fy_px, self.cx_px, self.cy_px, self.width_px, self.height_px,
            self.distortion_model, *self.distortion.tolist(),
        )  # fmt: skip

    @property
    def matrix(self) -> np.ndarray:
        """The (3, 3) camera matrix."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1.0]])

    @property
    def is_distorted(self) -> bool:
        """Whether any coefficient differs from zero (a fisheye always bends its rays)."""
        return self.distortion_model == "fisheye" or bool(np.any(self.distortion))

    def project(self, points_m: Points) -> Pixels:
        """Points (..., 3) in the lens frame to pixels (..., 2).

        NaN where a point is not in front of the lens, or so far off its axis that the distortion turns back there and
        would fold the point into the image.
        """
        points_m = np.asarray(points_m)
        z = points_m[..., 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            normalized = np.where(z > 0, points_m[..., :2] / z, np.nan)
        distorted = self.distort(normalized)
        return distorted * np.array([self.fx_px, self.fy_px]) + np.array([self.cx_px, self.cy_px])

    def back_project(self, uv_px: Pixels, depth_m: np.ndarray | float) -> Points:
        """Pixels (..., 2) with depth along the optical axis (...), metres, to points (..., 3) in the lens frame.

        NaN where the lens has no ray for a pixel (see `undistort`).
        """
        uv_px = np.asarray(uv_px, dtype=np.float64)
        distorted = (uv_px - [self.cx_px, self.cy_px]) / [self.fx_px, self.fy_px]
        normalized = self.undistort(distorted)
        depth_m = np.broadcast_to(np.asarray(depth_m, dtype=np.float64), normalized.shape[:-1])[..., None]
        return np.concatenate([normalized * depth_m, depth_m], axis=-1)

    def rays(self) -> np.ndarray:
        """(h, w, 3) float32 points at depth 1 of every pixel centre, so that points = rays * depth.

        Cached. Zero where the lens has no ray for a pixel, so that such a pixel says as little as a depth of 0.
        """
        return _rays(self.key)

    def contains(self, uv_px: Pixels) -> np.ndarray:
        """(...) bool: whether pixels (..., 2) lie on the image grid; NaN does not."""
        u, v = np.moveaxis(np.asarray(uv_px), -1, 0)
        return np.asarray((u >= -0.5) & (u < self.width_px - 0.5) & (v >= -0.5) & (v < self.height_px - 0.5))

    def distort(self, normalized: np.ndarray) -> np.ndarray:
        """Ideal image-plane coordinates (..., 2) to those that the real lens gives; NaN where it turns back."""
        if not self.is_distorted:
            return normalized
        radius = np.linalg.norm(normalized, axis=-1, keepdims=True)
        bend = _fisheye_scale if self.distortion_model == "fisheye" else _brown_conrady
        return np.where(radius < _turning_radius(self.key), bend(normalized, self.distortion), np.nan)

    def undistort(self, distorted: np.ndarray) -> np.ndarray:
        """The inverse of `distort`, by Newton's method to 1e-12 of the image plane; NaN where there is none."""
        if not self.is_distorted:
            return distorted
        if self.distortion_model == "fisheye":
            normalized = distorted * _fisheye_inverse_scale(distorted, self.distortion)
        else:
            flat = np.asarray(distorted, dtype=np.float64).reshape(-1, 2)
            normalized = _inverse_brown_conrady(flat, self.distortion).reshape(distorted.shape)
        with np.errstate(invalid="ignore"):
            missed = np.abs(self.distort(normalized) - distorted).max(axis=-1, keepdims=True, initial=0.0)
            return np.where(missed < np.sqrt(UNDISTORTION_TOLERANCE), normalized, np.nan)

    def scaled(self, factor: float) -> Intrinsics:
        """The same lens on a grid of `factor` times the size (pixel centres stay at integers)."""
        return Intrinsics(
            self.fx_px * factor, self.fy_px * factor,
            (self.cx_px + 0.5) * factor - 0.5, (self.cy_px + 0.5) * factor - 0.5,
            max(1, round(self.width_px * factor)), max(1, round(self.height_px * factor)),
            self.distortion_model, self.distortion,
        )  # fmt: skip


def _radial(r2: np.ndarray | float, coefficients: np.ndarray) -> tuple[np.ndarray | float, np.ndarray | float]:
    """The radial factor of the rational model and its derivative by r squared."""
    k1, k2, _, _, k3, k4, k5, k6 = np.pad(coefficients, (0, 8 - len(coefficients)))
    above, below = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)), 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    above_slope, below_slope = k1 + r2 * (2 * k2 + 3 * r2 * k3), k4 + r2 * (2 * k5 + 3 * r2 * k6)
    return above / below, (above_slope * below - above * below_slope) / below**2


def _brown_conrady(xy: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    p1, p2 = np.pad(coefficients, (0, 8 - len(coefficients)))[2:4]
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial, _ = _radial(r2, coefficients)
    return np.stack(
        [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y],
        axis=-1,
    )


def _inverse_brown_conrady(distorted: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    p1, p2 = np.pad(coefficients, (0, 8 - len(coefficients)))[2:4]
    x, y = distorted.T.copy()
    for _ in range(UNDISTORTION_STEPS):
        radial, slope = _radial(x * x + y * y, coefficients)
        error_x, error_y = (distorted - _brown_conrady(np.stack([x, y], axis=-1), coefficients)).T
        xx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
        yy = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
        xy = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        determinant = xx * yy - xy * xy
        determinant = np.where(np.abs(determinant) < UNDISTORTION_TOLERANCE, np.nan, determinant)
        step_x = np.clip((yy * error_x - xy * error_y) / determinant, -LARGEST_STEP, LARGEST_STEP)
        step_y = np.clip((xx * error_y - xy * error_x) / determinant, -LARGEST_STEP, LARGEST_STEP)
        x, y = x + step_x, y + step_y
        if not (np.maximum(np.abs(step_x), np.abs(step_y)) > UNDISTORTION_TOLERANCE).any():
            break
    return np.stack([x, y], axis=-1)


def _fisheye_angle(theta: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bent angle of the Kannala-Brandt model and its derivative."""
    k1, k2, k3, k4 = np.pad(coefficients, (0, 4 - len(coefficients)))
    t2 = theta * theta
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))), slope


def _fisheye_scale(normalized: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    radius = np.linalg.norm(normalized, axis=-1, keepdims=True)
    bent, _ = _fisheye_angle(np.arctan(radius), coefficients)
    return normalized * np.where(radius > 1e-12, bent / np.maximum(radius, 1e-12), 1.0)


def _fisheye_inverse_scale(distorted: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    bent = np.linalg.norm(distorted, axis=-1, keepdims=True)
    theta = bent.copy()
    for _ in range(UNDISTORTION_STEPS):
        reached, slope = _fisheye_angle(theta, coefficients)
        following = np.clip(theta + (bent - reached) / np.maximum(slope, 0.1), 0.0, np.pi / 2 - 1e-6)
        step, theta = np.abs(following - theta), following
        if not (step > UNDISTORTION_TOLERANCE).any():
            break
    return np.where(bent > 1e-12, np.tan(theta) / np.maximum(bent, 1e-12), 1.0)


@functools.lru_cache(maxsize=32)
def _turning_radius(key: tuple) -> float:
    """The distance from the axis, on the ideal image plane, at which the distorted radius stops growing."""
    lens = _lens(key)
    radius = np.linspace(0.0, LARGEST_RADIUS, 20_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        if lens.distortion_model == "fisheye":
            growth = _fisheye_angle(np.arctan(radius), lens.distortion)[1]
        else:
            radial, slope = _radial(radius**2, lens.distortion)
            growth = radial + 2 * radius**2 * slope
    turned = ~(growth > 0)
    return float(radius[np.argmax(turned)]) if turned.any() else np.inf


@functools.lru_cache(maxsize=32)
def _rays(key: tuple) -> np.ndarray:
    lens = _lens(key)
    u, v = np.meshgrid(np.arange(lens.width_px), np.arange(lens.height_px))
    rays = lens.back_project(np.stack([u, v], axis=-1), 1.0).astype(np.float32)
    rays[np.isnan(rays).any(axis=-1)] = 0.0
    rays.flags.writeable = False
    return rays


def _lens(key: tuple) -> Intrinsics:
    return Intrinsics(*key[:7], distortion=np.array(key[7:], dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class CameraModel:
    """One RGB-D camera as built: its lenses and how they sit to each other, before anyone knows where it stands.

    Args:
        camera_id: the name of the camera.
        color: the colour lens (of a depth-only camera: the depth lens).
        depth: the depth lens, or None.
        color_from_depth: the pose of the depth lens in the colour lens frame; identity when depth is registered.
        depth_unit_m: metres per raw depth count.
        depth_correction: how depth as read becomes true depth; changes nothing where nobody calibrated it.
        sensor: name of the sensor in `capture.noise.SENSOR_NOISE`, or "" where it is not known.
    """

    camera_id: str
    color: Intrinsics
    depth: Intrinsics | None
    color_from_depth: SE3
    depth_unit_m: float = 0.001
    depth_correction: DepthCorrection = field(default_factory=DepthCorrection, kw_only=True)
    sensor: str = field(default="", kw_only=True)

    def placed(self, world_from_camera: SE3) -> Camera:
        """This camera at a place in the world."""
        return Camera(
            self.camera_id, self.color, self.depth, self.color_from_depth, self.depth_unit_m, world_from_camera,
            depth_correction=self.depth_correction, sensor=self.sensor,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Camera(CameraModel):
    """A camera that stands in the world: `world_from_camera` is the pose of its colour lens."""

    world_from_camera: SE3 = field(default_factory=SE3.identity)

    @property
    def camera_from_world(self) -> SE3:
        """The inverse pose (what others call extrinsics)."""
        return self.world_from_camera.inverse()

    @property
    def world_from_depth(self) -> SE3:
        """The pose of the depth lens."""
        return self.world_from_camera @ self.color_from_depth


@dataclass(frozen=True, slots=True, eq=False)
class CameraRig:
    """All cameras of a recording, placed in one world.

    Args:
        cameras: camera by id.
        world_frame: how the world was fixed ("floor", "first_camera", or a name that a calibration gave).
        covariance: (6, 6) covariance of a camera's pose, tangent order of SE3.exp (rad, then m), by camera id.
        calibrated_ns: host time of the calibration, or None.
        moves: poses that hold from a moment on, in the order of time; `cameras` holds the poses before the first move.
    """

    cameras: Mapping[str, Camera]
    world_frame: str = "floor"
    covariance: Mapping[str, Covariance6] = field(default_factory=dict)
    calibrated_ns: int | None = None
    moves: tuple[PoseFrom, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", MappingProxyType(dict(self.cameras)))
        frozen = {name: read_only(np.asarray(value, dtype=np.float64)) for name, value in self.covariance.items()}
        object.__setattr__(self, "covariance", MappingProxyType(frozen))
        moves = sorted((move for move in self.moves if move.camera_id in self.cameras), key=lambda move: move.from_ns)
        object.__setattr__(self, "moves", tuple(moves))

    def epoch(self, time_ns: int) -> int:
        """How many moves there were until a moment: where it changes, so does `at`."""
        return sum(move.from_ns <= time_ns for move in self.moves)

    def at(self, time_ns: int) -> CameraRig:
        """The rig as it stands at a moment of the rig clock, without moves."""
        cameras, covariance = dict(self.cameras), dict(self.covariance)
        for move in self.moves:
            if move.from_ns <= time_ns:
                cameras[move.camera_id] = replace(cameras[move.camera_id], world_from_camera=move.world_from_camera)
                covariance |= {} if move.covariance is None else {move.camera_id: move.covariance}
        return CameraRig(cameras, self.world_frame, covariance, self.calibrated_ns)

    def __getitem__(self, camera_id: str) -> Camera:
        return self.cameras[camera_id]

    def moved(self, new_from_old: SE3, world_frame: str) -> CameraRig:
        """The same rig seen from another world; covariances stay (they live in the tangent of each camera)."""
        cameras = {
            name: replace(camera, world_from_camera=new_from_old @ camera.world_from_camera)
            for name, camera in self.cameras.items()
        }
        moves = [replace(move, world_from_camera=new_from_old @ move.world_from_camera) for move in self.moves]
        return CameraRig(cameras, world_frame, self.covariance, self.calibrated_ns, tuple(moves))
