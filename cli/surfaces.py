"""`ortwin surfaces`: coloured meshes of all that moves, for a twin that was built without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter
from .options import TwinPath
from .stages import Stages


def surfaces(
    report: Reporter,
    twin: TwinPath,
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="What the twin was built from.")],
    config: Annotated[Path | None, typer.Option(help="Settings, TOML: those of the stage `surfaces`.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, grid.key=value; may repeat.")] = None,
    colors: Annotated[bool, typer.Option(help="Whether surfaces are coloured; people can be told by it.")] = True,
    fresh: Annotated[bool, typer.Option(help="Throw away the surfaces that are there and begin anew.")] = False,
) -> int | None:
    """Make the surface of everything that moves, at every instant, from all cameras. An interrupted run goes on."""
    from dataclasses import replace

    from ..capture.config import load_config
    from ..capture.storage import open_recording
    from ..surfaces import SurfacesConfig, add_surfaces
    from ..twin import open as open_twin

    settings = load_config(SurfacesConfig, config, set_ or ())
    settings = replace(settings, colored=settings.colored and colors)
    source = open_recording(recording)
    with Stages(report) as stages:
        done = add_surfaces(open_twin(twin), source, settings, fresh=fresh, progress=stages)
    assert done.surfaces is not None
    tables = [done.surfaces.table(number) for number in range(done.num_segments)]
    total = {
        name: sum(int(table[name].to_numpy().sum()) for table in tables)
        for name in ("num_vertices", "num_faces", "geometry_size", "colors_size")
    }
    count = sum(table.num_rows for table in tables)
    minutes = max(float(done.times_ns[-1] - done.times_ns[0]) * 1e-9 / 60, 1e-9)
    report.result(
        {
            "twin": str(twin), "surfaces": count, "vertices_each": round(total["num_vertices"] / max(count, 1)),
            "geometry_mb_per_minute": round(total["geometry_size"] / 1e6 / minutes, 2),
            "colors_mb_per_minute": round(total["colors_size"] / 1e6 / minutes, 2),
        }
    )  # fmt: skip
    if (source.path / "truth").is_dir():
        report.next("ortwin", "evaluate", twin, "--truth", source.path)
    report.next("ortwin", "play", twin)
    return None


verb = surfaces
