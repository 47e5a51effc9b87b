"""ortwin vocabulary: the words of the scene graph, and how each data set spells them."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter


def vocabulary(
    report: Reporter,
    naming: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the spellings of one data set, e.g. 4d-or, mm-or, egoexor.")
    ] = None,
) -> ExitCode:
    """Print the words of the scene graph: roles, entities, predicates, and how each data set spells them."""
    from ..scenegraph.vocabulary import PREDICATES
    from ..scenegraph.vocabulary_document import naming_rows, vocabulary_document
    from ..scenegraph.vocabulary_terms import load_terms

    terms = load_terms()
    if naming is not None:
        own = terms.naming(naming)
        rows = naming_rows(own)
        report.result({"naming": own.name, "title": own.title, "spellings": rows}, show=False)
        report.table(["what", "spelling", "canonical"], [list(row.values()) for row in rows], title=own.title)
        return ExitCode.OK
    report.result(vocabulary_document(terms), show=False)
    report.table(
        ["role", "meaning", "also"],
        [[row.name, row.meaning, ", ".join(row.synonyms)] for row in terms.roles.values()],
    )
    entities = [*terms.entities.values(), *terms.further_entities.values(), *terms.generic.values()]
    report.table(
        ["entity", "kind", "role", "also"],
        [[row.name, row.kind, row.role, ", ".join(row.synonyms)] for row in entities],
    )
    report.table(
        ["predicate", "subject", "object", "priority", "symmetric", "implies", "measured", "meaning"],
        [
            [
                row.name, ", ".join(row.subject), ", ".join(row.object), row.priority, "yes" if row.symmetric else "",
                ", ".join(each.describe() for each in row.implies), "yes" if row.name in PREDICATES else "",
                row.meaning,
            ]
            for row in sorted(terms.predicates.values(), key=lambda row: (-row.priority, row.name))
        ],
    )  # fmt: skip
    for own in terms.namings.values():
        report.answer(
            f"{own.title} ({own.name}): {len(own.entities)} entities, {len(own.predicates)} predicates, "
            f"{len(own.roles)} roles"
        )
    report.next("ortwin vocabulary --naming 4d-or")
    return ExitCode.OK


verb = vocabulary
