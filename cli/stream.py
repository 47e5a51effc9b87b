"""`ortwin stream`: bring vitals, device states and other time series into a twin, list them, take them out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import Reporter
from .options import TwinPath

if TYPE_CHECKING:
    from ..scenegraph.streams import Stream

NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="What queries call it, e.g. spo2.")]
CLOCKS = "rig (as in the tables of the twin), start (since its first instant), unix"


def add(
    report: Reporter,
    twin: TwinPath,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv with a line of column names, or a .parquet.")],
    name: NameOption,
    unit: Annotated[str, typer.Option(help="Of numbers: %, mmHg, 1 for pure numbers. None for words.")] = "",
    time_column: Annotated[str, typer.Option(metavar="COLUMN", help="Where the times are.")] = "",
    value_column: Annotated[str, typer.Option(metavar="COLUMN", help="Where the values are.")] = "",
    time_unit: Annotated[
        str, typer.Option(metavar="ns|us|ms|s", help="The unit of the times; a column called time_ms says it itself.")
    ] = "",
    clock: Annotated[str, typer.Option(metavar="rig|start|unix", help=f"Whose time it is: {CLOCKS}.")] = "rig",
    start_unix: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="With --clock unix: when the twin's first instant was.")
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="After how long a value is unknown; 0: it holds until the next. By default three usual distances of "
            "numbers, and 0 for words.",
        ),
    ] = None,
    replace: Annotated[bool, typer.Option(help="Put it in the place of a stream of the same name.")] = False,
) -> None:
    """Add a time series to a twin: it is checked, kept in streams/NAME.parquet, can be asked for, and is played."""
    from ..archive import being_built
    from ..scenegraph.stream_files import StreamColumns, read_stream_file
    from ..scenegraph.streams import write_stream
    from ..twin import open as open_twin

    times_ns = open_twin(twin).times_ns
    stream = read_stream_file(
        file, name, unit, (int(times_ns[0]), int(times_ns[-1])),
        columns=StreamColumns(time_column, value_column, time_unit), clock=_clock(clock),
        start_unix_ns=None if start_unix is None else _exact_ns(start_unix),
        max_age_ns=None if max_age is None else round(max_age * 1e9),
    )  # fmt: skip
    with being_built(twin):
        write_stream(twin, stream, replace=replace)
    report.result({"twin": twin, **_described(stream, int(times_ns[0]))})
    if stream.is_numeric:
        values = stream.table["value"].drop_null()
        middle = values[len(values) // 2].as_py() if len(values) else 0
        report.next("ortwin", "query", twin, f'stream("{name}") > {middle:g}')
    report.next("ortwin", "play", twin)


def list_streams(report: Reporter, twin: TwinPath) -> None:
    """List the time series of a twin."""
    from ..scenegraph.streams import read_stream, stream_names
    from ..twin import open as open_twin

    start_ns = int(open_twin(twin).times_ns[0])
    rows = [_described(read_stream(twin, name), start_ns) for name in stream_names(twin)]
    report.result({"twin": twin, "streams": rows})
    if not rows:
        report.next("ortwin", "stream", "add", twin, "FILE.csv", "--name", "spo2", "--unit", "%")


def remove(
    report: Reporter, twin: TwinPath, name: Annotated[str, typer.Argument(metavar="NAME", help="Which one.")]
) -> None:
    """Take a time series out of a twin."""
    from ..archive import being_built
    from ..scenegraph.streams import remove_stream
    from ..twin import open as open_twin

    open_twin(twin)
    with being_built(twin):
        remove_stream(twin, name)
    report.result({"twin": twin, "removed": name})


def _described(stream: Stream, start_ns: int) -> dict[str, Any]:
    begin_ns, end_ns = stream.span_ns
    max_age_ns = stream.table["max_age_ns"][0].as_py()
    return {
        "name": stream.name, "kind": "numbers" if stream.is_numeric else "words", "unit": stream.unit,
        "samples": stream.table.num_rows, "without_value": stream.table["value"].null_count,
        "begin_s": round((begin_ns - start_ns) * 1e-9, 3), "end_s": round((end_ns - start_ns) * 1e-9, 3),
        "max_age_s": None if max_age_ns is None else round(max_age_ns * 1e-9, 3),
        "source": stream.table["source"][0].as_py(),
    }  # fmt: skip


def _clock(word: str) -> Any:
    from ..capture.errors import ConfigError, nearest_name
    from ..scenegraph.stream_files import Clock

    known = [str(clock) for clock in Clock]
    if word not in known:
        raise ConfigError(f"unknown clock '{word}'{nearest_name(word, known)}", todo=f"use one of {', '.join(known)}")
    return Clock(word)


def _exact_ns(seconds: str) -> int:
    """Seconds as written, without a float's loss."""
    from decimal import Decimal, InvalidOperation

    from ..capture.errors import ConfigError

    try:
        return int(Decimal(seconds).scaleb(9).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        raise ConfigError(f"'{seconds}' is no number of seconds", todo="--start-unix 1712345678.5") from None


verbs = {"add": add, "list": list_streams, "remove": remove}
