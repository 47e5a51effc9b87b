"""How right the standing room is: accuracy, completeness and F-score of its surface.

The definitions are those of Knapitsch et al. 2017 (Tanks and Temples): precision is the share of the reconstruction
within a distance of the truth, recall (completeness) the share of the truth within that distance of the reconstruction.
Distances are exact, from points to triangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .surfaces import distance_to_surface_m, sample_surface
from .truth import Truth

DISTANCES_MM = (5, 10, 20)
NUM_SAMPLES = 200_000
CURVE_MM = tuple(range(1, 51))


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
        precision_curve, completeness_curve: the same shares within 1, 2, ... 50 mm.
    """

    accuracy_median_mm: float
    accuracy_mean_mm: float
    accuracy_p90_mm: float
    precision: dict[str, float]
    completeness: dict[str, float] | None
    f_score: dict[str, float] | None
    precision_curve: tuple[float, ...]
    completeness_curve: tuple[float, ...] | None


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
    completeness = f_score = curve = None
    if truth.room_seen_m is not None:
        from_truth_mm = 1000 * distance_to_surface_m(truth.room_seen_m, vertices_m, faces)
        completeness, curve = _shares(from_truth_mm, DISTANCES_MM), _curve(from_truth_mm)
        f_score = {key: harmonic_mean(precision[key], completeness[key]) for key in precision}
    return RoomScores(
        float(np.median(to_truth_mm)), float(np.mean(to_truth_mm)), float(np.percentile(to_truth_mm, 90)),
        precision, completeness, f_score, _curve(to_truth_mm), curve,
    )  # fmt: skip


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b), and 0 where both are 0."""
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


def _shares(distance_mm: np.ndarray, limits_mm: Sequence[int]) -> dict[str, float]:
    return {f"{limit}_mm": float(np.mean(distance_mm <= limit)) for limit in limits_mm}


def _curve(distance_mm: np.ndarray) -> tuple[float, ...]:
    return tuple(_shares(distance_mm, CURVE_MM).values())
