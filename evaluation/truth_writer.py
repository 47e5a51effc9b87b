"""The one writer of truth tables; `truth` says what it leaves on disk and reads it back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..capture.clock import ClockModel
from ..capture.conventions import quat_wxyz_from_rotation
from ..capture.files import canonical_json, hash_file, write_durable
from ..capture.geometry import SE3
from ..capture.rig_file import pose_to_json
from ..capture.segments import MANIFEST, Manifest
from ..reconstruction.ply import ply_bytes
from ..reconstruction.state import Fixture, Zone
from .joints import COCO_17
from .truth import RelationTruth, TrackTruth
from .truth_shapes import BODY_CHUNK as BODY_CHUNK
from .truth_shapes import body_bytes


class TruthWriter:
    """Writes a truth folder table by table; leaving the block without an error seals it with a hash per file.

    Args:
        folder: the truth folder, usually `<recording>/truth`; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def __enter__(self) -> TruthWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name != MANIFEST)
        files = {path.relative_to(self.folder).as_posix(): (hash_file(path),) for path in paths}
        write_durable(self.folder / MANIFEST, Manifest(files).to_bytes())

    def instants(self, times_ns: np.ndarray) -> None:
        """The instants (t,) int64, rig clock."""
        self._csv("instants.csv", ("instant", "time_ns"), enumerate(times_ns.tolist()))

    def clocks(self, clocks: Mapping[str, ClockModel]) -> None:
        """The clock of each camera."""
        rows = ((name, c.offset_ns, c.drift_ppm, c.reference_ns) for name, c in clocks.items())
        self._csv("clocks.csv", ("camera_id", "offset_ns", "drift_ppm", "reference_ns"), rows)

    def rig(self, world_from_color: Mapping[str, SE3]) -> None:
        """Where the colour lenses stand."""
        self._put("rig.json", canonical_json({name: pose_to_json(pose) for name, pose in world_from_color.items()}))

    def people(self, people: Iterable[tuple[int, str, str, np.ndarray, Sequence[Sequence[str]]]]) -> None:
        """Skeletons: rows of instant, person id, role, joints (17, 3), and the cameras that see each joint."""
        rows = (
            (instant, person, role, joint, *_metres(point), ";".join(cameras))
            for instant, person, role, joints, views in people
            for joint, point, cameras in zip(COCO_17, joints, views, strict=True)
        )
        self._csv("people.csv", ("instant", "person_id", "role", "joint", "x_m", "y_m", "z_m", "visible_in"), rows)

    def tools(self, tools: Iterable[tuple[int, str, str, SE3, Sequence[str]]]) -> None:
        """Poses: rows of instant, tool id, label, world_from_tool, and the cameras that see it."""
        columns = ("instant", "tool_id", "label", "x_m", "y_m", "z_m", "qw", "qx", "qy", "qz", "visible_in")
        rows = (
            (instant, tool, label, *_metres(pose.translation_m),
             *(f"{q:.9f}" for q in quat_wxyz_from_rotation(pose.rotation)), ";".join(cameras))
            for instant, tool, label, pose, cameras in tools
        )  # fmt: skip
        self._csv("tools.csv", columns, rows)

    def sightings(self, rows: Iterable[tuple[int, str, Sequence[str]]]) -> None:
        """Who or what is seen: rows of instant, track id, and the cameras that see it."""
        columns = ("instant", "track_id", "visible_in")
        self._csv("sightings.csv", columns, ((instant, name, ";".join(cameras)) for instant, name, cameras in rows))

    def tool_shape(self, label: str, vertices_m: np.ndarray, faces: np.ndarray) -> None:
        """The shape of a thing in its own frame: (n, 3), (f, 3)."""
        self._put(f"tools/{label}.ply", ply_bytes(vertices_m, faces))

    def tips(self, tip_m: Mapping[str, np.ndarray]) -> None:
        """The working points (3,) of tools by label, in their own frames."""
        self._put("tools/tips.json", canonical_json({label: np.asarray(tip).tolist() for label, tip in tip_m.items()}))

    def body(self, person_id: str, instants: np.ndarray, vertices_m: np.ndarray, faces: np.ndarray) -> None:
        """A stretch of a person's surface: (k,) instants, at most truth_shapes.BODY_CHUNK, (k, n, 3) and (f, 3)."""
        name = f"bodies/{person_id}/{int(instants[0]):06d}.npz"
        self._put(name, body_bytes(instants, vertices_m, faces), durable=False)

    def faults(self, value: Mapping[str, Any]) -> None:
        """What went wrong with which camera, as plain JSON."""
        self._put("faults.json", canonical_json(dict(value)))

    def board(self, text: str) -> None:
        """The calibration board that is shown, as the text of board.toml."""
        self._put("board.toml", text.encode())

    def extra(self, name: str, value: Mapping[str, Any]) -> None:
        """What else the scenario knows, as plain JSON in extra/<name>.json."""
        self._put(f"extra/{name}.json", canonical_json(dict(value)))

    def tracks(self, tracks: Iterable[TrackTruth]) -> None:
        """The boxes of whatever moves."""
        columns = ("time_ns", "track_id", "label", "x_m", "y_m", "z_m", "sigma_m", "dx_m", "dy_m", "dz_m")
        rows = [
            (time, track.track_id, track.label, *_metres(center), "0", *_metres(extent))
            for track in tracks
            for time, center, extent in zip(track.time_ns.tolist(), track.center_m, track.extent_m, strict=True)
        ]
        self._csv("tracks.csv", columns, sorted(rows, key=lambda row: row[:2]))

    def room(self, vertices_m: np.ndarray, faces: np.ndarray, seen_m: np.ndarray) -> None:
        """The static surfaces (n, 3), (f, 3), and evenly spread points (m, 3) of them that some camera saw."""
        self._put("room.ply", ply_bytes(vertices_m, faces))
        self._put("room_seen.ply", ply_bytes(seen_m, np.zeros((0, 3), np.int64)))

    def fixtures(self, fixtures: Iterable[Fixture]) -> None:
        """The furniture."""
        rows = [
            {"label": f.label, "center_m": f.box.center_m.tolist(), "rotation": f.box.rotation.tolist(),
             "extent_m": f.box.extent_m.tolist()}
            for f in fixtures
        ]  # fmt: skip
        self._put("fixtures.json", canonical_json({"fixtures": rows}))

    def room_plan(self, fixtures: Iterable[Fixture]) -> None:
        """room.toml with a point on each piece of furniture: what a person would write to name it."""
        blocks = []
        for fixture in fixtures:
            x, y, z = (round(float(v), 3) for v in (*fixture.box.center_m[:2], fixture.box.corners_m()[:, 2].max()))
            blocks.append(f'[[fixture]]\nlabel = "{fixture.label}"\nseed_m = [{x}, {y}, {z}]\n')
        self._put("room.toml", "\n".join(blocks).encode())

    def zones(self, zones: Iterable[Zone]) -> None:
        """The floor areas."""
        rows = [{"label": z.label, "polygon_m": z.polygon_m.tolist(), "height_m": z.height_m} for z in zones]
        self._put("zones.json", canonical_json({"zones": rows}))

    def relations(self, relations: Sequence[RelationTruth]) -> None:
        """The relations, the unknown ones in a file of their own."""
        columns = ("subject", "predicate", "object", "begin_instant", "end_instant")
        for name, state in (("relations.csv", "true"), ("unknown.csv", "unknown")):
            rows = sorted(tuple(getattr(r, c) for c in columns) for r in relations if r.state == state)
            self._csv(name, columns, rows)

    def phases(self, phases: Iterable[tuple[str, int, int]]) -> None:
        """Phases: name, begin and end instant."""
        self._csv("phases.csv", ("phase", "begin_instant", "end_instant"), phases)

    def foreground(self, camera_id: str, index: int, owner: np.ndarray) -> None:
        """Who owns every pixel of a depth image, (h, w) uint8: 0 room, 1.. person, 101.. thing."""
        import cv2

        self._put(f"foreground/{camera_id}/{index:06d}.png", cv2.imencode(".png", owner)[1].tobytes(), durable=False)

    def _csv(self, name: str, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        self._put(name, text.getvalue().encode())

    def _put(self, name: str, data: bytes, durable: bool = True) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durable(path, data) if durable else path.write_bytes(data)


def _metres(point: np.ndarray) -> tuple[str, ...]:
    """Coordinates to a hundredth of a millimetre."""
    return tuple(f"{value:.5f}" for value in point)
