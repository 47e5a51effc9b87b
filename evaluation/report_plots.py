"""The plots of the report page, each as one SVG picture without anything from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..capture.svg_plot import GRID, HUES, INK, PALE, draw
from .people import PeopleScores
from .phases import PhaseScores
from .relations import Lane, RelationScores
from .room import CURVE_MM, RoomScores
from .sampling import by_track
from .tracks import true_centres
from .truth import Truth
from .twin_tables import TwinTables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIGHT, WRONG, MISSED, UNKNOWN = "#2a9d8f", "#d1495b", "#edae49", "#b8bec6"
MOST_POINTS = 1500
MOST_LANES = 60
SECOND_NS = 1_000_000_000


def room_curves(scores: RoomScores) -> str:
    """Shares within a distance: of the reconstruction, and of the truth that a camera saw."""

    def paint(axes: Axes) -> None:
        lines = [("precision: reconstruction near the truth", scores.precision_curve, HUES[0])]
        if scores.completeness_curve is not None:
            lines.append(("completeness: seen truth near the reconstruction", scores.completeness_curve, HUES[2]))
        for label, curve, color in lines:
            axes.plot(CURVE_MM, np.multiply(curve, 100), color=color, lw=2, label=label)
        for limit in (5, 10, 20):
            axes.axvline(limit, color=GRID, lw=1, zorder=0)
        axes.set(xlabel="within (mm)", ylabel="share (%)", xlim=(0, CURVE_MM[-1]), ylim=(0, 102))
        axes.legend(loc="lower right", frameon=False)

    return draw(5.2, 3.2, paint)


def room_histogram(scores: RoomScores) -> str:
    """How far the reconstruction is from the truth, in bins of a millimetre."""

    def paint(axes: Axes) -> None:
        share = 100 * np.diff(scores.precision_curve, prepend=0.0)
        axes.bar(np.array(CURVE_MM) - 0.5, share, width=0.9, color=HUES[0])
        axes.axvline(scores.accuracy_median_mm, color=INK, lw=1, ls=(0, (4, 2)))
        axes.text(scores.accuracy_median_mm + 0.6, axes.get_ylim()[1] * 0.95, "median", va="top", color=INK)
        beyond = 100 * (1 - scores.precision_curve[-1])
        axes.set(
            xlabel=f"distance to the truth (mm); {beyond:.1f} % lie beyond", ylabel="share (%)", xlim=(0, CURVE_MM[-1])
        )

    return draw(5.2, 3.2, paint)


def floor_plan(tables: TwinTables, truth: Truth, names: Mapping[str, str]) -> str:
    """Paths from above: the truth pale and broad, the twin thin in the colour of whom it stands for."""

    def paint(axes: Axes) -> None:
        _draw_furniture(axes, truth)
        colors = {name: HUES[i % len(HUES)] for i, name in enumerate(truth.tracks or {})}
        for (name, color), path_m in zip(colors.items(), true_centres(truth), strict=True):
            path_m = _thinned(path_m)
            axes.plot(path_m[:, 0], path_m[:, 1], color=color, lw=6, alpha=0.28, solid_capstyle="round")
            there = path_m[np.isfinite(path_m[:, 0])]
            if len(there):
                axes.annotate(
                    name, _xy(there[0]), xytext=(4, 4), textcoords="offset points", color=color, weight="bold"
                )
        if tables.tracks is not None:
            for track_id, mine in by_track(tables.tracks.track_id, tables.tracks.time_ns):
                path_m, known = _thinned(tables.tracks.center_m[mine]), track_id in names
                color = colors.get(names[track_id], INK) if known else WRONG
                axes.plot(path_m[:, 0], path_m[:, 1], color=color, lw=1.4, ls="-" if known else (0, (2, 2)))
        for poses, marker, color in ((truth.poses, "^", PALE), (tables.poses, "+", INK)):
            for pose in (poses or {}).values():
                axes.plot(*pose.translation_m[:2], marker=marker, ms=8, color=color, ls="", zorder=5)
        axes.set(xlabel="x (m)", ylabel="y (m)")
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid(color=GRID, lw=0.6)
        axes.set_axisbelow(True)

    return draw(8.4, 6.0, paint)


def relation_strip(lanes: Sequence[Lane], truth: Truth) -> str:
    """Truth over twin, a lane per triple: right, wrong, missed, unknown."""
    shown = list(lanes)[:MOST_LANES]
    begin_ns, end_ns = truth.time_of(0), truth.time_of(len(truth.times_ns))

    def bars(spans: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
        cut = ((max(begin, begin_ns), min(end, end_ns)) for begin, end in spans)
        return [((begin - begin_ns) / SECOND_NS, (end - begin) / SECOND_NS) for begin, end in cut if end > begin]

    def paint(axes: Axes) -> None:
        for row, lane in enumerate(shown):
            axes.axhspan(row - 0.46, row + 0.46, color="#f4f6f8" if row % 2 else "white", lw=0, zorder=0)
            both, wrong = overlaps(lane.claimed, lane.true), without(lane.claimed, [*lane.true, *lane.unknown])
            above, below = (row - 0.38, 0.34), (row + 0.02, 0.34)
            axes.broken_barh(bars(lane.unknown), above, color=UNKNOWN, hatch="////", edgecolor="white", lw=0)
            axes.broken_barh(bars(lane.true), above, color=INK)
            axes.broken_barh(bars(lane.admitted), below, color=UNKNOWN, hatch="////", edgecolor="white", lw=0)
            axes.broken_barh(bars(lane.claimed), below, color=PALE)
            axes.broken_barh(bars(both), below, color=RIGHT)
            axes.broken_barh(bars(wrong), below, color=WRONG)
            axes.broken_barh(bars(without(lane.true, [*lane.claimed, *lane.unknown])), below, color=MISSED, alpha=0.45)
        axes.set_yticks(range(len(shown)), ["  ".join(lane.triple) for lane in shown], fontsize=8)
        axes.set(ylim=(len(shown) - 0.4, -0.6), xlim=(0, (end_ns - begin_ns) / SECOND_NS), xlabel="time (s)")
        axes.grid(axis="x", color=GRID, lw=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)

    return draw(10.5, 0.9 + 0.3 * max(len(shown), 1), paint)


def phase_strip(tables: TwinTables, truth: Truth) -> str:
    """The true phases over the claimed ones."""
    true = [(name, truth.time_of(begin), truth.time_of(end)) for name, begin, end in truth.phases or ()]
    claimed = [(row.phase, row.begin_ns, row.end_ns) for row in tables.phases or ()]
    begin_ns, end_ns = truth.time_of(0), truth.time_of(len(truth.times_ns))
    order = list(dict.fromkeys(name for name, _, _ in (*true, *claimed)))

    def paint(axes: Axes) -> None:
        for row, spans in enumerate((true, claimed)):
            for name, begin, end in spans:
                left, width = (begin - begin_ns) / SECOND_NS, (end - begin) / SECOND_NS
                color = HUES[order.index(name) % len(HUES)]
                axes.barh(row, width, left=left, height=0.8, color=color, alpha=0.8, edgecolor="white")
                if width > 0.06 * (end_ns - begin_ns) / SECOND_NS:
                    axes.text(left + width / 2, row, name, ha="center", va="center", color="white", fontsize=7.5)
        axes.set_yticks((0, 1), ("truth", "twin"))
        axes.set(ylim=(1.6, -0.6), xlim=(0, (end_ns - begin_ns) / SECOND_NS), xlabel="time (s)")

    return draw(10.5, 1.6, paint)


def predicate_bars(scores: RelationScores) -> str:
    """F1 by instant and by interval of each predicate."""
    names = [name for name, count in scores.frames_by_predicate.items() if count.f1 is not None]

    def paint(axes: Axes) -> None:
        kinds = (("by instant", scores.frames_by_predicate), ("by interval", scores.intervals_by_predicate))
        for shift, (label, counts), color in zip((-0.2, 0.2), kinds, (HUES[0], HUES[2]), strict=True):
            values = [100 * (counts[name].f1 or 0.0) for name in names]
            axes.barh(np.arange(len(names)) + shift, values, height=0.36, color=color, label=label)
        axes.set_yticks(range(len(names)), names)
        axes.set(xlim=(0, 100), xlabel="F1 (%)", ylim=(len(names) - 0.4, -0.6))
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))

    return draw(6.4, 0.9 + 0.34 * max(len(names), 1), paint)


def joint_bars(scores: PeopleScores) -> str:
    """Mean error of each joint."""
    errors = {name: error for name, error in scores.mpjpe_by_joint_mm.items() if error is not None}

    def paint(axes: Axes) -> None:
        axes.barh(range(len(errors)), list(errors.values()), height=0.7, color=HUES[0])
        axes.set_yticks(range(len(errors)), [name.replace("_", " ") for name in errors])
        axes.set(xlabel="mean error (mm)", ylim=(len(errors) - 0.4, -0.6))

    return draw(5.2, 0.8 + 0.22 * max(len(errors), 1), paint)


def phase_bars(scores: PhaseScores) -> str:
    """F1 of each phase."""

    def paint(axes: Axes) -> None:
        axes.barh(range(len(scores.f1)), [100 * value for value in scores.f1.values()], height=0.7, color=HUES[0])
        axes.set_yticks(range(len(scores.f1)), list(scores.f1))
        axes.set(xlabel="F1 (%)", xlim=(0, 100), ylim=(len(scores.f1) - 0.4, -0.6))

    return draw(5.2, 0.8 + 0.26 * len(scores.f1), paint)


def overlaps(spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where half-open spans lie on others."""
    cuts = ((max(a[0], b[0]), min(a[1], b[1])) for a in spans for b in others)
    return sorted((begin, end) for begin, end in cuts if end > begin)


def without(spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of half-open spans where others are cut out."""
    left = list(spans)
    for begin, end in others:
        left = [part for a, b in left for part in ((a, min(b, begin)), (max(a, end), b)) if part[1] > part[0]]
    return left


def _thinned(path_m: np.ndarray) -> np.ndarray:
    return path_m[:: max(1, len(path_m) // MOST_POINTS)]


def _write(axes: Axes, place_m: tuple[float, float], text: str, color: str) -> None:
    axes.annotate(text, place_m, xytext=(4, 4), textcoords="offset points", color=color, weight="bold")


def _xy(place_m: np.ndarray) -> tuple[float, float]:
    return float(place_m[0]), float(place_m[1])


def _draw_furniture(axes: Axes, truth: Truth) -> None:
    for zone in truth.zones or ():
        outline = np.vstack([zone.polygon_m, zone.polygon_m[:1]])
        axes.plot(outline[:, 0], outline[:, 1], color=PALE, lw=1, ls=(0, (5, 3)))
    for fixture in truth.fixtures or ():
        top = fixture.box.corners_m().reshape(2, 2, 2, 3)[:, :, 1, :2]
        outline = np.array([top[0, 0], top[0, 1], top[1, 1], top[1, 0], top[0, 0]])
        axes.fill(outline[:, 0], outline[:, 1], facecolor=GRID, edgecolor=PALE, lw=0.8)
        axes.annotate(fixture.label, _xy(fixture.box.center_m), ha="center", va="center", color=PALE, fontsize=7.5)
