"""ortwin record: film with live cameras, or replay a recording as if it were live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import ExitCode
from .console import Reporter

if TYPE_CHECKING:
    from ..capture.depth_camera import DeviceRequest
    from ..capture.recorder import RecordingOutcome


def record(
    report: Reporter,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .recording to make.")],
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="orbbec, realsense, replay, or one of an installed package.")
    ],
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="Stop after this time; else with Ctrl-C.")
    ] = None,
    rig: Annotated[
        Path | None, typer.Option("--rig", metavar="RIG.JSON", help="Where the cameras stand, if it is known.")
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option("--camera", metavar="NAME=SERIAL", help="Take this camera, under this name; may be repeated."),
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", min=1, help="Frames per second of each camera.")] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="Size of colour images, e.g. 1280x720.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--source", metavar="RECORDING", help="With --device replay: what is replayed.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0.05, max=100, help="With --device replay: 1 = as it was filmed.")
    ] = 1.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", metavar="FAULT",
            help="With --device replay: pull a plug, e.g. unplug@5s, cam_2:unplug@5s-8s; may be repeated.",
        ),
    ] = None,
) -> ExitCode:  # fmt: skip
    """Record live cameras until Ctrl-C. What was filmed is safe half a second later, even if the machine is cut off.

    The recording can be opened while it grows. Frames that were lost, and cameras that went away, are counted and said.
    """
    from ..capture.depth_camera import open_devices
    from ..capture.errors import InputError
    from ..capture.files import require_writable
    from ..capture.recorder import record as record_cameras
    from ..capture.rig_file import read_rig

    request = _request(fps=fps, size=size, cameras=camera or [], source=source, speed=speed, faults=fault or [])
    if out.exists():
        raise InputError("the recording exists already", where=str(out), todo="remove it, or give another name")
    require_writable(out)
    devices = open_devices(device, request)
    placed = None if rig is None else read_rig(rig, {one.model.camera_id: one.model for one in devices.cameras})
    total = None if seconds is None else round(seconds)
    report.say(f"{len(devices.cameras)} cameras at {devices.fps:g} Hz into {out}; Ctrl-C ends the recording.")
    with report.progress(total, "recording") as bar:
        outcome = record_cameras(
            out, devices, seconds=seconds, rig=placed,
            progress=lambda done_s, status: bar(int(done_s), total, f"recording: {status}"),
        )  # fmt: skip
    _answer(report, outcome)
    report.next("ortwin", "info", out)
    if rig is None:
        report.next("ortwin", "register", out)
    return ExitCode.OK if outcome.is_whole else ExitCode.GAPS


def _request(
    *, fps: float | None, size: str | None, cameras: list[str], source: Path | None, speed: float, faults: list[str]
) -> DeviceRequest:
    """What the driver is asked for.

    Raises:
        ConfigError: an option cannot be read.
    """
    from ..capture.depth_camera import DeviceRequest
    from ..capture.errors import ConfigError
    from ..capture.rig_file import check_camera_id

    color_px = None
    if size is not None:
        width, cross, height = size.partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise ConfigError(f"--size {size} is no size", todo="write it as 1280x720")
        color_px = int(width), int(height)
    names: dict[str, str] = {}
    for text in cameras:
        name, _, serial = text.partition("=")
        check_camera_id(name, "--camera")
        if (serial or name) in names or name in names.values():
            raise ConfigError(f"--camera {text} names a camera twice", todo="give each camera one name of its own")
        names[serial or name] = name
    return DeviceRequest(fps, color_px, names, source, speed, tuple(faults))


def _answer(report: Reporter, outcome: RecordingOutcome) -> None:
    document: dict[str, Any] = {
        "path": outcome.path, "seconds": round(outcome.seconds, 3), "ended": outcome.ended,
        "megabytes": round(outcome.num_bytes * 1e-6, 1),
        "cpu_share": round(outcome.cpu_s / max(outcome.seconds, 1e-9), 3),
        "cameras": [
            {"camera": tally.camera_id, "frames": tally.frames, "dropped": tally.dropped, "missed": tally.missed,
             "broken": tally.broken, "away_s": tally.away_s}
            for tally in outcome.cameras
        ],
        "gaps": [gap.to_json() for gap in outcome.gaps],
    }  # fmt: skip
    report.result(document, show=False)
    rows = [list(row.values()) for row in document["cameras"]]
    report.table(["camera", "frames", "dropped", "missed", "wrong size", "away s"], rows)
    report.answer(
        f"{outcome.path}: {outcome.seconds:.1f} s, {document['megabytes']:.1f} MB, "
        f"{100 * document['cpu_share']:.0f} % of one core; ended by: {outcome.ended}."
    )
    for gap in outcome.gaps:
        lasted = "until the end" if gap.end_ns is None else f"for {(gap.end_ns - gap.begin_ns) * 1e-9:.1f} s"
        report.warn(f"{gap.camera_id} was away {lasted}: {gap.what}")
    if any(tally.dropped for tally in outcome.cameras):
        report.warn("frames were dropped because the disk was too slow: take a faster one, or fewer frames a second")
    if any(tally.missed for tally in outcome.cameras):
        report.warn("frames were missed between camera and computer: look at the USB ports, or take fewer per second")
    if any(tally.broken for tally in outcome.cameras):
        report.warn("frames had another size than their lens and were left out: start the cameras again")


verb = record
