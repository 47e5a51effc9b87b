"""Relations of place: near, resting on, and in the box of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .pair_features import PairFeatures
from .predicate import grade_by
from .vocabulary import PREDICATES

IN_CONTACT_M = 0.10


def close_to(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """The gap between the surfaces is within reach."""
    score = grade_by(PREDICATES["close_to"].thresholds["gap_m"], features.gap_m)
    return score, {"gap_m": features.gap_m, "speed_m_s": features.relative_speed_m_s}


def on(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """The bottom of the subject is at the height of the object's top, and enough of its footprint is above it."""
    thresholds = PREDICATES["on"].thresholds
    height = grade_by(thresholds["bottom_m"], np.abs(features.bottom_m))
    support = grade_by(thresholds["footprint_share"], features.footprint_share)
    return np.minimum(height, support), {
        "gap_m": features.gap_m,
        "speed_m_s": features.relative_speed_m_s,
        "bottom_m": features.bottom_m,
        "footprint_share": features.footprint_share,
    }


def inside(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """Enough of the surface of the subject is in the box of the object, which it then meets."""
    share = grade_by(PREDICATES["inside"].thresholds["inside_share"], features.inside_share)
    evidence = {"gap_m": features.gap_m, "inside_share": features.inside_share}
    return np.where(features.gap_m > IN_CONTACT_M, 0.0, share), evidence
