"""ortwin calibrate: lenses, places and clocks of the cameras, from a board that was waved before them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .app import ExitCode
from .console import Reporter

if TYPE_CHECKING:
    from ..capture.calibration.report_data import CalibrationReport

Source = Annotated[
    Path,
    typer.Argument(
        metavar="DIR|RECORDING",
        help="A recording, a plain folder with colour images, or a folder of videos with timestamps.csv.",
    ),
]


def calibrate(
    report: Reporter,
    source: Source,
    board: Annotated[Path, typer.Option("--board", metavar="BOARD.TOML", help="The board that was filmed.")],
    out: Annotated[Path, typer.Option("--out", metavar="RIG.JSON", help="Where the rig goes.")],
    rig: Annotated[
        Path | None,
        typer.Option(
            "--rig",
            metavar="START.JSON",
            help="Keep this rig's world; begin with its lenses. Files of other programs: see `ortwin rig convert`.",
        ),
    ] = None,
    lenses: Annotated[
        Path | None,
        typer.Option("--lenses", metavar="LENSES", help="Begin with these lenses: what `ortwin calibrate-lens` wrote."),
    ] = None,
    intrinsics: Annotated[
        Literal["fixed", "prior", "free"],
        typer.Option("--intrinsics", help="Keep the lenses, refine them near what is given, or find them."),
    ] = "prior",
    timing: Annotated[
        Literal["auto", "estimated", "simultaneous"],
        typer.Option(
            "--timing",
            help="A rig for corrected clocks (estimated), for frames as their stamps pair them (simultaneous), or "
            "whichever explains held-out frames better.",
        ),
    ] = "auto",
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="REPORT.HTML|REPORT.JSON", help="A page with pictures, or all the numbers."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on without cameras that no board joins to the others.")
    ] = False,
    clocks: Annotated[
        bool,
        typer.Option(
            "--clocks",
            help="Correct the recording's clocks by the time offsets that the board told; kept for `ortwin sync`.",
        ),
    ] = False,
) -> ExitCode:
    """Find where the cameras stand, refine their lenses, and compare their clocks, from a board in the hand.

    Wave the board slowly through the whole room, tilted in all directions, where two cameras or more see it at a time.
    The error on instants that had no part in the fit is always reported.
    """
    from ..capture.calibration.board_rig import calibrate_source
    from ..capture.calibration.clock_offsets import corrected_clocks, known_offsets_ms, told_by_board
    from ..capture.calibration.rig_calibration import CalibrationConfig
    from ..capture.files import require_writable
    from ..capture.rig_file import write_rig
    from ..capture.storage import open_recording
    from ..capture.sync_clocks import write_clocks

    for target in (out, report_file):
        if target is not None:
            require_writable(target)
    recording = open_recording(source) if clocks else None
    config = CalibrationConfig(intrinsics=intrinsics, timing=timing, allow_partial=partial)
    with report.progress(100, "calibrating") as bar:
        found = calibrate_source(
            source, board, config, start_file=rig, lens_file=lenses,
            progress=lambda step, share: bar(round(100 * share), 100, step),
        )  # fmt: skip
    if recording is not None:
        right = corrected_clocks(recording.clocks, known_offsets_ms(found.report))
        write_clocks(recording, right, told_by_board(found, right, recording))
    write_rig(out, found.rig)
    if report_file is not None:
        _write_report(found.report, report_file)
    _tell(report, found.report)
    return ExitCode.GAPS if found.report.left_out else ExitCode.OK


def _write_report(report: CalibrationReport, path: Path) -> None:
    from ..capture.files import canonical_json, write_atomic

    if path.suffix.lower() in (".html", ".htm"):
        from ..capture.calibration_report import write_report

        write_report(report, path)
    else:
        write_atomic(path, canonical_json(report.to_json()))


def _tell(report: Reporter, found: CalibrationReport) -> None:
    document = found.to_json()
    short = [
        {key: value for key, value in camera.items() if key not in ("pixels_px", "residuals_px", "kept", "coverage")}
        for camera in document["cameras"]
    ]
    report.result({**document, "cameras": short, "sigma_map": None}, show=False)
    report.table(
        ["camera", "views", "rms px", "position sigma mm", "rotation sigma deg", "stamps late ms"],
        [
            [
                camera.camera_id, camera.num_views, round(camera.rms_px, 3),
                round(float(max(camera.position_sigma_mm)), 2), round(float(max(camera.rotation_sigma_deg)), 4),
                f"{-camera.time_offset_ms:.1f} +- {camera.time_offset_sigma_ms:.1f}"
                if camera.time_offset_known else "unknown",
            ]
            for camera in found.cameras
        ],
    )  # fmt: skip
    report.answer(f"Verdict: {found.verdict}. {found.summary}")
    if (held := found.held_out) is not None:
        report.answer(
            f"Held out, frames taken as simultaneous: {held.simultaneous.reprojection_rms_px:.2f} px, "
            f"{held.simultaneous.board_scale_rmse_mm:.2f} mm; with the board's motion and the time offsets: "
            f"{held.with_motion.reprojection_rms_px:.2f} px, {held.with_motion.board_scale_rmse_mm:.2f} mm."
        )
    for warning in found.warnings:
        report.warn(warning)
    for action in found.actions:
        report.answer(f"Next: {action}.")


verb = calibrate
