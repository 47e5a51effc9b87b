"""`ortwin query`: who stood in which relation to whom, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter


def query(
    report: Reporter,
    twin: Annotated[Path, typer.Argument(help="The .twin folder.")],
    expression: Annotated[str, typer.Argument(help="For example 'close_to(person, ?x)'.")],
) -> int | None:
    """Ask for the intervals in which a relation holds, or is unknown. Times are seconds from the start of the twin."""
    from ..twin import open as open_twin

    opened = open_twin(twin)
    result = opened.query(expression)
    start_ns = int(opened.times_ns[0])
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
    if rows:
        report.next("ortwin", "screenshot", twin, "--at", str(rows[0]["begin_s"]), "--out", "moment.png")
    else:
        report.next("ortwin", "info", twin)
    return None


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


verb = query
