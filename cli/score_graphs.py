"""ortwin score-graphs: predicted scene graphs against labelled ones, by the published protocols."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter


class Protocol(StrEnum):
    """Whose rules count."""

    FOUR_D_OR = "4d-or"
    MM_OR = "mm-or"


def score_graphs(
    report: Reporter,
    truth: Annotated[Path, typer.Option(metavar="FILE", help="The labels: 4D-OR's, MM-OR's or neutral JSON.")],
    pred: Annotated[Path, typer.Option(metavar="FILE", help="The prediction, in any of the same forms.")],
    protocol: Annotated[Protocol, typer.Option(help="Whose rules count.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores here as JSON.")] = None,
) -> ExitCode:
    """Score predicted scene graphs against labels by the rules of 4D-OR or MM-OR."""
    from ..capture.files import canonical_json, require_writable, write_atomic
    from ..evaluation.graph_scores import score_graphs as score
    from ..scenegraph.label_io import read_labels

    if out is not None:
        require_writable(out)
    scores = score(read_labels(truth), read_labels(pred), protocol.value)
    document = scores.to_json()
    if out is not None:
        write_atomic(out, canonical_json(document))
    report.result(document, show=False)
    for name, row in (("macro", scores.macro), ("weighted", scores.weighted)):
        report.answer(f"{name}: precision {row.precision:.4f}, recall {row.recall:.4f}, F1 {row.f1:.4f}")
    report.answer(f"pairs: {scores.pairs}")
    if scores.interaction is not None:
        report.answer(f"interaction: F1 {scores.interaction.f1:.4f}; entity recall: {scores.entity_recall:.4f}")
    report.table(
        ["predicate", "precision", "recall", "f1", "support"],
        [
            [name, f"{row.precision:.4f}", f"{row.recall:.4f}", f"{row.f1:.4f}", row.support]
            for name, row in scores.per_predicate.items()
        ],
    )
    for text in scores.warnings:
        report.warn(text)
    if out is not None:
        report.say(f"scores: {out}")
    return ExitCode.OK


verb = score_graphs
