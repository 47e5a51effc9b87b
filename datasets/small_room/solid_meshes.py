"""Meshes of solids: what the renderer draws of boxes and capsules that move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..simulated_or.meshes import TexturedMesh, box, capsule, merge
from .solids import Solids


def mesh_of(solids: Solids, textures: Sequence[int]) -> tuple[TexturedMesh, np.ndarray]:
    """The mesh of some solids, each part about its own origin, and (n,) the part that each vertex belongs to."""
    meshes = [
        capsule(float(half[2]), float(radius), texture) if radius > 0
        else box(np.zeros(3), np.eye(3), 2 * half, texture)
        for half, radius, texture in zip(solids.half_m, solids.radius_m, textures, strict=True)
    ]  # fmt: skip
    part = np.concatenate([np.full(len(mesh.vertices_m), i) for i, mesh in enumerate(meshes)])
    return merge(meshes), part


def placed(mesh: TexturedMesh, part: np.ndarray, solids: Solids, position: int) -> np.ndarray:
    """(n, 3) vertices of a `mesh_of` mesh where its solids are at one instant."""
    position = min(position, len(solids.center_m) - 1)
    rotation, center = solids.rotation[position][part], solids.center_m[position][part]
    return np.einsum("nij,nj->ni", rotation, mesh.vertices_m) + center
