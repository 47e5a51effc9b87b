"""`ortwin models`: the networks that find people in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..capture.errors import ConfigError
from .app import ExitCode
from .console import Reporter

FolderOption = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Where models are kept; else ORTWIN_MODELS, or yours.")
]


def add(
    report: Reporter,
    file: Annotated[Path, typer.Argument(metavar="FILE.ONNX", help="The model.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it.")] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HASH", help="What its publisher says its SHA-256 is.")
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", help="How it is fed and read: movenet, rtmo or rtmpose.")
    ] = None,
    size: Annotated[
        str | None, typer.Option("--input", metavar="WxH", help="Size of its input, where not that of its family.")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Its licence, to be kept with it.")] = "",
    folder: FolderOption = None,
) -> ExitCode:
    """Take a model file into the model folder.

    Models that ortwin knows need nothing else. Any other is accepted with its SHA-256 and family: compare the hash with
    what its publisher says. Pickles (.pt, .pth, .pkl) are refused, because opening one could run any program.
    """
    from ..reconstruction.model_files import add_model, default_folder

    card = add_model(
        file, folder, name=name, sha256=sha256, family=family, input_px=_size(size), licence=licence
    )  # fmt: skip
    report.result(
        {"model": card.name, "family": card.family, "sha256": card.sha256, "folder": folder or default_folder()}
    )
    if card.finds:
        report.next("ortwin", "detect", "case.recording", "--model", card.name, "--out", "keypoints.jsonl")
    return ExitCode.OK


def show(report: Reporter, folder: FolderOption = None) -> ExitCode:
    """List the models of the model folder."""
    from ..reconstruction.model_cards import FAMILIES
    from ..reconstruction.model_files import default_folder, list_models

    rows = [
        {
            "name": card.name, "family": card.family, "finds_people": card.finds,
            "input": "x".join(map(str, card.input_px or FAMILIES[card.family].input_px)), "licence": card.licence,
            "sha256": card.sha256,
        }
        for card in list_models(folder)
    ]  # fmt: skip
    report.result({"folder": folder or default_folder(), "models": rows})
    if not rows:
        report.next("ortwin", "models", "add", "FILE.onnx")
    return ExitCode.OK


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, cross, height = text.partition("x")
    if not (cross and width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise ConfigError(f"--input {text} is not WIDTHxHEIGHT", todo="e.g. --input 640x640")
    return int(width), int(height)


verbs = {"add": add, "list": show}
