"""The truth of a simulated recording: what it holds, and its one reader; `truth_writer` writes it.

    truth/instants.csv       instant,time_ns                                               rig clock
    truth/clocks.csv         camera_id,offset_ns,drift_ppm,reference_ns
    truth/rig.json           camera_id -> world_from_color
    truth/people.csv         instant,person_id,role,joint,x_m,y_m,z_m,visible_in           COCO-17 names
    truth/tools.csv          instant,tool_id,label,x_m,y_m,z_m,qw,qx,qy,qz,visible_in      world_from_tool
    truth/sightings.csv      instant,track_id,visible_in                                   cameras that see any of it
    truth/tools/, truth/bodies/   shapes of tools, and surfaces of people through time: see truth_shapes
    truth/tracks.csv         time_ns,track_id,label,x_m,y_m,z_m,sigma_m,dx_m,dy_m,dz_m     boxes of whatever moves
    truth/room.ply           the static surfaces;  truth/room_seen.ply  points of them that some camera saw
    truth/fixtures.json      the furniture as oriented boxes;  truth/zones.json  floor areas
    truth/board.toml         the calibration board that is shown
    truth/room.toml          the names of the furniture as a person would give them to `ortwin build --room`
    truth/foreground/<camera_id>/NNNNNN.png    in the depth image: 0 room, 1.. person, 101.. thing
    truth/relations.csv      subject,predicate,object,begin_instant,end_instant            half-open
    truth/unknown.csv        the same columns: nobody could see whether it held
    truth/phases.csv         phase,begin_instant,end_instant
    truth/faults.json        what went wrong with which camera;  truth/extra/*.json  what else the scenario knows

Every file is optional; what is absent reads as None and is not scored.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..capture.clock import ClockModel
from ..capture.conventions import rotation_from_quat_wxyz
from ..capture.errors import InputError
from ..capture.geometry import SE3
from ..capture.rig_file import pose_from_json
from ..reconstruction.ply import read_ply
from ..reconstruction.state import Fixture, OrientedBox, Zone
from .true_clock import clock_with_jumps
from .truth_shapes import read_body, read_tip_m, read_tool_shape


@dataclass(frozen=True, slots=True)
class RelationTruth:
    """One relation over the instants [begin, end); state is "true" or "unknown"."""

    subject: str
    predicate: str
    object: str
    begin_instant: int
    end_instant: int
    state: str = "true"


@dataclass(frozen=True, slots=True, eq=False)
class TrackTruth:
    """Where one moving thing was.

    Args:
        track_id, label: who or what.
        time_ns: (n,) int64 instants at which it existed.
        center_m: (n, 3) centre of its axis-aligned box.
        extent_m: (n, 3) edges of that box.
    """

    track_id: str
    label: str
    time_ns: np.ndarray
    center_m: np.ndarray
    extent_m: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class PersonTruth:
    """One person's skeleton: joints (t, 17, 3), NaN where he does not exist; (t, 17) how many cameras see each."""

    person_id: str
    role: str
    joints_m: np.ndarray
    num_views: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class ToolTruth:
    """One thing's pose, `world_from_tool` = rotation (t, 3, 3), translation_m (t, 3); NaN where it does not exist."""

    tool_id: str
    label: str
    rotation: np.ndarray
    translation_m: np.ndarray
    num_views: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of a recording; None = not known, and so not scored.

    Args:
        times_ns: (t,) int64 the instants, rig clock.
        clocks, poses: per camera, its clock and `world_from_color`.
        people, tools, tracks: what moves.
        room_vertices_m, room_faces: (n, 3), (f, 3) the static surfaces.
        room_seen_m: (m, 3) evenly spread points of them that some camera saw.
        fixtures, zones: furniture and floor areas.
        relations: intervals of instants, the unknown ones among them.
        phases: (name, begin instant, end instant).
        folder: where the foreground masks lie.
    """

    times_ns: np.ndarray
    clocks: Mapping[str, ClockModel] | None = None
    poses: Mapping[str, SE3] | None = None
    people: Mapping[str, PersonTruth] | None = None
    tools: Mapping[str, ToolTruth] | None = None
    tracks: Mapping[str, TrackTruth] | None = None
    room_vertices_m: np.ndarray | None = None
    room_faces: np.ndarray | None = None
    room_seen_m: np.ndarray | None = None
    fixtures: tuple[Fixture, ...] | None = None
    zones: tuple[Zone, ...] | None = None
    relations: tuple[RelationTruth, ...] | None = None
    phases: tuple[tuple[str, int, int], ...] | None = None
    folder: Path | None = None

    @property
    def step_ns(self) -> int:
        """The time from one instant to the next (the median), 0 of a single instant."""
        return int(np.median(np.diff(self.times_ns))) if len(self.times_ns) > 1 else 0

    def time_of(self, instant: int) -> int:
        """Rig time of an instant number; the end of the last instant is one step after it."""
        if instant < len(self.times_ns):
            return int(self.times_ns[instant])
        return int(self.times_ns[-1]) + (instant - len(self.times_ns) + 1) * self.step_ns

    def foreground(self, camera_id: str, index: int) -> np.ndarray | None:
        """(h, w) uint8 owner of every depth pixel of a frame, or None where there is no mask."""
        import cv2

        if self.folder is None:
            return None
        path = self.folder / "foreground" / camera_id / f"{index:06d}.png"
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.exists() else None

    def body(self, person_id: str, instant: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A person's surface at an instant, vertices (n, 3) and faces (f, 3); None where it is not recorded."""
        return None if self.folder is None else read_body(self.folder, person_id, instant)

    def tool_shape(self, tool_id: str, label: str) -> tuple[np.ndarray, np.ndarray] | None:
        """A tool's vertices (n, 3) and faces (f, 3) in its own frame; None where there is no shape of it."""
        return None if self.folder is None else read_tool_shape(self.folder, tool_id, label)

    def tip_m(self, tool_id: str, label: str) -> np.ndarray | None:
        """The working point (3,) of a tool in its own frame; None where nothing tells."""
        return None if self.folder is None else read_tip_m(self.folder, tool_id, label)


def read_truth(path: Path | str) -> Truth:
    """Read the truth of a recording.

    Args:
        path: a recording or plain folder with truth/ in it, or a truth folder itself.

    Raises:
        InputError: there is no truth, or a file of it cannot be read; names the file.
    """
    folder = Path(path) / "truth" if (Path(path) / "truth").is_dir() else Path(path)
    instants = _rows(folder / "instants.csv")
    if instants is None:
        raise InputError(
            "there is no truth here", where=str(path), todo="give a simulated recording, or a folder with instants.csv"
        )
    times_ns = np.array(
        [int(row["time_ns"]) for row in sorted(instants, key=lambda row: int(row["instant"]))], np.int64
    )
    room, seen = (read_ply(p) if (p := folder / name).exists() else None for name in ("room.ply", "room_seen.ply"))
    try:
        return Truth(
            times_ns, _clocks(folder), _poses(folder), _people(folder, len(times_ns)), _tools(folder, len(times_ns)),
            _tracks(folder), None if room is None else room.vertices_m, None if room is None else room.faces,
            None if seen is None else seen.vertices_m, _fixtures(folder), _zones(folder), _relations(folder),
            _phases(folder), folder,
        )  # fmt: skip
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise InputError("the truth cannot be read", where=str(folder), why=repr(error)) from error


def _rows(path: Path) -> list[dict[str, str]] | None:
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _json(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _clocks(folder: Path) -> dict[str, ClockModel] | None:
    rows = _rows(folder / "clocks.csv")
    if rows is None:
        return None
    jumps = (_json(folder / "faults.json") or {}).get("clock_jumps", [])
    return {
        row["camera_id"]: clock_with_jumps(
            ClockModel(int(row["offset_ns"]), float(row["drift_ppm"]), int(row.get("reference_ns") or 0)),
            [jump for jump in jumps if jump["camera_id"] == row["camera_id"]],
        )
        for row in rows
    }


def _poses(folder: Path) -> dict[str, SE3] | None:
    value = _json(folder / "rig.json")
    if value is None:
        return None
    where = str(folder / "rig.json")
    return {
        name: pose_from_json(pose.get("world_from_color", pose), f"{where}, {name}") for name, pose in value.items()
    }


def _num_views(text: str) -> int:
    """How many cameras `visible_in` names; it may be a count too."""
    names = text.replace(";", " ").replace("|", " ").split()
    return int(names[0]) if len(names) == 1 and names[0].isdigit() else len(names)


def _people(folder: Path, num_instants: int) -> dict[str, PersonTruth] | None:
    from .joints import COCO_17

    rows = _rows(folder / "people.csv")
    if rows is None:
        return None
    place = {name: i for i, name in enumerate(COCO_17)}
    people: dict[str, PersonTruth] = {}
    for row in rows:
        name = row["person_id"]
        if name not in people:
            joints = np.full((num_instants, len(COCO_17), 3), np.nan)
            people[name] = PersonTruth(name, row["role"], joints, np.zeros(joints.shape[:2], np.int64))
        spot = int(row["instant"]), place[row["joint"]]
        people[name].joints_m[spot] = [float(row[axis]) for axis in ("x_m", "y_m", "z_m")]
        people[name].num_views[spot] = _num_views(row["visible_in"])
    return people


def _tools(folder: Path, num_instants: int) -> dict[str, ToolTruth] | None:
    rows = _rows(folder / "tools.csv")
    if rows is None:
        return None
    tools: dict[str, ToolTruth] = {}
    for row in rows:
        name, instant = row["tool_id"], int(row["instant"])
        if name not in tools:
            rotation, translation = np.full((num_instants, 3, 3), np.nan), np.full((num_instants, 3), np.nan)
            tools[name] = ToolTruth(name, row["label"], rotation, translation, np.zeros(num_instants, np.int64))
        quat_wxyz = np.array([float(row[key]) for key in ("qw", "qx", "qy", "qz")])
        tools[name].rotation[instant] = rotation_from_quat_wxyz(quat_wxyz)
        tools[name].translation_m[instant] = [float(row[axis]) for axis in ("x_m", "y_m", "z_m")]
        tools[name].num_views[instant] = _num_views(row["visible_in"])
    return tools


def _tracks(folder: Path) -> dict[str, TrackTruth] | None:
    rows = _rows(folder / "tracks.csv")
    if rows is None:
        return None
    by_id: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_id.setdefault(row["track_id"], []).append(row)
    return {
        name: TrackTruth(
            name, mine[0]["label"], np.array([int(row["time_ns"]) for row in mine], np.int64),
            np.array([[float(row[key]) for key in ("x_m", "y_m", "z_m")] for row in mine]),
            np.array([[float(row[key]) for key in ("dx_m", "dy_m", "dz_m")] for row in mine]),
        )
        for name, mine in by_id.items()
    }  # fmt: skip


def _fixtures(folder: Path) -> tuple[Fixture, ...] | None:
    value = _json(folder / "fixtures.json")
    if value is None:
        return None
    return tuple(
        Fixture(row["label"], row["label"], OrientedBox(*(np.array(row[key], dtype=np.float64)
                for key in ("center_m", "rotation", "extent_m"))), guessed=False)
        for row in value["fixtures"]
    )  # fmt: skip


def _zones(folder: Path) -> tuple[Zone, ...] | None:
    value = _json(folder / "zones.json")
    if value is None:
        return None
    return tuple(
        Zone(row["label"], np.array(row["polygon_m"], np.float64), float(row["height_m"])) for row in value["zones"]
    )


def _phases(folder: Path) -> tuple[tuple[str, int, int], ...] | None:
    rows = _rows(folder / "phases.csv")
    if rows is None:
        return None
    return tuple((row["phase"], int(row["begin_instant"]), int(row["end_instant"])) for row in rows)


def _relations(folder: Path) -> tuple[RelationTruth, ...] | None:
    true, unknown = _rows(folder / "relations.csv"), _rows(folder / "unknown.csv")
    if true is None:
        return None
    return tuple(
        RelationTruth(
            row["subject"], row["predicate"], row["object"], int(row["begin_instant"]), int(row["end_instant"]), state
        )
        for state, rows in (("true", true), ("unknown", unknown or []))
        for row in rows
    )
