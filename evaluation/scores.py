"""All families of scores of one twin: what it has is scored, what it lacks is reported as absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .relations import Count, RelationScores, macro_f1, score_relations
from .room import RoomScores, score_room
from .tracks import TrackScores, match_names, score_tracks
from .truth import Truth
from .twin_tables import TwinTables


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one twin by family; None = the twin or the truth does not have it, never zero."""

    room: RoomScores | None
    tracks: TrackScores | None
    relations: RelationScores | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, absent families as null."""
        return {
            "room": None if self.room is None else asdict(self.room),
            "tracks": None if self.tracks is None else asdict(self.tracks),
            "relations": None if self.relations is None else _relations_to_json(self.relations),
        }


def evaluate_twin(tables: TwinTables, truth: Truth) -> Scores:
    """Score a twin.

    Args:
        tables: the twin as plain tables.
        truth: what is true of its recording.
    """
    room = tracks = None
    if tables.room_vertices_m is not None and tables.room_faces is not None and len(tables.room_vertices_m):
        room = score_room(tables.room_vertices_m, tables.room_faces, truth)
    if tables.tracks is not None:
        tracks = score_tracks(tables.tracks, truth)
    return Scores(room, tracks, score_relations(tables, truth, match_names(tables.tracks, truth)))


def _relations_to_json(scores: RelationScores) -> dict[str, Any]:
    def family(total: Count, parts: Mapping[str, Count]) -> dict[str, Any]:
        by_name = {name: count.to_json() for name, count in parts.items()}
        return {**total.to_json(), "macro_f1": macro_f1(parts), "by_predicate": by_name}

    return {
        "frames": family(scores.frames, scores.frames_by_predicate),
        "intervals": family(scores.intervals, scores.intervals_by_predicate),
        "unknown_recall": scores.unknown_recall,
        "num_ignored": scores.num_ignored,
        "names": scores.names,
        "missed": list(scores.missed),
        "wrong": list(scores.wrong),
    }
