"""Whether a performance could have happened: nobody walks through furniture, walls or other people."""

from __future__ import annotations

import itertools

import numpy as np

from .people import Person
from .performance import Performance
from .routes import BODY_RADIUS_M, Floor
from .stretcher import Stretcher

EVERY_S = 0.1
TOLERANCE_M = 0.03


def trouble(performance: Performance) -> str:
    """Why a performance is impossible, or an empty string.

    Everybody who stands or walks is a disc of 0.25 m about the point below the hips; discs keep clear of all solids, of
    stretchers and of each other, but for 3 cm.
    """
    time_s = np.arange(0.0, performance.duration_s, EVERY_S)
    places_m = {
        name: np.array([
            actor.motion.root_m(time) if performance.present(name, time) else (np.nan, np.nan) for time in time_s
        ])
        for name, actor in performance.actors.items()
        if isinstance(actor, Person) and actor.label == "person"
    }  # fmt: skip
    floor = Floor(performance.room.solids, np.zeros((1, 2)))
    for name, own_m in places_m.items():
        there = np.isfinite(own_m[:, 0])
        clear_m = np.where(there, floor.clearance_m(np.nan_to_num(own_m)), np.inf)
        if clear_m.min() < BODY_RADIUS_M - TOLERANCE_M:
            return f"{name} walks into something at {time_s[clear_m.argmin()]:.1f} s"
    for stretcher in (actor for actor in performance.actors.values() if isinstance(actor, Stretcher)):
        for name, own_m in places_m.items():
            clear_m = stretcher.trip.clearance_m(own_m, time_s)
            if clear_m.min() < BODY_RADIUS_M - TOLERANCE_M:
                return f"{stretcher.name} runs into {name} at {time_s[clear_m.argmin()]:.1f} s"
    for (name, own_m), (other, other_m) in itertools.combinations(places_m.items(), 2):
        away_m = np.nan_to_num(np.linalg.norm(own_m - other_m, axis=1), nan=np.inf)
        if away_m.min() < 2 * BODY_RADIUS_M - TOLERANCE_M:
            return f"{name} walks into {other} at {time_s[away_m.argmin()]:.1f} s"
    return ""
