"""What hands do without a tool, and that they hold one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .pair_features import PairFeatures
from .predicate import ENTER_SCORE, EXIT_SCORE, grade, grade_by
from .vocabulary import PREDICATES

#: From a thing that lies, a hand has slipped off where it is faster than this.
STILL_HAND_M_S = 0.12

Graded = tuple[np.ndarray, Mapping[str, np.ndarray]]


def holding(features: PairFeatures) -> Graded:
    """The palm is at the thing and goes along with it; it begins where the thing is off all fixtures, or moves.

    A thing that is still and lies on something may be touched and not held; once held, it stays so until the hand goes
    away or slips off, which it does sooner from a thing that lies.
    """
    thresholds = PREDICATES["holding"].thresholds
    near = grade_by(thresholds["palm_m"], features.palm_m)
    slips = thresholds["slip_m_s"]
    exit_m_s = np.where(features.rest_m <= thresholds["rest_m"].exit, STILL_HAND_M_S, slips.exit)
    steady = grade(features.slip_m_s, slips.enter, exit_m_s)
    off = grade_by(thresholds["rest_m"], features.rest_m)
    moves = grade_by(thresholds["hand_m_s"], features.hand_m_s)
    begins = np.maximum(np.maximum(off, moves), (ENTER_SCORE + EXIT_SCORE) / 2)
    return np.minimum(np.minimum(near, steady), begins), {
        "palm_m": features.palm_m,
        "slip_m_s": features.slip_m_s,
        "rest_m": features.rest_m,
    }


def preparing(features: PairFeatures) -> Graded:
    """A free hand is busy at a patient or a table."""
    return _busy_hand(features, "preparing")


def operating(features: PairFeatures) -> Graded:
    """A free hand is at a device or at the operating table, and nearer to it than to the patient."""
    score, evidence = _hand_at(features, "operating")
    at_patient = features.free_hand_m > features.patient_m
    return np.where(at_patient, 0.0, score), {**evidence, "patient_m": features.patient_m}


def manipulating(features: PairFeatures) -> Graded:
    """The tip of a held screwdriver is at the patient, or a free hand at a station."""
    station, evidence = _hand_at(features, "manipulating")
    work = grade_by(PREDICATES["manipulating"].thresholds["tip_m"], features.work("manipulating"))
    return np.where(features.to_fixture, station, work), {**evidence, "tip_m": features.work("manipulating")}


def assisting(features: PairFeatures) -> Graded:
    """A hand of somebody who does no work herself is where the other works on a patient."""
    thresholds = PREDICATES["assisting"].thresholds
    score = np.minimum(grade_by(thresholds["help_m"], features.help_m), grade_by(thresholds["away_m"], features.away_m))
    return score, {"help_m": features.help_m, "away_m": features.away_m}


def _hand_at(features: PairFeatures, name: str) -> Graded:
    score = grade_by(PREDICATES[name].thresholds["free_hand_m"], features.free_hand_m)
    return score, {"free_hand_m": features.free_hand_m}


def _busy_hand(features: PairFeatures, name: str) -> Graded:
    near, evidence = _hand_at(features, name)
    busy = grade_by(PREDICATES[name].thresholds["stir_m_s"], features.stir_m_s)
    return np.minimum(near, busy), {**evidence, "stir_m_s": features.stir_m_s}
