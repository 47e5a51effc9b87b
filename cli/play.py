"""`ortwin play`: a twin in Rerun."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Reporter
from .options import TwinPath
from .stages import Stages

if TYPE_CHECKING:
    from ..facade import Twin


def play(
    report: Reporter,
    twin: TwinPath,
    web: Annotated[bool, typer.Option("--web", help="Serve a browser on this machine (127.0.0.1) instead.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the web page; any free one if not given.")] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only write the .rrd files.")] = False,
    save: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the .rrd files here.")] = None,
    recording: Annotated[
        Path | None,
        typer.Option(metavar="RECORDING", help="Show the cameras' own pictures, people and all, from this recording."),
    ] = None,
) -> int | None:
    """Play a twin in Rerun: the room, who moves in it, the cameras, the scene graph and its events."""
    from ..playback.play import open_native, serve_web
    from ..twin import open as open_twin

    with ExitStack() as stack:
        opened = open_twin(twin)
        keep = save is not None or recording is None
        folder = save if keep else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ortwin-play-")))
        files = _playback(report, opened, folder, recording)
        if recording is not None:
            report.warn("the .rrd files hold pictures of people: " + (str(save) if keep else "removed at the end"))
        document: dict[str, object] = {"twin": twin, "playback": files if keep else []}
        if no_open:
            report.next("ortwin", "screenshot", twin, "--at", "1", "--out", "picture.png")
        elif web:
            with serve_web(files, port) as session:
                document["url"] = session.url
                report.answer(session.url)
                report.say("open this address in a browser of this machine; Ctrl-C ends it")
                with suppress(KeyboardInterrupt):  # which is how serving ends
                    session.process.wait()
        else:
            open_native(files, wait=not keep)
        report.result(document, show=no_open)
    return None


def _playback(report: Reporter, twin: Twin, folder: Path | None, recording: Path | None) -> list[Path]:
    """The .rrd files: those that are there if they show this very twin, else new ones."""
    from ..capture.storage import open_recording
    from ..playback.folder import existing_playback
    from ..playback.rerun_scene import write_playback

    source = open_recording(recording) if recording is not None else None
    built_from = twin.archive.head["inputs"].get("recording_blake3")
    if source is not None and source.content_hash() != built_from:
        report.warn("the twin was not built from this recording, or the recording has changed since")
    found = existing_playback(twin, folder) if source is None else []
    if found:
        return found
    with Stages(report) as stages:
        return write_playback(twin, folder, source, stages)


verb = play
