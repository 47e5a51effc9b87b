"""People in Rerun: skeletons as lines, and the meshes of fitted bodies on a coarser net of their own vertices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..facade import Twin
from ..reconstruction.fitted_bodies import coarse_faces
from ..reconstruction.state import SceneState
from .palette import UNKNOWN, track_color
from .skeletons import SkeletonCollector

if TYPE_CHECKING:
    import rerun

CELL_M = 0.045
"""Edge of the cells of which each keeps one vertex: some 800 of anny's 3008."""
OPACITY = 150
Index = Callable[[Sequence[int]], "list[rerun.TimeColumn]"]
"""Times, rig clock -> the columns of both timelines."""


class BodyDrawing:
    """Logs people segment by segment; remembers who is in the picture, so that she can be taken out of it."""

    def __init__(self, twin: Twin) -> None:
        self._meshes, self._skeletons = twin.meshes, SkeletonCollector()
        self._nets: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._shown: set[str] = set()

    def log(self, stream: rerun.RecordingStream, number: int, states: Sequence[SceneState], index: Index) -> None:
        """Everybody in one segment."""
        self._log_skeletons(stream, states, index)
        if self._meshes is not None:
            self._log_meshes(stream, number, [state.timestamp_ns for state in states], index)

    def _log_skeletons(self, stream: rerun.RecordingStream, states: Sequence[SceneState], index: Index) -> None:
        import rerun as rr

        times = index([state.timestamp_ns for state in states])
        for track_id, rows in self._skeletons.collect(states).items():
            color = track_color(track_id, "person")
            columns = rr.LineStrips3D.columns(
                strips=rows.strips_m,
                colors=np.array([UNKNOWN if hidden else color for hidden in rows.predicted], np.uint8).reshape(-1, 3),
                radii=np.full(len(rows.strips_m), 0.014, np.float32),
            )
            path: list[object] = ["world", "tracks", track_id, "skeleton"]
            stream.send_columns(rr.new_entity_path(path), times, columns.partition(rows.lengths))

    def _log_meshes(self, stream: rerun.RecordingStream, number: int, times_ns: Sequence[int], index: Index) -> None:
        import rerun as rr

        assert self._meshes is not None
        found = self._meshes.poses(number)
        for track_id in sorted(self._shown | set(found)):
            path: list[object] = ["world", "tracks", track_id, "body"]
            own_ns = np.zeros(0, np.int64)
            if track_id in found:
                own_ns, body = found[track_id]
                rows = self._net(stream, path, track_id)
                vertices_m, normals = self._meshes.vertices_m(track_id, body, rows)
                columns = rr.Mesh3D.columns(
                    vertex_positions=vertices_m.reshape(-1, 3), vertex_normals=normals.reshape(-1, 3)
                ).partition([len(rows)] * len(own_ns))
                stream.send_columns(rr.new_entity_path(path), index(own_ns.tolist()), columns)
            gone_ns = _departures(np.asarray(times_ns, np.int64), own_ns, was_there=track_id in self._shown)
            if gone_ns:
                away = rr.Clear.columns(is_recursive=[False] * len(gone_ns))
                stream.send_columns(rr.new_entity_path(path), index(gone_ns), away)
            there = len(own_ns) and len(times_ns) and own_ns[-1] == times_ns[-1]
            self._shown = self._shown | {track_id} if there else self._shown - {track_id}

    def _net(self, stream: rerun.RecordingStream, path: list[object], track_id: str) -> np.ndarray:
        """(m,) the vertices that are drawn; their faces, which never change, are logged with the first of them."""
        import rerun as rr

        assert self._meshes is not None
        if track_id not in self._nets:
            self._nets[track_id] = coarse_faces(self._meshes.model(track_id), CELL_M)
        rows, faces = self._nets[track_id]
        tint = (*track_color(track_id, "person"), OPACITY)
        stream.log(path, rr.Mesh3D.from_fields(triangle_indices=faces, albedo_factor=tint), static=True)
        return rows


def _departures(times_ns: np.ndarray, own_ns: np.ndarray, *, was_there: bool) -> list[int]:
    """The instants at which somebody is gone who was there an instant before."""
    there = np.isin(times_ns, own_ns)
    before = np.concatenate([[was_there], there[:-1]])
    return times_ns[~there & before].tolist()
