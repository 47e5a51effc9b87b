"""The pictures of a calibration's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .calibration.report_data import CalibrationReport, CameraReport, ClockReport, SigmaMap
from .svg_plot import GRID, HUES, INK, PALE, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENLARGED = 20.0
OUTLIER = "#d1495b"
MOST_ARROWS = 900
TABLE_M = 1.0


def residual_arrows(camera: CameraReport) -> str:
    """Where on the image the model misses, and in which direction."""

    def paint(axes: Axes) -> None:
        chosen = np.arange(0, len(camera.pixels_px), max(1, len(camera.pixels_px) // MOST_ARROWS))
        at, off, kept = camera.pixels_px[chosen], camera.residuals_px[chosen] * ENLARGED, camera.kept[chosen]
        for wanted, color in ((kept, HUES[0]), (~kept, OUTLIER)):
            if wanted.any():
                axes.quiver(
                    *at[wanted].T, *off[wanted].T, color=color, angles="xy", scale_units="xy", scale=1, width=0.002
                )
        axes.set(
            xlim=(0, camera.width_px), ylim=(camera.height_px, 0), title=f"{camera.camera_id}: {camera.rms_px:.2f} px"
        )
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(True)

    return draw(4.4, 4.4 * camera.height_px / camera.width_px + 0.4, paint)


def residual_histograms(report: CalibrationReport) -> str:
    """How the residuals of each camera are spread, along both axes of the image."""

    def paint(axes: Axes) -> None:
        reach = max(3 * max(camera.rms_px for camera in report.cameras), 0.1)
        bins = np.linspace(-reach, reach, 61)
        for camera, color in zip(report.cameras, HUES * 3, strict=False):
            share, _ = np.histogram(camera.residuals_px[camera.kept].ravel(), bins=bins, density=True)
            axes.step(bins[:-1], share, where="post", color=color, lw=1.5, label=camera.camera_id)
        axes.set(xlabel="residual along an image axis (px)", ylabel="density (1/px)", xlim=(-reach, reach))
        axes.legend(frameon=False)

    return draw(6.4, 3.2, paint)


def coverage(camera: CameraReport) -> str:
    """How many corners each part of the image saw."""

    def paint(axes: Axes) -> None:
        counts = np.asarray(camera.coverage, dtype=np.float64)
        axes.imshow(
            np.sqrt(counts),
            cmap="Blues",
            vmin=0,
            aspect=camera.height_px / camera.width_px * counts.shape[1] / counts.shape[0],
        )
        for (row, column), count in np.ndenumerate(counts):
            text = f"{count:.0f}" if count else "none"
            strong = count > 0.4 * counts.max()
            axes.text(column, row, text, ha="center", va="center", fontsize=6, color="white" if strong else PALE)
        axes.set(title=camera.camera_id)
        axes.set_xticks([])
        axes.set_yticks([])

    return draw(3.2, 3.2 * camera.height_px / camera.width_px + 0.4, paint)


def pair_graph(report: CalibrationReport) -> str:
    """Cameras in a circle, and who saw the board together."""

    def paint(axes: Axes) -> None:
        names = [camera.camera_id for camera in report.cameras] + list(report.left_out)
        angles = np.linspace(0, 2 * np.pi, len(names), endpoint=False) + np.pi / 2
        place = {name: np.array([np.cos(a), np.sin(a)]) for name, a in zip(names, angles, strict=True)}
        for pair in report.pairs:
            if pair.num_instants and pair.first_id in place and pair.second_id in place:
                ends = np.stack([place[pair.first_id], place[pair.second_id]])
                axes.plot(*ends.T, color=HUES[0] if pair.in_tree else PALE, lw=3 if pair.in_tree else 1, zorder=1)
                middle = 0.6 * ends[0] + 0.4 * ends[1]
                box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none"}
                axes.text(middle[0], middle[1], str(pair.num_instants), ha="center", va="center", bbox=box, zorder=2)
        for name, at in place.items():
            color = OUTLIER if name in report.left_out else INK
            axes.plot(*at, "o", ms=9, color=color, zorder=3)
            axes.text(1.18 * at[0], 1.18 * at[1], name, ha="center", va="center", color=color)
        axes.set(xlim=(-1.5, 1.5), ylim=(-1.4, 1.4))
        axes.set_aspect("equal")
        axes.axis("off")

    return draw(4.6, 4.2, paint)


def time_offsets(report: CalibrationReport) -> str:
    """The offset of each clock with one sigma."""

    def paint(axes: Axes) -> None:
        for row, camera in enumerate(report.cameras):
            known = camera.time_offset_known
            axes.errorbar(
                camera.time_offset_ms, row, xerr=camera.time_offset_sigma_ms, fmt="o", color=HUES[0] if known else PALE,
                mfc=HUES[0] if known else "white", capsize=3,
            )  # fmt: skip
        axes.axvline(0, color=GRID, lw=1, zorder=0)
        axes.set_yticks(range(len(report.cameras)), [camera.camera_id for camera in report.cameras])
        axes.set(xlabel="to be added to the stamps (ms)", ylim=(-0.7, len(report.cameras) - 0.3))
        axes.invert_yaxis()

    return draw(6.4, 0.9 + 0.4 * len(report.cameras), paint)


def clock_story(camera: CameraReport, clock: ClockReport) -> str:
    """What single views of a moving board say of the clock of a camera, over time."""

    def paint(axes: Axes) -> None:
        axes.axhline(camera.time_offset_ms, color=GRID, lw=1, zorder=0)
        axes.errorbar(clock.time_s, clock.offset_ms, yerr=clock.offset_sigma_ms, fmt="o", ms=2.5, lw=0.6, color=HUES[0])
        axes.set(xlabel="time (s)", ylabel="to be added (ms)", title=camera.camera_id)

    return draw(4.4, 2.4, paint)


def frame_strip(report: CalibrationReport) -> str:
    """When each camera gave a frame, and where it gave none while others did."""

    def paint(axes: Axes) -> None:
        for row, camera in enumerate(report.cameras):
            if camera.clock is not None:
                axes.eventplot(camera.clock.frames_s, lineoffsets=row, linelengths=0.5, colors=HUES[0], lw=0.5)
                axes.eventplot(camera.clock.missing_s, lineoffsets=row, linelengths=0.9, colors=OUTLIER, lw=1.2)
        names = [
            f"{camera.camera_id}: {len(camera.clock.missing_s) if camera.clock else 0} missing"
            for camera in report.cameras
        ]
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="time (s)", ylim=(-0.7, len(names) - 0.3))
        axes.invert_yaxis()

    return draw(8.8, 0.9 + 0.4 * len(report.cameras), paint)


def sigma_plan(sigma: SigmaMap) -> str:
    """The floor plan in the height of a table: how precisely the rig can place a point there."""
    level = int(np.argmin(np.abs(sigma.z_m - TABLE_M)))

    def paint(axes: Axes) -> None:
        from matplotlib.colors import LogNorm
        from matplotlib.ticker import FuncFormatter

        plan = np.asarray(sigma.sigma_mm[level], dtype=np.float64)
        known = plan[np.isfinite(plan)]
        axes.set(xlabel="x (m)", ylabel="y (m)", title=f"at {sigma.z_m[level]:.1f} m height")
        axes.set_aspect("equal")
        if not len(known):
            axes.text(0.5, 0.5, "no place is seen by two cameras", transform=axes.transAxes, ha="center")
            return
        drawn = axes.pcolormesh(
            sigma.x_m, sigma.y_m, plan, shading="nearest", cmap="viridis_r",
            norm=LogNorm(float(known.min()), float(max(np.percentile(known, 98), 1.01 * known.min()))),
        )  # fmt: skip
        bar = axes.figure.colorbar(drawn, ax=axes, label="one sigma (mm)")
        for which in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
            which(FuncFormatter(lambda value, _: f"{value:g}"))

    return draw(6.0, 5.0, paint)
