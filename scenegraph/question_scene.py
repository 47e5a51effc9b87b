"""What questions are put to: the graph, places, furniture, cameras, phases and streams of one recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..capture.camera import CameraRig
from ..capture.errors import ConfigError, nearest_name
from ..reconstruction.state import OrientedBox, StaticScene, Visibility
from .graph import TruthState
from .phases import PhaseSpan
from .timeline import Interval, NodeSpan, SceneGraphTimeline
from .vocabulary import TRACK, canonical_name, is_person
from .window_tables import fixture_nodes

if TYPE_CHECKING:
    import pyarrow as pa

PATIENT = "patient"


@dataclass(frozen=True, slots=True, eq=False)
class Path3D:
    """Where one thing was.

    Args:
        times_ns: (t,) int64, rig clock, ascending.
        center_m, extent_m: (t, 3) of its axis-aligned box, world.
        measured: (t,) bool, False where nothing measured it and the motion model speaks.
        seen_by: (t,) the cameras that saw it; None where nobody says.
    """

    times_ns: np.ndarray
    center_m: np.ndarray
    extent_m: np.ndarray
    measured: np.ndarray
    seen_by: tuple[frozenset[str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing is at an instant: its box, whether that was measured, the cameras that saw it (None: unsaid)."""

    box: OrientedBox
    measured: bool
    seen_by: frozenset[str] | None


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One stream: times (n,) int64 ns, ascending, and its values, numbers or words; None = nothing was said."""

    times_ns: np.ndarray
    values: tuple[float | str | None, ...]
    max_age_ns: int | None = None

    def at(self, time_ns: int) -> float | str | None:
        """The value that holds at an instant: that of the last sample, if it is not too old."""
        place = int(np.searchsorted(self.times_ns, time_ns, side="right")) - 1
        if place < 0 or (self.max_age_ns is not None and time_ns - int(self.times_ns[place]) >= self.max_age_ns):
            return None
        return self.values[place]


@dataclass(frozen=True, slots=True, eq=False)
class QuestionScene:
    """One recording, as questions see it.

    Args:
        timeline: nodes and relations.
        span_ns: first instant, and the end of the last.
        paths: what moves, by name.
        boxes: furniture, by name.
        rig: the cameras; None where nobody knows them.
        phases: of the procedure; None where nobody knows them.
        roles: of people, canonical, by name; who is not in it has none that is known.
        streams: by name.
        measured: the predicates that were looked for; None for all.
    """

    timeline: SceneGraphTimeline
    span_ns: tuple[int, int]
    paths: Mapping[str, Path3D] = field(default_factory=dict)
    boxes: Mapping[str, OrientedBox] = field(default_factory=dict)
    rig: CameraRig | None = None
    phases: tuple[PhaseSpan, ...] | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    streams: Mapping[str, Samples] = field(default_factory=dict)
    measured: frozenset[str] | None = None

    def nodes_at(self, time_ns: int) -> list[NodeSpan]:
        """What exists at an instant, in the order of the graph."""
        return [node for node in self.timeline.nodes if node.exists_at(time_ns)]

    def people_at(self, time_ns: int) -> list[NodeSpan]:
        """The human beings of an instant, the patient among them."""
        return [node for node in self.nodes_at(time_ns) if is_person(node.label)]

    def role_of(self, node: NodeSpan) -> str:
        """What a person is; empty where nobody knows."""
        from .vocabulary_terms import load_terms

        if node.label == PATIENT:
            return PATIENT
        term = load_terms().entities.get(node.label)
        return self.roles.get(node.node_id) or node.role or (term.role if term else "") or _own_role(node.label)

    def find(self, name: str) -> NodeSpan:
        """The node of a name: its own, or its role or class where only one bears that.

        Raises:
            ConfigError: there is none, or more than one.
        """
        by_id = {node.node_id: node for node in self.timeline.nodes}
        if name in by_id:
            return by_id[name]
        word = canonical_name(name)
        found = [node for node in self.timeline.nodes if word in (node.label, self.role_of(node))]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f"'{name}' may mean {', '.join(node.node_id for node in found)}", todo="name one of them")
        raise ConfigError(
            f"there is no '{name}'{nearest_name(name, by_id)}",
            why=f"this recording has {', '.join(by_id) or 'nothing'}",
        )

    def camera(self, name: str) -> str:
        """A camera's name, checked.

        Raises:
            ConfigError: there is none of that name.
        """
        known = {} if self.rig is None else self.rig.cameras
        if name not in known:
            raise ConfigError(f"there is no camera '{name}'{nearest_name(name, known)}", todo=", ".join(known))
        return name

    def place_at(self, node: NodeSpan, time_ns: int) -> Place | None:
        """Where a thing is, from the nearest instant; None while it is not there, or where nobody measured it."""
        if node.node_id in self.boxes:
            return Place(self.boxes[node.node_id], True, None)
        path = self.paths.get(node.node_id)
        if path is None or not len(path.times_ns) or not node.exists_at(time_ns):
            return None
        place = int(np.argmin(np.abs(path.times_ns - time_ns)))
        step_ns = int(np.median(np.diff(path.times_ns))) if len(path.times_ns) > 1 else 0
        if abs(int(path.times_ns[place]) - time_ns) > max(step_ns, 1):
            return None
        box = OrientedBox(path.center_m[place], np.eye(3), path.extent_m[place])
        return Place(box, bool(path.measured[place]), None if path.seen_by is None else path.seen_by[place])

    def rows(self, time_ns: int) -> list[Interval]:
        """The relations of an instant, true and unknown."""
        return [row for row in self.timeline.intervals if row.begin_ns <= time_ns < row.end_ns]

    def stream(self, name: str) -> Samples:
        """A stream by its name.

        Raises:
            ConfigError: there is none.
        """
        if name not in self.streams:
            raise ConfigError(
                f"nobody recorded the stream '{name}'{nearest_name(name, self.streams)}",
                todo=f"bring it with `ortwin stream add TWIN FILE --name {name}`; docs/questions.md says what it holds",
            )
        return self.streams[name]


def scene_of_tables(
    timeline: SceneGraphTimeline, tracks: pa.Table, visibility: pa.Table | None, static: StaticScene,
    span_ns: tuple[int, int], *, rig: CameraRig | None = None, phases: Sequence[PhaseSpan] | None = None,
    streams: pa.Table | None = None, measured: frozenset[str] | None = None,
) -> QuestionScene:  # fmt: skip
    """The scene of a twin, from its tables.

    Args:
        timeline: its graph.
        tracks, visibility: docs/formats.md.
        static: the standing room, with the names that hold.
        span_ns: first instant, and the end of the last.
        rig, phases, measured: as in `QuestionScene`.
        streams: as `streams.streams_table` gives them.
    """
    boxes = {name: fixture.box for name, fixture in fixture_nodes(static.fixtures).items()}
    return QuestionScene(
        timeline, span_ns, _paths(tracks, visibility), boxes, rig, None if phases is None else tuple(phases), {},
        {} if streams is None else stream_samples(streams), measured,
    )  # fmt: skip


def stream_samples(table: pa.Table) -> dict[str, Samples]:
    """Streams by name from the one table that queries see."""
    found: dict[str, list[tuple[int, float | str | None, int | None]]] = {}
    for row in table.to_pylist():
        value = row["text"] if row["value"] is None else row["value"]
        found.setdefault(row["name"], []).append((row["time_ns"], value, row["max_age_ns"]))
    return {
        name: Samples(np.array([row[0] for row in rows], np.int64), tuple(row[1] for row in rows), rows[0][2])
        for name, rows in found.items()
    }


def true_rows(rows: Iterable[Interval]) -> list[Interval]:
    """Those that are known to hold."""
    return [row for row in rows if row.state == TruthState.TRUE]


def _own_role(label: str) -> str:
    from .vocabulary import ROLES

    return label if label in ROLES else ""


def _paths(tracks: pa.Table, visibility: pa.Table | None) -> dict[str, Path3D]:
    seen: dict[tuple[str, int], set[str]] = {}
    if visibility is not None:
        names = ("track_id", "time_ns", "camera_id", "visibility")
        for track, time_ns, camera, value in zip(*(visibility[name].to_pylist() for name in names), strict=True):
            own = seen.setdefault((track, time_ns), set())
            if value == Visibility.SEEN:
                own.add(camera)
    rows = {name: tracks[name].to_numpy(zero_copy_only=False) for name in tracks.column_names}
    paths = {}
    for name in dict.fromkeys(rows["track_id"].tolist()):
        own = np.flatnonzero(rows["track_id"] == name)
        times_ns = rows["time_ns"][own].astype(np.int64)
        cameras = tuple(frozenset(seen.get((name, time), ())) for time in times_ns.tolist())
        paths[name] = Path3D(
            times_ns, np.column_stack([rows[axis][own] for axis in ("x_m", "y_m", "z_m")]),
            np.column_stack([rows[axis][own] for axis in ("dx_m", "dy_m", "dz_m")]),
            ~rows["predicted"][own].astype(bool), None if visibility is None else cameras,
        )  # fmt: skip
    return paths


def moves(node: NodeSpan) -> bool:
    """Whether a node is of the moving layer."""
    return node.layer == TRACK
