"""`ortwin query`: who stood in which relation to whom, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import Reporter

if TYPE_CHECKING:
    from ..facade import Twin
    from ..scenegraph.query_engine import QuerySession
    from ..scenegraph.query_sources import QuerySources

Row = dict[str, Any]


def query(
    report: Reporter,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="TWIN|LABELS.json|DIR", help="The .twin folder, a JSON file of labels, or an indexed library."
        ),
    ],
    expression: Annotated[str | None, typer.Argument(help="For example 'close_to(person, ?x)'.")] = None,
    take: Annotated[str | None, typer.Option(metavar="NAME", help="Which take of a file of labels.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how it would be answered: plan and SQL.")] = False,
    sql: Annotated[str | None, typer.Option(metavar="SELECT", help="Ask in SQL instead, read-only.")] = None,
) -> int | None:
    """Ask when something holds, or is unknown, and between whom. Times are seconds from the start of the recording."""
    from ..capture.errors import ConfigError
    from ..scenegraph.query_engine import QuerySession
    from ..scenegraph.query_reasons import why_nothing

    if (expression is None) == (sql is None):
        raise ConfigError("ask one question", todo="give an expression, or --sql 'SELECT ... FROM relations'")
    sources, twin = _open(source, take)
    with QuerySession(sources) as session:
        if explain and expression is not None:
            plan = session.plan(expression)
            report.answer(plan.describe())
            report.result(
                {"expression": expression, "steps": plan.steps, "sql": plan.sql, "values": plan.values}, show=False
            )
            return None
        answer = session.run(expression) if expression is not None else session.sql(sql or "")
        rows = _told(answer.rows(), session, twin) if expression is not None else answer.rows()
        columns = answer.table.column_names
        reasons = why_nothing(session, expression) if expression is not None and not rows else []
    starts = {row.pop("start_ns") for row in rows if "start_ns" in row}
    _show(report, columns, rows, title=answer.expression)
    for reason in reasons:
        report.say(f"because: {reason}")
    begin: Row = {"start_ns": starts.pop()} if len(starts) == 1 else {}
    report.result(
        {"expression": answer.expression, **begin, "rows": rows, **({"because": reasons} if reasons else {})},
        show=False,
    )
    if twin is not None and expression is not None:
        _suggest(report, source, rows)
    return None


def _open(source: Path, take: str | None) -> tuple[QuerySources, Twin | None]:
    """The tables of a twin, of a take of labels or of a library."""
    if source.is_file():
        from ..scenegraph.label_io import read_labels
        from ..scenegraph.query_labels import label_sources

        return label_sources(read_labels(source), take), None
    if source.is_dir() and not (source / "twin.json").exists():
        from ..scenegraph.library import HEAD, Library, index_folder

        if (index_folder(source) / HEAD).exists():
            return Library(source).sources, None
    from ..twin import open as open_twin

    twin = open_twin(source)
    return twin.sources, twin


def _told(rows: Sequence[Row], session: QuerySession, twin: Twin | None) -> list[Row]:
    """The rows as they are told: without what is not known, with seconds, and with the address of the moment."""
    starts = {name: begin for name, (begin, _) in session.spans_ns().items()}
    told = []
    for row in rows:
        start_ns = starts.get(row.get("procedure", session.connection.sources.name), 0)
        known: Row = {name: value for name, value in row.items() if value is not None}
        if "evidence" in known:
            known["evidence"] = [_without_nulls(fact) for fact in known["evidence"]]
        for name in ("begin_ns", "end_ns", "maybe_ns"):
            if name in known:
                known[f"{name.removesuffix('_ns')}_s"] = round((known[name] - start_ns) * 1e-9, 3)
        for name in ("duration_ns", "unknown_ns"):
            if name in known:
                known[f"{name.removesuffix('_ns')}_s"] = round(known[name] * 1e-9, 3)
        if twin is not None and "begin_ns" in known:
            from ..playback.jump_links import jump_link

            known["link"] = jump_link(twin, known["begin_ns"])
        told.append(known | {"start_ns": start_ns})
    return told


def _show(report: Reporter, columns: Sequence[str], rows: Sequence[Row], *, title: str) -> None:
    from ..scenegraph.query_result import fact_text

    shown = []
    for name in columns:
        seconds = f"{name.removesuffix('_ns')}_s"
        shown.append(seconds if any(seconds in row for row in rows) else name)
    shown = [name for name in shown if any(name in row and row[name] != [] for row in rows)]

    def cell(value: Any) -> object:
        if isinstance(value, list):
            return "; ".join(fact_text(fact) for fact in value)
        return round(value, 3) if isinstance(value, float) else value

    if rows:
        report.table(shown, [[cell(row.get(name)) for name in shown] for row in rows], title=title)
    else:
        report.say("no row: it never held, and was never unknown")


def _suggest(report: Reporter, source: Path, rows: Sequence[Row]) -> None:
    moment = next((row["begin_s"] for row in rows if "begin_s" in row), None)
    if moment is not None:
        report.next("ortwin", "screenshot", source, "--at", str(moment), "--out", "moment.png")
    elif not rows:
        report.next("ortwin", "info", source)
    else:
        report.next("ortwin", "play", source)


def _without_nulls(fact: Mapping[str, Any]) -> Row:
    return {name: value for name, value in fact.items() if value is not None}


verb = query
