"""EgoExOR: small HDF5 files with each of its traps."""

import json

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import InputError, MissingExtraError
from ortwin.capture.geometry import SE3
from ortwin.capture.rig_file import write_rig
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.datasets import egoexor
from ortwin.scenegraph.label_io import read_labels
from ortwin.scenegraph.label_timeline import label_timeline

h5py = pytest.importorskip("h5py")
SIDE, NUM_FRAMES = 24, 3
SOURCES = ("head_surgeon", "external_1", "blank")


def write_file(path, *, holder, triplets):
    with h5py.File(path, "w") as file:
        group = file.create_group(f"data/MISS/1/{holder}/1")
        source = group.create_group("sources")
        source.attrs["source_count"] = len(SOURCES)
        for place, name in enumerate(SOURCES):
            source.attrs[f"source_{place}"] = name
        images = np.zeros((NUM_FRAMES, len(SOURCES), SIDE, SIDE, 3), np.uint8)
        images += (10 * np.arange(NUM_FRAMES)[:, None] + np.arange(len(SOURCES)))[..., None, None, None].astype(
            np.uint8
        )
        images[..., 0] += 100
        group["frames/rgb"] = images
        for frame in range(NUM_FRAMES):
            group[f"annotations/frame_{frame}/rel_annotations"] = triplets


@pytest.fixture
def files(tmp_path):
    words = [[b"anaesthetist", b"closeTo", b"patient"], [b"head_surgeon", b"holding", b"scalpel"]]
    write_file(tmp_path / "miss_1.h5", holder="take", triplets=np.array(words))
    text = np.array([["anesthetist", "closeto", "patient"]], dtype=h5py.string_dtype())
    write_file(tmp_path / "miss_2.h5", holder="takes", triplets=text)
    with h5py.File(tmp_path / "splits.h5", "w") as file:
        file["splits/train"] = np.zeros(1)
    return tmp_path


def test_both_spellings_and_both_layouts_are_read(files):
    for name in ("miss_1.h5", "miss_2.h5"):
        (take,) = egoexor.open_sequences(files / name)
        assert take.sequence_id == "MISS/1/1"
        assert take.labels.instants[0].relations[0] == ("anesthetist", "closeto", "patient")
    line = label_timeline(egoexor.open_sequences(files / "miss_1.h5")[0].labels, frame_ns=egoexor.FRAME_NS)
    assert {(row.subject_id, row.predicate, row.object_id) for row in line.intervals if row.state == "true"} >= {
        ("anaesthetist", "close_to", "patient"), ("head_surgeon", "holding", "scalpel"),
    }  # fmt: skip
    assert max(row.end_ns for row in line.intervals) == NUM_FRAMES * egoexor.FRAME_NS


def test_labels_become_a_file_of_ours(files, tmp_path):
    out = tmp_path / "labels.json"
    assert run(["datasets", "labels", "egoexor", str(files / "miss_1.h5"), "--out", str(out)]) == 0
    (held,) = [row for row in label_timeline(read_labels(out)).intervals if row.predicate == "holding"]
    assert (held.subject_id, held.object_id, held.begin_ns) == ("head_surgeon", "scalpel", 0)


def test_there_is_no_recording_without_a_lens(files, tmp_path, capsys):
    assert run(["import", "egoexor", str(files / "miss_1.h5"), str(tmp_path / "a.recording")]) == 3
    assert "documented nowhere" in capsys.readouterr().err


def rig_file(tmp_path, side=SIDE):
    camera = Camera("external_1", Intrinsics(30.0, 30.0, 12.0, 12.0, side, side), None, SE3.identity())
    write_rig(tmp_path / "rig.json", CameraRig({"external_1": camera}))
    return str(tmp_path / "rig.json")


def test_with_a_lens_a_take_becomes_a_recording(files, tmp_path, capsys):
    out = tmp_path / "a.recording"
    command = ["import", "egoexor", str(files / "miss_1.h5"), str(out), "--rig", rig_file(tmp_path), "--json"]
    assert run(command) == 0
    assert any("head_surgeon: no lens" in text for text in json.loads(capsys.readouterr().out)["assumptions"])
    recording = open_recording(out)
    assert list(recording.cameras) == ["external_1"]
    assert recording.frame("external_1", 2).color_rgb[0, 0].tolist() == [121, 21, 21], "exact, and not blue for red"
    assert np.diff(recording.timestamps_ns("external_1")).tolist() == [egoexor.FRAME_NS] * (NUM_FRAMES - 1)


def test_a_lens_for_other_images_is_refused(files, tmp_path, capsys):
    code = run(
        ["import", "egoexor", str(files / "miss_1.h5"), str(tmp_path / "a.recording"), "--rig", rig_file(tmp_path, 336)]
    )
    assert code == 3
    assert "336x336" in capsys.readouterr().err


def test_what_is_none_of_it_is_refused(files, tmp_path):
    with pytest.raises(InputError, match="no take 'MISS/9/9'"):
        egoexor.open_sequences(files, ["MISS/9/9"])
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="no HDF5 file"):
        egoexor.open_sequences(tmp_path / "text.h5")
    write_file(tmp_path / "turned.h5", holder="take", triplets=np.array([[b"nurse", b"saw", b"holding"]]))
    with pytest.raises(InputError, match=r"(?s)no relation of EgoExOR.*frame_0"):
        egoexor.open_sequences(tmp_path / "turned.h5")


def test_without_h5py_the_extra_is_named(files, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"ortwin\[egoexor\]"):
        egoexor.open_sequences(files)
