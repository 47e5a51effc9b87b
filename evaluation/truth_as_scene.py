"""The truth of a simulated recording as questions see a twin: what perfect knowledge answers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..capture.camera import CameraRig
from ..capture.storage import open_recording
from ..reconstruction.state import Fixture
from ..scenegraph.graph import TruthState
from ..scenegraph.phases import PhaseSpan
from ..scenegraph.question_scene import Path3D, QuestionScene
from ..scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline
from ..scenegraph.vocabulary import FIXTURE, TRACK, ZONE
from ..scenegraph.window_tables import fixture_nodes
from .truth import TrackTruth, Truth, read_truth


def truth_scene(path: Path | str, rig: CameraRig | None = None) -> QuestionScene:
    """What is true of a recording.

    Args:
        path: a recording or a truth folder.
        rig: the cameras; None = those of the recording, where it is one.

    Raises:
        InputError: there is no truth, or it cannot be read.
    """
    truth = read_truth(path)
    assert truth.folder is not None
    if rig is None and (Path(path) / "recording.json").exists():
        recording = open_recording(Path(path))
        rig = recording.rig if recording.has_rig else None
    span_ns = int(truth.times_ns[0]), truth.time_of(len(truth.times_ns))
    roles = {name: person.role for name, person in (truth.people or {}).items() if person.role}
    seen = _seen_by(truth.folder)
    fixtures = fixture_nodes(truth.fixtures or ())
    paths = {name: _path(name, track, truth, seen) for name, track in (truth.tracks or {}).items()}
    phases = [
        PhaseSpan(name, name, truth.time_of(begin), truth.time_of(end), "the script")
        for name, begin, end in truth.phases or ()
    ]
    return QuestionScene(
        truth_timeline(truth, fixtures), span_ns, paths, {name: fixture.box for name, fixture in fixtures.items()}, rig,
        None if truth.phases is None else tuple(phases), roles,
    )  # fmt: skip


def truth_timeline(truth: Truth, fixtures: dict[str, Fixture] | None = None) -> SceneGraphTimeline:
    """The true graph: who is there when, and every relation, the unknown ones among them."""
    fixtures = fixture_nodes(truth.fixtures or ()) if fixtures is None else fixtures
    first_ns, last_ns = int(truth.times_ns[0]), int(truth.times_ns[-1])
    nodes = [
        NodeSpan(
            name, track.label, TRACK, _middle(track.center_m), int(track.time_ns[0]), int(track.time_ns[-1]),
            (truth.people or {})[name].role if name in (truth.people or {}) else "", "truth",
        )
        for name, track in (truth.tracks or {}).items()
    ]  # fmt: skip
    nodes += [
        NodeSpan(name, fixture.label, FIXTURE, _middle(fixture.box.center_m[None]), first_ns, last_ns, "", "truth")
        for name, fixture in fixtures.items()
    ]
    nodes += [
        NodeSpan(
            zone.label, ZONE, ZONE, (*_middle(zone.polygon_m)[:2], zone.height_m / 2), first_ns, last_ns, "", "truth"
        )
        for zone in truth.zones or ()
    ]
    rows = [
        Interval(
            row.subject, row.predicate, row.object, truth.time_of(row.begin_instant), truth.time_of(row.end_instant),
            TruthState(row.state), source="truth",
        )
        for row in truth.relations or ()
    ]  # fmt: skip
    return SceneGraphTimeline(tuple(nodes), tuple(rows))


def _path(name: str, track: TrackTruth, truth: Truth, seen: dict[str, dict[int, set[str]]]) -> Path3D:
    instants = np.searchsorted(truth.times_ns, track.time_ns).tolist()
    cameras = None if name not in seen else tuple(frozenset(seen[name].get(instant, ())) for instant in instants)
    return Path3D(track.time_ns, track.center_m, track.extent_m, np.ones(len(instants), bool), cameras)


def _seen_by(folder: Path) -> dict[str, dict[int, set[str]]]:
    """The cameras that see anything of a person or tool, by name and instant."""
    found: dict[str, dict[int, set[str]]] = {}
    for file, key in (("people.csv", "person_id"), ("tools.csv", "tool_id")):
        if (folder / file).exists():
            with (folder / file).open(newline="", encoding="utf-8") as rows:
                for row in csv.DictReader(rows):
                    own = found.setdefault(row[key], {}).setdefault(int(row["instant"]), set())
                    own.update(row["visible_in"].replace("|", ";").replace(" ", ";").split(";"))
    return {name: {at: cameras - {""} for at, cameras in rows.items()} for name, rows in found.items()}


def _middle(points: np.ndarray) -> tuple[float, float, float]:
    """The mean of points (n, 2 or 3); what is missing is 0."""
    x_m, y_m, z_m = (*np.asarray(points, np.float64).mean(axis=0).tolist(), 0.0)[:3]
    return x_m, y_m, z_m
