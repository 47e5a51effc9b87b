"""ortwin simulate: a recording of a simulated operating room, with its truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter


class Format(StrEnum):
    """What is written."""

    RECORDING = "recording"
    PLAIN = "plain"


def simulate(
    report: Reporter,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .recording (or plain folder) to make.")],
    seed: Annotated[int, typer.Option(min=0, help="Everything follows from it: equal seeds give equal bytes.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.2, help="How long it lasts.")] = 8.0,
    fps: Annotated[float, typer.Option(min=1.0, max=120.0, help="Frames per second of each camera.")] = 10.0,
    cameras: Annotated[int, typer.Option(min=1, max=6, help="How many cameras watch.")] = 3,
    scale: Annotated[float, typer.Option(min=0.05, max=1.0, help="Image size, 1 = 640x576 and 1280x720.")] = 1.0,
    format_: Annotated[Format, typer.Option("--format", help="A recording, or a plain folder.")] = Format.RECORDING,
) -> ExitCode:
    """Simulate an operating room: two people, a cart, a table that they work at; with the truth of all of it."""
    from ..datasets.small_room import SimulationConfig
    from ..datasets.small_room import simulate as run

    config = SimulationConfig(seconds=seconds, fps=fps, num_cameras=cameras, scale=scale)
    with report.progress(round(seconds * fps) * cameras, "simulating") as bar:
        run(out, seed=seed, config=config, plain=format_ is Format.PLAIN, progress=bar)
    frames = round(seconds * fps) * cameras
    report.result({"path": out, "seed": seed, "frames": frames, "truth": out / "truth"}, show=False)
    report.answer(f"{out}: {frames} frames of {cameras} cameras; what is true of it lies in {out / 'truth'}")
    if format_ is Format.PLAIN:
        report.next("ortwin", "import", "plain", out, out.with_suffix(".recording"))
    else:
        report.next("ortwin", "build", out, out.with_suffix(".twin"), "--room", out / "truth" / "room.toml")
    return ExitCode.OK


verb = simulate
