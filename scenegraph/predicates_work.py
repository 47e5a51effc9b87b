"""Work with tools: the tip of a tool for it, in a hand, is where it works. The vocabulary says which tools do what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .pair_features import PairFeatures
from .predicate import grade_by
from .vocabulary import PREDICATES

Graded = tuple[np.ndarray, Mapping[str, np.ndarray]]


def cutting(features: PairFeatures) -> Graded:
    """The tip of a scalpel is at the patient."""
    return _tip_at(features, "cutting")


def sawing(features: PairFeatures) -> Graded:
    """The end of a saw is at the patient."""
    return _tip_at(features, "sawing")


def drilling(features: PairFeatures) -> Graded:
    """The tip of a drill is at the patient."""
    return _tip_at(features, "drilling")


def hammering(features: PairFeatures) -> Graded:
    """The head of a hammer swings at the patient."""
    return _tip_at(features, "hammering")


def suturing(features: PairFeatures) -> Graded:
    """The tip of a needle holder is at the patient."""
    return _tip_at(features, "suturing")


def cementing(features: PairFeatures) -> Graded:
    """A cementer is at the patient; cement brought in by hand is told by `recast_cementing`, from what went before."""
    return _tip_at(features, "cementing")


def cleaning(features: PairFeatures) -> Graded:
    """A cloth or suction, in a hand, is at a patient or fixture."""
    return _tip_at(features, "cleaning")


def calibrating(features: PairFeatures) -> Graded:
    """The tip of a probe or marker array is at a patient or fixture."""
    return _tip_at(features, "calibrating")


def scanning(features: PairFeatures) -> Graded:
    """The tip of an ultrasound probe is on the patient."""
    return _tip_at(features, "scanning")


def _tip_at(features: PairFeatures, action: str) -> Graded:
    tip_m = features.work(action)
    return grade_by(PREDICATES[action].thresholds["tip_m"], tip_m), {"tip_m": tip_m}
