"""The truth as a twin would tell it: the perfect answer, against which the yardstick itself is measured."""

from __future__ import annotations

import numpy as np

from .bodies import true_meshes
from .foreground import mask_frames
from .joints import COCO_17
from .rows import PeopleRows, PhaseRow, RelationRow, ToolRows, TrackRows
from .truth import Truth
from .twin_tables import TwinTables


def truth_as_tables(truth: Truth) -> TwinTables:
    """Everything that the truth holds and a twin could; what the truth does not know stays None."""
    return TwinTables(
        tracks=_tracks(truth),
        relations=_relations(truth),
        room_vertices_m=truth.room_vertices_m,
        room_faces=truth.room_faces,
        fixtures=truth.fixtures or (),
        people=_people(truth),
        tools=_tools(truth),
        phases=_phases(truth),
        poses=truth.poses,
        clocks=truth.clocks,
        foreground=truth.foreground if mask_frames(truth) else None,
        bodies=true_meshes(truth) if truth.folder is not None and truth.people else None,
        surfaces=true_meshes(truth) if truth.folder is not None and truth.people else None,
    )


def _tracks(truth: Truth) -> TrackRows | None:
    tracks = list((truth.tracks or {}).values())
    if not tracks:
        return None
    counts = [len(track.time_ns) for track in tracks]
    return TrackRows(
        np.concatenate([track.time_ns for track in tracks]),
        np.repeat(np.array([track.track_id for track in tracks], dtype=object), counts),
        np.repeat(np.array([track.label for track in tracks], dtype=object), counts),
        np.concatenate([track.center_m for track in tracks]),
        np.zeros(sum(counts), bool),
    )


def _relations(truth: Truth) -> tuple[RelationRow, ...] | None:
    if truth.relations is None:
        return None
    return tuple(
        RelationRow(r.subject, r.predicate, r.object, truth.time_of(r.begin_instant), truth.time_of(r.end_instant),
                    r.state)
        for r in truth.relations
    )  # fmt: skip


def _people(truth: Truth) -> PeopleRows | None:
    people = list((truth.people or {}).values())
    if not people:
        return None
    there = [np.isfinite(person.joints_m).all(axis=-1).any(axis=-1) for person in people]
    counts = [int(mask.sum()) for mask in there]
    return PeopleRows(
        np.concatenate([truth.times_ns[mask] for mask in there]),
        np.repeat(np.array([person.person_id for person in people], dtype=object), counts),
        np.concatenate([person.joints_m[mask] for person, mask in zip(people, there, strict=True)]),
        np.full((sum(counts), len(COCO_17)), np.nan),
        np.repeat(np.array([person.role for person in people], dtype=object), counts),
    )


def _tools(truth: Truth) -> ToolRows | None:
    tools = list((truth.tools or {}).values())
    if not tools:
        return None
    there = [np.isfinite(tool.translation_m).all(axis=-1) for tool in tools]
    counts = [int(mask.sum()) for mask in there]
    return ToolRows(
        np.concatenate([truth.times_ns[mask] for mask in there]),
        np.repeat(np.array([tool.tool_id for tool in tools], dtype=object), counts),
        np.repeat(np.array([tool.label for tool in tools], dtype=object), counts),
        np.concatenate([tool.rotation[mask] for tool, mask in zip(tools, there, strict=True)]),
        np.concatenate([tool.translation_m[mask] for tool, mask in zip(tools, there, strict=True)]),
        np.full(sum(counts), "tracked", dtype=object),
    )


def _phases(truth: Truth) -> tuple[PhaseRow, ...] | None:
    if truth.phases is None:
        return None
    return tuple(PhaseRow(name, truth.time_of(begin), truth.time_of(end)) for name, begin, end in truth.phases)
