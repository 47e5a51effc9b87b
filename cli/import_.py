"""ortwin import: other people's files become a recording."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .options import RigOption
from .rig import warn_of_unplaced


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
) -> ExitCode:
    """Import a folder of images: <camera>/color/000000.jpg, <camera>/depth/000000.png and calibration.json."""
    from ..capture.import_plain import import_plain
    from ..capture.plain_calibration import read_calibration
    from ..capture.rig_file import read_rig

    known = read_rig(rig, read_calibration(folder).models) if rig else None
    with report.progress(None, "importing frames") as bar:
        imported = import_plain(folder, recording, fps=fps, rig=known, ignore_poses=without_poses, progress=bar)
    damaged = [asdict(frame) for frame in imported.damaged]
    report.result(
        {
            "recording": recording, "frames": imported.num_frames, "damaged": damaged,
            "unplaced": list(imported.unplaced),
        },
        show=False,
    )  # fmt: skip
    report.answer(f"{recording}: {imported.num_frames} frames.")
    for frame in imported.damaged:
        report.warn(f"{frame.file}: {frame.what}" + ("; left out" if frame.index >= 0 else ""))
    warn_of_unplaced(report, imported.unplaced)
    report.next("ortwin", "info", recording)
    return ExitCode.GAPS if damaged or imported.unplaced else ExitCode.OK


verbs = {"plain": plain}
