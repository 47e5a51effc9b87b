"""Twin: what a person asks of a twin, in one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .archive import TwinArchive
from .capture.camera import CameraRig
from .capture.errors import InputError
from .reconstruction.body_tables import body_states, joints_by_track
from .reconstruction.room_plan import apply_room_plan, parse_room_plan
from .reconstruction.scene_tables import track_states
from .reconstruction.state import BodyState, SceneState, StaticScene, SurfacePoints, Visibility
from .reconstruction.surfaces import decode_surface, with_hidden_side
from .scenegraph.graph import SceneGraph
from .scenegraph.phases import PhaseSpan
from .scenegraph.predicate import load_predicates
from .scenegraph.procedure import phases_table, procedure_phases
from .scenegraph.query_engine import QueryResult, run_query
from .scenegraph.query_sources import QuerySources
from .scenegraph.scene_window import SceneWindow
from .scenegraph.streams import streams_table
from .scenegraph.timeline import SceneGraphTimeline
from .scenegraph.timeline_tables import whole_relations
from .scenegraph.vocabulary import PredicateSpec
from .scenegraph.window_tables import scene_window

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """What a window of relations takes from a twin.

    Args:
        surface_sigma_m: standard deviation of a measured surface point.
        thickness_m: so much lies hidden behind each seen point.
        joint_sigma_m: joints less sure than this are not known to the relations.
        context_s: so much of the neighbouring segments tells how things move at a border.
    """

    surface_sigma_m: float
    thickness_m: float
    joint_sigma_m: float = 0.12
    context_s: float = 0.5


class Twin:
    """A scene twin: the standing room, what moves through it, and the graph of who stands in which relation to whom.

    Args:
        archive: the twin on disk; read lazily, segment by segment.
    """

    def __init__(self, archive: TwinArchive) -> None:
        self.archive = archive

    @property
    def path(self) -> Path:
        """The `.twin` folder."""
        return self.archive.path

    @property
    def rig(self) -> CameraRig:
        """Where the cameras stand."""
        return self.archive.rig

    @cached_property
    def room(self) -> StaticScene:
        """The standing room, its fixtures and zones under the names that hold."""
        return named_room(self.archive, self.archive.room_plan)

    @property
    def num_segments(self) -> int:
        """How many segments the twin has."""
        return self.archive.num_committed("tracks")

    @cached_property
    def times_ns(self) -> np.ndarray:
        """(t,) int64 instants, rig clock."""
        return np.unique(self.archive.read_layer("moving", "frames", ["time_ns"])["time_ns"].to_numpy())

    @cached_property
    def tracks(self) -> pa.Table:
        """Every track at every instant; columns in docs/formats.md."""
        return self.archive.read_layer("tracks", "tracks")

    @cached_property
    def visibility(self) -> pa.Table:
        """What each camera could say about each track at each instant."""
        return self.archive.read_layer("tracks", "visibility")

    @cached_property
    def bodies(self) -> pa.Table | None:
        """Every body at every instant; columns in docs/formats.md. None in a twin of an older ortwin."""
        if self.num_segments and not self.archive.has_table("tracks", 0, "bodies"):
            return None
        return self.archive.read_layer("tracks", "bodies")

    def _bodies(self, segment: int) -> dict[int, list[BodyState]]:
        if not self.archive.has_table("tracks", segment, "bodies"):
            return {}
        return body_states(self.archive.read_segment("tracks", segment, "bodies"))

    @property
    def relations(self) -> pa.Table:
        """All relation rows as stored, cut at the borders of segments."""
        return self.archive.read_layer(self.archive.graph_layer, "relations")

    @property
    def nodes(self) -> pa.Table:
        """All entities of the graph, each once."""
        import pyarrow as pa

        table = self.archive.read_layer(self.archive.graph_layer, "nodes")
        _, first = np.unique(np.array(table["node_id"].to_pylist(), dtype=object), return_index=True)
        return table.take(pa.array(np.sort(first)))

    @cached_property
    def timeline(self) -> SceneGraphTimeline:
        """All nodes and all relation intervals."""
        return SceneGraphTimeline.from_arrow(self.relations, self.nodes)

    @cached_property
    def measured(self) -> frozenset[str] | None:
        """The predicates that could be measured; None where nobody wrote them down."""
        names = self.archive.facts(self.archive.graph_layer, 0).get("measured") if self.num_segments else None
        return None if names is None else frozenset(names)

    @cached_property
    def phases(self) -> tuple[PhaseSpan, ...] | None:
        """The phases of the procedure, as far as the relations tell them; None where they cannot be known."""
        return None if self.measured is None else procedure_phases(self.timeline, self.measured)

    @property
    def streams(self) -> pa.Table:
        """What was measured beside the cameras; columns in docs/streams.md."""
        return streams_table(self.path)

    @property
    def positions(self) -> pa.Table:
        """The centre of whatever moves at every instant: node_id, time_ns, x_m, y_m, z_m."""
        table = self.archive.read_layer("tracks", "tracks", ["track_id", "time_ns", "x_m", "y_m", "z_m"])
        return table.rename_columns(["node_id", *table.column_names[1:]])

    @property
    def sources(self) -> QuerySources:
        """All that can be asked about, as queries read it."""
        return QuerySources(
            lambda: whole_relations(self.relations), self.nodes, positions=lambda: self.positions,
            streams=lambda: self.streams, phases=lambda: phases_table(self.phases or ()), procedures=self._span,
            specs=self._specs(), name=self.path.stem,
        )  # fmt: skip

    def _span(self) -> pa.Table:
        """When the recording begins and ends, whether or not anything was found in it."""
        import pyarrow as pa

        first, last = (self.archive.span_ns("tracks", number) for number in (0, self.num_segments - 1))
        return pa.table({"begin_ns": [first[0]], "end_ns": [last[1]]})

    def _specs(self) -> dict[str, PredicateSpec] | None:
        """The predicates that were measured: of any other the twin must not say that it never held.

        None, for all, where nobody wrote down which, or where there was nothing to measure.
        """
        return (
            {name: spec for name, spec in load_predicates().items() if name in self.measured} if self.measured else None
        )

    def at(self, time_ns: int) -> SceneGraph:
        """The scene graph at an instant, rig clock."""
        return self.timeline.at(time_ns)

    def query(self, expression: str) -> QueryResult:
        """Answer a question such as "close_to(person, ?x)"; see docs/query-language.md.

        Raises:
            ConfigError: the question cannot be understood, or names what nobody knows.
        """
        return run_query(expression, self.sources)

    def states(self, segment: int | None = None) -> Iterator[SceneState]:
        """The state of every instant, in order; of one segment, or of all."""
        for number in range(self.num_segments) if segment is None else [segment]:
            tracks = self.archive.read_segment("tracks", number, "tracks")
            visibility = self.archive.read_segment("tracks", number, "visibility")
            frames = self.archive.read_segment("moving", number, "frames")
            by_time, bodies = track_states(tracks, visibility), self._bodies(number)
            times, at = np.unique(frames["time_ns"].to_numpy(), return_inverse=True)
            counts = np.bincount(at, np.isin(frames["camera_id"].to_pylist(), list(self.rig.cameras))).astype(int)
            surfaces = colored_surface_reader(self.archive, number)
            for time_ns, count in zip(times.tolist(), counts.tolist(), strict=True):
                states = tuple(by_time.get(time_ns, ()))
                found = [surfaces(time_ns, state.track_id) for state in states]
                yield SceneState(
                    time_ns, states, tuple(bodies.get(time_ns, ())), surfaces=tuple(s for s in found if s is not None),
                    coverage=count / len(self.rig.cameras),
                )  # fmt: skip

    def state(self, time_ns: int) -> SceneState:
        """The state of the instant nearest to a time.

        Raises:
            InputError: the twin has no instants.
        """
        for number in range(self.num_segments):
            begin_ns, end_ns = self.archive.span_ns("tracks", number)
            if time_ns < end_ns or number == self.num_segments - 1:
                states = list(self.states(number))
                if states and (time_ns >= begin_ns or number == 0):
                    return min(states, key=lambda state: abs(state.timestamp_ns - time_ns))
        raise InputError("the twin has no instants", where=str(self.path))

    def _repr_html_(self) -> str:
        seconds = (self.times_ns[-1] - self.times_ns[0]) * 1e-9
        ids = sorted(set(self.tracks["track_id"].to_pylist()))
        return f"<b>{self.path.name}</b>: {seconds:.1f} s, {len(self.rig.cameras)} cameras, {', '.join(ids)}"


def named_room(archive: TwinArchive, room_plan: bytes | None) -> StaticScene:
    """The standing room with the names of a room.toml (its text, or None)."""
    scene = archive.read_static()
    if room_plan is None:
        return scene
    fixtures, zones = apply_room_plan(parse_room_plan(room_plan.decode()), scene.fixtures, scene.zones)
    return replace(scene, fixtures=fixtures, zones=zones)


def colored_surface_reader(archive: TwinArchive, number: int) -> Callable[[int, str], SurfacePoints | None]:
    """(time_ns, track_id) -> the measured surface in one segment, or None where nothing was measured."""
    tracks = archive.read_segment("tracks", number, "tracks")
    sightings = archive.read_segment("moving", number, "sightings")
    packets = archive.read_blob("moving", number, "surfaces.bin")
    raw = {
        (time_ns, track_id): number
        for time_ns, track_id, number in zip(
            *(tracks[name].to_pylist() for name in ("time_ns", "track_id", "number")), strict=True
        )
    }
    place = {
        (time_ns, number): (offset, size)
        for time_ns, number, offset, size in zip(
            *(sightings[name].to_pylist() for name in ("time_ns", "number", "surface_offset", "surface_size")),
            strict=True,
        )
    }

    def read(time_ns: int, track_id: str) -> SurfacePoints | None:
        offset, size = place.get((time_ns, raw.get((time_ns, track_id), -1)), (0, 0))
        if size == 0:
            return None
        return SurfacePoints(track_id, *decode_surface(packets[offset : offset + size]))

    return read


def measured_surfaces(archive: TwinArchive, number: int) -> dict[int, dict[int, tuple[np.ndarray, bool]]]:
    """By time and raw number, in one segment: the measured surface (n, 3), and whether a head tops it."""
    sightings = archive.read_segment("moving", number, "sightings")
    packets = archive.read_blob("moving", number, "surfaces.bin")
    found: dict[int, dict[int, tuple[np.ndarray, bool]]] = {}
    names = ("time_ns", "number", "has_head", "surface_offset", "surface_size")
    for time_ns, raw, has_head, offset, size in zip(*(sightings[name].to_pylist() for name in names), strict=True):
        if size:
            points_m, _ = decode_surface(packets[offset : offset + size])
            found.setdefault(time_ns, {})[raw] = points_m, has_head
    return found


def solid_reader(archive: TwinArchive, number: int, thickness_m: float) -> Callable[[int, str], np.ndarray]:
    """(time_ns, track_id) -> (n, 3) float32 points of a measured thing in one segment, its hidden side included.

    Empty where nothing was measured. See `reconstruction.surfaces.with_hidden_side`.
    """
    read = colored_surface_reader(archive, number)
    places_m = {name: camera.world_from_camera.translation_m for name, camera in archive.rig.cameras.items()}
    visibility = archive.read_segment("tracks", number, "visibility")
    seen_by: dict[tuple[int, str], list[np.ndarray]] = {}
    names = ("time_ns", "track_id", "camera_id", "visibility")
    for time_ns, track_id, camera_id, value in zip(*(visibility[name].to_pylist() for name in names), strict=True):
        if value == Visibility.SEEN:
            seen_by.setdefault((time_ns, track_id), []).append(places_m[camera_id])

    def points_m(time_ns: int, track_id: str) -> np.ndarray:
        surface, cameras = read(time_ns, track_id), seen_by.get((time_ns, track_id))
        if surface is None:
            return np.zeros((0, 3), np.float32)
        if not cameras:
            return surface.points_m
        return with_hidden_side(surface.points_m, np.mean(cameras, axis=0), thickness_m)

    return points_m


def graph_window(
    archive: TwinArchive, number: int, times_ns: Sequence[np.ndarray], static: StaticScene, config: WindowConfig
) -> SceneWindow:
    """What the relations of one segment are measured in: tracks, surfaces, joints, and moments of its neighbours.

    Args:
        archive: a twin whose tracks are committed.
        number: which segment.
        times_ns: the instants of every segment.
        static: the room with the names that hold.
        config: see WindowConfig.
    """
    reach_ns, own_ns = round(config.context_s * 1e9), times_ns[number]
    before_ns = times_ns[number - 1] if number else own_ns[:0]
    after_ns = times_ns[number + 1] if number + 1 < len(times_ns) else own_ns[:0]
    if len(own_ns):
        before_ns = before_ns[before_ns >= own_ns[0] - reach_ns]
        after_ns = after_ns[after_ns <= own_ns[-1] + reach_ns]
    instants_ns = np.concatenate([before_ns, own_ns, after_ns])
    segments = [number - 1] * bool(len(before_ns)) + [number] + [number + 1] * bool(len(after_ns))
    tracks = _rows_at(archive, segments, "tracks", instants_ns)
    joints_m: dict[str, np.ndarray] = {}
    if archive.has_table("tracks", number, "bodies"):
        joints_m = joints_by_track(
            _rows_at(archive, segments, "bodies", instants_ns), instants_ns, config.joint_sigma_m
        )
    return scene_window(
        instants_ns, tracks, static, config.surface_sigma_m, solid_reader(archive, number, config.thickness_m),
        joints_m, (len(before_ns), len(after_ns)),
    )  # fmt: skip


def _rows_at(archive: TwinArchive, segments: Sequence[int], table: str, instants_ns: np.ndarray) -> pa.Table:
    import pyarrow as pa

    rows = pa.concat_tables([archive.read_segment("tracks", number, table) for number in segments])
    return rows.filter(pa.array(np.isin(rows["time_ns"].to_numpy(), instants_ns)))
