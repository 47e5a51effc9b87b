"""Working movements: how a hand goes about cutting, sawing, drilling and the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CORNERS = np.array([[-1, -1, 0], [-0.3, 1, 1], [0.3, -1, 0], [1, 1, 1]], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Work:
    """A working movement at a point of the patient.

    Args:
        sweep_m: how far the tip goes along the body, across it, and up from the point, to either side.
        rate_hz: how often it goes there and back in a second.
        strike_m: how far a striking hand draws back.
    """

    sweep_m: tuple[float, float, float]
    rate_hz: float
    strike_m: float = 0.0


WORKS = {
    "cutting": Work((0.035, 0.0, 0.0), 0.35),
    "sawing": Work((0.0, 0.018, 0.0), 2.2),
    "drilling": Work((0.0, 0.0, 0.008), 0.5),
    "hammering": Work((0.0, 0.0, 0.0), 1.8, strike_m=0.10),
    "cementing": Work((0.02, 0.015, 0.0), 0.6),
    "suturing": Work((0.02, 0.012, 0.012), 0.9),
    "cleaning": Work((0.09, 0.05, 0.0), 0.6),
    "scanning": Work((0.04, 0.0, 0.0), 0.3),
    "calibrating": Work((0.006, 0.006, 0.0), 0.3),
    "manipulating": Work((0.004, 0.004, 0.0), 1.0),
    "preparing": Work((0.05, 0.03, 0.0), 0.5),
}


def sweep(work: Work, target_m: np.ndarray, along: np.ndarray) -> np.ndarray:
    """(4, 3) what the tip sweeps over at a point (3,) of a body that lies along a direction (3,)."""
    axes = np.stack([along, np.cross([0.0, 0.0, 1.0], along), [0.0, 0.0, 1.0]])
    return target_m + (CORNERS * work.sweep_m) @ axes
