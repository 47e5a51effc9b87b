"""`ortwin export`: a twin as plain files, or its scene graph in the form of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter
from .options import TwinPath


def export(
    report: Reporter,
    twin: TwinPath,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="plain, graphml, 4d-or, mm-or, or one of a package.")
    ] = "plain",
    recording: Annotated[
        Path | None, typer.Option(help="The recording of the twin: adds foreground masks (silhouettes of people).")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace files of an earlier export in a folder that exists.")] = False,
) -> int | None:
    """Write a twin as plain files (cameras, room, tracks, relations), or its graph for other programs.

    plain: docs/playback.md. graphml, 4d-or, mm-or: docs/graph-files.md. No picture of a person is among them.
    """
    from ..capture.storage import open_recording
    from ..playback.exporters import export_twin
    from ..twin import open as open_twin

    files = export_twin(
        open_twin(twin), format_, out, force=force, recording=open_recording(recording) if recording else None
    )
    written = [{"file": str(path), "megabytes": round(path.stat().st_size / 1e6, 3)} for path in files]
    report.result({"twin": twin, "format": format_, "files": written})
    report.next("ortwin", "screenshot", twin, "--at", "1", "--out", "picture.png")
    return None


verb = export
