"""ortwin simulate: a recording of a simulated operating room, with its truth."""

from __future__ import annotations

import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..capture.errors import ConfigError, InputError
from .app import ExitCode
from .console import Reporter

if TYPE_CHECKING:
    from ..datasets.simulated_or.faults import FaultConfig


class Format(StrEnum):
    """What is written."""

    RECORDING = "recording"
    PLAIN = "plain"


class Scenario(StrEnum):
    """What is played."""

    SMALL_ROOM = "small_room"
    KNEE_REPLACEMENT = "knee_replacement"
    PEDICLE_SCREW = "pedicle_screw"
    TURNOVER = "turnover"
    BUSY = "busy"
    CHARUCO = "charuco"
    BLOCKS = "blocks"


FAULTS_HELP = "none, realistic, a TOML file, or key=value, joined by commas, e.g. realistic,drop_share=0.05."
CLOCKS_HELP = "Every camera on its own clock, or all triggered together.  [default: free-running]"


def simulate(
    report: Reporter,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .recording (or plain folder) to make.")],
    scenario: Annotated[Scenario, typer.Option(help="What is played.")] = Scenario.SMALL_ROOM,
    seed: Annotated[int, typer.Option(min=0, help="Everything follows from it: equal seeds give equal bytes.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(min=0.2, help="How long it lasts.  [default: 8 in small_room, else 60]")
    ] = None,
    fps: Annotated[float, typer.Option(min=1.0, max=120.0, help="Frames per second of each camera.")] = 10.0,
    cameras: Annotated[
        int | None, typer.Option(min=1, max=12, help="How many watch.  [default: 3 in small_room, else 4]")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Kinds of cameras, joined by commas; they take turns.  [azure_kinect_nfov]")
    ] = None,
    rig: Annotated[Path | None, typer.Option(metavar="RIG.JSON", help="Where the cameras stand.")] = None,
    scale: Annotated[float, typer.Option(min=0.05, max=1.0, help="Image size, 1 = the camera's own.")] = 1.0,
    depth_only: Annotated[bool, typer.Option("--depth-only", help="No colour images.")] = False,
    free_running: Annotated[bool | None, typer.Option("--free-running/--synchronous", help=CLOCKS_HELP)] = None,
    faults: Annotated[str | None, typer.Option(metavar="FAULTS", help=FAULTS_HELP)] = None,
    team: Annotated[int | None, typer.Option(min=1, help="How many people work.  [default: as scripted]")] = None,
    pace: Annotated[float | None, typer.Option(min=0.5, max=2.0, help="How fast they work, 1 = normally.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="A recording, or a plain folder.")] = Format.RECORDING,
    workers: Annotated[int, typer.Option("--jobs", "-j", min=0, help="Processes that draw; 0 = one a core.")] = 0,
) -> ExitCode:
    """Simulate an operating room with the truth of all of it. A run that was interrupted goes on where it stopped.

    small_room has two people, a cart and a table, and needs nothing installed; the other scenarios have whole teams,
    tools, cameras that can be bought, and clocks and faults as rigs have them.
    """
    asked: dict[str, Any] = {
        "--preset": preset, "--rig": rig, "--depth-only": depth_only or None, "--free-running": free_running,
        "--faults": faults, "--team": team, "--pace": pace,
    }  # fmt: skip
    with report.progress(None, "simulating") as bar:
        if scenario is Scenario.SMALL_ROOM:
            _refuse([name for name, value in asked.items() if value is not None])
            from ..datasets.small_room import SimulationConfig as SmallConfig
            from ..datasets.small_room import simulate as run_small

            small = SmallConfig(seconds=seconds or 8.0, fps=fps, num_cameras=cameras or 3, scale=scale)
            run_small(out, seed=seed, config=small, plain=format_ is Format.PLAIN, progress=bar)
        else:
            from ..datasets.simulated_or.clocks import ClockConfig
            from ..datasets.simulated_or.simulation import SimulationConfig
            from ..datasets.simulated_or.simulation import simulate as run

            config = SimulationConfig(
                scenario=scenario.value, seconds=seconds or 60.0, fps=fps, num_cameras=cameras or 4,
                preset=tuple((preset or "azure_kinect_nfov").split(",")), rig=str(rig or ""), scale=scale,
                depth_only=depth_only, clocks=ClockConfig(free_running=free_running is not False),
                faults=_faults(faults or "none"), team_size=team or 0, pace=pace or 1.0,
            )  # fmt: skip
            count = workers or os.cpu_count() or 1
            run(out, seed=seed, config=config, plain=format_ is Format.PLAIN, workers=count, progress=bar)
        frames = bar.done
    report.result(
        {"path": out, "scenario": scenario.value, "seed": seed, "frames": frames, "truth": out / "truth"}, show=False
    )
    report.answer(f"{out}: {frames} frames; what is true of it lies in {out / 'truth'}")
    if format_ is Format.PLAIN:
        report.next("ortwin", "import", "plain", out, out.with_suffix(".recording"))
    else:
        report.next("ortwin", "build", out, out.with_suffix(".twin"), "--room", out / "truth" / "room.toml")
    return ExitCode.OK


def _refuse(options: list[str]) -> None:
    """The small room is as it is.

    Raises:
        ConfigError: it is asked for something else.
    """
    if options:
        raise ConfigError(
            f"the scenario small_room does not know {', '.join(options)}",
            todo="take another scenario, e.g. --scenario knee_replacement",
        )


def _faults(text: str) -> FaultConfig:
    """What goes wrong, from the words of the option.

    Raises:
        ConfigError: a word is neither a name, nor a file, nor key=value.
        InputError: a file is not TOML.
    """
    from ..datasets.simulated_or.faults import FaultConfig
    from ..datasets.simulated_or.simulation import faults_from

    faults = FaultConfig()
    for word in text.split(","):
        name, is_pair, value = word.strip().partition("=")
        if name in ("", "none") and not is_pair:
            continue
        if name == "realistic" and not is_pair:
            faults = FaultConfig.realistic()
        elif is_pair:
            try:
                faults = faults_from({name: float(value)}, faults)
            except ValueError:
                raise ConfigError(f"the fault {name} needs a number, got '{value}'") from None
        elif name.endswith(".toml"):
            try:
                faults = faults_from(tomllib.loads(Path(name).read_text(encoding="utf-8")), faults)
            except tomllib.TOMLDecodeError as error:
                raise InputError("the file of faults is not TOML", where=name, why=str(error)) from error
        else:
            raise ConfigError(f"unknown faults '{name}'", todo="give none, realistic, a .toml file, or key=value")
    return faults


verb = simulate
