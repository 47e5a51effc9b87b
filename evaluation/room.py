"""How right the standing room is: accuracy, completeness and F-score of its surface.

The definitions are those of Knapitsch et al. 2017 (Tanks and Temples): precision is the share of the reconstruction
within a distance of the truth, recall (completeness) the share of the truth within that distance of the reconstruction.
Distances are exact, from points to triangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .truth import Truth

DISTANCES_MM = (5, 10, 20)
NUM_SAMPLES = 200_000
SEED = 20260101


@dataclass(frozen=True, slots=True)
class RoomScores:
    """The surface of the room against truth.

    Args:
        accuracy_median_mm, accuracy_mean_mm, accuracy_p90_mm: distance of the reconstruction (sampled evenly over its
            area) to the nearest true surface, millimetres.
        precision: share in [0, 1] of the reconstruction within so many millimetres of the truth.
        completeness: share in [0, 1] of the true surface that any camera saw within so many millimetres of the
            reconstruction; None without a record of what was seen.
        f_score: harmonic mean of the two.
    """

    accuracy_median_mm: float
    accuracy_mean_mm: float
    accuracy_p90_mm: float
    precision: dict[str, float]
    completeness: dict[str, float] | None
    f_score: dict[str, float] | None


def score_room(vertices_m: np.ndarray, faces: np.ndarray, truth: Truth) -> RoomScores | None:
    """Score a room; None where the truth does not know the room.

    Args:
        vertices_m: (n, 3) metres, world.
        faces: (f, 3) triangles, or (0, 3) when the reconstruction is points.
        truth: what is true.
    """
    if truth.room_vertices_m is None or truth.room_faces is None:
        return None
    samples = sample_surface(vertices_m, faces, NUM_SAMPLES)
    to_truth_mm = 1000 * distance_to_surface_m(samples, truth.room_vertices_m, truth.room_faces)
    precision = _shares(to_truth_mm, DISTANCES_MM)
    completeness = f_score = None
    if truth.room_seen_m is not None:
        from_truth_mm = 1000 * distance_to_surface_m(truth.room_seen_m, vertices_m, faces)
        completeness = _shares(from_truth_mm, DISTANCES_MM)
        f_score = {key: harmonic_mean(precision[key], completeness[key]) for key in precision}
    return RoomScores(
        float(np.median(to_truth_mm)), float(np.mean(to_truth_mm)), float(np.percentile(to_truth_mm, 90)),
        precision, completeness, f_score,
    )  # fmt: skip


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b), and 0 where both are 0."""
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


def sample_surface(vertices_m: np.ndarray, faces: np.ndarray, num_samples: int) -> np.ndarray:
    """(n, 3) points spread evenly over the area of a mesh, the same each time; of a point cloud, its points."""
    vertices_m = np.asarray(vertices_m, dtype=np.float64)
    if not len(faces):
        return vertices_m
    corners = vertices_m[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(SEED)
    face = rng.choice(len(faces), num_samples, p=area / area.sum())
    root, second = np.sqrt(rng.random(num_samples))[:, None], rng.random(num_samples)[:, None]
    a, b, c = np.moveaxis(corners[face], 1, 0)
    return (1 - root) * a + root * (1 - second) * b + root * second * c


def distance_to_surface_m(points_m: np.ndarray, vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) metres from points (n, 3) to the nearest triangle, or to the nearest point of a point cloud."""
    if not len(faces):
        from scipy.spatial import KDTree

        return KDTree(vertices_m).query(points_m)[0]
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor.from_numpy(np.ascontiguousarray(vertices_m, np.float32)),
        o3d.core.Tensor.from_numpy(np.ascontiguousarray(faces, np.uint32)),
    )
    distance = scene.compute_distance(o3d.core.Tensor.from_numpy(np.ascontiguousarray(points_m, np.float32)))
    return distance.numpy().astype(np.float64)


def _shares(distance_mm: np.ndarray, limits_mm: Sequence[int]) -> dict[str, float]:
    return {f"{limit}_mm": float(np.mean(distance_mm <= limit)) for limit in limits_mm}
