from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.integrity import verify_tree
from ortwin.scenegraph.stream_files import Clock, StreamColumns, read_stream_file
from ortwin.scenegraph.streams import (
    make_stream,
    read_stream,
    remove_stream,
    stream_names,
    streams_schema,
    streams_table,
    write_stream,
)

SECOND = 1_000_000_000
SPAN_NS = (1_700_000_000 * SECOND, 1_700_000_060 * SECOND)


@pytest.fixture
def csv(tmp_path):
    def write(*lines: str) -> Path:
        path = tmp_path / "vitals.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def vitals(values, unit="%", **options):
    times = pa.array(np.arange(len(values)) * SECOND, pa.int64())
    return make_stream("spo2", times, pa.array(values), unit, **options)


def times_of(stream):
    return stream.table["time_ns"].to_pylist()


def test_a_csv_with_speaking_names_needs_no_options(csv):
    path = csv("time_s,value", "1700000000.000000001,98", "1700000001.5,", "1700000002.25,91.5")
    stream = read_stream_file(path, "spo2", "%", SPAN_NS)
    assert times_of(stream) == [1_700_000_000_000_000_001, 1_700_000_001_500_000_000, 1_700_000_002_250_000_000]
    assert stream.table["value"].to_pylist() == [98.0, None, 91.5]
    assert stream.unit == "%" and stream.is_numeric
    assert stream.table["max_age_ns"][0].as_py() == round(1.5 * (times_of(stream)[-1] - times_of(stream)[0]))
    assert stream.table["source"][0].as_py().startswith("vitals.csv blake3:")


@given(st.integers(SPAN_NS[0], SPAN_NS[1]), st.sampled_from(["ns", "us", "ms", "s"]))
def test_times_lose_no_nanosecond(tmp_path_factory, time_ns, unit):
    digits = {"ns": 0, "us": 3, "ms": 6, "s": 9}[unit]
    text = str(time_ns) if not digits else f"{time_ns // 10**digits}.{time_ns % 10**digits:0{digits}}"
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(f"time,value\n{text},1\n")
    assert times_of(read_stream_file(path, "a", "1", SPAN_NS, columns=StreamColumns(time_unit=unit))) == [time_ns]


def test_words_are_a_stream_without_a_unit(csv):
    stream = read_stream_file(csv("time_ms,step", "0,idle", "250.5, cutting ", "900,"), "robot", "", (7, SECOND + 7),
                              clock=Clock.START)  # fmt: skip
    assert stream.table["value"].to_pylist() == ["idle", "cutting", None]
    assert times_of(stream) == [7, 250_500_007, 900_000_007]
    assert not stream.is_numeric and stream.unit == "" and stream.table["max_age_ns"].null_count == 3


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.timestamp("us"), pa.timestamp("ns", "UTC")])
def test_parquet_columns_of_every_kind_are_read(tmp_path, kind):
    whole, timed = [1_700_000_000, 1_700_000_001], pa.types.is_timestamp(kind)
    times = pa.array(whole).cast(pa.timestamp("s")).cast(kind) if timed else pa.array(whole).cast(kind)
    pq.write_table(pa.table({"time": times, "value": pa.array([1, 2])}), tmp_path / "a.parquet")
    columns = StreamColumns(time_unit="" if timed else "s")
    stream = read_stream_file(tmp_path / "a.parquet", "a", "1", SPAN_NS, columns=columns, clock=Clock.UNIX)
    assert times_of(stream) == [1_700_000_000 * SECOND, 1_700_000_001 * SECOND]


def test_unix_time_finds_its_way_to_another_clock(csv):
    path = csv("time_s,value", "1700000010,1")
    with pytest.raises(ConfigError, match="does not show Unix time"):
        read_stream_file(path, "a", "1", (0, 60 * SECOND), clock=Clock.UNIX)
    stream = read_stream_file(path, "a", "1", (5, 60 * SECOND), clock=Clock.UNIX, start_unix_ns=1_700_000_000 * SECOND)
    assert times_of(stream) == [10 * SECOND + 5]


@pytest.mark.parametrize(
    ("lines", "unit", "error", "said"),
    [
        (["time_s,value", "0,1", "1,--"], "%", InputError, "not every value is a number.*\n.*\n.*'--'"),
        (["time_s,value", "0,1", "2,1", "1,1"], "%", InputError, "do not ascend"),
        (["time_s,value", "0,1", "1,1", "1,1"], "%", InputError, "the same time"),
        (["time_s,value", "0,1", "1,inf"], "%", InputError, "infinite"),
        (["time_s,value", "0,1"], "", InputError, "numbers need a unit"),
        (["time_s,value", "0,1"], "mm Hg", InputError, "'mm Hg' is no unit"),
        (["time_s,value,unit", "0,1,%", "1,1,mmHg"], "", InputError, "contradict"),
        (["time_s,value,unit", "0,1,mmHg"], "%", InputError, "contradict"),
        (["time_s,value", "noon,1"], "%", InputError, "time cannot be read"),
        (["time_s,value", "1e30,1"], "%", InputError, "time"),
        (["time,value", "0,1"], "%", ConfigError, "what unit the times have"),
        (["when,value", "0,1"], "%", ConfigError, "called as times usually are"),
        (["time_s,spo2,hr", "0,1,2"], "%", ConfigError, "which column has the values"),
        (["time_s,value", "5000,1"], "%", InputError, "no sample lies in the time of the twin"),
        (["time_s,value"], "%", InputError, "no value at all"),
    ],
)
def test_unsound_files_are_refused(csv, lines, unit, error, said):
    with pytest.raises(error, match=said):
        read_stream_file(csv(*lines), "spo2", unit, (0, 60 * SECOND), clock=Clock.START)


def test_a_missing_column_names_the_nearest(csv):
    with pytest.raises(ConfigError, match="did you mean 'spo2'"):
        read_stream_file(csv("time_s,spo2,hr", "0,1,2"), "a", "%", SPAN_NS, columns=StreamColumns(value="sp02"))


@pytest.mark.parametrize("name", ["", "SpO2", "../a", "a b", "2a", "a" * 64])
def test_a_name_is_one_word(name):
    with pytest.raises(ConfigError):
        make_stream(name, pa.array([0], pa.int64()), pa.array([1.0]), "%")


def test_streams_come_and_go_and_are_verified(tmp_path):
    (tmp_path / "twin.json").touch()
    assert stream_names(tmp_path) == [] and streams_table(tmp_path).schema.equals(streams_schema())
    write_stream(tmp_path, vitals([98.0, None, 91.0], max_age_ns=5 * SECOND))
    write_stream(tmp_path, make_stream("robot", pa.array([0], pa.int64()), pa.array(["idle"])))
    with pytest.raises(ConfigError, match="already"):
        write_stream(tmp_path, vitals([1.0]))
    rows = streams_table(tmp_path).select(["name", "value", "text", "unit", "max_age_ns"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("robot", None, "idle", None, None), ("spo2", 98.0, None, "%", 5 * SECOND),
        ("spo2", None, None, "%", 5 * SECOND), ("spo2", 91.0, None, "%", 5 * SECOND),
    ]  # fmt: skip
    assert read_stream(tmp_path, "spo2").span_ns == (0, 2 * SECOND)
    write_stream(tmp_path, vitals([97.0]), replace=True)
    assert read_stream(tmp_path, "spo2").table.num_rows == 1
    assert [damage.file for damage in verify_tree(tmp_path).damaged if "streams" in damage.file] == []
    path = tmp_path / "streams" / "spo2.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "streams/spo2.parquet" in [damage.file for damage in verify_tree(tmp_path).damaged]
    with pytest.raises(InputError):
        read_stream(tmp_path, "spo2")
    remove_stream(tmp_path, "spo2")
    assert stream_names(tmp_path) == ["robot"] and not path.exists()
    with pytest.raises(ConfigError, match="did you mean 'robot'"):
        remove_stream(tmp_path, "robots")


def test_a_removal_that_was_cut_off_can_be_done_again(tmp_path):
    write_stream(tmp_path, vitals([1.0]))
    data = (tmp_path / "streams" / "spo2.parquet").read_bytes()
    remove_stream(tmp_path, "spo2")
    (tmp_path / "streams" / "spo2.parquet").write_bytes(data)
    assert stream_names(tmp_path) == []
    remove_stream(tmp_path, "spo2")
    assert not (tmp_path / "streams" / "spo2.parquet").exists()
