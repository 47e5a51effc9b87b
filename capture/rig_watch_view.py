"""How far a camera stands from where it stood: one depth image against the surface that the camera saw before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .camera import CameraModel, Intrinsics
from .geometry import SE3
from .noise import noise_of
from .static_view import view_of

GRID_COLUMNS = 80
WIDTHS_M = (0.25, 0.25, 0.12, 0.12, 0.06, 0.03, 0.0)
MODEL_ERROR_M = 0.004
SIGMAS = 3.0
FEWEST_POINTS = 200
DAMPING = 1e-6
ONE_SURFACE = 0.03
SPARSE = 3
MEDIAN_CHANGE = 0.6745 * 2**0.5
"""Median of the size of a difference of two numbers whose standard deviation is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What one depth image says of the place of its camera, against a reference.

    A return costs 0 where it lies on the reference surface and 1 where it lies off it by more than 3 standard
    deviations (the biweight of Beaton and Tukey 1974); whoever stands in the picture costs the same at any place.

    Args:
        before_from_after: the best place of the depth lens in the frame of the depth lens of the reference.
        information: (6, 6) of it, tangent order of SE3.exp, as if returns erred one by one.
        cost: mean cost at that place, 0..1.
        gain: by how much that is less than the mean cost at the old place.
        loyal: of the returns that fit at one of the two places only, the share that fits at the old one.
        behind: share of the returns that lie clearly behind the reference surface if the camera did not move.
        num_points: returns that could be compared.
        shift_m: by how much surfaces that fit were moved along their normals, root mean square.
    """

    before_from_after: SE3
    information: np.ndarray
    cost: float
    gain: float
    loyal: float
    behind: float
    num_points: int
    shift_m: float


class ReferenceView:
    """The surface that a camera saw, ready to be compared with its later depth images.

    Args:
        model: the camera; it must have a depth lens. Its correction of depth is applied.
        depth_m: (h, w) float32 depth as read without people in front as far as possible, 0 = unknown.
        noise_scale: by how much its noise is above that of its sensor's model; see `noise_scale`.
    """

    def __init__(self, model: CameraModel, depth_m: np.ndarray, noise_scale: float = 1.0) -> None:
        lens = model.depth
        assert lens is not None
        self.model, self.lens, self.noise, self.noise_scale = model, lens, noise_of(model.sensor), noise_scale
        view = view_of(model, model.depth_correction.apply(depth_m, lens), None)
        depth_from_color = model.color_from_depth.inverse()
        self._stride = view.stride
        shape = -(-depth_m.shape[0] // view.stride), -(-depth_m.shape[1] // view.stride)
        row, column = view.pixels.T // view.stride
        normals = depth_from_color.rotate(view.normals)
        self._normals = np.zeros((*shape, 3))
        self._offset_m, self._known = np.zeros(shape), np.zeros(shape, bool)
        self._normals[row, column] = normals
        self._offset_m[row, column] = np.einsum("nc,nc->n", normals, depth_from_color @ view.points_m)
        self._known[row, column] = True
        self._rows, self._columns = _grid(lens)
        self._rays = lens.rays()[self._rows, self._columns].astype(np.float64)

    @property
    def num_known(self) -> int:
        """How many pixels have a surface."""
        return int(self._known.sum())

    def motion(self, depth_raw: np.ndarray) -> Motion | None:
        """The place from which a raw depth image fits best, the old one where none does; None where it shows nothing.

        Iterated closest points by projection (Blais and Levine 1995), point to plane (Chen and Medioni 1991), with
        biweights that narrow from round to round.
        """
        points_m, pixels, sigma_m = self._points(depth_raw)
        found, information = SE3.identity(), np.eye(6)
        for width_m in WIDTHS_M:
            error_m, normals, inside, moved_m = self._errors(found, points_m, pixels)
            width = np.maximum(SIGMAS * sigma_m, width_m)
            weight = np.where(inside, np.square(1 - np.minimum(np.square(error_m / width), 1)), 0.0) / sigma_m**2
            if np.count_nonzero(weight) < FEWEST_POINTS:
                found = SE3.identity()
                break
            jacobian = np.concatenate([np.cross(moved_m, normals), normals], axis=1)
            information = (jacobian * weight[:, None]).T @ jacobian
            information += DAMPING * np.trace(information) / 6 * np.eye(6)
            found = SE3.exp(-np.linalg.solve(information, jacobian.T @ (weight * error_m))) @ found
        judged = self._judge(found, information, points_m, pixels, sigma_m)
        return judged or self._judge(SE3.identity(), information, points_m, pixels, sigma_m)

    def gain_at(self, before_from_after: SE3, depth_raw: np.ndarray) -> float:
        """By how much the cost of a depth image at a place (of the depth lens) is below that at the old place."""
        points_m, pixels, sigma_m = self._points(depth_raw)
        costs, both = [], np.ones(len(points_m), bool)
        for place in (SE3.identity(), before_from_after):
            error_m, _, inside, _ = self._errors(place, points_m, pixels)
            costs.append(_cost(error_m, sigma_m))
            both &= inside
        return float((costs[0] - costs[1])[both].mean()) if both.any() else 0.0

    def _points(self, depth_raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns of the grid: points (n, 3), their pixels (n, 2) as (column, row), and standard deviations (n,)."""
        raw = depth_raw[self._rows, self._columns]
        seen = raw > 0
        rays = self._rays[seen]
        z = raw[seen] * self.model.depth_unit_m
        correction = self.model.depth_correction
        z = z if correction.is_identity else correction.at(rays, z)
        pixels = np.stack([self._columns[seen], self._rows[seen]], axis=1)
        return rays * z[:, None], pixels, np.hypot(self.noise_scale * self.noise.sigma_m(z), MODEL_ERROR_M)

    def _errors(
        self, place: SE3, points_m: np.ndarray, pixels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distances (n,) to the planes of the reference, their normals, whether there is one, and the moved points.

        The pixel of a moved point is the old one plus the turn of its ray: a bend of the lens changes little over it.
        """
        moved_m = place @ points_m
        z = np.maximum(moved_m[:, 2], 0.05)
        turn = moved_m[:, :2] / z[:, None] - points_m[:, :2] / points_m[:, 2:]
        focal_px = np.array([self.lens.fx_px, self.lens.fy_px])
        column, row = (np.rint(pixels + turn * focal_px).astype(np.int64) // self._stride).T
        height, width = self._known.shape
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        row, column = row.clip(0, height - 1), column.clip(0, width - 1)
        inside &= self._known[row, column]
        normals = self._normals[row, column]
        return np.einsum("nc,nc->n", normals, moved_m) - self._offset_m[row, column], normals, inside, moved_m

    def _judge(
        self, found: SE3, information: np.ndarray, points_m: np.ndarray, pixels: np.ndarray, sigma_m: np.ndarray
    ) -> Motion | None:
        old_m, _, old_inside, _ = self._errors(SE3.identity(), points_m, pixels)
        new_m, normals, inside, moved_m = self._errors(found, points_m, pixels)
        both = old_inside & inside
        if np.count_nonzero(both) < FEWEST_POINTS:
            return None
        old, new = _cost(old_m[both], sigma_m[both]), _cost(new_m[both], sigma_m[both])
        for_old, for_new = np.count_nonzero(new - old > 0.5), np.count_nonzero(old - new > 0.5)
        behind = np.abs(old_m[both]) > 2 * SIGMAS * sigma_m[both]
        behind &= old_m[both] < 0  # normals look at the camera
        fits = both & (np.abs(new_m) < SIGMAS * sigma_m)
        step_m = np.einsum("nc,nc->n", moved_m - points_m, normals)[fits]
        return Motion(
            found, information, float(new.mean()), float((old - new).mean()),
            float(for_old / max(for_old + for_new, 1)), float(behind.mean()), int(both.sum()),
            float(np.sqrt(np.mean(step_m**2))) if len(step_m) else 0.0,
        )  # fmt: skip


def _cost(error_m: np.ndarray, sigma_m: np.ndarray) -> np.ndarray:
    return 1 - (1 - np.minimum(np.square(error_m / (SIGMAS * sigma_m)), 1)) ** 3


def _grid(lens: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
    step = max(1, round(lens.width_px / GRID_COLUMNS))
    rows, columns = np.meshgrid(
        np.arange(step // 2, lens.height_px, step), np.arange(step // 2, lens.width_px, step), indexing="ij"
    )
    seen = lens.rays()[rows, columns, 2] > 0
    return rows[seen], columns[seen]


def noise_scale(model: CameraModel, images: list[np.ndarray]) -> float:
    """By how much the noise of a camera is above that of its sensor's model; at least 1, because that is a bound.

    Many recordings do not say which sensor filmed. Half of all pixels and more show what stands still, so that the
    median change from one image to the next is noise.

    Args:
        model: the camera.
        images: raw depth (h, w) uint16 each, about the same picture.
    """
    noise, ratios = noise_of(model.sensor), []
    for one, two in pairwise(images):
        seen = (one[::SPARSE, ::SPARSE] > 0) & (two[::SPARSE, ::SPARSE] > 0)
        z = one[::SPARSE, ::SPARSE][seen] * model.depth_unit_m
        change_m = np.abs(two[::SPARSE, ::SPARSE][seen] * model.depth_unit_m - z)
        ratios.append(change_m / noise.sigma_m(z))
    all_ratios = np.concatenate(ratios) if ratios else np.zeros(0)
    return max(float(np.median(all_ratios)) / MEDIAN_CHANGE, 1.0) if len(all_ratios) else 1.0


def median_depth(images: list[np.ndarray], unit_m: float) -> np.ndarray:
    """(h, w) float32 metres: per pixel the median of all returns; 0 = too few.

    Of an even number the two in the middle are averaged where they can be of one surface, and the nearer is taken where
    they cannot. The nearer alone would lie a fifth of a standard deviation too near with six images, which over a whole
    picture is a motion of the camera.

    Args:
        images: (h, w) uint16 raw depth each.
        unit_m: metres per count.
    """
    stack = np.sort(np.stack(images), axis=0)
    hits = np.count_nonzero(stack, axis=0)
    last = len(images) - 1
    near, far = (
        np.take_along_axis(stack, np.minimum(last + 1 - hits + np.maximum(hits - less, 0) // 2, last)[None], axis=0)[0]
        for less in (1, 0)
    )
    near, far = near.astype(np.float32), far.astype(np.float32)
    chosen = np.where(far - near < ONE_SURFACE * near, (near + far) / 2, near)
    return np.where(2 * hits > len(images), chosen * np.float32(unit_m), 0).astype(np.float32)
