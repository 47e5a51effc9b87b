"""The files of a twin in plain form (`ortwin export --format plain`), each read on its own; a missing one is None."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.camera import CameraRig
from ..capture.clock import ClockModel
from ..capture.clock_table import clocks_of_rows
from ..capture.conventions import rotation_from_quat_wxyz
from ..capture.rig_file import read_rig
from .joints import COCO_17
from .rows import MaskReader, PeopleRows, PhaseRow, RelationRow, ToolRows, TrackRows

PLACE = ("x_m", "y_m", "z_m")


def read_exported_rig(folder: Path) -> CameraRig | None:
    """rig.json."""
    path = folder / "rig.json"
    return read_rig(path) if path.exists() else None


def read_exported_clocks(folder: Path) -> dict[str, ClockModel] | None:
    """clocks.csv, a line for each piece of a clock; a file without rows says nothing."""
    rows = _csv(folder / "clocks.csv")
    if not rows:
        return None
    return clocks_of_rows(rows, str(folder / "clocks.csv"))


def read_exported_tracks(folder: Path) -> TrackRows | None:
    """tracks.csv."""
    rows = _csv(folder / "tracks.csv")
    if rows is None:
        return None
    return TrackRows(
        _times(rows), _words(rows, "track_id"), _words(rows, "label"), _numbers(rows, PLACE),
        np.zeros(len(rows), bool), _numbers(rows, ("sigma_m",))[:, 0],
    )  # fmt: skip


def read_exported_people(folder: Path) -> PeopleRows | None:
    """people.jsonl: {"time_ns", "people": [{"track_id", "joints_m", "sigma_m", "role"}]}, the last two optional."""
    path = folder / "people.jsonl"
    if not path.exists():
        return None
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    people = [(int(line["time_ns"]), person) for line in lines for person in line["people"]]
    nothing = [None] * len(COCO_17)
    joints = [[[np.nan] * 3 if joint is None else joint for joint in person["joints_m"]] for _, person in people]
    sigmas = [person.get("sigma_m") or nothing for _, person in people]
    return PeopleRows(
        np.array([time_ns for time_ns, _ in people], np.int64),
        np.array([str(person["track_id"]) for _, person in people], dtype=object),
        np.array(joints, np.float64).reshape(len(people), len(COCO_17), 3),
        np.array([[np.nan if s is None else s for s in row] for row in sigmas], np.float64).reshape(-1, len(COCO_17)),
        np.array([person.get("role") or "" for _, person in people], dtype=object),
    )


def read_exported_tools(folder: Path) -> ToolRows | None:
    """tools.csv."""
    rows = _csv(folder / "tools.csv")
    if rows is None:
        return None
    quat_wxyz = _numbers(rows, ("qw", "qx", "qy", "qz"))
    rotation = np.array([rotation_from_quat_wxyz(quat) for quat in quat_wxyz]).reshape(-1, 3, 3)
    return ToolRows(
        _times(rows), _words(rows, "tool_id"), _words(rows, "label"), rotation, _numbers(rows, PLACE),
        _words(rows, "status"),
    )  # fmt: skip


def read_exported_relations(folder: Path) -> tuple[RelationRow, ...] | None:
    """relations.csv."""
    rows = _csv(folder / "relations.csv")
    return None if rows is None else tuple(
        RelationRow(row["subject"], row["predicate"], row["object"], int(row["begin_ns"]), int(row["end_ns"]),
                    row.get("state") or "true")
        for row in rows
    )  # fmt: skip


def read_exported_phases(folder: Path) -> tuple[PhaseRow, ...] | None:
    """phases.csv."""
    rows = _csv(folder / "phases.csv")
    if rows is None:
        return None
    return tuple(PhaseRow(row["phase"], int(row["begin_ns"]), int(row["end_ns"])) for row in rows)


def mask_reader(folder: Path) -> MaskReader | None:
    """Masks <camera_id>/NNNNNN.png of a folder, or None where the folder is missing."""
    if not folder.is_dir():
        return None

    def read(camera_id: str, index: int) -> np.ndarray | None:
        import cv2

        path = folder / camera_id / f"{index:06d}.png"
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.exists() else None

    return read


def _csv(path: Path) -> list[dict[str, Any]] | None:
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _times(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([int(row["time_ns"]) for row in rows], np.int64)


def _words(rows: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([row.get(key) or "" for row in rows], dtype=object)


def _numbers(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> np.ndarray:
    """(n, k) float64; an optional column that is missing or empty is NaN."""
    return np.array([[_number(row, key) for key in keys] for row in rows], np.float64).reshape(-1, len(keys))


def _number(row: Mapping[str, Any], key: str) -> float:
    if key == "sigma_m":
        return float(row.get(key) or "nan")
    return float(row[key])
