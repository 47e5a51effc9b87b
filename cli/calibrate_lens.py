"""ortwin calibrate-lens: the lens of each camera alone, from several images of a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .app import ExitCode
from .console import Reporter

if TYPE_CHECKING:
    from ..capture.calibration.lens_report import LensReport


def calibrate_lens(
    report: Reporter,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS|VIDEO|RECORDING",
            help="A folder of photos of one camera, a video, or whatever `ortwin calibrate` takes.",
        ),
    ],
    board: Annotated[Path, typer.Option("--board", metavar="BOARD.TOML", help="The board that was filmed.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="LENSES", help="calibration.json, or .toml or .yml as `ortwin rig convert` has."),
    ],
    camera: Annotated[str | None, typer.Option("--camera", metavar="CAMERA", help="This camera alone.")] = None,
    model: Annotated[
        Literal["auto", "brown_conrady", "fisheye"],
        typer.Option("--model", help="The model of the lens; auto takes the one with the lowest held-out error."),
    ] = "auto",
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="REPORT.HTML|REPORT.JSON", help="A page with pictures, or all the numbers."),
    ] = None,
) -> ExitCode:
    """Find the lens of each camera from several images of a board, without knowing anything before.

    Hold the board still, or film slowly: tilted by 20 to 45 degrees in all directions, near and far, and once in each
    corner of the image; 20 images are plenty. A board that is not quite flat is allowed for.
    """
    from ..capture.calibration.lens_source import calibrate_lenses, write_lenses
    from ..capture.files import require_writable

    for target in (out, report_file):
        if target is not None:
            require_writable(target)
    with report.progress(100, "calibrating") as bar:
        found = calibrate_lenses(
            source, board, camera_id=camera, model=model,
            progress=lambda step, share: bar(round(100 * share), 100, step),
        )  # fmt: skip
    write_lenses(out, {name: entry.lens for name, entry in found.lenses.items()})
    reports = list(found.reports.values())
    if report_file is not None:
        _write_report(reports, report_file)
    _tell(report, reports, found.failed)
    return ExitCode.GAPS if found.failed else ExitCode.OK


def _write_report(reports: Sequence[LensReport], path: Path) -> None:
    from ..capture.files import canonical_json, write_atomic

    if path.suffix.lower() in (".html", ".htm"):
        from ..capture.lens_report_page import write_lens_report

        write_lens_report(reports, path)
    else:
        write_atomic(path, canonical_json({"cameras": {entry.camera.camera_id: entry.to_json() for entry in reports}}))


def _tell(report: Reporter, reports: Sequence[LensReport], failed: dict[str, str]) -> None:
    document = {}
    for entry in reports:
        value = entry.to_json()
        kept = ("lens", "lens_names", "lens_sigma", "rms_px", "noise_px")
        document[entry.camera.camera_id] = {**value, "camera": {key: value["camera"][key] for key in kept}}
    report.result({"cameras": document, "failed": failed}, show=False)
    report.table(
        ["camera", "images", "model", "fx px", "sigma %", "rms px", "held out px"],
        [
            [
                entry.camera.camera_id, entry.num_views, entry.model.split(",")[0] + entry.model.split(",")[1],
                round(float(entry.camera.lens["fx_px"]), 2), round(entry.focal_sigma_percent, 3),
                round(entry.camera.rms_px, 3), round(entry.held_out_rms_px, 3),
            ]
            for entry in reports
        ],
    )  # fmt: skip
    for entry in reports:
        report.answer(f"{entry.camera.camera_id}: {entry.verdict}. {entry.summary}")
        for warning in entry.warnings:
            report.warn(f"{entry.camera.camera_id}: {warning}")
        for action in entry.actions:
            report.answer(f"Next: {action}.")
    for name, why in failed.items():
        report.warn(f"{name}: {why}")


verb = calibrate_lens
