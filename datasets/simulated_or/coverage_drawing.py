"""The floor plan of a coverage: how many cameras see each place, and how well, with the blind spots numbered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .coverage_plan import COUNTS, FLOOR_STEP_M, VOLUME_M, VOLUME_STEP_M, Coverage, CoveragePlan

COUNT_COLORS = ("#b2182b", "#f4a582", "#92c5de", "#2166ac")
LARGEST_SIGMA_MM = 15.0
ARROW_M, MARGIN_M = 0.55, 0.45


def draw_coverage(plan: CoveragePlan, path: Path | str) -> None:
    """Write a PNG: the floor, the working volume (its worst-seen height), and the depth noise there, from above."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(18, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    _draw_counts(left, plan.floor, FLOOR_STEP_M, "the floor")
    heights = f"{VOLUME_M[0]:.1f} to {VOLUME_M[1]:.1f} m above it"
    _draw_counts(middle, plan.volume, VOLUME_STEP_M, f"{heights}, colour of the worst height")
    _draw_noise(figure, right, plan.volume, VOLUME_STEP_M)
    for axes in (left, middle, right):
        _draw_room(axes, plan)
    for number, spot in enumerate(plan.blind_spots, start=1):
        (middle if spot.of_volume else left).annotate(
            str(number), spot.center_m, ha="center", va="center", fontsize=9, weight="bold",
            bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": COUNT_COLORS[0]},
        )  # fmt: skip
    figure.savefig(Path(path), dpi=110)


def _draw_counts(axes: Any, part: Coverage, step_m: float, title: str) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    places_m, least = _by_place(part.points_m, part.count, np.minimum)
    colors = np.array(COUNT_COLORS)[np.minimum(least, COUNTS[-1])]
    axes.add_collection(PolyCollection(list(_squares(places_m, step_m)), facecolors=colors.tolist(), linewidths=0))
    names = (f"{count} cameras: {share:.0%}" for count, share in part.shares().items())
    patches = [Patch(color=color, label=name) for color, name in zip(COUNT_COLORS, names, strict=True)]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=4, fontsize=8, frameon=False)
    axes.set_title(f"Seen by how many: {title}", fontsize=10)


def _draw_noise(figure: Any, axes: Any, part: Coverage, step_m: float) -> None:
    from matplotlib.collections import PolyCollection

    seen = np.isfinite(part.sigma_m)
    places_m, worst_mm = _by_place(part.points_m[seen], part.sigma_m[seen] * 1e3, np.maximum)
    squares = PolyCollection(list(_squares(places_m, step_m)), array=worst_mm, cmap="viridis_r", linewidths=0)
    squares.set_clim(0, LARGEST_SIGMA_MM)
    axes.add_collection(squares)
    figure.colorbar(squares, ax=axes, label="mm", shrink=0.7)
    axes.set_title("Depth noise of all cameras together, at the worst height", fontsize=10)


def _squares(places_m: np.ndarray, step_m: float) -> np.ndarray:
    """(m, 4, 2) the corners of the cells about places (m, 2)."""
    return places_m[:, None] + step_m / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def _by_place(points_m: np.ndarray, values: np.ndarray, worse: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    """(m, 2) places of points (n, 3), and the worst value among the heights of each."""
    places_m, cell = np.unique(points_m[:, :2].round(4), axis=0, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    return places_m, worse.reduceat(values[order], starts) if len(places_m) else values


def _draw_room(axes: Any, plan: CoveragePlan) -> None:
    from matplotlib.patches import Polygon

    for solid in plan.site.room.solids:
        outline_m = solid.box.corners_m()[[0, 2, 6, 4], :2]
        axes.add_patch(Polygon(outline_m, closed=True, fill=False, edgecolor="#999999", linewidth=0.5))
    for fixture in plan.site.room.fixtures:
        outline_m = fixture.box.corners_m()[[0, 2, 6, 4], :2]
        axes.add_patch(Polygon(outline_m, closed=True, facecolor="#dddddd", edgecolor="#555555", linewidth=0.8))
        name = fixture.label.replace("_", "\n")
        axes.annotate(name, fixture.box.center_m[:2], ha="center", va="center", fontsize=6.5, color="#333333")
    axes.add_patch(Polygon(plan.site.floor_m, closed=True, fill=False, edgecolor="black", linewidth=1.5))
    for name, camera in plan.rig.cameras.items():
        eye_m, looks = camera.world_from_camera.translation_m[:2], camera.world_from_camera.rotation[:2, 2]
        axes.plot(*eye_m, "o", color="black", markersize=6)
        axes.arrow(*eye_m, *(ARROW_M * looks), head_width=0.1, color="black", linewidth=1.2)
        axes.annotate(name, eye_m, xytext=(6, 4), textcoords="offset points", fontsize=8, weight="bold")
    eyes_m = [camera.world_from_camera.translation_m[:2] for camera in plan.rig.cameras.values()]
    everything_m = np.stack([*plan.site.floor_m, *eyes_m])
    axes.set_xlim(everything_m[:, 0].min() - MARGIN_M, everything_m[:, 0].max() + MARGIN_M)
    axes.set_ylim(everything_m[:, 1].min() - MARGIN_M, everything_m[:, 1].max() + MARGIN_M)
    axes.set_aspect("equal")
    axes.set_ylabel("y, m (x to the right)")
