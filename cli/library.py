"""`ortwin library`: many twins and files of labels below one folder, indexed and asked as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter

FolderPath = Annotated[Path, typer.Argument(metavar="DIR", help="A folder with twins and files of labels below it.")]


def index(
    report: Reporter,
    folder: FolderPath,
    out: Annotated[
        Path | None, typer.Option(metavar="NAME.library", help="Where the index goes.  [default: DIR/ortwin.library]")
    ] = None,
) -> ExitCode:
    """Index every twin and file of labels below a folder, or bring the index up to date: only what changed is read.

    What is damaged or half written is named and left out. Whoever is reading keeps the index that was in force.
    """
    from ..library import index_library
    from ..scenegraph.library import FOLDER

    with report.progress(None, "indexing") as bar:
        found = index_library(folder, out, lambda stage, done, total: bar(done, total, stage))
    skipped = [{"path": each.place, "why": each.why} for each in found.skipped]
    relations = sum(row.num_relations for row in found.procedures)
    library = folder / FOLDER if out is None else out
    document = {"library": library, "procedures": len(found.procedures), "relations": relations, "skipped": skipped}
    report.result(document, show=False)
    report.answer(f"{library}: {len(found.procedures)} procedures, {relations} intervals of relations")
    for each in found.skipped:
        report.warn(f"{each.place} was left out: {each.why}")
    if found.procedures:
        report.next("ortwin", "query", library if out else folder, "holding(?who, ?what)")
    return ExitCode.GAPS if skipped else ExitCode.OK


def show(report: Reporter, folder: FolderPath) -> None:
    """List what an index holds, and what was left out and why."""
    from ..scenegraph.library import Library

    library = Library(folder)
    rows = [
        {
            "procedure": row.name, "kind": row.kind, "path": row.place, "relations": row.num_relations,
            "nodes": row.num_nodes, "seconds": round((row.end_ns - row.begin_ns) * 1e-9, 3),
        }
        for row in library.index.procedures
    ]  # fmt: skip
    skipped = [{"path": each.place, "why": each.why} for each in library.index.skipped]
    report.result({"library": library.path, "procedures": rows, "skipped": skipped})


verbs = {"index": index, "show": show}
