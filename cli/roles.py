"""ortwin roles: who is who in an operation, by what they do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .timelines import GraphPath, OpenedGraph, TakeOption, open_graph

if TYPE_CHECKING:
    from ..scenegraph.roles import RoleRules

FOUR_ROLES = "4d-or"
"""The data set whose operations have four roles and no scrub nurse."""


def roles(
    report: Reporter,
    graph: GraphPath,
    take: TakeOption = None,
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Signs: operation (4D-OR's four), team, or a TOML file.  [default: by the labels]"
        ),
    ] = None,
    phase_rules: Annotated[
        str, typer.Option("--phase-rules", metavar="NAME|FILE", help="Rules that find the phases, without names.")
    ] = "knee_replacement_unnamed",
    instants: Annotated[
        bool, typer.Option("--instants", help="Of labels: from each instant alone, as where people have no identity.")
    ] = False,
) -> ExitCode:
    """Say who is the surgeon, who the nurse: one role for each person, by what they do, with how sure it is."""
    from ..capture.errors import ConfigError
    from ..scenegraph.phases import load_rules, recognise_phases
    from ..scenegraph.procedure import CLEAR
    from ..scenegraph.roles import load_role_rules, roles_of_recording

    opened = open_graph(graph, take)
    own = load_role_rules(rules or ("operation" if opened.form == FOUR_ROLES else "team"))
    if instants:
        if opened.twin is not None:
            raise ConfigError("people of a twin keep their names", todo="leave --instants out")
        return _each_instant(report, graph, take, own, phase_rules)
    found = recognise_phases(opened.timeline, load_rules(phase_rules))
    given = roles_of_recording(opened.timeline, found, own)
    rows = [
        {
            "person": name, "role": role.role if role.role and role.confidence >= CLEAR else None,
            "confidence": round(role.confidence, 3), "likeliest": role.role or None, "told": _told(opened, name),
        }
        for name, role in given.items()
        if role.role or opened.twin is not None
    ]  # fmt: skip
    report.result(
        {"graph": str(graph), "rules": own.name, "people": rows, "phases_found": [span.name for span in found.spans]},
        show=False,
    )
    report.table(
        ["person", "role", "confidence", "likeliest", "told"],
        [
            [row["person"], row["role"] or "unknown", row["confidence"], row["likeliest"] or "", row["told"] or ""]
            for row in rows
        ],
    )
    if found.missing:
        report.warn(f"phases that did not come say nothing of roles: {', '.join(found.missing)}")
    return ExitCode.OK


def _told(opened: OpenedGraph, name: str) -> str | None:
    """What the graph itself calls a person."""
    from ..scenegraph.phase_patterns import names_of
    from ..scenegraph.vocabulary import ROLES

    return next((role for role in ROLES if role in names_of(name, opened.people[name])), None)


def _each_instant(report: Reporter, graph: Path, take: str | None, own: RoleRules, phase_rules: str) -> ExitCode:
    from ..scenegraph.label_io import read_labels
    from ..scenegraph.label_roles import roles_of_instants

    found = roles_of_instants(read_labels(graph), take, own, phase_rules)
    rows = [
        {
            "instant": row.instant_id, "person": row.person, "role": row.given.role or None,
            "confidence": round(row.given.confidence, 3), "told": row.told or None,
        }
        for row in found
    ]  # fmt: skip
    told = [row for row in found if row.told]
    right = [row for row in told if row.told == row.given.role]
    accuracy = len(right) / len(told) if told else None
    report.result(
        {
            "graph": str(graph), "rules": own.name, "accuracy": accuracy, "num_told": len(told), "people": rows,
        },
        show=False,
    )  # fmt: skip
    of_role, of_right = Counter(row.told for row in told), Counter(row.told for row in right)
    report.table(
        ["role", "labelled", "right"], [[role, count, of_right[role]] for role, count in sorted(of_role.items())]
    )
    if accuracy is None:
        report.answer(
            f"{len(rows)} people at single instants; the labels name no role, so nobody knows how right it is"
        )
    else:
        report.answer(f"{accuracy:.4f} of {len(told)} labelled people at single instants have their role")
    return ExitCode.OK


verb = roles
