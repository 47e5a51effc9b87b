"""ortwin import: other people's files become a recording. One row of `verbs` for each kind of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .import_common import DepthOption, DryRunOption, FromOption, ToOption, options_of, tell
from .import_data_sets import data_set_verbs
from .import_streams import mcap, rosbag, tum, video
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


def azure_kinect(
    report: Reporter,
    files: Annotated[list[Path], typer.Argument(metavar="FILE.mkv...", help="One file of the recorder per camera.")],
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="What to write, e.g. case.recording.")],
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="CAMERA", help="What a camera is called; once per file.  [default: as its file]"
        ),
    ] = None,
    rig: RigOption = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="CALIBRATION.JSON", help="The factory's, for files that have none.")
    ] = None,
    without_infrared: Annotated[
        bool, typer.Option("--without-infrared", help="Leave infrared images out; they take as much space as depth.")
    ] = False,
    begin: FromOption = None,
    end: ToOption = None,
    depth: DepthOption = "keep",
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Import .mkv files of Azure Kinect or Femto cameras, as k4arecorder or Orbbec's recorder wrote them."""
    from ..capture.import_matroska import import_azure_kinect

    options = options_of(begin, end, depth, dry_run)
    with report.progress(None, "importing bytes") as bar:
        imported = import_azure_kinect(
            files, recording, names=name or (), rig=rig, calibration=calibration,
            keep_infrared=not without_infrared, options=options, progress=bar,
        )  # fmt: skip
    return tell(report, imported)


verbs = {
    "plain": plain, "azure-kinect": azure_kinect, "tum": tum, "video": video, "mcap": mcap, "rosbag": rosbag,
    **data_set_verbs(),
}  # fmt: skip
