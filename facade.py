"""Twin: what a person asks of a twin, in one object."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .archive import TwinArchive
from .capture.camera import CameraRig
from .capture.errors import InputError
from .readers import colored_surface_reader, fitted_bodies, named_room, track_surfaces
from .reconstruction.body_model import anny_adult
from .reconstruction.body_tables import body_states
from .reconstruction.fitted_bodies import FittedBodies
from .reconstruction.lying import Lying, lying_at, lying_mesh
from .reconstruction.scene_tables import track_states
from .reconstruction.state import BodyState, SceneState, StaticScene
from .reconstruction.surface_tables import TrackSurfaces
from .scenegraph.graph import SceneGraph
from .scenegraph.phases import PhaseSpan
from .scenegraph.predicate import load_predicates
from .scenegraph.procedure import phases_table, procedure_phases
from .scenegraph.query_engine import QueryResult, run_query
from .scenegraph.query_sources import QuerySources
from .scenegraph.streams import streams_table
from .scenegraph.timeline import SceneGraphTimeline
from .scenegraph.timeline_tables import whole_relations
from .scenegraph.vocabulary import PredicateSpec

if TYPE_CHECKING:
    import pyarrow as pa


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

    @cached_property
    def meshes(self) -> FittedBodies | None:
        """The bodies that `ortwin bodies` fitted; None where nobody did, or not to the end."""
        if not self.num_segments or self.archive.num_committed("bodies") < self.num_segments:
            return None
        return fitted_bodies(self.archive, self.times_ns)

    @cached_property
    def surfaces(self) -> TrackSurfaces | None:
        """The meshes of what moves as it was measured; None where nobody asked for them, or not to the end."""
        if not self.num_segments or self.archive.num_committed("surfaces") < self.num_segments:
            return None
        return track_surfaces(self.archive, self.times_ns)

    @cached_property
    def lying(self) -> tuple[Lying, ...]:
        """Who and what lies on a table: the patient and the drape, stretch by stretch."""
        return self.archive.lying

    def body_mesh(self, track_id: str, time_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A person's body, clothes and all: vertices (n, 3), world, and faces (f, 3); None where none was fitted."""
        still = lying_at(self.lying, track_id, time_ns)
        if still is not None:
            return lying_mesh(still, anny_adult())
        return None if self.meshes is None else self.meshes.mesh(track_id, time_ns)

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
