"""`ortwin bodies`: parametric bodies for the people of a twin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from .console import Reporter
from .options import TwinPath
from .stages import Stages

if TYPE_CHECKING:
    from ..capture.storage import StoredRecording
    from ..facade import Twin


def bodies(
    report: Reporter,
    twin: TwinPath,
    recording: Annotated[
        Path | None,
        typer.Option(
            metavar="RECORDING",
            help="What the twin was built from; default: the recording of the same name beside the twin.",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, TOML; see `ortwin config show`.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, fit.key=value; may repeat.")] = None,
    fresh: Annotated[bool, typer.Option(help="Throw away the bodies that are there and begin anew.")] = False,
) -> int | None:
    """Fit a body to everyone in a twin: one form each, a pose for each instant. An interrupted run goes on."""
    from ..bodies import BodiesConfig, add_bodies
    from ..capture.config import load_config
    from ..capture.storage import open_recording
    from ..twin import open as open_twin

    opened, settings = open_twin(twin), load_config(BodiesConfig, config, set_ or ())
    place = recording or _beside(twin)
    source = None if place is None else open_recording(place)
    if source is None:
        report.warn("without the recording nobody knows which space is free; bodies rest on joints and surfaces alone")
    with Stages(report) as stages:
        done = add_bodies(opened, source, settings, fresh=fresh, progress=stages)
    rows = _rows(done)
    report.result(
        {"twin": str(twin), "recording": None if source is None else str(source.path), "bodies": rows}, show=False
    )
    report.table(
        ["body", "instants", "stature m", "surface mm", "in free space %"],
        [[row["track_id"], row["instants"], row["stature_m"], row["surface_mm"], row["free_percent"]] for row in rows],
    )
    _suggest(report, twin, source)
    return None


def _beside(twin: Path) -> Path | None:
    found = twin.resolve().with_suffix(".recording")
    return found if (found / "recording.json").exists() else None


def _rows(twin: Twin) -> list[dict[str, object]]:
    """Who has a body, how tall it is, and how well it fits what was measured of it."""
    assert twin.meshes is not None
    table = twin.archive.read_layer("bodies", "poses", ["track_id", "surface_m", "free_share"])
    names = np.array(table["track_id"].to_pylist(), dtype=object)
    surface_m, free = (
        np.array(table[name].to_numpy(zero_copy_only=False), float) for name in ("surface_m", "free_share")
    )
    rows = []
    for track_id, (_, form) in twin.meshes.forms.items():
        own = names == track_id
        known = own & np.isfinite(surface_m)
        rows.append(
            {
                "track_id": track_id, "instants": int(own.sum()),
                "stature_m": round(twin.meshes.model(track_id).stature_m(form.shape), 2),
                "surface_mm": round(1000 * float(np.median(surface_m[known])), 1) if known.any() else None,
                "free_percent": round(100 * float(free[own].mean()), 1) if own.any() else None,
            }
        )  # fmt: skip
    return rows


def _suggest(report: Reporter, twin: Path, source: StoredRecording | None) -> None:
    if source is not None and (source.path / "truth").is_dir():
        report.next("ortwin", "evaluate", twin, "--truth", source.path)
    report.next("ortwin", "play", twin)


verb = bodies
