"""The pictures that a demonstration leaves behind: the room at telling moments, the whole window, the floor plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..facade import Twin
from ..scenegraph.graph import TruthState
from ..scenegraph.vocabulary import ZONE
from .floor_plan import draw_floor_plan
from .screenshot import Shot, ShotConfig, take_or_draw

MIDDLE_WORTH = 0.5
"""What the middle of a relation is worth more than its ends, whose worth is 1."""


def write_demo_pictures(twin: Twin, folder: Path, say: Callable[[str], None] | None = None) -> list[Path]:
    """Draw a twin at its telling moments.

    Args:
        twin: what to draw.
        folder: where the .png files go.
        say: told where the viewer cannot draw here and floor plans take the place of its pictures.

    Returns:
        The pictures: the whole window, the room at two moments, the floor plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, *others = telling_moments(twin, 2)
    shots = [Shot(first, "full", folder / "window.png"), Shot(first, "3d", folder / "room_1.png")]
    shots += [Shot(time_ns, "3d", folder / f"room_{number}.png") for number, time_ns in enumerate(others, start=2)]
    trouble = take_or_draw(twin, shots, ShotConfig(start_s=25.0, settle_s=2.5))
    if trouble is not None and say is not None:
        say(trouble)
    plan = folder / "floor_plan.png"
    draw_floor_plan(twin, plan, first)
    return [*(shot.out for shot in shots), plan]


def telling_moments(twin: Twin, count: int) -> list[int]:
    """The instants (rig clock) with most relations that hold between things, the richest first, a sixth of it apart."""
    times_ns = twin.times_ns
    worth = np.zeros(len(times_ns))
    zones = {node.node_id for node in twin.timeline.nodes if node.layer == ZONE}
    for row in twin.timeline.intervals:
        if row.state == TruthState.TRUE and row.object_id not in zones:
            holds = (times_ns >= row.begin_ns) & (times_ns < row.end_ns)
            off_middle = np.abs(2 * times_ns - row.begin_ns - row.end_ns) / (row.end_ns - row.begin_ns)
            worth += holds * (1.0 + MIDDLE_WORTH * (1.0 - off_middle))
    apart_ns = (int(times_ns[-1]) - int(times_ns[0])) / 6
    chosen: list[int] = []
    for place in np.argsort(-worth, kind="stable"):
        time_ns = int(times_ns[place])
        if all(abs(time_ns - other) >= apart_ns for other in chosen):
            chosen.append(time_ns)
        if len(chosen) == count:
            break
    return chosen
