"""What moves, one row per thing and instant, as a drawing needs it: thinned surface, box, and the path behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..reconstruction.state import SceneState, TrackState

PATH_HEIGHT_M = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class TrackRow:
    """One thing at one instant; `state` is None at the first instant at which it is gone.

    Args:
        time_ns: rig clock.
        state: where it is.
        points_m, colors_rgb: (n, 3) float32 and uint8, its measured surface; empty where nothing was measured.
        path_m: (k, 3) float32, where it went in the last seconds, just above the floor.
    """

    time_ns: int
    state: TrackState | None = None
    points_m: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    colors_rgb: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    path_m: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))


class TrackRows:
    """Collects rows segment by segment; remembers the paths and who is in the picture.

    Args:
        trail_s: how far back a path reaches.
        max_points: largest number of surface points per row.
    """

    def __init__(self, trail_s: float, max_points: int) -> None:
        self._trail_ns, self._max_points = round(trail_s * 1e9), max_points
        self._trails: dict[str, deque[tuple[int, np.ndarray]]] = {}
        self._visible: set[str] = set()

    def collect(self, states: Iterable[SceneState]) -> dict[str, list[TrackRow]]:
        """The rows of some consecutive instants by track."""
        rows: dict[str, list[TrackRow]] = {}
        for state in states:
            present = {track.track_id for track in state.tracks}
            for track_id in sorted(self._visible - present):
                rows.setdefault(track_id, []).append(TrackRow(state.timestamp_ns))
                self._trails.pop(track_id, None)
            surfaces = {surface.track_id: surface for surface in state.surfaces}
            for track in state.tracks:
                row = TrackRow(state.timestamp_ns, track, path_m=self._path(track, state.timestamp_ns))
                surface = surfaces.get(track.track_id)
                if surface is not None and len(surface.points_m):
                    step = -(-len(surface.points_m) // self._max_points)
                    points_m, colors_rgb = surface.points_m[::step], surface.colors_rgb[::step]
                    row = TrackRow(row.time_ns, track, points_m, colors_rgb, row.path_m)
                rows.setdefault(track.track_id, []).append(row)
            self._visible = present
        return rows

    def _path(self, track: TrackState, time_ns: int) -> np.ndarray:
        trail = self._trails.setdefault(track.track_id, deque())
        trail.append((time_ns, np.array([*track.center_m[:2], PATH_HEIGHT_M], np.float32)))
        while time_ns - trail[0][0] > self._trail_ns:
            trail.popleft()
        return np.stack([place for _, place in trail])
