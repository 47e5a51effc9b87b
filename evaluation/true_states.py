"""The true states as the scene graph takes them in, so that it can be judged apart from how states are found.

Everything that the truth knows of surfaces, joints and tools becomes one window over the whole recording. A thing that
no camera sees at an instant is handed over as unobserved there, whatever the truth knows of it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..scenegraph.graph_builder import GraphConfig
from ..scenegraph.pair_features import PairFeatures
from ..scenegraph.pair_measuring import compute_pair_features
from ..scenegraph.scene_window import Entity, SceneWindow, ToolPath
from ..scenegraph.vocabulary import FIXTURE, TRACK, ZONE
from .rows import RelationRow
from .surfaces import distances_m, raycasting_scene
from .truth import ToolTruth, TrackTruth, Truth

#: Points on surfaces: one to 1.6 x 1.6 cm, as many as this on small things all the same.
POINTS_PER_M2, FEWEST_POINTS = 4_000, 1_000
SEED = 20260102
#: Gaps of points that are measured anew with triangles: about where a contact begins and ends.
SHARP_M = (0.015, 0.085)

Blind = Callable[[str, int], bool]
"""(camera_id, time_ns) -> whether that camera is taken to see nothing then."""


def true_features(truth: Truth, blind: Blind | None = None, like: PairFeatures | None = None) -> PairFeatures:
    """The measures of all pairs through a whole recording; small gaps are those of the exact surfaces.

    Args:
        truth: with tracks, people, tools, fixtures, and a folder with shapes.
        blind: cameras that see nothing at some times.
        like: those of the same truth with other cameras, whose exact gaps are taken: nobody's sight changes them.
    """
    window = true_window(truth, blind)
    features = compute_pair_features(window)
    return replace(features, gap_m=exact_gaps_m(truth, window, features) if like is None else like.gap_m)


def exact_gaps_m(truth: Truth, window: SceneWindow, features: PairFeatures) -> np.ndarray:
    """(T, P) the gaps of some measures, those about a contact from points to triangles instead of points to points."""
    tracks, gap_m = list((truth.tracks or {}).values()), features.gap_m.copy()
    columns = {pair: p for p, pair in enumerate(_pairs(features))}
    once = [p for (a, b), p in columns.items() if b < len(tracks) and a < b]
    near = (features.gap_m >= SHARP_M[0]) & (features.gap_m <= SHARP_M[1])
    for instant in np.flatnonzero(near[:, once].any(axis=1)).tolist():
        meshes: dict[int, _Mesh] = {}
        for p in (p for p in once if near[instant, p]):
            a, b = int(features.subject_index[p]), int(features.object_index[p])
            for index in (a, b):
                if index not in meshes:
                    meshes[index] = _Mesh(truth, tracks[index], window.surface_m(instant, index), instant)
            exact_m = min(gap_m[instant, p], meshes[a].reach_m(meshes[b]), meshes[b].reach_m(meshes[a]))
            gap_m[instant, [p, columns[b, a]]] = exact_m
    return gap_m


def _pairs(features: PairFeatures) -> list[tuple[int, int]]:
    return list(zip(features.subject_index.tolist(), features.object_index.tolist(), strict=True))


class _Mesh:
    """A true surface at an instant: points on it, and its triangles, which are searched when first asked for."""

    def __init__(self, truth: Truth, track: TrackTruth, points_m: np.ndarray, instant: int) -> None:
        self._truth, self._track, self._points_m, self._instant = truth, track, points_m, instant
        self._scene = None

    def reach_m(self, other: _Mesh) -> float:
        """The smallest distance from points of the other to these triangles; infinite without triangles."""
        shape = self._triangles()
        if shape is None:
            return np.inf
        vertices_m, faces = shape
        low_m, high_m = vertices_m.min(axis=0) - SHARP_M[1], vertices_m.max(axis=0) + SHARP_M[1]
        close = ((other._points_m >= low_m) & (other._points_m <= high_m)).all(axis=1)
        if not close.any():
            return np.inf
        self._scene = self._scene or raycasting_scene([(vertices_m, faces)])
        return float(distances_m(self._scene, other._points_m[close]).min())

    def _triangles(self) -> tuple[np.ndarray, np.ndarray] | None:
        tool = (self._truth.tools or {}).get(self._track.track_id)
        if tool is None:
            return self._truth.body(self._track.track_id, self._instant)
        shape = self._truth.tool_shape(self._track.track_id, self._track.label)
        if shape is None:
            return None
        return shape[0] @ tool.rotation[self._instant].T + tool.translation_m[self._instant], shape[1]


def true_window(truth: Truth, blind: Blind | None = None) -> SceneWindow:
    """All true states as one window.

    Args:
        truth: with tracks, people, tools, fixtures, and a folder with shapes.
        blind: cameras that see nothing at some times.
    """
    tracks = list((truth.tracks or {}).values())
    fixtures, zones, people, tools = truth.fixtures or (), truth.zones or (), truth.people or {}, truth.tools or {}
    entities = (
        *(Entity(track.track_id, track.label, TRACK) for track in tracks),
        *(Entity(name, fixture.label, FIXTURE) for name, fixture in zip(_fixture_names(truth), fixtures, strict=True)),
        *(Entity(zone.label, ZONE, ZONE) for zone in zones),
    )
    grid = (len(truth.times_ns), len(entities))
    center_m, extent_m, velocity_m_s = (np.full((*grid, 3), np.nan) for _ in range(3))
    present, observed = np.zeros(grid, dtype=bool), np.ones(grid, dtype=bool)
    for column, track in enumerate(tracks):
        at = np.searchsorted(truth.times_ns, track.time_ns)
        center_m[at, column], extent_m[at, column], present[at, column] = track.center_m, track.extent_m, True
        velocity_m_s[:, column] = np.gradient(center_m[:, column], truth.step_ns * 1e-9, axis=0)
    sigma_m = np.zeros(grid)
    for track_id, seen in _seen(truth, blind).items():
        column = [track.track_id for track in tracks].index(track_id)
        observed[:, column], sigma_m[:, column] = seen, _spread_m(seen, truth.step_ns * 1e-9)
    shapes = {track.track_id: _samples_of(truth, track) for track in tracks}
    number = {track.track_id: column for column, track in enumerate(tracks)}
    standing = len(tracks)
    return SceneWindow(
        truth.times_ns, entities, center_m, extent_m, velocity_m_s, sigma_m, present, observed,
        {standing + place: fixture.box for place, fixture in enumerate(fixtures)},
        {standing + len(fixtures) + place: zone for place, zone in enumerate(zones)},
        lambda time, entity: _points_m(truth, tracks[entity], shapes[tracks[entity].track_id], time),
        {number[name]: person.joints_m for name, person in people.items() if name in number},
        {number[name]: _path(truth, tool) for name, tool in tools.items() if name in number},
        exact=True,
    )  # fmt: skip


def _fixture_names(truth: Truth) -> list[str]:
    """A name of its own for each piece: where several share a label, their relations are joined by `by_label`."""
    labels = [fixture.label for fixture in truth.fixtures or ()]
    return [label if labels.index(label) == i else f"{label}_{i}" for i, label in enumerate(labels)]


def _seen(truth: Truth, blind: Blind | None) -> dict[str, np.ndarray]:
    """(t,) bool by track: whether any camera sees it that is not blind."""
    seen: dict[str, np.ndarray] = {}
    if truth.folder is None:
        return seen
    for path, key in _sight_tables(truth.folder):
        with path.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                mask = seen.setdefault(row[key], np.zeros(len(truth.times_ns), dtype=bool))
                instant = int(row["instant"])
                cameras = [name for name in row["visible_in"].split(";") if name]
                if blind is not None:
                    cameras = [name for name in cameras if not blind(name, int(truth.times_ns[instant]))]
                mask[instant] |= bool(cameras)
    return seen


def _sight_tables(folder: Path) -> list[tuple[Path, str]]:
    """The files that tell which cameras see what, and their columns of names; joints and poses, if no other does."""
    if (whole := folder / "sightings.csv").exists():
        return [(whole, "track_id")]
    tables = [(folder / "people.csv", "person_id"), (folder / "tools.csv", "tool_id")]
    return [(path, key) for path, key in tables if path.exists()]


def _spread_m(seen: np.ndarray, step_s: float) -> np.ndarray:
    """(t,) how uncertain somebody's place is where nobody sees her: a walk since, or until, she is seen, as 2 sigma."""
    number = np.arange(len(seen))
    at = np.flatnonzero(seen)
    if not len(at):
        return np.full(len(seen), np.inf)
    after = np.searchsorted(at, number).clip(0, len(at) - 1)
    away = np.minimum(np.abs(at[after] - number), np.abs(at[np.maximum(after - 1, 0)] - number))
    return away * step_s * GraphConfig().unseen_speed_m_s / GraphConfig().bound_sigmas


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    """Places on a mesh: (n, 3) vertex numbers and weights; of a rigid thing, (n, 3) points in its own frame instead."""

    corners: np.ndarray
    weights: np.ndarray
    own_m: np.ndarray | None = None


def _samples_of(truth: Truth, track: TrackTruth) -> _Samples | None:
    if track.track_id in (truth.tools or {}):
        shape = truth.tool_shape(track.track_id, track.label)
    else:
        first = int(np.searchsorted(truth.times_ns, track.time_ns[0]))
        shape = truth.body(track.track_id, first)
    if shape is None:
        return None
    vertices_m, faces = np.asarray(shape[0], dtype=np.float64), np.asarray(shape[1])
    corners_m = vertices_m[faces]
    area_m2 = np.linalg.norm(np.cross(corners_m[:, 1] - corners_m[:, 0], corners_m[:, 2] - corners_m[:, 0]), axis=1) / 2
    number = max(FEWEST_POINTS, round(POINTS_PER_M2 * float(area_m2.sum())))
    rng = np.random.default_rng([SEED, number])
    place = (np.arange(number) + rng.random(number)) / number
    chosen = np.searchsorted(np.cumsum(area_m2) / area_m2.sum(), place).clip(0, len(faces) - 1)
    root, second = np.sqrt(rng.random(number)), rng.random(number)
    weights = np.stack([1 - root, root * (1 - second), root * second], axis=1)
    own_m = None
    if track.track_id in (truth.tools or {}):
        own_m = np.einsum("nkc,nk->nc", corners_m[chosen], weights)
    return _Samples(faces[chosen], weights, own_m)


def _points_m(truth: Truth, track: TrackTruth, samples: _Samples | None, instant: int) -> np.ndarray:
    if samples is None:
        return np.zeros((0, 3), dtype=np.float32)
    if samples.own_m is not None:
        tool = (truth.tools or {})[track.track_id]
        return samples.own_m @ tool.rotation[instant].T + tool.translation_m[instant]
    body = truth.body(track.track_id, instant)
    if body is None:
        return np.zeros((0, 3), dtype=np.float32)
    return np.einsum("nkc,nk->nc", body[0][samples.corners], samples.weights)


def _path(truth: Truth, tool: ToolTruth) -> ToolPath:
    shape = truth.tool_shape(tool.tool_id, tool.label)
    own_m = np.zeros((1, 3)) if shape is None else np.asarray(shape[0], dtype=np.float64)
    tip_m = truth.tip_m(tool.tool_id, tool.label)
    return ToolPath(tool.rotation, tool.translation_m, own_m.min(axis=0), own_m.max(axis=0), tip_m)


def by_label(rows: tuple[RelationRow, ...], truth: Truth) -> tuple[RelationRow, ...]:
    """Relations to fixtures under the labels of these, as the truth tells them: to one of all that share a label."""
    labels: Mapping[str, str] = {
        name: fixture.label for name, fixture in zip(_fixture_names(truth), truth.fixtures or (), strict=True)
    }
    return tuple(
        RelationRow(row.subject, row.predicate, labels.get(row.object, row.object), row.begin_ns, row.end_ns, row.state)
        for row in rows
    )
