"""`ortwin config`: the settings of every stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Reporter


def show(
    report: Reporter,
    config: Annotated[Path | None, typer.Option(help="Settings, TOML; what it leaves out is the default.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, stage.key=value; may repeat.")] = None,
) -> int | None:
    """Print the settings that a build would use, as TOML that `ortwin build --config` takes."""
    from ..capture.config import config_to_json, load_config
    from ..twin import BuildConfig

    values = config_to_json(load_config(BuildConfig, config, set_ or ()))
    for line in toml_lines(values):
        report.answer(line)
    report.result(values, show=False)
    report.next("ortwin", "build", "RECORDING", "TWIN", "--config", config or "SETTINGS.TOML")
    return None


def toml_lines(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    """Nested settings as the lines of a TOML file; what is None has no spelling in TOML and is a comment."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    lines = [f"[{'.'.join(path)}]"] if path and plain else []
    lines += [f"{key} = {_toml(value)}" if value is not None else f"# {key} is not set" for key, value in plain.items()]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += ["", *toml_lines(value, (*path, key))]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    return repr(value)


verbs = {"show": show}
