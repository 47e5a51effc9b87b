"""The measured surfaces of what moves in Rerun: a mesh per track that changes with every instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..reconstruction.state import SceneState
from ..reconstruction.surface_mesh import SurfaceMesh, coarser
from ..reconstruction.surface_tables import TrackSurfaces
from .palette import track_color

if TYPE_CHECKING:
    import rerun

Index = Callable[[Sequence[int]], "list[rerun.TimeColumn]"]
"""Times, rig clock -> the columns of both timelines."""


class SurfaceDrawing:
    """Logs surfaces segment by segment; remembers what is in the picture, so that it can be taken out of it.

    Args:
        surfaces: of the twin; None = it has none.
        cell_m: vertices are thinned to one per cell of this edge; 0 = all of them.
    """

    def __init__(self, surfaces: TrackSurfaces | None, cell_m: float) -> None:
        self._surfaces, self._cell_m = surfaces, cell_m
        self._shown: set[str] = set()

    def log(self, stream: rerun.RecordingStream, states: Sequence[SceneState], index: Index) -> None:
        """Everything in one segment."""
        import rerun as rr

        if self._surfaces is None:
            return
        meshes: dict[str, list[tuple[int, SurfaceMesh]]] = {}
        gone: dict[str, list[int]] = {}
        for state in states:
            there = self._surfaces.at(state.timestamp_ns)
            for mesh in there:
                meshes.setdefault(mesh.track_id, []).append((state.timestamp_ns, coarser(mesh, self._cell_m)))
            names = {mesh.track_id for mesh in there}
            for track_id in sorted(self._shown - names):
                gone.setdefault(track_id, []).append(state.timestamp_ns)
            self._shown = names
        for track_id, rows in meshes.items():
            path = rr.new_entity_path(["world", "tracks", track_id, "mesh"])
            stream.send_columns(path, index([time_ns for time_ns, _ in rows]), _columns([mesh for _, mesh in rows]))
        for track_id, times_ns in gone.items():
            path = rr.new_entity_path(["world", "tracks", track_id, "mesh"])
            stream.send_columns(path, index(times_ns), rr.Clear.columns(is_recursive=[False] * len(times_ns)))

    def without_points(self, number: int, states: Sequence[SceneState]) -> list[SceneState]:
        """The states of a segment without the measured points of what is drawn as a mesh."""
        if self._surfaces is None:
            return list(states)
        drawn = {time_ns: set(names) for time_ns, names in self._surfaces.instants(number).items()}
        return [
            replace(state, surfaces=tuple(
                surface for surface in state.surfaces if surface.track_id not in drawn.get(state.timestamp_ns, ())
            ))
            for state in states
        ]  # fmt: skip


def _columns(meshes: Sequence[SurfaceMesh]) -> list[rerun.ComponentColumn]:
    import rerun as rr

    colors = [
        np.tile(np.array(track_color(mesh.track_id, mesh.track_id.split("_")[0]), np.uint8), (len(mesh.vertices_m), 1))
        if mesh.colors_rgb is None else mesh.colors_rgb
        for mesh in meshes
    ]  # fmt: skip
    vertices = rr.Mesh3D.columns(
        vertex_positions=np.concatenate([mesh.vertices_m for mesh in meshes]), vertex_colors=np.concatenate(colors)
    )
    faces = rr.Mesh3D.columns(triangle_indices=np.concatenate([mesh.faces for mesh in meshes]).astype(np.uint32))
    return [
        *vertices.partition([len(mesh.vertices_m) for mesh in meshes]),
        *faces.partition([len(mesh.faces) for mesh in meshes]),
    ]
