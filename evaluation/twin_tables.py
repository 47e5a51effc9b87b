"""What the yardstick looks at in a twin: plain tables, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..capture.clock import ClockModel
from ..capture.config import config_from_mapping
from ..capture.errors import InputError
from ..capture.geometry import SE3
from ..reconstruction.body_tables import body_arrays
from ..reconstruction.ply import read_ply
from ..reconstruction.state import Fixture, OrientedBox
from ..scenegraph.graph_builder import GraphConfig
from .cost import read_cost_log
from .plain_export import (
    mask_reader,
    read_exported_clocks,
    read_exported_people,
    read_exported_phases,
    read_exported_relations,
    read_exported_rig,
    read_exported_tools,
    read_exported_tracks,
)
from .rows import CostLog, MaskReader, MeshReader, PeopleRows, PhaseRow, RelationRow, ToolRows, TrackRows
from .shifted_thresholds import relations_with_thresholds

if TYPE_CHECKING:
    import pyarrow as pa

    from ..facade import Twin

RelationsAt = Callable[[Sequence[float]], Mapping[float, tuple[RelationRow, ...]]]
"""Factors on all thresholds -> for each, the relations that the twin would then claim."""


@dataclass(frozen=True, slots=True, eq=False)
class TwinTables:
    """A twin as plain tables; None = the twin does not have it, so it is not scored.

    Args:
        tracks: where everything that moves was.
        relations: the intervals of the scene graph.
        room_vertices_m, room_faces: (n, 3), (f, 3) the standing room; no faces (0, 3) = points.
        fixtures: the furniture, for matching names by place.
        people: skeletons.
        tools: poses of tools.
        phases: phases of the procedure.
        poses: `world_from_camera` by camera; `pose_covariance` (6, 6) in its tangent (rad, then m), where stated.
        clocks: the clock of each camera.
        foreground: masks of what is not the room.
        flying: masks of the depth pixels that were thrown away because nothing is there.
        bodies: meshes of people.
        surfaces: measured surfaces of whatever moves.
        relations_at: the graph derived again with other thresholds.
        cost: what the build cost.
        predicates: the relations that the twin looks for, None where nobody says so; others are absent, not missed.
    """

    tracks: TrackRows | None = None
    relations: tuple[RelationRow, ...] | None = None
    room_vertices_m: np.ndarray | None = None
    room_faces: np.ndarray | None = None
    fixtures: tuple[Fixture, ...] = ()
    people: PeopleRows | None = None
    tools: ToolRows | None = None
    phases: tuple[PhaseRow, ...] | None = None
    poses: Mapping[str, SE3] | None = None
    pose_covariance: Mapping[str, np.ndarray] = field(default_factory=dict)
    clocks: Mapping[str, ClockModel] | None = None
    foreground: MaskReader | None = None
    flying: MaskReader | None = None
    bodies: MeshReader | None = None
    surfaces: MeshReader | None = None
    relations_at: RelationsAt | None = None
    cost: CostLog | None = None
    predicates: frozenset[str] | None = None

    def moved(self, new_from_old: SE3) -> TwinTables:
        """The same twin seen from another world."""
        changes: dict[str, object] = {}
        if self.tracks is not None:
            changes["tracks"] = replace(self.tracks, center_m=new_from_old @ self.tracks.center_m)
        if self.room_vertices_m is not None:
            changes["room_vertices_m"] = new_from_old @ np.asarray(self.room_vertices_m)
        if self.people is not None:
            changes["people"] = replace(self.people, joints_m=new_from_old @ self.people.joints_m)
        if self.tools is not None:
            changes["tools"] = replace(
                self.tools,
                rotation=new_from_old.rotation @ self.tools.rotation,
                translation_m=new_from_old @ self.tools.translation_m,
            )
        if self.poses is not None:
            changes["poses"] = {name: new_from_old @ pose for name, pose in self.poses.items()}
        if self.bodies is not None:
            changes["bodies"] = _moved_meshes(self.bodies, new_from_old)
        if self.surfaces is not None:
            changes["surfaces"] = _moved_meshes(self.surfaces, new_from_old)
        changes["fixtures"] = tuple(
            replace(fixture, box=OrientedBox(new_from_old @ fixture.box.center_m,
                    new_from_old.rotation @ fixture.box.rotation, fixture.box.extent_m))
            for fixture in self.fixtures
        )  # fmt: skip
        return replace(self, **changes)


def node_name(track_id: str) -> str:
    """The name that a track has in relations: `person_<n>` for a bare number, else the track id itself."""
    return f"person_{track_id}" if track_id.isdigit() else track_id


def track_rows(table: pa.Table) -> TrackRows:
    """From an Arrow table: time_ns, track_id, label, x_m, y_m, z_m, and perhaps predicted and sigma_m."""
    columns = {name: table.column(name).to_numpy() for name in ("time_ns", "x_m", "y_m", "z_m")}
    has_flag, has_sigma = (name in table.column_names for name in ("predicted", "sigma_m"))
    predicted = np.asarray(table.column("predicted").to_pylist(), bool) if has_flag else np.zeros(len(table), bool)
    return TrackRows(
        columns["time_ns"].astype(np.int64), np.array(table.column("track_id").to_pylist(), dtype=object),
        np.array(table.column("label").to_pylist(), dtype=object),
        np.stack([columns[axis] for axis in ("x_m", "y_m", "z_m")], axis=1).astype(np.float64), predicted,
        table.column("sigma_m").to_numpy().astype(np.float64) if has_sigma else None,
    )  # fmt: skip


def people_rows(table: pa.Table) -> PeopleRows:
    """From an Arrow table of bodies; roles are not in it."""
    joints_m, covariance_m2, _ = body_arrays(table)
    return PeopleRows(
        table.column("time_ns").to_numpy().astype(np.int64),
        np.array(table.column("track_id").to_pylist(), dtype=object), joints_m,
        np.sqrt(np.trace(covariance_m2, axis1=2, axis2=3) / 3), np.full(len(table), "", dtype=object),
    )  # fmt: skip


def relation_rows(table: pa.Table) -> tuple[RelationRow, ...]:
    """From an Arrow table with the columns subject, predicate, object, begin_ns, end_ns and state."""
    names = ("subject", "predicate", "object", "begin_ns", "end_ns", "state")
    return tuple(RelationRow(*row) for row in zip(*(table.column(name).to_pylist() for name in names), strict=True))


def from_plain_export(folder: Path | str) -> TwinTables:
    """From a twin in plain files (`ortwin export --format plain`); each file is optional.

    Raises:
        InputError: a file cannot be read; names it.
    """
    folder = Path(folder)
    room = read_ply(folder / "room.ply") if (folder / "room.ply").exists() else None
    rig = read_exported_rig(folder)
    try:
        return TwinTables(
            tracks=read_exported_tracks(folder),
            relations=read_exported_relations(folder),
            room_vertices_m=None if room is None else room.vertices_m,
            room_faces=None if room is None else room.faces,
            people=read_exported_people(folder),
            tools=read_exported_tools(folder),
            phases=read_exported_phases(folder),
            poses=None if rig is None else {name: camera.world_from_camera for name, camera in rig.cameras.items()},
            pose_covariance={} if rig is None else dict(rig.covariance),
            clocks=read_exported_clocks(folder),
            foreground=mask_reader(folder / "foreground"),
            flying=mask_reader(folder / "flying"),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError("the export cannot be read", where=str(folder), why=repr(error)) from error


def from_twin(twin: Twin) -> TwinTables:
    """From a twin on disk. Masks need the recording too: see `foreground.twin_masks`."""
    room, rig = twin.room, twin.rig
    return TwinTables(
        tracks=track_rows(twin.tracks),
        relations=relation_rows(twin.relations),
        predicates=frozenset(config_from_mapping(GraphConfig, twin.archive.head["config"]["graph"]).looked_for()),
        room_vertices_m=room.vertices_m,
        room_faces=room.faces,
        fixtures=room.fixtures,
        people=None if twin.bodies is None else people_rows(twin.bodies),
        bodies=None if twin.meshes is None else twin.body_mesh,
        surfaces=_surface_reader(twin),
        poses={name: camera.world_from_camera for name, camera in rig.cameras.items()},
        pose_covariance=dict(rig.covariance),
        clocks=twin.archive.clocks or None,
        relations_at=lambda factors: relations_with_thresholds(twin, factors),
        cost=read_cost_log(twin.path),
    )


def _surface_reader(twin: Twin) -> MeshReader | None:
    surfaces = twin.surfaces
    if surfaces is None:
        return None

    def read(track_id: str, time_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
        mesh = surfaces.mesh(track_id, time_ns, colors=False)
        return None if mesh is None else (mesh.vertices_m.astype(np.float64), mesh.faces)

    return read


def _moved_meshes(bodies: MeshReader, new_from_old: SE3) -> MeshReader:
    def read(entity: str, time_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
        mesh = bodies(entity, time_ns)
        return None if mesh is None else (new_from_old @ mesh[0], mesh[1])

    return read
