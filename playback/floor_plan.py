"""The floor plan of a twin: the room from above, what stands and moves in it, and who was near whom when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..capture.camera import Camera
from ..facade import Twin
from ..reconstruction.state import StaticScene
from ..scenegraph.graph import TruthState
from ..scenegraph.vocabulary import natural_key
from ..scenegraph.window_tables import fixture_nodes
from .dollhouse import room_bounds_m, room_parts
from .palette import (
    CAMERA,
    GUESSED,
    INK,
    NAMED,
    RGB,
    UNKNOWN,
    ZONE_LINE,
    predicate_color,
    rows_in_order,
    track_color,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL_M = 0.025
PALENESS = 0.55
MARGIN_M = 0.35
MAX_LANES = 24
PAPER = "#f7f7f5"


def draw_floor_plan(twin: Twin, out: Path, time_ns: int | None = None, *, dpi: int = 130) -> None:
    """Draw the floor plan above the strip of relations.

    Args:
        twin: what to draw.
        out: the picture, .png or .svg by its ending.
        time_ns: show who is where at this instant (rig clock); the paths alone if None.
        dpi: pixels per inch of a figure about 10 inches wide.

    Raises:
        InputError: the twin is incomplete or damaged.
    """
    rows = rows_in_order(twin.timeline.intervals)
    low_m, high_m = _frame(twin)
    width_in = 10.0
    plan_in = float(np.clip(width_in * (high_m[1] - low_m[1]) / (high_m[0] - low_m[0]), 4.0, 9.0))
    strip_in = 0.9 + 0.24 * min(len(rows), MAX_LANES)
    figure = _figure(width_in, plan_in + strip_in)
    plan, strip = figure.subplots(2, 1, height_ratios=[plan_in, strip_in])
    _draw_plan(plan, twin, time_ns, low_m, high_m)
    draw_gantt(strip, twin, time_ns)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=dpi, facecolor=PAPER)


def _figure(width_in: float, height_in: float) -> Figure:
    """A figure that needs no screen and leaves no trace in pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _frame(twin: Twin) -> tuple[np.ndarray, np.ndarray]:
    """The (2,) low and high corner of the plan: the room and all that moved."""
    low_m, high_m = (corner[:2] for corner in room_bounds_m(twin.room, twin.rig))
    places = [camera.world_from_camera.translation_m[:2] for camera in twin.rig.cameras.values()]
    tracks = np.column_stack([twin.tracks["x_m"].to_numpy(), twin.tracks["y_m"].to_numpy()])
    points = np.vstack([low_m, high_m, *places, *([tracks.min(axis=0), tracks.max(axis=0)] if len(tracks) else [])])
    return points.min(axis=0) - MARGIN_M, points.max(axis=0) + MARGIN_M


def _draw_plan(axes: Axes, twin: Twin, time_ns: int | None, low_m: np.ndarray, high_m: np.ndarray) -> None:
    image = room_from_above(twin.room, low_m, high_m)
    axes.imshow(image, origin="lower", extent=(low_m[0], high_m[0], low_m[1], high_m[1]), interpolation="bilinear")
    for zone in twin.room.zones:
        outline = np.vstack([zone.polygon_m, zone.polygon_m[:1]])
        axes.plot(outline[:, 0], outline[:, 1], color=_mix(ZONE_LINE, INK, 0.25), lw=1.4, ls=(0, (5, 3)))
        corner = zone.polygon_m[np.argmin(zone.polygon_m.sum(axis=1))]
        _write(axes, corner + 0.06, zone.label, _mix(ZONE_LINE, INK, 0.45), ha="left", va="bottom", size=8)
    for name, fixture in fixture_nodes(twin.room.fixtures).items():
        top = fixture.box.corners_m().reshape(2, 2, 2, 3)[:, :, 1, :2]
        outline = np.array([top[0, 0], top[0, 1], top[1, 1], top[1, 0], top[0, 0]])
        color = GUESSED if fixture.guessed else NAMED
        axes.fill(outline[:, 0], outline[:, 1], color=_mix(color), alpha=0.25, zorder=2)
        axes.plot(outline[:, 0], outline[:, 1], color=_mix(color, INK, 0.35), lw=1.5, zorder=2)
        _write(axes, fixture.box.center_m[:2], f"{name} ?" if fixture.guessed else name, _mix(INK), size=8.5)
    for camera_id, camera in twin.rig.cameras.items():
        _draw_camera(axes, camera_id, camera)
    _draw_tracks(axes, twin, time_ns)
    axes.set(xlim=(low_m[0], high_m[0]), ylim=(low_m[1], high_m[1]), aspect="equal", xlabel="x (m)", ylabel="y (m)")
    seconds = "" if time_ns is None else f" at {(time_ns - int(twin.times_ns[0])) * 1e-9:.2f} s"
    axes.set_title(f"{twin.path.stem}{seconds}", loc="left", fontsize=12, fontweight="bold", color=_mix(INK))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def room_from_above(room: StaticScene, low_m: np.ndarray, high_m: np.ndarray) -> np.ndarray:
    """The mesh seen straight from above without its ceiling, (h, w, 4) float in [0, 1], clear where nothing is.

    Corners and middles of the faces fall into square cells as wide as a face at least; in each cell the highest shows.
    """
    part = room_parts(room).get("surface")
    if part is None:
        return np.zeros((1, 1, 4))
    corners = part.vertices_m[part.faces]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    edge_m = float(np.median(np.linalg.norm(corners[:, 1, :2] - corners[:, 0, :2], axis=1)))
    corners, shades = corners[up], part.colors_rgb[part.faces[up]].astype(np.float32) / 255
    points = np.concatenate([corners.reshape(-1, 3), corners.mean(axis=1)])
    shades = np.concatenate([shades.reshape(-1, 3), shades.mean(axis=1)])
    cell_m = max(CELL_M, edge_m)
    width, height = np.ceil((high_m - low_m) / cell_m).astype(int)
    column, row = ((points[:, :2] - low_m) / cell_m).astype(int).T
    inside = (points[:, :2] >= low_m).all(axis=1) & (column < width) & (row < height)
    cell, points, shades = (row * width + column)[inside], points[inside], shades[inside]
    order = np.lexsort((points[:, 2], cell))
    highest = order[np.append(np.diff(cell[order]) != 0, True)] if len(order) else order
    image = np.zeros((height * width, 4))
    lit = 0.72 + 0.28 * np.clip((points[highest, 2:] + 0.2) / 1.2, 0, 1)
    image[cell[highest], :3] = 1 - PALENESS * (1 - shades[highest] * lit)
    image[cell[highest], 3] = 0.9
    return image.reshape(height, width, 4)


def _draw_camera(axes: Axes, camera_id: str, camera: Camera) -> None:
    """A wedge as wide as the camera's view."""
    place = camera.world_from_camera.translation_m[:2]
    lens = camera.color
    edges = lens.back_project(np.array([[0.0, lens.cy_px], [lens.width_px - 1.0, lens.cy_px]]), 1.0)
    wedge = (edges @ camera.world_from_camera.rotation.T)[:, :2]
    wedge = place + 0.45 * wedge / np.maximum(np.linalg.norm(wedge, axis=1, keepdims=True), 1e-9)
    outline = np.vstack([place, wedge])
    axes.fill(outline[:, 0], outline[:, 1], color=_mix(CAMERA, INK, 0.3), alpha=0.75, zorder=4)
    _write(axes, place, camera_id, _mix(CAMERA, INK, 0.7), size=7.5, offset=(0, -10))


def _draw_tracks(axes: Axes, twin: Twin, time_ns: int | None) -> None:
    table = twin.tracks
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in ("time_ns", "x_m", "y_m", "predicted")}
    ids = np.array(table["track_id"].to_pylist(), dtype=object)
    labels = dict(zip(ids.tolist(), table["label"].to_pylist(), strict=True))
    for track_id in sorted(labels, key=natural_key):
        own = ids == track_id
        order = np.argsort(columns["time_ns"][own])
        times, x_m, y_m = (columns[name][own][order] for name in ("time_ns", "x_m", "y_m"))
        color = track_color(track_id, labels[track_id])
        axes.plot(x_m, y_m, color=_mix(color, INK, 0.15), lw=2.0, alpha=0.85, zorder=5, solid_capstyle="round")
        axes.plot(x_m[:1], y_m[:1], "o", ms=4, mfc=PAPER, mec=_mix(color, INK, 0.3), zorder=5)
        now = None if time_ns is None else int(np.argmin(np.abs(times - time_ns)))
        if now is None:
            _write(axes, (x_m[-1], y_m[-1]), track_id, _mix(color, INK, 0.55), size=9, offset=(0, 8), bold=True)
        elif times[now] == time_ns:
            axes.plot(x_m[now], y_m[now], "o", ms=15, mfc=_mix(color), mec=_mix(INK), mew=1.4, zorder=6)
            _write(axes, (x_m[now], y_m[now]), track_id, _mix(color, INK, 0.55), size=9, offset=(0, 15), bold=True)


def draw_gantt(axes: Axes, twin: Twin, time_ns: int | None = None) -> None:
    """The relations through time, one lane each: coloured where they hold, hatched grey where unknown.

    Args:
        axes: where to draw.
        twin: whose relations.
        time_ns: draw a line at this instant (rig clock).
    """
    start_ns, end_ns = int(twin.times_ns[0]), int(twin.times_ns[-1])
    rows = rows_in_order(twin.timeline.intervals)
    names = list(rows)[:MAX_LANES]
    for lane, name in enumerate(names):
        for row in rows[name]:
            known = row.state == TruthState.TRUE
            axes.barh(
                lane, (row.end_ns - row.begin_ns) * 1e-9, left=(row.begin_ns - start_ns) * 1e-9, height=0.68,
                color=_mix(predicate_color(row.predicate, row.state) if known else UNKNOWN),
                alpha=1.0 if known else 0.45, hatch=None if known else "////", edgecolor="white", linewidth=0.6,
            )  # fmt: skip
    if time_ns is not None:
        axes.axvline((time_ns - start_ns) * 1e-9, color=_mix(INK), lw=1.2)
    axes.set_yticks(range(len(names)), [name.replace(" ", "  ") for name in names], fontsize=8)
    axes.set(xlim=(0, max((end_ns - start_ns) * 1e-9, 0.1)), ylim=(max(len(names), 1) - 0.4, -0.6), xlabel="time (s)")
    more = len(rows) - len(names)
    title = f"relations ({more} more are not shown)" if more > 0 else "relations" if rows else "no relations"
    axes.set_title(title, loc="left", fontsize=9, color=_mix(INK))
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _mix(color: RGB, other: RGB = INK, share: float = 0.0) -> tuple[float, float, float]:
    """A colour for matplotlib, a share of another one mixed in."""
    red, green, blue = ((1 - share) * np.array(color) + share * np.array(other)) / 255
    return float(red), float(green), float(blue)


def _write(
    axes: Axes, place_m: np.ndarray | tuple[float, float], text: str, color: tuple[float, float, float], *,
    size: float = 9.0, offset: tuple[float, float] = (0.0, 0.0), ha: str = "center", va: str = "center",
    bold: bool = False,
) -> None:  # fmt: skip
    """Text with a pale rim, so that it can be read on anything."""
    from matplotlib.patheffects import withStroke

    axes.annotate(
        text, (float(place_m[0]), float(place_m[1])), xytext=offset, textcoords="offset points", ha=ha, va=va,
        fontsize=size, color=color, fontweight="bold" if bold else "normal", zorder=8,
        path_effects=[withStroke(linewidth=2.4, foreground=PAPER)],
    )  # fmt: skip
