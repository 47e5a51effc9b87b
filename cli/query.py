"""`ortwin query`: who stood in which relation to whom, and when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Reporter

if TYPE_CHECKING:
    from ..scenegraph.query_engine import QueryResult


def query(
    report: Reporter,
    twin: Annotated[Path, typer.Argument(help="The .twin folder, or a JSON file of scene-graph labels.")],
    expression: Annotated[str, typer.Argument(help="For example 'close_to(person, ?x)'.")],
    take: Annotated[str | None, typer.Option(metavar="NAME", help="Which take of a file of labels.")] = None,
) -> int | None:
    """Ask for the intervals in which a relation holds, or is unknown. Times are seconds from the start of the twin."""
    result, start_ns = _labels_answer(twin, expression, take) if twin.is_file() else _twin_answer(twin, expression)
    rows = [
        {
            **{name: value for name, value in row.items() if value is not None},
            "begin_s": round((row["begin_ns"] - start_ns) * 1e-9, 3),
            "end_s": round((row["end_ns"] - start_ns) * 1e-9, 3),
        }
        for row in result.rows()
    ]
    columns = [*result.variables, "subject", "predicate", "object", "begin_s", "end_s", "state", "score"]
    columns += [name for name in ("gap_m", "gap_min_m") if any(name in row for row in rows)]
    report.table(columns, [[_short(row.get(name)) for name in columns] for row in rows], title=expression)
    if not rows:
        report.say("no interval: the relation never held, and was never unknown")
    report.result({"expression": expression, "start_ns": start_ns, "rows": rows}, show=False)
    if twin.is_file():
        return None
    if rows:
        report.next("ortwin", "screenshot", twin, "--at", str(rows[0]["begin_s"]), "--out", "moment.png")
    else:
        report.next("ortwin", "info", twin)
    return None


def _twin_answer(twin: Path, expression: str) -> tuple[QueryResult, int]:
    from ..twin import open as open_twin

    opened = open_twin(twin)
    return opened.query(expression), int(opened.times_ns[0])


def _labels_answer(labels: Path, expression: str, take: str | None) -> tuple[QueryResult, int]:
    """The answer from labels of 4D-OR, MM-OR or the neutral form; frame 0 is at 0 s."""
    from ..scenegraph.label_io import read_labels
    from ..scenegraph.label_timeline import label_specs, label_timeline
    from ..scenegraph.query_engine import run_query
    from ..scenegraph.query_sources import QuerySources

    tables = label_timeline(read_labels(labels), take).to_arrow()
    return run_query(expression, QuerySources(*tables, specs=label_specs())), 0


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


verb = query
