"""Residuals within one camera: large planes of a room are flat and stand square on each other, whatever depth says.

Surfaces of two cameras tell how their bends differ; planes tell the bend of each (Teichman, Miller and Thrun 2013 use a
map in their place). A bend that maps planes to planes shows in their angles only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .depth_bend import BendablePoints
from .joint_problem import JointCamera
from .joint_rows import NUM_UNKNOWNS, PairRows, PlacedSurface, patch_sigma, patches
from .plane_hypotheses import PlaneConfig, dominant_planes

FLAT_M = 0.010
SQUARE_RAD = 0.010
NEARLY_SQUARE_RAD = 0.12
LEAST_PLANE_M2 = 1.5
PLANES = PlaneConfig(num_planes=6, distance_m=0.06, max_angle_deg=25.0, min_share=0.04)


@dataclass(frozen=True, slots=True, eq=False)
class FittedPlane:
    """A plane through corrected points: its axes (3, 3) with the normal first, how it tilts, and how sure that is.

    Args:
        axes: columns: normal, and two directions within.
        tilt_by_terms: (2, 19) derivatives of its slopes along the two by the unknowns of the camera.
        tilt_covariance: (2, 2) of the slopes.
    """

    axes: np.ndarray
    tilt_by_terms: np.ndarray
    tilt_covariance: np.ndarray

    def normal_by_terms(self) -> np.ndarray:
        """(3, 19) derivatives of the normal."""
        return -self.axes[:, 1:] @ self.tilt_by_terms


def large_planes(camera: JointCamera, points: BendablePoints) -> list[np.ndarray]:
    """Numbers of the surface points of each large plane of a camera, on depth as read.

    Args:
        camera: whose surface it is.
        points: the points of that surface.
    """
    from scipy.spatial import KDTree

    sample = points.read_m[:: max(1, len(points.read_m) // 500)]
    cell_m2 = float(np.median(KDTree(points.read_m).query(sample, k=2)[0][:, 1])) ** 2 if len(sample) > 1 else 0.0
    return [
        plane.members for plane in dominant_planes(camera.surface, PLANES)
        if len(plane.members) * cell_m2 > LEAST_PLANE_M2
    ]  # fmt: skip


def planar_rows(number: int, camera: JointCamera, placed: PlacedSurface, planes: list[np.ndarray]) -> list[PairRows]:
    """Distances of points from the planes that fit them now, and the angles of these planes.

    Planes are taken to be flat within 10 mm; two that are square or parallel within 7 degrees are taken to be so within
    0.6. Others say nothing of each other.

    Args:
        number, camera: the camera.
        placed: its corrected surface in the rig.
        planes: see `large_planes`.
    """
    rows: list[PairRows] = []
    fitted: list[FittedPlane] = []
    for members in planes:
        one, plane = _flat_rows(number, camera, placed, members)
        rows.append(one)
        fitted.append(plane)
    for one, two in combinations(fitted, 2):
        rows += _square_rows(number, one, two)
    return rows


def _flat_rows(
    number: int, camera: JointCamera, placed: PlacedSurface, members: np.ndarray
) -> tuple[PairRows, FittedPlane]:
    """Distances from the plane; its own tilt and offset, whatever fits best, are projected out of them."""
    points_m = placed.points_m[members]
    center_m = points_m.mean(axis=0)
    axes = np.linalg.eigh(np.cov((points_m - center_m).T))[1]
    normal = axes[:, 0]
    residual_m = (points_m - center_m) @ normal
    remaining_m = np.hypot(placed.remaining_m[members], FLAT_M)
    least_m = float(np.hypot(camera.bend.rest_m, FLAT_M))
    sides = np.broadcast_to(normal, points_m.shape)
    sigma_m, weight = patch_sigma(residual_m, remaining_m, patches(points_m, sides), least_m)
    root = np.sqrt(weight) / sigma_m
    by_own = root[:, None] * np.einsum("c,nck->nk", normal, placed.by_unknowns[members])
    by_own[:, :6] = 0.0  # wherever the camera stands
    slopes = np.concatenate([(points_m - center_m) @ axes[:, 1:], np.ones((len(members), 1))], axis=1)
    basis, triangle = np.linalg.qr(root[:, None] * slopes)
    inverse = np.linalg.inv(triangle)
    plane = FittedPlane(axes, (inverse @ (basis.T @ by_own))[:2], (inverse @ inverse.T)[:2, :2])
    residual = root * residual_m
    by_own[:, 6:] -= residual[:, None] * placed.log_by_terms[members]
    residual = residual - basis @ (basis.T @ residual)
    by_own = by_own - basis @ (basis.T @ by_own)
    return PairRows(number, number, residual, np.ones(len(members)), by_own, np.zeros_like(by_own)), plane


def _square_rows(number: int, one: FittedPlane, two: FittedPlane) -> list[PairRows]:
    """What two planes lack of being square (one number) or parallel (two); nothing where they are neither."""
    cosine = float(one.axes[:, 0] @ two.axes[:, 0])
    if abs(cosine) < np.sin(NEARLY_SQUARE_RAD):
        toward = two.axes[:, :1]
        by_toward = two.normal_by_terms()[None]
        doubt = two.tilt_covariance
    elif abs(cosine) > np.cos(NEARLY_SQUARE_RAD):
        toward = two.axes[:, 1:]
        by_toward = two.axes[:, 0][None, :, None] * two.tilt_by_terms[:, None, :]
        doubt = two.tilt_covariance
    else:
        return []
    variance = SQUARE_RAD**2 + float(np.trace(one.tilt_covariance) + np.trace(doubt)) / 2
    residual = one.axes[:, 0] @ toward / np.sqrt(variance)
    by_own = toward.T @ one.normal_by_terms() + np.einsum("c,kcu->ku", one.axes[:, 0], by_toward)
    by_own = by_own / np.sqrt(variance)
    nothing = np.zeros((len(residual), NUM_UNKNOWNS))
    return [PairRows(number, number, residual, np.ones(len(residual)), by_own, nothing)]
