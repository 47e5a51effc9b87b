"""ortwin import: other people's files become a recording. One row of `verbs` for each kind of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .import_common import DepthOption, DryRunOption, FromOption, ToOption, options_of, tell
from .options import RigOption


def plain(
    report: Reporter,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A plain RGB-D folder with its calibration.json.")],
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="What to write, e.g. case.recording.")],
    fps: Annotated[
        float | None, typer.Option(metavar="HZ", help="Frames a second, where the folder has no timestamps.", min=0.01)
    ] = None,
    rig: RigOption = None,
    without_poses: Annotated[
        bool, typer.Option("--without-poses", help="Ignore where calibration.json says that the cameras stand.")
    ] = False,
    begin: FromOption = None,
    end: ToOption = None,
    depth: DepthOption = "keep",
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Import a folder of images: <camera>/color/000000.jpg, <camera>/depth/000000.png and calibration.json."""
    from ..capture.import_plain import import_plain
    from ..capture.plain_calibration import read_calibration
    from ..capture.rig_file import read_rig

    options = options_of(begin, end, depth, dry_run)
    known = read_rig(rig, read_calibration(folder).models) if rig else None
    with report.progress(None, "importing frames") as bar:
        imported = import_plain(
            folder, recording, fps=fps, rig=known, ignore_poses=without_poses, options=options, progress=bar
        )
    return tell(report, imported)


verbs = {"plain": plain}
