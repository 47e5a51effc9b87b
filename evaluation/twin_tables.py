"""What the yardstick looks at in a twin: plain tables, wherever they come from."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..capture.errors import InputError
from ..reconstruction.ply import read_ply
from ..reconstruction.state import Fixture

if TYPE_CHECKING:
    import pyarrow as pa

    from ..facade import Twin


@dataclass(frozen=True, slots=True)
class RelationRow:
    """One relation over [begin_ns, end_ns), rig clock; state is "true" or "unknown"."""

    subject: str
    predicate: str
    object: str
    begin_ns: int
    end_ns: int
    state: str = "true"


@dataclass(frozen=True, slots=True, eq=False)
class TrackRows:
    """The rows of all tracks, in any order.

    Args:
        time_ns: (n,) int64, rig clock.
        track_id, label: (n,) of str.
        center_m: (n, 3) centre of the thing's box, world.
        predicted: (n,) bool, True where nothing measured it.
    """

    time_ns: np.ndarray
    track_id: np.ndarray
    label: np.ndarray
    center_m: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class TwinTables:
    """A twin as plain tables; None = the twin does not have it, so it is not scored.

    Args:
        tracks: where everything that moves was.
        relations: the intervals of the scene graph.
        room_vertices_m, room_faces: (n, 3), (f, 3) the standing room; no faces (0, 3) = points.
        fixtures: the furniture, for matching names by place.
    """

    tracks: TrackRows | None = None
    relations: tuple[RelationRow, ...] | None = None
    room_vertices_m: np.ndarray | None = None
    room_faces: np.ndarray | None = None
    fixtures: tuple[Fixture, ...] = ()


def node_name(track_id: str) -> str:
    """The name that a track has in relations: `person_<n>` for a bare number, else the track id itself."""
    return f"person_{track_id}" if track_id.isdigit() else track_id


def track_rows(table: pa.Table) -> TrackRows:
    """From an Arrow table with the columns time_ns, track_id, label, x_m, y_m, z_m and perhaps predicted."""
    columns = {name: table.column(name).to_numpy() for name in ("time_ns", "x_m", "y_m", "z_m")}
    has_flag = "predicted" in table.column_names
    predicted = np.asarray(table.column("predicted").to_pylist(), bool) if has_flag else np.zeros(len(table), bool)
    return TrackRows(
        columns["time_ns"].astype(np.int64), np.array(table.column("track_id").to_pylist(), dtype=object),
        np.array(table.column("label").to_pylist(), dtype=object),
        np.stack([columns[axis] for axis in ("x_m", "y_m", "z_m")], axis=1).astype(np.float64), predicted,
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
    tracks, relations = _read_csv(folder / "tracks.csv"), _read_csv(folder / "relations.csv")
    try:
        return TwinTables(
            None if tracks is None else _tracks_from_text(tracks),
            None if relations is None else tuple(_relation_from_text(row) for row in relations),
            None if room is None else room.vertices_m, None if room is None else room.faces,
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise InputError("the export cannot be read", where=str(folder), why=repr(error)) from error


def from_twin(twin: Twin) -> TwinTables:
    """From a twin on disk."""
    room = twin.room
    return TwinTables(
        track_rows(twin.tracks), relation_rows(twin.relations), room.vertices_m, room.faces, room.fixtures
    )


def _read_csv(path: Path) -> list[dict[str, str]] | None:
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _tracks_from_text(rows: Sequence[Mapping[str, str]]) -> TrackRows:
    return TrackRows(
        np.array([int(row["time_ns"]) for row in rows], np.int64),
        np.array([row["track_id"] for row in rows], dtype=object),
        np.array([row["label"] for row in rows], dtype=object),
        np.array([[float(row[axis]) for axis in ("x_m", "y_m", "z_m")] for row in rows]).reshape(-1, 3),
        np.zeros(len(rows), bool),
    )  # fmt: skip


def _relation_from_text(row: Mapping[str, str]) -> RelationRow:
    times = (int(row["begin_ns"]), int(row["end_ns"]))
    return RelationRow(row["subject"], row["predicate"], row["object"], *times, row.get("state") or "true")
