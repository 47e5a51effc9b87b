"""ortwin verify: whether every file of a recording or a twin is still what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter


def verify(
    report: Reporter,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A recording or a twin.")],
) -> ExitCode:
    """Check every file of a recording or a twin against its hash, and name what is damaged and the time it spans."""
    from ..capture.integrity import verify_tree

    found = verify_tree(path)
    damaged = [
        {"file": damage.file, "what": damage.what, "begin_ns": damage.begin_ns, "end_ns": damage.end_ns}
        for damage in found.damaged
    ]
    report.result({"path": path, "files": found.num_files, "damaged": damaged}, show=False)
    if damaged:
        report.table(["damaged file", "what", "from ns", "to ns"], [list(row.values()) for row in damaged])
        report.answer(f"{len(damaged)} of {found.num_files} files are damaged.")
        return ExitCode.INPUT
    report.answer(f"All {found.num_files} files are as they were written.")
    return ExitCode.OK


verb = verify
