"""Streams: what was measured beside the cameras (vitals, device states, gaze, robot steps), sampled on the rig clock.

A twin keeps each one in `streams/<name>.parquet`, under a manifest of its own, so that `ortwin verify` covers it:

    time_ns     int64, rig clock, ascending, each instant once
    value       float64, or string for states and words; null where the device had nothing to say
    unit        string, "%", "mmHg", "1" for a pure number; null for words
    max_age_ns  int64: how long a sample is worth something, at most until the next one; null: until the next one
    source      string: the file that it came from, by name and BLAKE3 hash

A value holds from its sample until the next one. Before the first, after a null, and once it is older than its largest
age, the value is *unknown*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..capture.errors import ConfigError, InputError, nearest_name
from ..capture.segments import MANIFEST, Manifest, read_manifest, write_top_files
from ..capture.tables import read_table, table_to_bytes

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "streams"
COLUMNS = ("time_ns", "value", "unit", "max_age_ns", "source")
PURE_NUMBER = "1"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_UNIT = re.compile(r"\S{1,16}")


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A time series on the rig clock.

    Args:
        name: snake_case, the one by which queries ask for it.
        table: (n,) rows, the columns of this module's docstring.

    Raises:
        ConfigError: the name is none.
        InputError: there are no samples, times do not ascend, a value is infinite, or numbers have no unit.
    """

    name: str
    table: pa.Table

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"'{self.name}' is no name of a stream", why="queries ask for it by name",
                todo="use small letters, digits and underscores, beginning with a letter: --name heart_rate",
            )  # fmt: skip
        _check(self.name, self.table)

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers; else they are words."""
        import pyarrow as pa

        return pa.types.is_floating(self.table.schema.field("value").type)

    @property
    def unit(self) -> str:
        """The unit of its numbers; empty for words."""
        return self.table["unit"][0].as_py() or ""

    @property
    def span_ns(self) -> tuple[int, int]:
        """The times of its first and its last sample, rig clock."""
        times = self.table["time_ns"]
        return times[0].as_py(), times[-1].as_py()


def make_stream(
    name: str, times_ns: pa.Array, values: pa.Array, unit: str = "", *, max_age_ns: int | None = None, source: str = ""
) -> Stream:
    """A stream of samples.

    Args:
        name: see Stream.
        times_ns: (n,) int64, rig clock.
        values: (n,) numbers or strings, null where nothing is known.
        unit: of numbers; empty for words.
        max_age_ns: how long a sample is worth something; None: until the next one.
        source: where it came from.

    Raises:
        ConfigError, InputError: as Stream.
    """
    import pyarrow as pa

    count = len(times_ns)
    columns = (
        times_ns.cast(pa.int64()),
        values if pa.types.is_string(values.type) else values.cast(pa.float64()),
        pa.array([unit or None] * count, pa.string()),
        pa.array([max_age_ns] * count, pa.int64()),
        pa.array([source or None] * count, pa.string()),
    )
    return Stream(name, pa.table(dict(zip(COLUMNS, columns, strict=True))))


def write_stream(twin: Path, stream: Stream, *, replace: bool = False) -> None:
    """Add a stream to a twin; readers see it whole or not at all.

    Args:
        twin: the `.twin` folder.
        stream: what to add.
        replace: put it in the place of one of the same name.

    Raises:
        ConfigError: there is one of that name and `replace` was not given.
    """
    if stream.name in stream_names(twin) and not replace:
        raise ConfigError(
            f"the twin has a stream '{stream.name}' already", where=str(twin), todo="give another --name, or --replace"
        )
    folder = twin / FOLDER
    folder.mkdir(exist_ok=True)
    write_top_files(folder, {_file(stream.name): table_to_bytes(stream.table)})


def read_stream(twin: Path, name: str) -> Stream:
    """One stream of a twin.

    Raises:
        ConfigError: there is none of that name; names the nearest.
        InputError: it is damaged.
    """
    known = stream_names(twin)
    if name not in known:
        raise _unknown(twin, name, known)
    table = read_table(twin / FOLDER / _file(name))
    if missing := [column for column in COLUMNS if column not in table.column_names]:
        raise InputError(
            f"the stream '{name}' lacks the columns {', '.join(missing)}", where=str(twin), todo="add it again"
        )
    return Stream(name, table)


def remove_stream(twin: Path, name: str) -> None:
    """Take a stream out of a twin.

    Raises:
        ConfigError: there is none of that name.
    """
    folder, known = twin / FOLDER, stream_names(twin)
    if name not in known and not (_NAME.fullmatch(name) and (folder / _file(name)).exists()):
        raise _unknown(twin, name, known)
    write_top_files(folder, {}, removed=[_file(name)])


def stream_names(twin: Path) -> list[str]:
    """The streams of a twin, by name.

    Raises:
        InputError: their manifest is damaged.
    """
    folder = twin / FOLDER
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else Manifest({})
    return sorted(Path(name).stem for name in manifest.files if (folder / name).exists())


def streams_table(twin: Path) -> pa.Table:
    """All streams of a twin as one table, as queries see it.

    Its columns: name, time_ns, value (float64, null for words), text (string, null for numbers), unit, max_age_ns,
    source; in order of name and time.
    """
    import pyarrow as pa

    parts = []
    for name in stream_names(twin):
        stream = read_stream(twin, name)
        count, value = stream.table.num_rows, stream.table["value"]
        nothing = pa.nulls(count, pa.string() if stream.is_numeric else pa.float64())
        number, text = (value, nothing) if stream.is_numeric else (nothing, value)
        parts.append(
            pa.table([pa.array([name] * count, pa.string()), stream.table["time_ns"], number, text,
                      *(stream.table[column] for column in COLUMNS[2:])], schema=streams_schema())
        )  # fmt: skip
    return pa.concat_tables(parts) if parts else streams_schema().empty_table()


def streams_schema() -> pa.Schema:
    """The schema of `streams_table`."""
    import pyarrow as pa

    word, number, whole = pa.string(), pa.float64(), pa.int64()
    names = ("name", "time_ns", "value", "text", "unit", "max_age_ns", "source")
    return pa.schema(list(zip(names, (word, whole, number, word, word, whole, word), strict=True)))


def _file(name: str) -> str:
    return f"{name}.parquet"


def _unknown(twin: Path, name: str, known: list[str]) -> ConfigError:
    has = f"it has {', '.join(known)}" if known else "it has none; `ortwin stream add` brings one"
    return ConfigError(f"the twin has no stream '{name}'{nearest_name(name, known)}", where=str(twin), why=has)


def _check(name: str, table: pa.Table) -> None:
    import numpy as np
    import pyarrow as pa

    where = f"stream '{name}'"
    if table.num_rows == 0:
        raise InputError("a stream has no samples", where=where)
    if table["time_ns"].null_count:
        raise InputError("a sample has no time", where=where)
    steps = np.diff(table["time_ns"].to_numpy())
    if (steps <= 0).any():
        at = int(np.flatnonzero(steps <= 0)[0]) + 1
        what = "two samples have the same time" if steps[at - 1] == 0 else "times do not ascend"
        raise InputError(
            what, where=f"{where}, sample {at} (counted from 0) at {table['time_ns'][at].as_py()} ns",
            todo="sort the samples by time, keep one of each time, and add the stream again",
        )  # fmt: skip
    unit, values = table["unit"][0].as_py(), table["value"]
    if not pa.types.is_floating(values.type):
        if unit:
            raise InputError(f"words have no unit, and '{unit}' is given", where=where, todo="leave out --unit")
        return
    if not unit or not _UNIT.fullmatch(unit):
        raise InputError(
            "numbers need a unit" if not unit else f"'{unit}' is no unit", where=where,
            todo=f'write it without spaces: --unit mmHg, or --unit {PURE_NUMBER} for pure numbers',
        )  # fmt: skip
    infinite = np.isinf(values.to_numpy())
    if infinite.any():
        raise InputError("a value is infinite", where=f"{where}, sample {int(infinite.argmax())} (counted from 0)")
