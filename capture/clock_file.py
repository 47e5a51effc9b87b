"""clocks.json: the clock of each camera."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from .clock import ClockModel
from .errors import InputError
from .files import canonical_json


def clocks_to_json(clocks: Mapping[str, ClockModel]) -> bytes:
    """The clocks as the text of clocks.json."""
    return canonical_json({name: asdict(clock) for name, clock in clocks.items()})


def read_clocks(path: Path) -> dict[str, ClockModel]:
    """The clocks of a clocks.json; none where the file is missing.

    Raises:
        InputError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        return {name: ClockModel(**clock) for name, clock in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError("the clocks cannot be read", where=str(path), why=str(error)) from error
