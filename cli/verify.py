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
    start_ns = _start_ns(path)
    damaged = [
        {"file": damage.file, "what": damage.what, **_span(damage.begin_ns, damage.end_ns, start_ns)}
        for damage in found.damaged
    ]
    report.result({"path": path, "files": found.num_files, "damaged": damaged}, show=False)
    _suggest(report, path, bool(damaged))
    if damaged:
        shown = ("file", "what", "begin_s", "end_s")
        report.table(["damaged file", "what", "from s", "to s"], [[row[name] for name in shown] for row in damaged])
        report.answer(f"{len(damaged)} of {found.num_files} files are damaged.")
        return ExitCode.INPUT
    report.answer(f"All {found.num_files} files are as they were written.")
    return ExitCode.OK


def _start_ns(path: Path) -> int:
    """When the first segment begins."""
    from ..capture.errors import InputError
    from ..capture.segments import read_manifest, sealed_folders

    begins = []
    for folder in sealed_folders(path):
        try:
            manifest = read_manifest(folder)
        except InputError:
            continue
        if manifest.end_ns > manifest.begin_ns:
            begins.append(manifest.begin_ns)
    return min(begins, default=0)


def _span(begin_ns: int, end_ns: int, start_ns: int) -> dict[str, float | int | None]:
    """A span on the rig clock and in seconds after the start; nothing for a file that belongs to no time."""
    if end_ns <= begin_ns:
        return dict.fromkeys(("begin_s", "end_s", "begin_ns", "end_ns"))
    begin_s, end_s = (round((time_ns - start_ns) * 1e-9, 3) for time_ns in (begin_ns, end_ns))
    return {"begin_s": begin_s, "end_s": end_s, "begin_ns": begin_ns, "end_ns": end_ns}


def _suggest(report: Reporter, path: Path, is_damaged: bool) -> None:
    source = path.with_suffix(".recording")
    if not (path / "twin.json").exists():
        report.next("ortwin", "info", path)
    elif not is_damaged:
        report.next("ortwin", "play", path)
    elif source.is_dir():
        report.next("ortwin", "build", source, path, "--fresh")
    else:
        report.next("ortwin", "build", "RECORDING", path, "--fresh")


verb = verify
