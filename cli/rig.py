"""ortwin rig: attach a calibration to a recording, or show the one that it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .options import RecordingPath

if TYPE_CHECKING:
    from ..capture.storage import StoredRecording


def set_rig(
    report: Reporter,
    recording: RecordingPath,
    rig: Annotated[Path, typer.Argument(metavar="RIG.JSON", help="The calibration: where the cameras stand.")],
) -> ExitCode:
    """Attach a rig.json to a recording, in place of the one that it may have."""
    from ..capture.rig_file import read_rig
    from ..capture.storage import attach_rig, open_recording

    opened = open_recording(recording)
    calibration = read_rig(rig, opened.cameras)
    attach_rig(recording, calibration)
    unplaced = [name for name in opened.cameras if name not in calibration.cameras]
    document = {"recording": recording, "rig": rig, "cameras": list(calibration.cameras)}
    report.result({**document, "unplaced": unplaced} if unplaced else document)
    warn_of_unplaced(report, unplaced)
    suggest_build(report, opened)
    return ExitCode.GAPS if unplaced else ExitCode.OK


def show_rig(report: Reporter, recording: RecordingPath) -> None:
    """Show where the cameras of a recording stand, in metres, world axes (+z up)."""
    from ..capture.storage import open_recording

    opened = open_recording(recording)
    rig = opened.rig
    rows = []
    for camera_id, camera in rig.cameras.items():
        x_m, y_m, z_m = camera.world_from_camera.translation_m
        forward = camera.world_from_camera.rotation[:, 2]
        rows.append({"camera": camera_id, "x_m": x_m, "y_m": y_m, "z_m": z_m, "looks_along": forward})
    report.result({"world_frame": rig.world_frame, "cameras": rows})
    suggest_build(report, opened)


def warn_of_unplaced(report: Reporter, camera_ids: Sequence[str]) -> None:
    """Say which cameras have no place, what follows from that, and what to do."""
    if camera_ids:
        report.warn(
            f"nobody knows where {', '.join(camera_ids)} stands: a build goes on without; `ortwin register` or "
            "`ortwin rig set` gives a place"
        )


def suggest_build(report: Reporter, recording: StoredRecording) -> None:
    """Suggest a build, unless no camera has the depth that it needs."""
    if any(recording.has_stream(name, "depth") for name in recording.cameras):
        report.next("ortwin", "build", recording.path, recording.path.with_suffix(".twin"))
    else:
        report.say("no camera has depth: `ortwin register` and `ortwin build` need it")


verbs = {"set": set_rig, "show": show_rig}
