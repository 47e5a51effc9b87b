"""The arguments that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecordingPath = Annotated[Path, typer.Argument(metavar="RECORDING", help="The recording, e.g. case.recording.")]
TwinPath = Annotated[Path, typer.Argument(metavar="TWIN", help="The twin, e.g. case.twin.")]
RigOption = Annotated[Path | None, typer.Option("--rig", metavar="RIG.JSON", help="Where the cameras stand.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE.TOML", help="Settings of the stages.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="STAGE.KEY=VALUE", help="One setting; may be repeated.")
]
