"""The page that says whether a calibration can be trusted, and what to film next."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from . import calibration_plots as plots
from .calibration.report_data import CalibrationReport, CameraReport, ScoreReport
from .files import write_atomic
from .html_page import html_page


def write_report(report: CalibrationReport, path: Path) -> None:
    """Write the page.

    Args:
        report: what the calibration says of itself.
        path: the .html file; replaced as a whole.
    """
    write_atomic(path, calibration_page(report).encode())


def calibration_page(report: CalibrationReport) -> str:
    """The text of the page: verdict and what to do, then what it rests on."""
    parts = [
        f"<h1>Calibration: {escape(report.verdict)}</h1>",
        f"<p>{escape(report.summary)}</p>",
        _list("What to do next", report.actions),
        _list("What to know", report.warnings),
        f'<div class="cards">{"".join(_cards(report))}</div>',
        _section("Scores", _scores(report)),
        _section("Residuals", _plots(plots.residual_arrows(camera) for camera in report.cameras), QUIVER_KEY),
        _section("How large they are", _plots([plots.residual_histograms(report)])),
        _section("Where each image saw corners", _plots(plots.coverage(camera) for camera in report.cameras)),
        _section("Cameras", _cameras(report)),
        _section("Who saw the board together", _plots([plots.pair_graph(report)]) + _pairs(report), PAIR_KEY),
        _section("Clocks", _plots([plots.time_offsets(report)]), CLOCK_KEY),
        _section("Clocks over time", _plots(_clocks(report)), STORY_KEY),
        _section("Frames that came", _plots([plots.frame_strip(report)]), STRIP_KEY),
        _section("Depth", _depth(report)) if any(camera.depth for camera in report.cameras) else "",
        _section("How precisely a point can be placed", _plots([plots.sigma_plan(report.sigma_map)]), MAP_KEY)
        if report.sigma_map is not None else "",
    ]  # fmt: skip
    return html_page(f"Calibration: {report.verdict}", "\n".join(part for part in parts if part))


QUIVER_KEY = (
    "Observed minus predicted, enlarged 20 times; red where a corner was left out as an outlier. Arrows that all point "
    "one way speak of a moving board or a wrong lens, arrows in all directions of noise."
)
PAIR_KEY = "Lines: instants at which both cameras saw the board; bold ones carried the start of the rig."
CLOCK_KEY = "What to add to a camera's time stamps, with one sigma; open where the board did not move enough to tell."
STORY_KEY = (
    "What each view of a moving board says of the stamp of its frame. A slope is a clock that runs fast or slow (it "
    "shows flatter than it is; ortwin sync measures it), a step is one that jumped."
)
STRIP_KEY = "One stroke per frame; red where a camera gave none at an instant of the others."
MAP_KEY = (
    "One sigma of a point triangulated from pixels alone, at table height, millimetres; blank where fewer than two "
    "cameras look."
)


def _cards(report: CalibrationReport) -> list[str]:
    figures = [("reprojection, root mean square of the fit", f"{report.reprojection_rms_px:.2f} px")]
    if report.held_out is not None:
        held = report.held_out.simultaneous if report.timing == "simultaneous" else report.held_out.with_motion
        figures.append(("the same, on instants held out", f"{held.reprojection_rms_px:.2f} px"))
        figures.append(("scale, on instants held out", f"{held.board_scale_rmse_mm:.2f} mm"))
    worst_mm = max(float(max(camera.position_sigma_mm)) for camera in report.cameras)
    figures.append(("least known camera position, one sigma", f"{worst_mm:.1f} mm"))
    return [f'<div class="card"><b>{value}</b><span>{escape(name)}</span></div>' for name, value in figures]


def _scores(report: CalibrationReport) -> str:
    rows = [("fit, no corner dropped", report.fit)]
    if report.held_out is not None:
        rows.append(("held out, frames taken as simultaneous", report.held_out.simultaneous))
        rows.append(("held out, with time offsets and motion", report.held_out.with_motion))
        if report.held_out.own_fit is not None:
            rows.append(("a fit to those instants themselves", report.held_out.own_fit))
    columns = ("", "corners", "RMS px", "median px", "95 % px", "scale RMSE mm", "scale %", "measures long by %")
    return _table(columns, [_score_row(name, score) for name, score in rows])


def _score_row(name: str, score: ScoreReport) -> list[str]:
    return [
        name, str(score.num_corners), f"{score.reprojection_rms_px:.2f}", f"{score.reprojection_median_px:.2f}",
        f"{score.reprojection_p95_px:.2f}", f"{score.board_scale_rmse_mm:.2f}", f"{score.board_scale_rmse_percent:.2f}",
        f"{score.board_scale_bias_percent:+.3f}",
    ]  # fmt: skip


def _cameras(report: CalibrationReport) -> str:
    columns = (
        "camera",
        "views",
        "RMS px",
        "noise px",
        "position sigma mm",
        "rotation sigma deg",
        "fx px",
        "fx sigma px",
    )
    return _table(columns, [_camera_row(camera) for camera in report.cameras])


def _camera_row(camera: CameraReport) -> list[str]:
    return [
        camera.camera_id, str(camera.num_views), f"{camera.rms_px:.2f}", f"{camera.noise_px:.2f}",
        f"{max(camera.position_sigma_mm):.1f}", f"{max(camera.rotation_sigma_deg):.3f}",
        f"{camera.lens['fx_px']:.1f}", f"{camera.lens_sigma[0]:.1f}",
    ]  # fmt: skip


def _pairs(report: CalibrationReport) -> str:
    columns = ("cameras", "instants together", "of these used", "apart m", "angle deg")
    return _table(
        columns,
        [
            [
                f"{p.first_id}, {p.second_id}",
                str(p.num_instants),
                str(p.num_used),
                f"{p.baseline_m:.2f}",
                f"{p.angle_deg:.0f}",
            ]
            for p in report.pairs
        ],
    )


def _depth(report: CalibrationReport) -> str:
    columns = ("camera", "views", "scale", "bias mm", "off the board before mm", "after mm")
    rows = [
        [
            camera.camera_id, str(d.num_views), f"{d.scale:.4f} +- {d.scale_sigma:.4f}",
            f"{d.bias_mm:.1f} +- {d.bias_sigma_mm:.1f}", f"{d.rms_before_mm:.1f}", f"{d.rms_after_mm:.1f}",
        ]
        for camera in report.cameras if (d := camera.depth) is not None
    ]  # fmt: skip
    return _table(columns, rows)


def _clocks(report: CalibrationReport) -> Iterable[str]:
    return [
        plots.clock_story(camera, camera.clock)
        for camera in report.cameras if camera.clock is not None and len(camera.clock.time_s)
    ]  # fmt: skip


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = ""
    for row in rows:
        numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in row[1:])
        body += f"<tr><td>{escape(row[0])}</td>{numbers}</tr>"
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _plots(pictures: Iterable[str]) -> str:
    return f'<div class="plots">{"".join(pictures)}</div>'


def _section(title: str, content: str, key: str = "") -> str:
    said = f"<p>{escape(key)}</p>" if key else ""
    return f"<section><h2>{escape(title)}</h2>{said}{content}</section>"


def _list(title: str, lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    return (
        f"<section><h2>{escape(title)}</h2><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul></section>"
    )
