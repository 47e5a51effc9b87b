"""Other people's time series as streams: a CSV or Parquet file with a column of times and a column of values.

Times are read exactly: "1712345678.123456789" seconds keep their nanoseconds, which a float would lose. Three clocks
are understood: that of the rig, seconds since the first instant of the twin, and Unix time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..capture.errors import ConfigError, InputError, nearest_name
from ..capture.files import hash_file
from .streams import Stream, make_stream

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = {"ns": 0, "us": 3, "ms": 6, "s": 9}
"""How many decimal digits of a unit of time are nanoseconds."""
TIME_COLUMNS = ("time_ns", "time_us", "time_ms", "time_s", "time", "timestamp", "t")
VALUE_COLUMNS = ("value", "values", "text", "state")
UNIX_TIMES_NS = (946_684_800 * 10**9, 4_102_444_800 * 10**9)
"""2000 to 2100: a rig clock that shows a time in between is taken to show Unix time."""
USUAL_AGE_PERIODS = 3.0
"""Numbers are worth something for three times their usual distance in time, unless somebody says otherwise."""


class Clock(StrEnum):
    """Whose time a file speaks."""

    RIG = "rig"
    START = "start"
    UNIX = "unix"


@dataclass(frozen=True, slots=True)
class StreamColumns:
    """Where a file has what; empty where its column names say so themselves."""

    time: str = ""
    value: str = ""
    time_unit: str = ""


def read_stream_file(
    path: Path,
    name: str,
    unit: str,
    span_ns: tuple[int, int],
    *,
    columns: StreamColumns | None = None,
    clock: Clock = Clock.RIG,
    start_unix_ns: int | None = None,
    max_age_ns: int | None = None,
) -> Stream:
    """A stream from a CSV or Parquet file.

    Args:
        path: the file; a CSV has one line of column names.
        name: what it will be called.
        unit: of numbers; empty for words. A column `unit` of the file may say it too.
        span_ns: first and last instant of the twin, rig clock.
        columns: see StreamColumns.
        clock: whose time the file speaks.
        start_unix_ns: the Unix time of the twin's first instant, for a rig clock that does not show Unix time.
        max_age_ns: how long a sample is worth something; None: three usual distances of numbers, and of words until
            the next sample; 0: until the next sample.

    Raises:
        InputError: the file cannot be read, lacks a column, or a time or value in it is unsound; or none of its samples
            lies in the time of the twin.
        ConfigError: the columns, the unit of time or the clock cannot be understood.
    """
    columns = columns or StreamColumns()
    table = _read(path, columns)
    time_name = _time_column(table, columns, path)
    value_name = _value_column(table, columns, time_name, path)
    times_ns = _times_ns(table[time_name], time_name, _time_unit(columns, time_name, table, path), path)
    times_ns = times_ns + _shift_ns(clock, span_ns, start_unix_ns)
    unit = _unit(table, unit, path)
    values = _values(table[value_name], value_name, unit, path)
    _refuse_elsewhere(times_ns, span_ns, path, clock)
    if max_age_ns is None and unit and len(times_ns) > 1:
        max_age_ns = round(USUAL_AGE_PERIODS * float(np.median(np.diff(times_ns))))
    source = f"{path.name} blake3:{hash_file(path)[:16]}"
    return make_stream(name, _arrow(times_ns), values, unit, max_age_ns=max_age_ns or None, source=source)


def _read(path: Path, columns: StreamColumns) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pq.read_table(path)
        names = dict.fromkeys((columns.time, *TIME_COLUMNS), pa.string())
        return pa_csv.read_csv(path, convert_options=pa_csv.ConvertOptions(column_types=names))
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            "the time series cannot be read", where=str(path), why=str(error),
            todo="give a CSV file with a line of column names, or a Parquet file",
        ) from error  # fmt: skip


def _time_column(table: pa.Table, columns: StreamColumns, path: Path) -> str:
    if columns.time:
        return _required(table, columns.time, "--time-column", path)
    found = [name for name in TIME_COLUMNS if name in table.column_names]
    if not found:
        raise ConfigError(
            "no column is called as times usually are", where=str(path),
            why=f"it has {', '.join(table.column_names)}", todo="name it with --time-column",
        )  # fmt: skip
    return found[0]


def _value_column(table: pa.Table, columns: StreamColumns, time_name: str, path: Path) -> str:
    if columns.value:
        return _required(table, columns.value, "--value-column", path)
    others = [name for name in table.column_names if name not in (time_name, "unit")]
    found = [name for name in VALUE_COLUMNS if name in others] or others
    if len(found) == 1 or (found and found[0] in VALUE_COLUMNS):
        return found[0]
    raise ConfigError(
        "it is not clear which column has the values", where=str(path),
        why=f"beside the times it has {', '.join(others) or 'nothing'}", todo="name it with --value-column",
    )  # fmt: skip


def _required(table: pa.Table, name: str, option: str, path: Path) -> str:
    if name not in table.column_names:
        raise ConfigError(
            f"there is no column '{name}'{nearest_name(name, table.column_names)}", where=str(path),
            why=f"it has {', '.join(table.column_names)}", todo=f"correct {option}",
        )  # fmt: skip
    return name


def _time_unit(columns: StreamColumns, time_name: str, table: pa.Table, path: Path) -> str:
    import pyarrow as pa

    if pa.types.is_timestamp(table.schema.field(time_name).type):
        return "ns"
    said = columns.time_unit or next((unit for unit in DIGITS if time_name.endswith(f"_{unit}")), "")
    if said not in DIGITS:
        raise ConfigError(
            f"'{said}' is no unit of time" if said else "nobody says what unit the times have",
            where=f"{path}, column '{time_name}'", todo=f"--time-unit {'|'.join(DIGITS)}",
        )  # fmt: skip
    return said


def _times_ns(column: pa.ChunkedArray, name: str, unit: str, path: Path) -> np.ndarray:
    """(n,) int64: exact, except that float columns are no more exact than they are."""
    import pyarrow as pa
    from pyarrow import compute

    where = f"{path}, column '{name}'"
    if column.null_count:
        place = compute.index(column.is_null(), True).as_py()
        raise InputError("a sample has no time", where=f"{where}, sample {place} (counted from 0)")
    kind, digits = column.type, DIGITS[unit]
    try:
        if pa.types.is_timestamp(kind):
            return column.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64()).to_numpy()
        if pa.types.is_floating(kind):
            times = column.to_numpy() * 10.0**digits
            if not (np.abs(times) < 2**63).all():
                raise InputError("a time is not finite, or too large", where=where, todo="correct it, or --time-unit")
            return np.round(times).astype(np.int64)
        if pa.types.is_integer(kind):
            column = column.cast(pa.int64()).cast(pa.decimal128(38, 0))
        if pa.types.is_string(kind):
            column = compute.call_function("utf8_trim_whitespace", [column])
        exact = column.cast(pa.decimal128(38, 18))
        exact = compute.call_function("round", [exact], compute.RoundOptions(digits)).cast(pa.decimal128(38, digits))
    except pa.ArrowException as error:
        raise InputError(
            "a time cannot be read", where=where, why=str(error), todo="times are plain numbers: 12.5, 1712345678123"
        ) from error
    words = np.frombuffer(exact.combine_chunks().buffers()[1] or b"", np.int64).reshape(-1, 2)[: len(exact)]
    if (words[:, 1] != words[:, 0] >> 63).any():  # of a number that fits into the low word, the high one is the sign
        raise InputError("a time is too large", where=where, todo="look at --time-unit")
    return words[:, 0]


def _shift_ns(clock: Clock, span_ns: tuple[int, int], start_unix_ns: int | None) -> int:
    """What to add to the times of a file to have them on the rig clock."""
    if clock == Clock.START:
        return span_ns[0]
    if clock == Clock.RIG:
        return 0
    if start_unix_ns is not None:
        return span_ns[0] - start_unix_ns
    if UNIX_TIMES_NS[0] <= span_ns[0] < UNIX_TIMES_NS[1]:
        return 0
    raise ConfigError(
        "the clock of this twin does not show Unix time", why=f"its first instant is {span_ns[0]} ns",
        todo="say when it began: --start-unix SECONDS, or give the times in seconds since its start: --clock start",
    )  # fmt: skip


def _unit(table: pa.Table, unit: str, path: Path) -> str:
    if "unit" not in table.column_names:
        return unit
    said: Sequence[str] = sorted({str(each or "") for each in table["unit"].unique().to_pylist()})
    if len(said) > 1 or (unit and said != [unit]):
        raise InputError(
            "the units contradict each other", where=f"{path}, column 'unit'",
            why=f"it says {', '.join(repr(each) for each in said)}" + (f" and --unit says '{unit}'" if unit else ""),
            todo="a stream has one unit; split the file",
        )  # fmt: skip
    return said[0] if said else unit


def _values(column: pa.ChunkedArray, name: str, unit: str, path: Path) -> pa.Array:
    """Numbers or words; an empty cell and NaN are null."""
    import pyarrow as pa

    where = f"{path}, column '{name}'"
    if pa.types.is_null(column.type):
        raise InputError("there is no value at all", where=where, todo="name another one with --value-column")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        if unit:
            raise InputError(
                f"not every value is a number, and the unit {unit} is given", where=where,
                why=f"for example {_odd_word(column)!r}", todo="leave such cells empty, or leave out --unit for words",
            )  # fmt: skip
        return pa.array([(word or "").strip() or None for word in column.to_pylist()], pa.string())
    try:
        return pa.array(column.cast(pa.float64()).to_numpy(), from_pandas=True)  # NaN becomes null
    except pa.ArrowException as error:
        raise InputError("the values are neither numbers nor words", where=where, why=str(error)) from error


def _odd_word(column: pa.ChunkedArray) -> str:
    for word in column.unique().to_pylist():
        try:
            float(word or 0)
        except ValueError:
            return word
    return ""


def _refuse_elsewhere(times_ns: np.ndarray, span_ns: tuple[int, int], path: Path, clock: Clock) -> None:
    if len(times_ns) and (times_ns.min() > span_ns[1] or times_ns.max() < span_ns[0]):
        apart_s = (times_ns.min() - span_ns[1] if times_ns.min() > span_ns[1] else span_ns[0] - times_ns.max()) * 1e-9
        raise InputError(
            "no sample lies in the time of the twin", where=str(path),
            why=f"with --clock {clock} and this unit of time they are {apart_s:.0f} s apart",
            todo="look at --time-unit, --clock and --start-unix",
        )  # fmt: skip


def _arrow(times_ns: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.array(times_ns, pa.int64())
