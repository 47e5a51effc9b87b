"""How right the meshes of people are: distance to the true surface, and how much of them stands in free space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .rows import MeshReader
from .surfaces import distance_to_surface_m, first_hits, raycasting_scene, sample_surface, true_surfaces
from .truth import Truth

if TYPE_CHECKING:
    import open3d as o3d

FREE_MARGIN_M = 0.030
NUM_SAMPLES = 5000
MOST_INSTANTS = 40


@dataclass(frozen=True, slots=True)
class BodyScores:
    """The meshes against truth, at up to 40 instants evenly spread.

    Args:
        to_truth_mm: mean distance of points of the mesh, even over its area, to the true surface of the same person
            (point to surface), millimetres.
        from_truth_mm: mean distance of points of the true surface to the mesh.
        free_space_share: share in [0, 1] of the points of the mesh that stand more than 30 mm in front of the nearest
            true surface for at least one camera, that is, where that camera saw that nothing is; None without poses.
        num_meshes: meshes compared, one per person and instant.
    """

    to_truth_mm: float
    from_truth_mm: float
    free_space_share: float | None
    num_meshes: int


def score_bodies(bodies: MeshReader, truth: Truth, names: Mapping[str, str]) -> BodyScores | None:
    """Score meshes; None where the truth has no surfaces of people, or nobody has both.

    Args:
        bodies: the twin's meshes.
        truth: what is true.
        names: true person by the twin's identity.
    """
    to_truth, from_truth, free = [], [], []
    places_m = [pose.translation_m for pose in (truth.poses or {}).values()]
    most = min(MOST_INSTANTS, len(truth.times_ns))
    for instant in np.linspace(0, len(truth.times_ns) - 1, most).round().astype(int).tolist():
        scene = None
        for identity, person in names.items():
            ours, true = bodies(identity, int(truth.times_ns[instant])), truth.body(person, instant)
            if ours is None or true is None:
                continue
            points_m = sample_surface(*ours, NUM_SAMPLES)
            to_truth.append(distance_to_surface_m(points_m, *true).mean())
            from_truth.append(distance_to_surface_m(sample_surface(*true, NUM_SAMPLES), *ours).mean())
            if places_m:
                scene = scene or raycasting_scene(true_surfaces(truth, instant))
                free.append(in_free_space(points_m, scene, places_m).mean())
    if not to_truth:
        return None
    return BodyScores(
        1000 * float(np.mean(to_truth)), 1000 * float(np.mean(from_truth)),
        float(np.mean(free)) if free else None, len(to_truth),
    )  # fmt: skip


def in_free_space(
    points_m: np.ndarray, scene: o3d.t.geometry.RaycastingScene, places_m: list[np.ndarray]
) -> np.ndarray:
    """(n,) bool, which points (n, 3) stand more than 30 mm before the true surface for a camera at one place (3,)."""
    free = np.zeros(len(points_m), dtype=bool)
    for place_m in places_m:
        rays = points_m - place_m
        hit, _ = first_hits(scene, place_m, rays)
        free |= (hit - 1) * np.linalg.norm(rays, axis=1) > FREE_MARGIN_M
    return free


def true_meshes(truth: Truth) -> MeshReader:
    """The true surfaces of people as a twin would give them."""
    instants = {int(time_ns): instant for instant, time_ns in enumerate(truth.times_ns)}

    def read(entity: str, time_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
        instant = instants.get(time_ns)
        return None if instant is None else truth.body(entity, instant)

    return read
