"""ortwin rig: attach a calibration to a recording, or show the one that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter
from .options import RecordingPath


def set_rig(
    report: Reporter,
    recording: RecordingPath,
    rig: Annotated[Path, typer.Argument(metavar="RIG.JSON", help="The calibration: where the cameras stand.")],
) -> None:
    """Attach a rig.json to a recording, in place of the one that it may have."""
    from ..capture.rig_file import read_rig
    from ..capture.storage import attach_rig, open_recording

    calibration = read_rig(rig, open_recording(recording).cameras)
    attach_rig(recording, calibration)
    report.result({"recording": recording, "rig": rig, "cameras": list(calibration.cameras)})
    report.next("ortwin", "build", recording, recording.with_suffix(".twin"))


def show_rig(report: Reporter, recording: RecordingPath) -> None:
    """Show where the cameras of a recording stand, in metres, world axes (+z up)."""
    from ..capture.storage import open_recording

    rig = open_recording(recording).rig
    rows = []
    for camera_id, camera in rig.cameras.items():
        x_m, y_m, z_m = camera.world_from_camera.translation_m
        forward = camera.world_from_camera.rotation[:, 2]
        rows.append({"camera": camera_id, "x_m": x_m, "y_m": y_m, "z_m": z_m, "looks_along": forward})
    report.result({"world_frame": rig.world_frame, "cameras": rows})


verbs = {"set": set_rig, "show": show_rig}
