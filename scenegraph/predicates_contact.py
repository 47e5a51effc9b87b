"""Relations of contact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .pair_features import PairFeatures
from .predicate import grade
from .vocabulary import PREDICATES

NOISE_FLOOR_SIGMAS = 2.0


def touching(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """The surfaces meet, as far as the measured gap can tell: its noise sets a floor under the distance asked for."""
    threshold = PREDICATES["touching"].thresholds["gap_m"]
    enter = np.maximum(threshold.enter, NOISE_FLOOR_SIGMAS * features.gap_sigma_m)
    exit = enter + (threshold.exit - threshold.enter)
    score = grade(features.gap_m, enter, exit)
    return score, {"gap_m": features.gap_m, "speed_m_s": features.relative_speed_m_s}
