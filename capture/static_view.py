"""The standing surface that one camera sees: points and normals on the depth grid, in the frame of the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import read_only
from .background import BackgroundModel
from .camera import CameraModel
from .depth_correction import DepthCorrection
from .errors import InputError
from .noise import DepthNoise
from .recording import Recording

WINDOW_RAD = 0.021
WINDOW_STEPS = 4
MIN_NEIGHBOURS = 20
GATE_SLOPE = 0.045
GATE_NOISE_SIGMAS = 4.0
LARGEST_SIDE_PX = 640
MAX_MEDIAN_FRAMES = 31


@dataclass(frozen=True, slots=True, eq=False)
class StaticView:
    """What stands in the room, seen by one camera; every point is given in the frame of its (colour) lens.

    Args:
        model: the camera as built.
        depth_m: (h, w) float32 static depth as measured, along the depth lens' optical axis, 0 = unknown.
        color_rgb: (hc, wc, 3) uint8 picture of the empty room on the colour grid, or None.
        pixels: (n, 2) int32 (row, column) on the depth grid of the points that have a normal.
        points_m: (n, 3) float64 surface points, smoothed over a small window of the depth image.
        normals: (n, 3) float64 unit normals that look towards the camera.
        sigma_m: (n,) float64 standard deviation of one depth sample along the ray, by the noise model.
        stride: depth pixels from one point to the next.
    """

    model: CameraModel
    depth_m: np.ndarray
    color_rgb: np.ndarray | None
    pixels: np.ndarray
    points_m: np.ndarray
    normals: np.ndarray
    sigma_m: np.ndarray
    stride: int = 1

    def __post_init__(self) -> None:
        for name in ("depth_m", "color_rgb", "pixels", "points_m", "normals", "sigma_m"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(value))

    @property
    def camera_id(self) -> str:
        """The name of the camera."""
        return self.model.camera_id

    def corrected(self, correction: DepthCorrection) -> StaticView:
        """The same surface with its depth corrected; this view holds depth as read."""
        assert self.model.depth is not None
        if correction.is_identity:
            return self
        return view_of(self.model, correction.apply(self.depth_m, self.model.depth), self.color_rgb)

    def measured_points(self, max_depth_m: float = np.inf) -> np.ndarray:
        """(m, 3) float64 points of every known depth pixel nearer than `max_depth_m`, unsmoothed, camera frame."""
        assert self.model.depth is not None
        known = (self.depth_m > 0) & (self.depth_m < max_depth_m)
        points_m = self.model.depth.rays()[known] * self.depth_m[known][:, None]
        return self.model.color_from_depth @ points_m.astype(np.float64)


def static_view(
    recording: Recording,
    camera_id: str,
    background: BackgroundModel | None = None,
    model: CameraModel | None = None,
) -> StaticView:
    """The standing surface of one camera, from its background model or else from the temporal median of its frames.

    Args:
        recording: where the frames come from; frames that cannot be read are passed over.
        camera_id: which camera.
        background: the background of that camera; None = take the median of up to 31 frames.
        model: its lenses, where they are better known than the recording says.

    Raises:
        InputError: the camera has no depth, or none that can be read.
    """
    model = model or recording.cameras[camera_id]
    if model.depth is None:
        raise InputError("it has no depth lens", where=f"camera {camera_id}", todo="registration needs depth")
    if background is not None:
        return view_of(model, background.depth_m, background.color_rgb)
    return view_of(model, *_median_images(recording, camera_id))


def view_of(model: CameraModel, depth_m: np.ndarray, color_rgb: np.ndarray | None) -> StaticView:
    """The surface of a static depth image.

    Each pixel gets the plane that fits best, in the least-squares sense, to the *inverse* depth of its surroundings:
    planes are linear in it and the noise of triangulating sensors is even in it. A second fit drops neighbours off the
    first plane, so that edges stay sharp.

    Args:
        model: the camera; it must have a depth lens.
        depth_m: (h, w) float32, 0 = unknown.
        color_rgb: (hc, wc, 3) uint8, or None.
    """
    assert model.depth is not None
    stride = max(1, round(max(depth_m.shape) / LARGEST_SIDE_PX))
    rows, columns = np.arange(0, depth_m.shape[0], stride), np.arange(0, depth_m.shape[1], stride)
    depth = np.asarray(depth_m, dtype=np.float32)[np.ix_(rows, columns)]
    rays = model.depth.rays()[np.ix_(rows, columns)]
    step = max(1, round(WINDOW_RAD * model.depth.fx_px / stride / WINDOW_STEPS))
    plane, known = _inverse_depth_planes(depth, rays, step)
    # A plane n . p = d with p = z ray has 1 / z = (n / d) . ray, so the fitted coefficients are the normal over d.
    length = np.linalg.norm(plane, axis=-1)
    inverse_depth = np.einsum("hwc,hwc->hw", plane, rays)
    known &= (length > 1e-9) & (inverse_depth > 1e-3)
    fitted = 1.0 / np.where(known, inverse_depth, 1.0)
    sigma_m = DepthNoise().sigma_m(depth.astype(np.float64))
    known &= np.abs(fitted - depth) < 3 * sigma_m + 0.01
    row, column = np.nonzero(known)
    points_m = rays[row, column] * fitted[row, column][:, None]
    normals = -plane[row, column] / length[row, column][:, None]
    return StaticView(
        model,
        np.asarray(depth_m, dtype=np.float32),
        color_rgb,
        np.stack([rows[row], columns[column]], axis=-1).astype(np.int32),
        model.color_from_depth @ points_m.astype(np.float64),
        model.color_from_depth.rotate(normals.astype(np.float64)),
        sigma_m[row, column],
        stride,
    )


def _inverse_depth_planes(depth: np.ndarray, rays: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (h, w, 3) of 1 / depth as a linear form of the ray, and (h, w) whether they could be found."""
    inverse = np.where(depth > 0, 1.0 / np.where(depth > 0, depth, 1.0), 0.0).astype(np.float32)
    safe_depth = np.where(depth > 0, depth, 1.0)
    noise = (GATE_NOISE_SIGMAS * DepthNoise().sigma_m(safe_depth) / safe_depth**2).astype(np.float32)
    plane = np.zeros((*depth.shape, 3), np.float32)
    known = depth > 0
    for gate in (noise + GATE_SLOPE * inverse, noise):
        center = inverse if not plane.any() else None
        plane, known = _fit(inverse, rays, step, gate, center, plane, known)
    return plane, known


def _fit(
    inverse: np.ndarray,
    rays: np.ndarray,
    step: int,
    gate: np.ndarray,
    center: np.ndarray | None,
    plane: np.ndarray,
    known: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    height, width = inverse.shape
    reach = step * WINDOW_STEPS
    values = np.pad(inverse, reach)
    x = np.pad(rays[..., 0], reach)
    y = np.pad(rays[..., 1], reach)
    moments = np.zeros((9, height, width), np.float32)
    offsets = range(-reach, reach + 1, step)
    for dv in offsets:
        for du in offsets:
            window = np.s_[reach + dv : reach + dv + height, reach + du : reach + du + width]
            value, dx, dy = values[window], x[window] - rays[..., 0], y[window] - rays[..., 1]
            if center is None:
                expected = plane[..., 0] * x[window] + plane[..., 1] * y[window] + plane[..., 2]
            else:
                expected = center
            weight = ((value > 0) & (np.abs(value - expected) < gate)).astype(np.float32)
            wx, wy, wv = weight * dx, weight * dy, weight * value
            for moment, term in zip(
                moments, (weight, wx, wy, wx * dx, wx * dy, wy * dy, wv, wv * dx, wv * dy), strict=True
            ):
                moment += term
    return _solve(moments, rays, known)


def _solve(moments: np.ndarray, rays: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centred 2x2 least-squares problem of each pixel, in closed form."""
    count, sx, sy, sxx, sxy, syy, sv, sxv, syv = moments.astype(np.float64)
    known = known & (count >= MIN_NEIGHBOURS)
    count = np.where(known, count, 1.0)
    cxx, cxy, cyy = sxx - sx * sx / count, sxy - sx * sy / count, syy - sy * sy / count
    cxv, cyv = sxv - sx * sv / count, syv - sy * sv / count
    determinant = cxx * cyy - cxy * cxy
    known &= determinant > 0.05 * (cxx + cyy) ** 2 / 4
    determinant = np.where(known, determinant, 1.0)
    a = (cyy * cxv - cxy * cyv) / determinant
    b = (cxx * cyv - cxy * cxv) / determinant
    at_center = sv / count - a * sx / count - b * sy / count
    c = at_center - a * rays[..., 0] - b * rays[..., 1]
    plane = np.stack([a, b, c], axis=-1).astype(np.float32)
    plane[~known] = 0
    return plane, known


def _median_images(recording: Recording, camera_id: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Per-pixel temporal median of the depth (of returns only, never a mixture of near and far) and of the colour."""
    depths: list[np.ndarray] = []
    colors: list[np.ndarray] = []
    damaged = False
    for position in spread(len(recording.timestamps_ns(camera_id)), MAX_MEDIAN_FRAMES):
        try:
            frame = recording.frame(camera_id, position, corrected=False)
        except InputError:
            damaged = True
            continue
        if frame.depth_m is not None:
            depths.append(frame.depth_m)
        if frame.color_rgb is not None:
            colors.append(frame.color_rgb)
    if not depths:
        what = "none of its depth frames can be read" if damaged else "it has no depth frames"
        raise InputError(what, where=f"camera {camera_id}")
    stack = np.sort(np.where(np.stack(depths) > 0, np.stack(depths), np.inf), axis=0)
    hits = np.isfinite(stack).sum(axis=0)
    lower, upper = (
        np.take_along_axis(stack, np.clip(index, 0, len(stack) - 1)[None], axis=0)[0]
        for index in ((hits - 1) // 2, hits // 2)
    )
    # Of an even number the two in the middle are averaged, unless they lie on different things.
    lower, upper = np.where(hits > 0, lower, 0.0), np.where(hits > 0, upper, 0.0)
    same = upper - lower < 6 * DepthNoise().sigma_m(lower)
    middle = np.where(same, (lower + upper) / 2, lower)
    enough = hits >= max(1, len(depths) // 4)
    color = np.median(np.stack(colors), axis=0).astype(np.uint8) if colors else None
    return np.where(enough, middle, 0).astype(np.float32), color


def spread(length: int, count: int) -> Sequence[int]:
    """Up to `count` positions, spread evenly over `length`."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist() if length else []
