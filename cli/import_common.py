"""What the importers share on the command line: their options, and what is said when they are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import ExitCode
from .console import Reporter
from .rig import warn_of_unplaced

if TYPE_CHECKING:
    from ..capture.import_options import ImportOptions
    from ..capture.import_report import ImportEstimate, ImportReport

FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Begin here: seconds or HH:MM:SS from the start, or a date."),
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help="End before this moment.")]
DepthOption = Annotated[
    str, typer.Option("--depth", metavar="RULE", help="keep, none, or the range to keep in metres, e.g. 0.3:5.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing; say how much time, disk and memory it would take.")
]


def options_of(begin: str | None, end: str | None, depth: str, dry_run: bool) -> ImportOptions:
    """The shared options as the importers take them.

    Raises:
        ConfigError: one cannot be read.
    """
    from ..capture.import_options import DepthPolicy, ImportOptions, TimeSpan

    return ImportOptions(TimeSpan.parse(begin, end), DepthPolicy.parse(depth), dry_run)


def tell(report: Reporter, imported: ImportReport, more: Mapping[str, Any] | None = None) -> ExitCode:
    """Say what an import took, what it left out and what it assumed; or what it would cost.

    Args:
        report: the voice.
        imported: what the importer gives back.
        more: further entries of the JSON document.
    """
    damaged = [asdict(frame) for frame in imported.damaged]
    document: dict[str, Any] = {
        "recording": imported.path, "frames": imported.num_frames, "damaged": damaged,
        "unplaced": list(imported.unplaced), **(more or {}),
    }  # fmt: skip
    if imported.assumptions:
        document["assumptions"] = list(imported.assumptions)
    if imported.estimate is not None:
        document["estimate"] = imported.estimate.to_json()
    report.result(document, show=False)
    if imported.estimate is None:
        report.answer(f"{imported.path}: {imported.num_frames} frames.")
    else:
        _tell_cost(report, imported.estimate)
    for sentence in imported.assumptions:
        report.say(f"assumed: {sentence}")
    for frame in imported.damaged:
        report.warn(f"{frame.file}: {frame.what}" + ("; left out" if frame.index >= 0 else ""))
    warn_of_unplaced(report, imported.unplaced)
    if imported.estimate is None:
        report.next("ortwin", "info", imported.path)
    return ExitCode.GAPS if damaged or imported.unplaced else ExitCode.OK


def _tell_cost(report: Reporter, estimate: ImportEstimate) -> None:
    report.answer(
        f"{estimate.num_frames} frames over {estimate.media_s:.1f} s would take about {estimate.work_s:.0f} s, "
        f"{estimate.disk_bytes / 1e6:.1f} MB of disk ({estimate.free_bytes / 1e9:.1f} GB are free) and "
        f"{estimate.memory_bytes / 1e6:.0f} MB of memory. Nothing was written."
    )
    if estimate.disk_bytes > estimate.free_bytes:
        report.warn("the disk would not suffice: free some space, or take less with --from, --to or --depth")
