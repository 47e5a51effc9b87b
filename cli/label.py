"""`ortwin label`: name a piece of furniture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter
from .stages import Stages


def label(
    report: Reporter,
    twin: Annotated[Path, typer.Argument(help="The .twin folder.")],
    fixture: Annotated[str | None, typer.Argument(help="Which fixture, e.g. fixture_2; none lists them.")] = None,
    name: Annotated[str | None, typer.Argument(help="What it is, e.g. operating_table.")] = None,
) -> int | None:
    """Name a fixture of the standing room in room.toml; only the scene graph is derived again."""
    from ..capture.errors import ConfigError
    from ..scenegraph.vocabulary import canonical_name
    from ..twin import label_fixture
    from ..twin import open as open_twin

    opened = open_twin(twin)
    if fixture is not None and name is None:
        raise ConfigError("a label needs a fixture and its name", todo=f"ortwin label {twin} {fixture} operating_table")
    if fixture is not None and name is not None:
        with Stages(report) as stages:
            opened = label_fixture(opened, fixture, name, stages)
        report.next("ortwin", "query", twin, f"close_to(person, {canonical_name(name)})")
    fixtures = [
        {
            "fixture": entry.fixture_id,
            "label": entry.label,
            "guessed": entry.guessed,
            "center_m": [round(float(value), 2) for value in entry.box.center_m],
            "extent_m": [round(float(value), 2) for value in entry.box.extent_m],
        }
        for entry in opened.room.fixtures
    ]
    report.result({"twin": str(twin), "fixtures": fixtures})
    if fixture is None and fixtures:
        first = next((entry for entry in fixtures if entry["guessed"]), fixtures[0])["fixture"]
        report.next("ortwin", "label", twin, first, "operating_table")
    return None


verb = label
