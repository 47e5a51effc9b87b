"""Twins in a library: the index has what each twin has, and damage is named by its file."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from ortwin.cli.app import ExitCode, run
from ortwin.library import index_library
from ortwin.scenegraph.library import FOLDER, Library


@pytest.fixture
def root(toy_path, tmp_path):
    for name in ("a", "deep/b"):
        shutil.copytree(toy_path, tmp_path / f"{name}.twin")
    return tmp_path


def rows_of(root, procedure):
    rows = Library(root).query("close_to(?who, ?what)").rows()
    return [{name: value for name, value in row.items() if name != "procedure"} for row in rows
            if row["procedure"] == procedure]  # fmt: skip


def test_each_twin_answers_as_it_does_alone(root, toy_twin):
    index = index_library(root)
    assert [(row.name, row.kind) for row in index.procedures] == [("a", "twin"), ("deep/b", "twin")]
    alone = [
        {name: value for name, value in row.items() if name != "procedure"}
        for row in toy_twin.query("close_to(?who, ?what)").rows()
    ]
    assert len(alone) == 4
    assert rows_of(root, "a") == rows_of(root, "deep/b") == alone


def test_the_index_has_positions_and_spans(root, toy_twin):
    index = index_library(root)
    folder = root / FOLDER / "procedures" / index.procedures[0].key
    positions = pq.read_table(folder / "positions.parquet")
    assert positions.num_rows == toy_twin.tracks.num_rows
    assert positions.column_names == ["procedure", "node_id", "time_ns", "x_m", "y_m", "z_m"]
    assert index.procedures[0].begin_ns == int(toy_twin.times_ns[0])
    spans = pq.read_table(next((root / FOLDER / "catalog").glob("*/procedures.parquet")))
    assert spans["procedure"].to_pylist() == ["a", "deep/b"]


def test_a_stream_that_is_added_changes_its_twin_alone(root, tmp_path):
    before = index_library(root)
    vitals = tmp_path / "vitals.csv"
    vitals.write_text("time_s,spo2\n0,98\n1,91\n")
    line = ["stream", "add", str(root / "a.twin"), str(vitals), "--clock", "start", "--name", "spo2", "--unit", "%"]
    assert run(line) == ExitCode.OK
    after = index_library(root)
    assert [one.key == other.key for one, other in zip(before.procedures, after.procedures, strict=True)] == [
        False,
        True,
    ]
    streams = pq.read_table(root / FOLDER / "procedures" / after.procedures[0].key / "streams.parquet")
    assert streams["value"].to_pylist() == [98.0, 91.0] and streams["unit"].to_pylist() == ["%", "%"]


def spoil(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            lambda twin: spoil(twin / "graph-test" / "000001" / "relations.parquet"),
            "graph-test/000001/relations.parquet",
        ),
        (lambda twin: spoil(twin / "tracks" / "000000" / "tracks.parquet"), "tracks/000000/tracks.parquet"),
        (lambda twin: shutil.rmtree(twin / "graph-test" / "000001"), "1 segments of graph-test are missing"),
        (lambda twin: spoil(twin / "twin.json"), "twin.json"),
        (lambda twin: (twin / "twin.json").write_text(""), "twin.json"),
    ],
)
def test_a_damaged_twin_is_named_and_left_out(root, harm, said, capsys):
    harm(root / "a.twin")
    assert run(["library", "index", str(root), "--json"]) == ExitCode.GAPS
    document = json.loads(capsys.readouterr().out)
    assert document["procedures"] == 1
    ((path, why),) = [(row["path"], row["why"]) for row in document["skipped"]]
    assert path == "a.twin" and said in why
    assert rows_of(root, "deep/b") and not rows_of(root, "a")


def test_a_half_written_twin_is_named_and_left_out(root):
    (root / "a.twin" / "twin.json").unlink()
    index = index_library(root)
    assert [each.place for each in index.skipped] == ["a.twin"] and "no twin.json" in index.skipped[0].why
