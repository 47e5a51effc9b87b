"""Relations of posture and gait: lying, facing, coming nearer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .pair_features import PairFeatures
from .predicate import grade_by
from .vocabulary import PREDICATES

UPRIGHT_RAD = np.pi / 4


def lying_on(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """A person whose trunk is level, in contact with the object, and enough of whose footprint is above it."""
    thresholds = PREDICATES["lying_on"].thresholds
    level = grade_by(thresholds["trunk_rad"], np.abs(features.trunk_rad))
    contact = grade_by(thresholds["gap_m"], features.gap_m)
    support = grade_by(thresholds["footprint_share"], features.footprint_share)
    return np.minimum(np.minimum(level, contact), support), {
        "gap_m": features.gap_m,
        "footprint_share": features.footprint_share,
        "trunk_rad": features.trunk_rad,
    }


def facing(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """Somebody upright turns the front to the object, which is not far."""
    thresholds = PREDICATES["facing"].thresholds
    aims = grade_by(thresholds["bearing_rad"], features.bearing_rad)
    within = grade_by(thresholds["away_m"], features.away_m)
    upright = np.where(np.isnan(features.trunk_rad), np.nan, features.trunk_rad >= UPRIGHT_RAD)
    return np.minimum(np.minimum(aims, within), upright), {
        "bearing_rad": features.bearing_rad,
        "away_m": features.away_m,
    }


def approaching(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """Somebody's own motion brings her nearer to the object, which is not far."""
    thresholds = PREDICATES["approaching"].thresholds
    comes = grade_by(thresholds["approach_m_s"], features.approach_m_s)
    within = grade_by(thresholds["away_m"], features.away_m)
    return np.minimum(comes, within), {"approach_m_s": features.approach_m_s, "away_m": features.away_m}
