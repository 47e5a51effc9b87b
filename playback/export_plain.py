"""A twin as plain files: what every language can read, and nothing that shows a person.

    rig.json        the cameras
    clocks.csv      camera_id,offset_ns,drift_ppm,reference_ns,from_position,from_device_ns; a line for each piece
    tracks.csv      time_ns,track_id,label,x_m,y_m,z_m,sigma_m
    people.jsonl    a line per instant: {"time_ns", "people": [{"track_id", "joints_m", "sigma_m", "predicted"}]}
    relations.csv   subject,predicate,object,begin_ns,end_ns,state,score
    room.ply        the standing room as a coloured triangle mesh, with sigma_m and coverage per vertex
    fixtures.json   the furniture as oriented boxes and the zones as polygons

Metres in a right-handed world with +Z up, int64 nanoseconds on the rig clock, intervals half-open. The columns and
their meaning are those of docs/playback.md; later versions only ever add files and columns.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.clock_table import CLOCK_COLUMNS, clock_rows
from ..capture.files import canonical_json
from ..capture.rig_file import write_rig
from ..facade import Twin
from ..reconstruction.body_tables import body_states
from ..reconstruction.ply import ply_bytes
from ..reconstruction.state import BodyState, StaticScene
from ..scenegraph.timeline import SceneGraphTimeline
from ..scenegraph.window_tables import fixture_nodes

TRACK_COLUMNS = ("time_ns", "track_id", "label", "x_m", "y_m", "z_m", "sigma_m")
RELATION_COLUMNS = ("subject", "predicate", "object", "begin_ns", "end_ns", "state", "score")


def export_plain(twin: Twin, out: Path) -> None:
    """Write the plain files of a twin into an empty folder.

    Raises:
        InputError: the twin is incomplete or damaged.
    """
    write_rig(out / "rig.json", twin.rig)
    _write_csv(out / "clocks.csv", CLOCK_COLUMNS, clock_rows(twin.archive.clocks))
    write_tracks(twin, out / "tracks.csv")
    write_people(twin, out / "people.jsonl")
    write_relations(twin.timeline, out / "relations.csv")
    room = twin.room
    sheet = ply_bytes(
        room.vertices_m, room.faces, room.colors_rgb, room.normals, sigma_m=room.sigma_m, coverage=room.coverage
    )
    (out / "room.ply").write_bytes(sheet)
    (out / "fixtures.json").write_bytes(layout_json(room))


def write_tracks(twin: Twin, path: Path) -> None:
    """tracks.csv: the centre of whatever moves, people too, at every instant; segment by segment."""

    def rows() -> Iterable[Sequence[object]]:
        for number in range(twin.num_segments):
            table = twin.archive.read_segment("tracks", number, "tracks").select(list(TRACK_COLUMNS))
            for row in table.to_pylist():
                numbers = [f"{row[name]:.6f}" for name in TRACK_COLUMNS[3:]]
                yield row["time_ns"], row["track_id"], row["label"], *numbers

    _write_csv(path, TRACK_COLUMNS, rows())


def write_people(twin: Twin, path: Path) -> None:
    """people.jsonl: the joints of everyone, COCO-17, at every instant at which somebody has a body; none, no file."""
    if twin.bodies is None:
        return
    with path.open("w", encoding="utf-8") as file:
        for number in range(twin.num_segments):
            bodies = body_states(twin.archive.read_segment("tracks", number, "bodies"))
            for time_ns, people in sorted(bodies.items()):
                line = {"time_ns": time_ns, "people": [_person(body) for body in people]}
                file.write(json.dumps(line, allow_nan=False) + "\n")


def _person(body: BodyState) -> dict[str, Any]:
    known = [bool(np.isfinite(joint).all()) for joint in body.joints_m]
    sigma_m = np.sqrt(np.trace(body.covariance_m2, axis1=1, axis2=2) / 3)
    return {
        "track_id": body.track_id,
        "joints_m": [[round(float(x), 5) for x in joint] if there else None
                     for joint, there in zip(body.joints_m, known, strict=True)],
        "sigma_m": [round(float(s), 5) if there else None for s, there in zip(sigma_m, known, strict=True)],
        "predicted": body.predicted.tolist(),
    }  # fmt: skip


def write_relations(timeline: SceneGraphTimeline, path: Path) -> None:
    """relations.csv: one row per interval, whole again where segments had cut it."""
    rows = (
        (
            row.subject_id, row.predicate, row.object_id, row.begin_ns, row.end_ns, str(row.state),
            f"{row.score:.4f}",
        )
        for row in timeline.intervals
    )  # fmt: skip
    _write_csv(path, RELATION_COLUMNS, rows)


def layout_json(room: StaticScene) -> bytes:
    """fixtures.json: the furniture under its names in relations.csv, and the zones."""
    fixtures = [
        {
            "name": name, "fixture_id": fixture.fixture_id, "label": fixture.label, "guessed": fixture.guessed,
            "center_m": fixture.box.center_m.tolist(), "rotation": fixture.box.rotation.tolist(),
            "extent_m": fixture.box.extent_m.tolist(),
        }
        for name, fixture in fixture_nodes(room.fixtures).items()
    ]  # fmt: skip
    zones = [
        {"label": zone.label, "polygon_m": zone.polygon_m.tolist(), "height_m": zone.height_m} for zone in room.zones
    ]
    return canonical_json({"fixtures": fixtures, "zones": zones})


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
