"""The .rrd files are read back: what was written is what a viewer will find."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ortwin.archive import TwinArchive
from ortwin.capture.camera_move import PoseFrom
from ortwin.capture.errors import PrivacyError
from ortwin.capture.geometry import SE3
from ortwin.capture.storage import RecordingWriter, open_recording
from ortwin.facade import Twin
from ortwin.playback.folder import KEY_FILE, PlaybackConfig, existing_playback, playback_key
from ortwin.playback.rerun_scene import write_playback
from ortwin.reconstruction.surface_mesh import Patch
from ortwin.reconstruction.surface_tables import SurfaceRows
from ortwin.scenegraph.graph import TruthState

SECOND = 1_000_000_000


def read_rrd(path: Path) -> dict[str, list[pa.RecordBatch]]:
    """All chunks of a file by entity path."""
    from rerun.chunk import RrdReader

    chunks = defaultdict(list)
    for chunk in RrdReader(str(path)).stream():
        chunks[str(chunk.entity_path)].append(chunk.to_record_batch())
    return chunks


def column(batches: list[pa.RecordBatch], name: str) -> dict[int, list]:
    """Values of a component by the time since the start (ns); of static data under -1."""
    found: dict[int, list] = {}
    for batch in batches:
        if name not in batch.schema.names:
            continue
        times = [-1] * batch.num_rows
        if "time" in batch.schema.names:
            times = batch.column("time").cast(pa.int64()).to_pylist()
        found |= dict(zip(times, batch.column(name).to_pylist(), strict=True))
    return found


@pytest.fixture(scope="module")
def written(toy_twin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("playback")
    told: list[tuple[str, int, int]] = []
    files = write_playback(toy_twin, folder, progress=lambda *step: told.append(step))
    assert told == [("playback", 1, 2), ("playback", 2, 2)]
    return files, [read_rrd(path) for path in files]


def test_one_file_per_segment_under_one_recording_id(written, toy_twin):
    from rerun.chunk import RrdReader

    files, _ = written
    assert [path.name for path in files] == ["000000.rrd", "000001.rrd"]
    ids = {
        (entry.application_id, entry.recording_id)
        for path in files
        for entry in RrdReader(str(path)).recordings()
    }  # fmt: skip
    assert ids == {("ortwin", playback_key(toy_twin))}


def test_static_scene_stands_in_the_first_file(written, toy_twin):
    first, second = written[1]
    mesh = first["/world/room/surface"][0]
    assert len(mesh.column("Mesh3D:vertex_positions")[0]) + len(
        first["/world/room/ceiling"][0].column("Mesh3D:vertex_positions")[0]
    ) == len(toy_twin.room.vertices_m)
    assert {"/world/fixtures/operating_table", "/world/fixtures/fixture_2", "/world/zones/sterile_zone"} <= set(first)
    matrix = column(first["/world/cameras/cam_1"], "Pinhole:image_from_camera")[-1][0]
    np.testing.assert_allclose(np.reshape(matrix, (3, 3)).T, toy_twin.rig["cam_1"].color.matrix, atol=1e-4)
    assert not any(path.startswith("/world/room") for path in second)


def test_surfaces_come_back_as_measured(written, toy_twin):
    files = written[1]
    for number, chunks in enumerate(files):
        points = column(chunks["/world/tracks/person_1/surface"], "Points3D:positions")
        for state in toy_twin.states(number):
            expected = next(surface for surface in state.surfaces if surface.track_id == "person_1")
            since_ns = state.timestamp_ns - int(toy_twin.times_ns[0])
            np.testing.assert_allclose(points[since_ns], expected.points_m, atol=1e-6)


def test_a_track_that_ends_leaves_the_picture(written, toy_twin):
    boxes = column(written[1][1]["/world/tracks/person_2/box"], "Boxes3D:centers")
    assert boxes[6 * SECOND] == [] and len(boxes[6 * SECOND - SECOND // 10]) == 1
    assert max(boxes) == 6 * SECOND
    tags = column(written[1][1]["/world/tracks/person_2/tag"], "Points3D:labels")
    assert tags[round(5.4 * SECOND)] == ["person_2"] and tags[round(5.6 * SECOND)] == ["person_2 (predicted)"]


def test_lanes_tell_true_unknown_and_nothing(written):
    path = "/relations/person_2/close_to/operating_table"
    states: dict[int, list] = {}
    for chunks in written[1]:
        states |= column(chunks.get(path, []), "StateChange:state")
    assert states == {4 * SECOND: ["true"], round(5.5 * SECOND): ["unknown"], 6 * SECOND: [""]}
    configured = column(written[1][0][path], "StateConfiguration:values")
    assert configured[-1] == ["true", "unknown"]
    colors = column(written[1][0][path], "StateConfiguration:colors")[-1]
    assert colors[0] != colors[1]


def test_links_join_what_is_related(written, toy_twin):
    strips = {}
    for chunks in written[1]:
        strips |= column(chunks["/world/relations"], "LineStrips3D:strips")
    assert strips[SECOND] == []
    (begin, end) = strips[3 * SECOND][0]
    (person,) = [track for track in toy_twin.state(4 * SECOND).tracks if track.track_id == "person_1"]
    np.testing.assert_allclose(begin, person.center_m, atol=1e-6)
    table = toy_twin.room.fixtures[0].box
    to_end_m, to_person_m = table.distance_m(np.array([end, person.center_m], np.float64))
    assert to_end_m < 1e-6
    assert np.linalg.norm(np.subtract(end, begin)) == pytest.approx(to_person_m, abs=1e-5)


def test_graph_follows_the_timeline(written, toy_twin):
    nodes, edges, words, places = {}, {}, {}, {}
    for chunks in written[1]:
        nodes |= column(chunks["/graph"], "GraphNodes:node_ids")
        edges |= column(chunks["/graph"], "GraphEdges:edges")
        words |= column(chunks["/graph"], "GraphNodes:labels")
        places |= column(chunks["/graph"], "GraphNodes:positions")
    start_ns = int(toy_twin.times_ns[0])
    changes = {change.time_ns - start_ns for change in toy_twin.timeline.changes()}
    assert {time for time in changes if 0 <= time < 8 * SECOND} <= set(nodes)
    for since_ns, node_ids in nodes.items():
        graph = toy_twin.at(start_ns + since_ns)
        drawn = [r for r in graph.relations if r.object_id != "room"]
        assert {node.node_id for node in graph.nodes} - {"room"} <= set(node_ids)
        pairs = {frozenset((relation.subject_id, relation.object_id)) for relation in drawn}
        assert len(edges[since_ns] or []) == 2 * len(pairs)
        assert len(set(map(tuple, places[since_ns]))) == len(node_ids)
        unknown = sum(relation.state == TruthState.UNKNOWN for relation in drawn)
        assert sum(text.count("?") for text in words[since_ns]) == unknown


def test_events_are_spoken_in_order(written):
    said: list[tuple[int, str]] = []
    for chunks in written[1]:
        for batch in chunks["/events"]:
            times = batch.column("time").cast(pa.int64()).to_pylist()
            said += zip(times, [text[0] for text in batch.column("TextLog:text").to_pylist()], strict=True)
    assert (2 * SECOND, "person_1 close_to operating_table begins (0.28 m)") in said
    assert (3 * SECOND, "person_2 appears") in said and (3 * SECOND, "person_2 entered room") in said
    assert (6 * SECOND, "person_1 inside_zone sterile_zone ends") in said
    assert any("unknown" in text for _, text in said)
    assert [time for time, _ in said] == sorted(time for time, _ in said)


def test_playback_is_reused_until_the_graph_changes(toy_twin, tmp_path, monkeypatch):
    assert existing_playback(toy_twin, tmp_path) == []
    files = write_playback(toy_twin, tmp_path)
    assert existing_playback(toy_twin, tmp_path) == files
    monkeypatch.setitem(toy_twin.archive.head, "graph_layer", "graph-other")
    assert existing_playback(toy_twin, tmp_path) == []
    monkeypatch.undo()
    files[1].unlink()
    assert existing_playback(toy_twin, tmp_path) == []
    (tmp_path / KEY_FILE).write_text("{")
    assert existing_playback(toy_twin, tmp_path) == []


def test_no_warning_and_no_leftover(toy_twin, tmp_path, recwarn, monkeypatch):
    monkeypatch.setattr("rerun.error_utils._strict_mode", True)
    write_playback(toy_twin, tmp_path)
    assert not [warning for warning in recwarn if "rerun" in str(warning.category).lower()]
    assert not list(tmp_path.glob(".*"))


def test_a_twin_in_which_nothing_happens_is_written_too(still_twin, monkeypatch):
    monkeypatch.setattr("rerun.error_utils._strict_mode", True)
    (path,) = write_playback(still_twin)
    chunks = read_rrd(path)
    assert "/world/cameras/cam_1" in chunks and not any(name.startswith("/world/tracks") for name in chunks)


def test_a_camera_that_was_moved_stands_elsewhere_from_then_on(toy_twin, tmp_path, monkeypatch):
    elsewhere = toy_twin.rig["cam_1"].world_from_camera @ SE3(np.eye(3), np.array([0.1, 0.0, 0.0]))
    moved = replace(toy_twin.rig, moves=(PoseFrom("cam_1", int(toy_twin.times_ns[0]) + 3 * SECOND, elsewhere),))
    monkeypatch.setattr(type(toy_twin), "rig", property(lambda _: moved))
    first = read_rrd(write_playback(toy_twin, tmp_path)[0])
    places = column(first["/world/cameras/cam_1"], "Transform3D:translation")
    assert list(places) == [0, 3 * SECOND]
    np.testing.assert_allclose(places[0][0], toy_twin.rig["cam_1"].world_from_camera.translation_m, atol=1e-6)
    np.testing.assert_allclose(places[3 * SECOND][0], elsewhere.translation_m, atol=1e-6)
    assert list(column(first["/world/cameras/cam_2"], "Transform3D:translation")) == [-1]


@pytest.fixture
def recording(toy_twin, tmp_path):
    """What the twin could have been built from: cam_1 has a picture at every instant, cam_2 has none."""
    import cv2

    camera = toy_twin.rig["cam_1"]
    image = np.full((camera.color.height_px, camera.color.width_px, 3), 90, np.uint8)
    packet = cv2.imencode(".jpg", image)[1].tobytes()
    path = tmp_path / "toy.recording"
    with RecordingWriter(path, list(toy_twin.rig.cameras.values()), fps=10.0, source={}, rig=toy_twin.rig) as writer:
        for time_ns in toy_twin.times_ns.tolist():
            writer.append("cam_1", time_ns // 100_000_000, time_ns, None, None, packet, "jpeg")
    return open_recording(path), packet


def test_pictures_of_people_are_shown_on_request_only_and_never_in_the_twin(toy_twin, tmp_path, recording):
    source, packet = recording
    with pytest.raises(PrivacyError):
        write_playback(toy_twin, None, source)
    files = write_playback(toy_twin, tmp_path, source)
    blobs = column(read_rrd(files[0])["/world/cameras/cam_1/image"], "EncodedImage:blob")
    assert len(blobs) == 40 and bytes(next(iter(blobs.values()))[0]) == packet
    assert existing_playback(toy_twin, tmp_path) == []
    (tmp_path / "other.rrd").write_bytes(b"not ours")
    plain = write_playback(toy_twin, tmp_path)
    blobs = column(read_rrd(plain[0])["/world/cameras/cam_1/image"], "EncodedImage:blob")
    assert list(blobs) == [-1]
    assert (tmp_path / "other.rrd").exists() and existing_playback(toy_twin, tmp_path) == plain


def test_measured_meshes_take_the_place_of_points_and_leave_with_their_track(toy_twin, tmp_path):
    path = tmp_path / "meshed.twin"
    shutil.copytree(toy_twin.path, path)
    archive = TwinArchive(path)
    used, cell = np.ones((2, 2), bool), np.ones((1, 1), bool)
    corners_m = np.array([[0, 0, 1], [0.1, 0, 1], [0, 0.1, 1], [0.1, 0.1, 1]], float)
    gone_ns = int(toy_twin.times_ns[5])
    for number in range(toy_twin.num_segments):
        begin_ns, end_ns = archive.span_ns("tracks", number)
        rows = SurfaceRows()
        for k, time_ns in enumerate(toy_twin.times_ns.tolist()):
            if begin_ns <= time_ns < end_ns and time_ns != gone_ns and k < 10:
                patch = Patch(used, cell, cell, corners_m + np.array([0.01 * k, 0, 0]))
                rows.add(time_ns, "person_1", [patch], np.full((4, 3), 10 * k, np.uint8))
        archive.write_segment(
            "surfaces", number, (begin_ns, end_ns), {"surfaces": rows.table()}, rows.blobs(), {"key": "x"}
        )
    meshed = Twin(TwinArchive(path))
    assert playback_key(meshed) != playback_key(toy_twin)
    first = read_rrd(write_playback(meshed, tmp_path / "out", config=PlaybackConfig(surface_cell_m=0.0))[0])
    begin_ns = int(toy_twin.times_ns[0])
    batches = first["/world/tracks/person_1/mesh"]
    places = column(batches, "Mesh3D:vertex_positions")
    faces, colors = column(batches, "Mesh3D:triangle_indices"), column(batches, "Mesh3D:vertex_colors")
    points = column(first["/world/tracks/person_1/surface"], "Points3D:positions")
    for k, time_ns in enumerate(toy_twin.times_ns.tolist()[:12]):
        shown = k < 10 and time_ns != gone_ns
        since_ns = time_ns - begin_ns
        assert bool(places.get(since_ns)) == shown
        if shown:
            np.testing.assert_allclose(places[since_ns], corners_m + np.array([0.01 * k, 0, 0]), atol=1e-6)
            assert sorted(map(sorted, faces[since_ns])) == [[0, 1, 2], [1, 2, 3]]
            assert {color >> 8 for color in colors[since_ns]} == {10 * k * 0x010101}
            assert not points[since_ns], "the mesh takes the place of the points"
        else:
            assert points[since_ns], "points stay where there is no mesh"
    cleared = column(batches, "Clear:is_recursive")
    assert sorted(cleared) == [gone_ns - begin_ns, int(toy_twin.times_ns[10]) - begin_ns]
