"""A real recording all the way: two cheap depth cameras, 20 frames, nobody's poses; one person walks through the room.

The figures, and what they mean, stand in docs/real-recording.md.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import ortwin
import pyarrow.compute as pc
import pytest
from ortwin.capture.overlap import overlap_residuals
from ortwin.capture.static_view import static_view
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.reconstruction.state import Fixture, Visibility

INTERVAL_NS = 200_000_000
WHOLE_TO_BOTH = range(14, 18)  # the frames in which both cameras see the person from head to foot
FEET_SEEN = (15, 16)  # the frames in which the measured surface of him reaches below 0.1 m
ANKLE_M = 0.09  # an ankle above the sole


def _json(*words: str | Path) -> dict[str, Any]:
    """Run one command line, expect success, and return its document."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = run([*map(str, words), "--json"])
    assert code == 0, out.getvalue()
    return json.loads(out.getvalue())


@pytest.fixture(scope="session")
def real(test_data, tmp_path_factory):
    """The recording, what `register` said, and the twin, through the commands that a person types."""
    folder = tmp_path_factory.mktemp("real")
    recording, twin = folder / "two.recording", folder / "two.twin"
    imported = _json("import", "plain", test_data / "rgbd_two_cameras", recording, "--fps", "5")
    registered = _json("register", recording, "--refine")
    built = _json("build", recording, twin)
    return SimpleNamespace(
        imported=imported, registered=registered, built=built, recording=open_recording(recording),
        twin=ortwin.open(twin), path=twin,
    )  # fmt: skip


def _surface_in(real: SimpleNamespace, fixture: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) of the mesh in a fixture's box, and their normals."""
    room = real.twin.room
    inside = fixture.box.distance_m(room.vertices_m) < 0.02
    return room.vertices_m[inside], room.normals[inside]


def _covered_table(real: SimpleNamespace) -> Fixture:
    """The fixture with a table top at table height and a bulky thing on it that reaches above one metre."""
    found = []
    for fixture in real.twin.room.fixtures:
        vertices_m, normals = _surface_in(real, fixture)
        top = (normals[:, 2] > 0.9) & (vertices_m[:, 2] > 0.65) & (vertices_m[:, 2] < 0.85)
        bulk = vertices_m[:, 2] > 1.0
        if top.sum() > 100 and bulk.sum() > 1000:
            found.append(fixture)
    assert len(found) == 1
    return found[0]


def _intervals(real: SimpleNamespace, predicate: str, subject: str, object_: str) -> list[tuple[int, int]]:
    """When a relation holds, as half-open spans of instants."""
    return [
        (interval.begin_ns // INTERVAL_NS, interval.end_ns // INTERVAL_NS)
        for interval in real.twin.timeline.intervals
        if (interval.predicate, interval.subject_id, interval.object_id, interval.state)
        == (predicate, subject, object_, "true")
    ]


def test_every_frame_is_used(real):
    assert real.imported["frames"] == 40
    assert real.built["gaps"] == []
    assert real.twin.times_ns.tolist() == [instant * INTERVAL_NS for instant in range(20)]


def test_surfaces_of_the_two_cameras_meet(real):
    backgrounds = {name: real.twin.archive.read_background(name) for name in real.recording.cameras}
    views = {name: static_view(real.recording, name, background) for name, background in backgrounds.items()}
    measured = overlap_residuals(real.twin.rig, views, "cam_1", "cam_2")
    assert measured.share >= 0.25
    assert measured.median_mm <= 13.0
    assert measured.p90_mm <= 50.0


def test_cameras_stand_above_a_level_floor(real):
    (pair,) = real.registered["pairs"]
    floor = real.registered["floor"]
    assert pair["linked"] is True
    assert floor["found"]
    assert floor["ceiling_angle_deg"] < 3.0
    assert all(0.8 < height_m < 2.5 for height_m in floor["camera_height_m"].values())


def test_disagreement_of_colour_and_depth_is_told(real):
    """Depth of these cameras is bent at range, so that no rigid pose pleases both; a person has to learn of it."""
    (pair,) = real.registered["pairs"]
    bent = pair["color_offset_mm"] > 6 * pair["residual_median_mm"]
    refinement = real.registered["refinement"]
    straightened = refinement["accepted"] and set(refinement["corrected_depth"]) == set(real.recording.rig.cameras)
    assert any("bent" in warning for warning in real.registered["warnings"]) == (bent and not straightened)


def test_one_person_with_one_identity(real):
    people = {
        round(state.timestamp_ns / INTERVAL_NS): [track for track in state.tracks if track.label == "person"]
        for state in real.twin.states()
    }
    assert {track.track_id for tracks in people.values() for track in tracks} == {"person_1"}
    there = [instant for instant, tracks in people.items() if tracks]
    assert there == list(range(there[0], there[-1] + 1))
    for instant in WHOLE_TO_BOTH:
        (person,) = people[instant]
        assert not person.predicted
        assert set(person.visibility.values()) == {Visibility.SEEN}
        assert 1.4 < person.center_m[2] + person.extent_m[2] / 2 < 2.1
    # He goes through the room in one direction: no step leads back.
    places_m = np.array([people[instant][0].center_m[:2] for instant in there])
    steps_m = np.diff(places_m, axis=0)
    assert (steps_m @ (places_m[-1] - places_m[0]) > 0).all()


def test_entering_and_leaving_are_noted(real):
    person = [name for name in real.built["tracks"] if name.startswith("person")]
    ((entered, _),) = _intervals(real, "entered", *person, "room")
    ((left, _),) = _intervals(real, "left", *person, "room")
    assert 0 < entered <= WHOLE_TO_BOTH[0]
    assert WHOLE_TO_BOTH[-1] < left < 20


def test_person_passes_close_to_the_covered_table(real):
    table = _covered_table(real)
    assert 0.5 < min(table.box.extent_m[:2]) <= max(table.box.extent_m[:2]) < 2.0
    rows = real.twin.query("close_to(person, ?x)").to_arrow().to_pylist()
    lengths_ns = [row["end_ns"] - row["begin_ns"] for row in rows if row["x"] == table.fixture_id]
    assert max(lengths_ns) >= 2 * INTERVAL_NS


def test_mesh_has_the_measures_of_a_room(real):
    room = real.twin.room
    upward, downward = room.normals[:, 2] > 0.9, room.normals[:, 2] < -0.9
    height_m = room.vertices_m[:, 2]
    floor, ceiling = upward & (height_m < 0.2), downward & (height_m > 1.8)
    assert min(floor.sum(), ceiling.sum()) > 5_000
    assert abs(np.median(height_m[floor])) < 0.02
    assert 2.2 < np.median(height_m[ceiling]) < 2.8
    assert np.percentile(height_m, 0.5) > -0.15
    assert np.percentile(height_m, 99.5) < 2.8
    assert (room.coverage == 2).mean() > 0.1
    assert room.faces.max() < len(room.vertices_m)


@pytest.mark.parametrize("camera_id", ["cam_1", "cam_2"])
def test_mesh_is_where_each_camera_saw_a_surface(real, camera_id):
    """Near pixels that return nearly always; the flickering rest is where the mesh may have holes."""
    from scipy.spatial import KDTree

    background = real.twin.archive.read_background(camera_id)
    steady = (background.support > 0.8) & (background.depth_m > 0) & (background.depth_m < 3.0)
    camera = real.twin.rig[camera_id]
    points_m = camera.depth.rays()[steady] * background.depth_m[steady][:, None]
    points_m = camera.world_from_camera @ (camera.color_from_depth @ points_m.astype(np.float64)[::20])
    distance_m, _ = KDTree(real.twin.room.vertices_m).query(points_m)
    assert (distance_m < 0.05).mean() > 0.9


def test_twin_is_whole(real):
    assert _json("verify", real.path)


def _body(path: Path) -> dict[int, np.ndarray]:
    """Joints (17, 3) of the only body of a twin, by frame."""
    rows = ortwin.open(path).bodies.to_pylist()
    assert {row["track_id"] for row in rows} == {"person_1"}
    return {row["time_ns"] // INTERVAL_NS: np.reshape(row["joints_m"], (17, 3)) for row in rows}


def _check_body(joints_m: dict[int, np.ndarray]) -> None:
    """One body whose legs and trunk are an adult's, and whose soles are at the floor where depth sees feet."""
    paths = np.stack([joints_m[frame] for frame in sorted(joints_m)])
    for begin, end, low_m, high_m in (
        (11, 13, 0.35, 0.50), (12, 14, 0.35, 0.50), (13, 15, 0.34, 0.48), (14, 16, 0.34, 0.48), (5, 11, 0.42, 0.60),
        (6, 12, 0.42, 0.60), (5, 7, 0.24, 0.36), (6, 8, 0.24, 0.36),
    ):  # fmt: skip
        length_m = np.linalg.norm(paths[:, begin] - paths[:, end], axis=1)
        assert low_m < length_m.mean() < high_m
        assert length_m.std() < 0.05
    for frame in FEET_SEEN:
        assert np.abs(joints_m[frame][15:17, 2] - ANKLE_M).max() < 0.05


def test_one_body_stands_on_the_floor(real):
    _check_body(_body(real.path))


@pytest.mark.slow
def test_a_network_that_sees_too_little_of_him_takes_nothing_away(real, test_data, tmp_path, monkeypatch):
    """His head and shoulders are blurred, so that the network knows him at one or two frames only."""
    monkeypatch.setenv("ORTWIN_MODELS", str(tmp_path / "models"))
    _json("models", "add", test_data / "models" / "movenet_multipose.onnx")
    out = tmp_path / "two.twin"
    _json("build", real.recording.path, out, "--set", "people.estimator=onnx")
    _check_body(_body(out))
    seen = ortwin.open(out).archive.read_layer("people", "keypoints").filter(pc.field("camera_id") != "")
    assert 0 < len(seen) < 12  # of 14 pictures with him in them
    assert _json("verify", out)
