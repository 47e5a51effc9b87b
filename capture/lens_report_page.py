"""The page that says whether a lens can be trusted, and what to film next."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import calibration_plots as plots
from .calibration.lens_report import LensReport
from .files import write_atomic
from .html_page import html_page
from .rig_file import lens_from_json
from .svg_plot import GRID, HUES, PALE, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADII = 200


def write_lens_report(reports: Sequence[LensReport], path: Path) -> None:
    """Write the page of some lenses; the file is replaced as a whole."""
    body = "\n".join(_lens(report) for report in reports)
    title = "Lenses" if len(reports) > 1 else f"Lens of {reports[0].camera.camera_id}"
    write_atomic(path, html_page(title, body).encode())


def _lens(report: LensReport) -> str:
    camera = report.camera
    cards = [
        ("on images held out, root mean square", f"{report.held_out_rms_px:.2f} px"),
        ("root mean square of the fit", f"{camera.rms_px:.2f} px"),
        ("focal length, one sigma", f"{report.focal_sigma_percent:.2f} %"),
        ("images, of those with a board", f"{report.num_views} of {report.num_seen}"),
    ]
    boxes = "".join(f'<div class="card"><b>{value}</b><span>{escape(name)}</span></div>' for name, value in cards)
    return "\n".join(
        [
            f"<h1>{escape(camera.camera_id)}: {escape(report.verdict)}</h1><p>{escape(report.summary)}</p>",
            _list("What to do next", report.actions),
            _list("What to know", report.warnings),
            f'<div class="cards">{boxes}</div>',
            "<section><h2>Residuals and coverage</h2><p>Observed minus predicted, enlarged 20 times; red where a "
            "corner was left out as an outlier. Beside it how many corners each part of the image saw.</p>"
            f'<div class="plots">{plots.residual_arrows(camera)}{plots.coverage(camera)}</div></section>',
            "<section><h2>The lens</h2><p>Distortion: by how much a point is moved outward, against its distance from "
            "the centre where a straight lens would show it; shaded as far as corners were seen.</p>"
            f'<div class="plots">{_bend(report)}</div>{_numbers(report)}</section>',
            f"<section><h2>Models that were tried</h2><p>Taken: {escape(report.model)}.</p>{_models(report)}</section>",
        ]
    )


def _bend(report: LensReport) -> str:
    lens = lens_from_json(report.camera.lens, report.camera.camera_id)
    pixels = report.camera.pixels_px[report.camera.kept]
    centre = np.array([lens.cx_px, lens.cy_px])
    corner = np.linalg.norm(np.maximum(centre, [lens.width_px - lens.cx_px, lens.height_px - lens.cy_px]))
    reached = np.linalg.norm(pixels - centre, axis=1).max(initial=0.0)

    def paint(axes: Axes) -> None:
        radius = np.linspace(0, 1.3 * corner / lens.fx_px, RADII)
        bent = lens.distort(np.stack([radius, np.zeros(RADII)], axis=1))[:, 0]
        shown = np.isfinite(bent) & (bent * lens.fx_px <= corner)
        axes.axvspan(0, reached, color=GRID, lw=0)
        axes.plot(lens.fx_px * bent[shown], lens.fx_px * (bent - radius)[shown], color=HUES[0], lw=1.8)
        axes.axhline(0, color=PALE, lw=0.8)
        axes.set(xlabel="distance from the centre (px)", ylabel="moved outward (px)", xlim=(0, corner))

    return draw(5.6, 2.8, paint)


def _numbers(report: LensReport) -> str:
    lens = lens_from_json(report.camera.lens, report.camera.camera_id)
    values = [lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px, *lens.distortion.tolist()]
    rows = [
        [name, f"{value:.5g}" if index > 3 else f"{value:.2f}", f"{sigma:.2g}"]
        for index, (name, value, sigma) in enumerate(
            zip(report.camera.lens_names, values, report.camera.lens_sigma, strict=True)
        )
    ]
    return _table(("", "value", "one sigma"), rows)


def _models(report: LensReport) -> str:
    rows = [[name, f"{rms_px:.3f}"] for name, rms_px in sorted(report.candidates.items(), key=lambda row: row[1])]
    return _table(("model", "on images held out, px"), rows)


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = ""
    for row in rows:
        numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in row[1:])
        body += f"<tr><td>{escape(row[0])}</td>{numbers}</tr>"
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _list(title: str, lines: tuple[str, ...]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<section><h2>{escape(title)}</h2><ul>{items}</ul></section>" if lines else ""
