"""Streams in playback: the rows that are drawn, and the .rrd files read back."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
from ortwin.archive import TwinArchive
from ortwin.facade import Twin
from ortwin.playback.folder import existing_playback
from ortwin.playback.rerun_scene import write_playback
from ortwin.playback.stream_rows import stream_rows
from ortwin.scenegraph.streams import make_stream, streams_table, write_stream

SECOND = 1_000_000_000


def times(*seconds):
    return pa.array([round(value * SECOND) for value in seconds], pa.int64())


@pytest.fixture
def rows(tmp_path):
    """What is drawn from 10 s to 20 s, by name."""

    def draw(*streams):
        for stream in streams:
            write_stream(tmp_path, stream, replace=True)
        return {row.name: row for row in stream_rows(streams_table(tmp_path), 10 * SECOND, 20 * SECOND)}

    return draw


def test_a_value_is_drawn_until_the_next_or_until_it_is_too_old(rows):
    stream = make_stream("spo2", times(11, 12, 17), pa.array([98.0, 91.0, 95.0]), "%", max_age_ns=2 * SECOND)
    drawn = rows(stream)["spo2"]
    assert drawn.title == "spo2 (%)"
    assert drawn.times_ns.tolist() == [11 * SECOND, 12 * SECOND, 14 * SECOND, 17 * SECOND, 19 * SECOND]
    np.testing.assert_array_equal(drawn.numbers, [98.0, 91.0, np.nan, 95.0, np.nan])


def test_what_held_before_the_twin_begins_is_drawn_at_its_begin(rows):
    stream = make_stream("spo2", times(1, 8, 15), pa.array([90.0, None, 95.0]), "%")
    drawn = rows(stream)["spo2"]
    assert drawn.times_ns.tolist() == [10 * SECOND, 15 * SECOND]
    np.testing.assert_array_equal(drawn.numbers, [np.nan, 95.0])
    late = rows(make_stream("spo2", times(5, 30), pa.array([90.0, 91.0]), "1", max_age_ns=SECOND))["spo2"]
    assert (late.times_ns.tolist(), late.title) == ([10 * SECOND], "spo2") and np.isnan(late.numbers).all()


def test_words_are_told_and_so_is_that_nobody_knows(rows):
    drawn = rows(make_stream("robot", times(11, 13), pa.array(["idle", None])))["robot"]
    assert (drawn.words, drawn.numbers) == (("idle", "unknown"), None)
    assert drawn.between(12 * SECOND, 14 * SECOND).words == ("unknown",)


@pytest.fixture
def twin(toy_path, tmp_path):
    path = tmp_path / "toy.twin"
    shutil.copytree(toy_path, path)
    return Twin(TwinArchive(path))


def test_a_viewer_finds_curves_and_words(twin, tmp_path, monkeypatch):
    from rerun.chunk import RrdReader

    monkeypatch.setattr("rerun.error_utils._strict_mode", True)
    begin_ns = int(twin.times_ns[0])
    assert existing_playback(twin, tmp_path / "out") == []
    write_playback(twin, tmp_path / "out")
    assert len(existing_playback(twin, tmp_path / "out")) == 2
    spo2 = make_stream("spo2", times(*(begin_ns / SECOND + s for s in (0, 3, 6))), pa.array([98.0, 91.0, 95.0]), "%")
    write_stream(twin.path, spo2)
    write_stream(twin.path, make_stream("robot", times(begin_ns / SECOND + 5), pa.array(["cutting"])))
    assert existing_playback(twin, tmp_path / "out") == []
    found: dict[str, list] = {}
    for path in write_playback(twin, tmp_path / "out"):
        for chunk in RrdReader(str(path)).stream():
            batch = chunk.to_record_batch()
            for name in ("Scalars:scalars", "TextLog:text", "SeriesLines:names"):
                if str(chunk.entity_path).startswith("/streams") and name in batch.schema.names:
                    since = [None] * batch.num_rows
                    if "time" in batch.schema.names:
                        since = batch.column("time").cast(pa.int64()).to_pylist()
                    found.setdefault(f"{chunk.entity_path} {name}", []).extend(
                        zip(since, batch.column(name).to_pylist(), strict=True)
                    )
    assert found["/streams/spo2 Scalars:scalars"] == [(0, [98.0]), (3 * SECOND, [91.0]), (6 * SECOND, [95.0])]
    assert found["/streams/spo2 SeriesLines:names"] == [(None, ["spo2 (%)"])]
    assert found["/streams/robot TextLog:text"] == [(5 * SECOND, ["robot: cutting"])]
    assert len(existing_playback(twin, tmp_path / "out")) == 2
