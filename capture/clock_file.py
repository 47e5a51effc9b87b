"""clocks.json: the clock of each camera."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .clock import ClockModel, ClockPiece
from .errors import InputError
from .files import canonical_json


def clocks_to_json(clocks: Mapping[str, ClockModel]) -> bytes:
    """The clocks as the text of clocks.json; what a clock does not have is left out."""
    return canonical_json({name: clock_to_json(clock) for name, clock in clocks.items()})


def clock_to_json(clock: ClockModel) -> dict[str, Any]:
    """One clock as JSON values."""
    value = asdict(clock)
    value["pieces"], value["excluded"] = list(value["pieces"]), list(value["excluded"])
    return {key: content for key, content in value.items() if key not in ("pieces", "excluded") or content}


def read_clocks(path: Path) -> dict[str, ClockModel]:
    """The clocks of a clocks.json; none where the file is missing.

    Raises:
        InputError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        return {name: _clock(clock) for name, clock in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError("the clocks cannot be read", where=str(path), why=str(error)) from error


def _clock(value: Mapping[str, Any]) -> ClockModel:
    pieces = tuple(ClockPiece(**piece) for piece in value.get("pieces", ()))
    excluded = tuple(int(position) for position in value.get("excluded", ()))
    return ClockModel(**{**value, "pieces": pieces, "excluded": excluded})
