"""ortwin rig: attach a calibration to a recording, show the one that it has, or turn one into another's form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..capture.errors import ConfigError
from .app import ExitCode
from .console import Reporter
from .options import RecordingPath

if TYPE_CHECKING:
    from ..capture.storage import StoredRecording


NameOption = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="FILE_NAME=CAMERA", help="Call a camera of the file otherwise; may be repeated."),
]
FORMAT_NAMES = "ortwin, calibration, caliscope, opencv, qualisys, tum"
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="FORMAT", help=f"The format, where it is not plain: {FORMAT_NAMES}."),
]


def set_rig(
    report: Reporter,
    recording: RecordingPath,
    rig: Annotated[
        Path, typer.Argument(metavar="RIG.JSON", help="Where the cameras stand; also a file of another program.")
    ],
    source_format: FromOption = None,
    name: NameOption = None,
) -> ExitCode:
    """Attach a rig to a recording, in place of the one that it may have."""
    from ..capture.calibration.camera_files import read_rig_of
    from ..capture.storage import attach_rig, open_recording

    opened = open_recording(recording)
    calibration = read_rig_of(rig, opened.cameras, name=source_format, names=_names(name))
    attach_rig(recording, calibration)
    unplaced = [name for name in opened.cameras if name not in calibration.cameras]
    document = {"recording": recording, "rig": rig, "cameras": list(calibration.cameras)}
    report.result({**document, "unplaced": unplaced} if unplaced else document)
    warn_of_unplaced(report, unplaced)
    suggest_build(report, opened)
    return ExitCode.GAPS if unplaced else ExitCode.OK


def convert_rig(
    report: Reporter,
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A file of cameras, or a folder with one file per camera.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="rig.json, calibration.json, .toml, .yml, .qca.txt, or a folder.")
    ],
    source_format: FromOption = None,
    target_format: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help=f"The format of OUT, where its name does not say: {FORMAT_NAMES}."),
    ] = None,
    name: NameOption = None,
) -> None:
    """Turn the cameras of one program into those of another.

    Formats: ortwin (rig.json), calibration (calibration.json of a plain folder), caliscope (camera_array.toml; the
    Calib.toml of Pose2Sim is read too), opencv (YAML or XML, one camera per file), qualisys (Calib.qca.txt), tum
    (camera01.json, of the Munich operating room datasets). Axes, units and names are turned on the way.
    """
    from ..capture.calibration.camera_files import read_cameras, write_cameras
    from ..capture.files import require_writable

    cameras = read_cameras(source, source_format).renamed(_names(name))
    require_writable(target)
    written = write_cameras(target, cameras, target_format)
    unplaced = [key for key in cameras.lenses if key not in cameras.world_from_camera]
    document = {"cameras": list(cameras.lenses), "placed": list(cameras.world_from_camera)}
    report.result({"in": source, "out": target, "format": written, **document})
    for note in cameras.notes:
        report.warn(note)
    if unplaced:
        report.warn(f"the file has a lens but no place for {', '.join(unplaced)}")


def _names(entries: Sequence[str] | None) -> dict[str, str]:
    names = {}
    for entry in entries or ():
        old, equals, new = entry.partition("=")
        if not (old and equals and new):
            raise ConfigError(f"--name {entry} is not FILE_NAME=CAMERA", todo="e.g. --name 26580=cam_1")
        names[old] = new
    return names


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


def watch(
    report: Reporter,
    recording: RecordingPath,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the new place of each moved camera into the recording's rig.")
    ] = False,
    calibrated: Annotated[
        float,
        typer.Option("--calibrated", metavar="SECONDS", help="With --apply: when the rig held, after the start."),
    ] = 0.0,
) -> ExitCode:
    """Find cameras that were moved during a recording: which, when and by how far.

    With --apply, rig.json gets the pose of each moved camera from that moment on, and a build uses it.
    """
    from ..capture.rig_epochs import with_moves
    from ..capture.rig_watch import can_be_watched, watch_rig
    from ..capture.storage import attach_rig, open_recording

    opened = open_recording(recording)
    rig = opened.rig if apply else None
    with report.progress(None, "watching") as bar:
        moves = watch_rig(opened, progress=bar)
    begin_ns = opened.span_ns[0]
    blind = [name for name in opened.cameras if not can_be_watched(opened, name)]
    rows = [{**move.to_json(), "at_s": (move.time_ns - begin_ns) * 1e-9} for move in moves]
    document = {"recording": recording, "moves": rows, "not_watched": blind, "applied": apply}
    report.result(document, show=False)
    for move, row in zip(moves, rows, strict=True):
        report.answer(f"{move.camera_id}, {row['at_s']:.1f} s after the start: {move.in_words()}")
    if not moves:
        report.answer("every watched camera stood still")
    if blind:
        report.warn(f"{', '.join(blind)} cannot be watched: no depth")
    if rig is not None:
        attach_rig(recording, with_moves(rig, moves, begin_ns + round(calibrated * 1e9)))
        suggest_build(report, opened)
    elif moves:
        report.next("ortwin", "rig", "watch", recording, "--apply")
    return ExitCode.OK


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


verbs = {"set": set_rig, "show": show_rig, "convert": convert_rig, "watch": watch}
