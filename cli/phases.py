"""ortwin phases: the phases of an operation, and why each began."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .timelines import GraphPath, OpenedGraph, TakeOption, open_graph

RulesOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE", help="Rules of ortwin by name, or a TOML file.  [default: by whom the graph names]"
    ),
]


def phases(
    report: Reporter,
    graph: GraphPath,
    take: TakeOption = None,
    rules: RulesOption = None,
    pace: Annotated[
        float, typer.Option(metavar="FACTOR", help="How many times as fast as usual the procedure was played.")
    ] = 1.0,
    published: Annotated[
        bool, typer.Option("--published", help="Begin phases as the published rules do, without dating them back.")
    ] = False,
) -> ExitCode:
    """Find the phases of an operation by an ordered set of rules, and say why each began (docs/phases.md)."""
    from ..scenegraph.phases import load_rules, recognise_phases

    opened = open_graph(graph, take)
    own = load_rules(rules or ("knee_replacement" if opened.names_roles else "knee_replacement_unnamed"))
    found = recognise_phases(opened.timeline, own, date_back=not published, pace=pace)
    unmeasured = _unmeasured(opened, own.predicates)
    known = len(found.spans) > 1 or not unmeasured
    rows = [
        {
            "phase": span.name, "title": span.title, "begin_s": opened.seconds(span.begin_ns),
            "end_s": opened.seconds(span.end_ns), "begin_ns": span.begin_ns, "end_ns": span.end_ns,
            "because": span.because,
        }
        for span in (found.spans if known else ())
    ]  # fmt: skip
    missing = list(found.missing) if known else [phase.name for phase in own.phases]
    report.result(
        {
            "graph": str(graph), "rules": own.name, "phases": rows, "missing": missing,
            "waiting_for": found.waiting_for, "not_measured": unmeasured,
        },
        show=False,
    )  # fmt: skip
    if not known:
        report.answer("unknown: no phase can be told from what was looked for")
    report.table(
        ["phase", "from s", "to s", "because"],
        [[row["phase"], row["begin_s"], row["end_s"], row["because"]] for row in rows],
        title=own.title,
    )
    if found.missing:
        report.warn(f"did not come: {', '.join(found.missing)}; {found.missing[0]} waits for {found.waiting_for}")
    if found.missing and unmeasured:
        report.warn(f"nobody looked for {', '.join(unmeasured)} here, so what rests on them is not known")
    if opened.twin is None:
        report.next("ortwin", "roles", graph, *(("--take", take) if take else ()))
    return ExitCode.OK


def _unmeasured(opened: OpenedGraph, predicates: frozenset[str]) -> list[str]:
    return [] if opened.measured is None else sorted(predicates - opened.measured)


verb = phases
