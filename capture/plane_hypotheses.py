"""Relative poses from geometry alone: triples of planes laid upon triples of planes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from .features import Hypothesis, Matches
from .geometry import SE3, nearest_rotation
from .surface_icp import Surface


@dataclass(frozen=True, slots=True)
class PlaneConfig:
    """How planes are found and laid upon each other.

    Args:
        num_planes: largest planes kept per camera.
        distance_m: how far a point of a plane may lie from it, beside two standard deviations.
        max_angle_deg: how far its normal may turn away.
        min_share: smallest plane, as a share of the surface.
        corner_angle_deg: how much the angles of two triples may differ.
        min_volume: how far three normals must be from lying in one plane (determinant).
        max_tilt_deg: how much the up directions (-y) of two cameras may differ.
        num_samples: planes tried.
        seed: of the samples.
    """

    num_planes: int = 8
    distance_m: float = 0.04
    max_angle_deg: float = 20.0
    min_share: float = 0.02
    corner_angle_deg: float = 12.0
    min_volume: float = 0.5
    max_tilt_deg: float = 90.0
    num_samples: int = 300
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """normal . p = offset_m, the normal looking towards the camera.

    Args:
        normal: (3,) float64 unit.
        offset_m: metres.
        members: (k,) int64 indices of its points.
    """

    normal: np.ndarray
    offset_m: float
    members: np.ndarray


def dominant_planes(surface: Surface, config: PlaneConfig | None = None) -> list[Plane]:
    """The largest planes, one after the other, each freed from the points of the ones before.

    A plane is proposed by one point and its normal, supported by points near it whose normals agree, then fitted twice.
    """
    config = config or PlaneConfig()
    rng = np.random.default_rng(config.seed)
    left = np.arange(len(surface.points_m))
    planes: list[Plane] = []
    while len(planes) < config.num_planes and len(left) > config.min_share * len(surface.points_m):
        part = surface.part(left)
        seeds = rng.choice(len(left), min(config.num_samples, len(left)), replace=False)
        sample = part.part(rng.choice(len(left), min(3000, len(left)), replace=False))
        counts = [
            _support(sample, part.normals[s], float(part.normals[s] @ part.points_m[s]), config).sum() for s in seeds
        ]
        seed = seeds[int(np.argmax(counts))]
        normal, offset_m = part.normals[seed], float(part.normals[seed] @ part.points_m[seed])
        member = _support(part, normal, offset_m, config)
        for _ in range(3):
            if member.sum() < 3:
                break
            center = part.points_m[member].mean(axis=0)
            scatter = np.cov((part.points_m[member] - center).T)
            fitted = np.linalg.eigh(scatter)[1][:, 0]
            normal = fitted * np.sign(fitted @ normal)
            offset_m = float(normal @ center)
            member = _support(part, normal, offset_m, config)
        if member.sum() < config.min_share * len(surface.points_m):
            break
        planes.append(Plane(normal, offset_m, left[member]))
        left = left[~member]
    return planes


def hypotheses_from_planes(
    first: Surface, second: Surface, count: int, config: PlaneConfig | None = None
) -> list[Hypothesis]:
    """Poses under which three planes of the second camera fall on three of the first, best first.

    Three planes that are not parallel to a common line fix a rigid motion. Every such assignment is tried; the poses
    are ranked by the share of a coarse sample that comes to lie on the other surface, and near-duplicates are dropped.

    Args:
        first, second: surfaces in the frames of their cameras.
        count: how many poses are wanted.
        config: see PlaneConfig.
    """
    from scipy.spatial import KDTree

    config = config or PlaneConfig()
    poses = _plane_poses(dominant_planes(first, config), dominant_planes(second, config), config)
    if not poses:
        return []
    rng = np.random.default_rng(config.seed)
    sample = second.part(rng.choice(len(second.points_m), min(400, len(second.points_m)), replace=False))
    tree = KDTree(first.points_m)
    scores = np.array([_coarse_score(sample, first, tree, pose) for pose in poses])
    kept: list[Hypothesis] = []
    for index in np.argsort(-scores, kind="stable"):
        pose = poses[index]
        if all(not _alike(pose, other.first_from_second) for other in kept):
            kept.append(Hypothesis(pose, Matches.joined([]), "geometry"))
        if len(kept) == count:
            break
    return kept


def _plane_poses(first: list[Plane], second: list[Plane], config: PlaneConfig) -> list[SE3]:
    poses: list[SE3] = []
    slack = np.radians(config.corner_angle_deg)
    for triple in combinations(second, 3):
        normals = np.stack([plane.normal for plane in triple])
        volume = np.linalg.det(normals)
        if abs(volume) < config.min_volume:
            continue
        offsets = np.array([plane.offset_m for plane in triple])
        angles = _angles(normals)
        for other in permutations(first, 3):
            target = np.stack([plane.normal for plane in other])
            if np.linalg.det(target) * volume <= 0 or np.abs(_angles(target) - angles).max() > slack:
                continue
            rotation = nearest_rotation(target.T @ normals)
            if rotation[1, 1] < np.cos(np.radians(config.max_tilt_deg)):
                continue
            # n1 . (R p + t) = d1 for all p with n2 . p = d2, and R n2 = n1, so n1 . t = d1 - d2.
            shift = np.array([plane.offset_m for plane in other]) - offsets
            poses.append(SE3(rotation, np.linalg.solve(target, shift)))
    return poses


def _support(surface: Surface, normal: np.ndarray, offset_m: float, config: PlaneConfig) -> np.ndarray:
    near = np.abs(surface.points_m @ normal - offset_m) < config.distance_m + 2 * surface.sigma_m
    return near & (surface.normals @ normal > np.cos(np.radians(config.max_angle_deg)))


def _angles(normals: np.ndarray) -> np.ndarray:
    cosines = np.array([normals[0] @ normals[1], normals[1] @ normals[2], normals[2] @ normals[0]])
    return np.arccos(np.clip(cosines, -1, 1))


def _coarse_score(sample: Surface, first: Surface, tree, pose: SE3) -> float:
    distance_m, nearest = tree.query(pose @ sample.points_m, distance_upper_bound=0.2)
    near = np.isfinite(distance_m)
    aligned = np.einsum("nc,nc->n", pose.rotate(sample.normals[near]), first.normals[nearest[near]]) > 0.7
    return float((1 - distance_m[near][aligned] / 0.2).sum() / len(distance_m))


def _alike(one: SE3, other: SE3) -> bool:
    between = one.inverse() @ other
    return bool(between.angle_rad() < np.radians(8)) and between.distance_m() < 0.3
