"""Whether somebody who lies on a table lies on the back or on the face, as a probability.

Two places of the body tell it from above, draped or not. Feet: on the back toes point up, so that the foot end rises a
foot's length above the mattress and well above the shins; face down the feet lie stretched, hardly higher than the
shins. Head: on the back the nose stands a head's length above the mattress, face down the head lies turned aside and
is only as high as it is wide. The numbers are lengths of adult bodies (a foot of 24 to 28 cm that drops by 20 to 40
degrees, a shin of 11 to 14 cm, a head 19 to 22 cm long to the nose and 14 to 16 cm wide) on a mattress that gives way
and may carry a headrest; their spreads were widened after a look at seven simulated operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .patient_surface import CELL_M, TableSurface, largest_bulge

FEET_M, SHINS_M, HEAD_M = (0.0, 0.24), (0.24, 0.54), (0.0, 0.26)
"""Stretches of the body, from its foot end or head end."""
HIGH, LOW = 0.95, 0.35
"""Of a stretch, what tops it, and what lies in it below the arms that reach over."""
LEAST_RISE_M, LEAST_WIDTH_M = -0.03, 0.06


@dataclass(frozen=True, slots=True)
class SideConfig:
    """What is known of bodies that lie.

    Args:
        usual: share of patients who lie on the back.
        feet_up_m, feet_down_m: how far feet stand above shins, mean and spread, on the back and face down.
        head_up_m, head_down_m: how far the head stands above the table's top, the same.
        decided: a side is called known where it is at least so probable.
    """

    usual: float = 0.9
    feet_up_m: tuple[float, float] = (0.09, 0.02)
    feet_down_m: tuple[float, float] = (0.015, 0.02)
    head_up_m: tuple[float, float] = (0.225, 0.025)
    head_down_m: tuple[float, float] = (0.165, 0.025)
    decided: float = 0.9


def face_up_probability(surfaces: Sequence[TableSurface], head_end: int, config: SideConfig) -> float:
    """How probable it is, in (0, 1), that the body on the table lies on the back.

    Args:
        surfaces: of the stretches in which it lies there.
        head_end: +1 where the head lies towards the table's +x, else -1.
        config: see SideConfig.
    """
    log_odds = np.log(config.usual / (1 - config.usual))
    feet_m, head_m = feet_and_head(surfaces, head_end)
    for seen_m, up, down in (
        (feet_m, config.feet_up_m, config.feet_down_m),
        (head_m, config.head_up_m, config.head_down_m),
    ):
        if np.isfinite(seen_m):
            log_odds += _log_density(seen_m, *up) - _log_density(seen_m, *down)
    return float(1 / (1 + np.exp(-log_odds)))


def feet_and_head(surfaces: Sequence[TableSurface], head_end: int) -> tuple[float, float]:
    """How far the feet stand above the shins, and the head above the table's top, metres; NaN = not seen.

    Of several stretches the lowest counts, which neither cloth nor arms lift. Shins above the feet are no shins.
    """
    feet_m, shins_m, head_m = np.fmin.reduce([_tops(surface, head_end) for surface in surfaces])
    rise_m = float(feet_m - shins_m)
    return rise_m if rise_m > LEAST_RISE_M else np.nan, float(head_m)


def _tops(surface: TableSurface, head_end: int) -> np.ndarray:
    """(3,) how high feet, shins and head rise in one stretch, metres; NaN = not seen."""
    bulge = largest_bulge(surface)[::head_end]
    inside = np.where(bulge, surface.height_m[::head_end], np.nan)
    rows = np.flatnonzero(bulge.sum(axis=1) * CELL_M > LEAST_WIDTH_M)
    if not len(rows):
        return np.full(3, np.nan)
    tops_m = np.array([slice_m[np.isfinite(slice_m)].max(initial=-np.inf) for slice_m in inside])
    parts = (FEET_M, HIGH, tops_m[rows[0] :]), (SHINS_M, LOW, tops_m[rows[0] :]), (HEAD_M, HIGH, tops_m[rows[-1] :: -1])
    found = []
    for (near_m, far_m), share, own in parts:
        own = own[round(near_m / CELL_M) : round(far_m / CELL_M)]
        own = own[np.isfinite(own)]
        found.append(np.quantile(own, share) if len(own) else np.nan)
    return np.array(found)


def _log_density(value: float, mean: float, spread: float) -> float:
    """Of a normal distribution whose tails never say more than 3 standard deviations do."""
    return -0.5 * min(((value - mean) / spread) ** 2, 9.0) - float(np.log(spread))
