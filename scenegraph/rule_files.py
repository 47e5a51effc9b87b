"""Files of rules: those that ortwin ships, by name, and those of a user, by path."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..capture.errors import ConfigError, nearest_name


def read_rules(kind: str, name_or_path: str | Path, shipped: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The tables of a file of rules, and its path as text, for messages.

    Args:
        kind: "phase" or "role"; the shipped files are `<kind>s_<name>.toml`.
        name_or_path: a shipped name, or the path of a TOML file.
        shipped: the names that ortwin ships.

    Raises:
        ConfigError: there is no such file, or it is no TOML.
    """
    path = Path(name_or_path)
    if str(name_or_path) in shipped:
        path = Path(__file__).with_name(f"{kind}s_{name_or_path}.toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), str(path)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the {kind} rules are no TOML", where=str(path), why=str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"there are no {kind} rules '{name_or_path}'{nearest_name(str(name_or_path), shipped)}", why=str(error),
            todo=f"give a TOML file, or one of {', '.join(shipped)}",
        ) from error  # fmt: skip
