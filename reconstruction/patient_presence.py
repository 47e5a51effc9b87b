"""When somebody lies on a table, glance by glance, from what lies there while somebody certainly does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .patient_surface import TableGlance, TableSurface, heights_of, largest_bulge

SAME_M = 0.05
LEAST_SEEN, MOSTLY = 0.2, 0.6
LEAST_GLANCES = 3


def presence(
    glances: Sequence[TableGlance], surfaces: Sequence[TableSurface], extent_m: np.ndarray
) -> list[tuple[int, int]]:
    """The stretches in which the table carries what the surfaces show, half-open, rig clock.

    Args:
        glances: in the order of time.
        surfaces: of stretches in which somebody lies there.
        extent_m: (3,) of the table.

    Somebody is there where most of the body that is seen stands as high as it does then; a glance that shows too little
    says what the one before it said. Stretches reach half a step beyond their glances.
    """
    body = np.logical_and.reduce([largest_bulge(surface) for surface in surfaces])
    lowest_m = np.fmin.reduce([surface.height_m for surface in surfaces])
    there, before = [], False
    for glance in glances:
        height_m = heights_of(glance, extent_m)[body]
        seen = np.isfinite(height_m)
        if seen.mean() >= LEAST_SEEN:
            before = bool((height_m[seen] > lowest_m[body][seen] - SAME_M).mean() >= MOSTLY)
        there.append(before)
    return _stretches(np.array(there), np.array([glance.time_ns for glance in glances]))


def _stretches(there: np.ndarray, times_ns: np.ndarray) -> list[tuple[int, int]]:
    half_ns = int(np.median(np.diff(times_ns))) // 2 if len(times_ns) > 1 else 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    return [
        (int(times_ns[begin]) - half_ns, int(times_ns[end - 1]) + half_ns + 1)
        for begin, end in zip(edges[::2], edges[1::2], strict=True) if end - begin >= LEAST_GLANCES
    ]  # fmt: skip
