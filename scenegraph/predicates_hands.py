"""What hands do without a tool, and that they hold one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .hand_work import farness
from .pair_features import PairFeatures
from .predicate import ENTER_SCORE, EXIT_SCORE, grade, grade_by
from .vocabulary import PREDICATES

#: From a thing that lies, a hand has slipped off where it is faster than this.
STILL_HAND_M_S = 0.12

#: A hand that is so little nearer to a patient than to what the patient lies on is at the latter.
TABLE_FIRST_M = 0.03

Graded = tuple[np.ndarray, Mapping[str, np.ndarray]]


def holding(features: PairFeatures) -> Graded:
    """The palm is at the thing and goes along with it, better than anybody else's.

    It begins where the thing is off all that it may lie on, or moves.

    A thing that is still and lies on something may be touched and not held; once held, it stays so until the hand goes
    away or slips off, which it does sooner from a thing that lies.
    """
    thresholds = PREDICATES["holding"].thresholds
    near = grade_by(thresholds["palm_m"], features.palm_m)
    slips = thresholds["slip_m_s"]
    exit_m_s = np.where(features.rest_m <= thresholds["rest_m"].exit, STILL_HAND_M_S, slips.exit)
    steady = grade(features.slip_m_s, slips.enter, exit_m_s)
    lead_m = features.others_m - farness(features.palm_m, features.slip_m_s)
    leads = grade_by(thresholds["lead_m"], lead_m)
    off = grade_by(thresholds["rest_m"], features.rest_m)
    moves = grade_by(thresholds["thing_m_s"], features.thing_m_s)
    begins = np.maximum(np.maximum(off, moves), (ENTER_SCORE + EXIT_SCORE) / 2)
    return np.minimum.reduce([near, steady, leads, begins]), {
        "palm_m": features.palm_m,
        "slip_m_s": features.slip_m_s,
        "rest_m": features.rest_m,
    }


def preparing(features: PairFeatures) -> Graded:
    """All free hands are at a patient or a table, and busy; one hand alone may only be fetching something."""
    thresholds = PREDICATES["preparing"].thresholds
    near, evidence = _hand_at(features, "preparing")
    both = grade_by(thresholds["free_hands_m"], features.free_hands_m)
    busy = grade_by(thresholds["stir_m_s"], features.stir_m_s)
    return np.minimum(np.minimum(near, both), busy), {**evidence, "stir_m_s": features.stir_m_s}


def operating(features: PairFeatures) -> Graded:
    """A free hand is at a device or at the operating table."""
    return _hand_at(features, "operating")


def manipulating(features: PairFeatures) -> Graded:
    """The tip of a held screwdriver is at the patient, or a free hand at a station."""
    station, evidence = _hand_at(features, "manipulating")
    work = grade_by(PREDICATES["manipulating"].thresholds["tip_m"], features.work("manipulating"))
    return np.where(features.to_fixture, station, work), {**evidence, "tip_m": features.work("manipulating")}


def assisting(features: PairFeatures) -> Graded:
    """A hand of somebody who does no work herself is where the other works on a patient."""
    return grade_by(PREDICATES["assisting"].thresholds["help_m"], features.help_m), {"help_m": features.help_m}


def _hand_at(features: PairFeatures, name: str) -> Graded:
    """Whoever walks by is at nothing. Of a patient on a table, a hand is at the patient only where it is clearly so."""
    thresholds = PREDICATES[name].thresholds
    near = grade_by(thresholds["free_hand_m"], features.free_hand_m)
    stands = grade_by(thresholds["stride_m_s"], features.stride_m_s)
    margin_m = np.where(features.to_fixture, TABLE_FIRST_M, -TABLE_FIRST_M)
    elsewhere = features.astray_m > margin_m
    return np.where(elsewhere, 0.0, np.minimum(near, stands)), {"free_hand_m": features.free_hand_m}
