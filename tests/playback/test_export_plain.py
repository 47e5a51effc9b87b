"""Every exported file is read back and compared with the twin."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.capture.rig_file import read_rig
from ortwin.playback import exporters
from ortwin.playback.exporters import export_twin, find_exporter, format_names
from ortwin.reconstruction.ply import read_ply


@pytest.fixture(scope="module")
def exported(toy_twin, tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "plain"
    files = export_twin(toy_twin, "plain", out)
    tables = {"clocks.csv", "tracks.csv", "relations.csv"}
    assert {path.name for path in files} == tables | {"rig.json", "room.ply", "fixtures.json"}
    return out


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rig_comes_back(exported, toy_twin):
    rig = read_rig(exported / "rig.json")
    for name, camera in toy_twin.rig.cameras.items():
        np.testing.assert_allclose(rig[name].world_from_camera.rotation, camera.world_from_camera.rotation, atol=1e-12)
        assert rig[name].color.key == camera.color.key


def test_tracks_come_back(exported, toy_twin):
    found = rows(exported / "tracks.csv")
    assert list(found[0]) == ["time_ns", "track_id", "label", "x_m", "y_m", "z_m", "sigma_m"]
    assert [int(row["time_ns"]) for row in found] == toy_twin.tracks["time_ns"].to_pylist()
    assert [row["track_id"] for row in found] == toy_twin.tracks["track_id"].to_pylist()
    np.testing.assert_allclose([float(row["x_m"]) for row in found], toy_twin.tracks["x_m"].to_numpy(), atol=1e-6)


def test_relations_are_whole_though_segments_cut_them(exported, toy_twin):
    found = rows(exported / "relations.csv")
    assert list(found[0]) == ["subject", "predicate", "object", "begin_ns", "end_ns", "state", "score"]
    expected = {
        (r.subject_id, r.predicate, r.object_id, r.begin_ns, r.end_ns, str(r.state))
        for r in toy_twin.timeline.intervals
    }
    got = {(r["subject"], r["predicate"], r["object"], int(r["begin_ns"]), int(r["end_ns"]), r["state"]) for r in found}
    assert got == expected and len(found) == len(expected)
    assert {"true", "unknown"} == {row["state"] for row in found}


def test_room_comes_back_as_a_mesh(exported, toy_twin):
    mesh = read_ply(exported / "room.ply")
    np.testing.assert_array_equal(mesh.vertices_m, toy_twin.room.vertices_m)
    np.testing.assert_array_equal(mesh.faces, toy_twin.room.faces)
    np.testing.assert_array_equal(mesh.colors_rgb, toy_twin.room.colors_rgb)


def test_fixtures_have_the_names_of_the_graph(exported, toy_twin):
    layout = json.loads((exported / "fixtures.json").read_text())
    names = {entry["name"] for entry in layout["fixtures"]}
    assert names == {node.node_id for node in toy_twin.timeline.nodes if node.layer == "fixture"}
    assert {zone["label"] for zone in layout["zones"]} == {"room", "sterile_zone"}


def test_a_folder_in_use_is_refused_and_force_keeps_the_rest(toy_twin, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        export_twin(toy_twin, "plain", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    export_twin(toy_twin, "plain", tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine" and (tmp_path / "room.ply").exists()


def test_an_export_that_fails_leaves_nothing(toy_twin, tmp_path, monkeypatch):
    def half(twin, out):
        (out / "one.txt").write_text("1")
        raise OSError("the disk is full")

    monkeypatch.setattr(exporters, "find_exporter", lambda name: half)
    with pytest.raises(OSError, match="full"):
        export_twin(toy_twin, "half", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_names_the_nearest():
    assert "plain" in format_names()
    with pytest.raises(ConfigError, match="did you mean 'plain'"):
        find_exporter("plian")
