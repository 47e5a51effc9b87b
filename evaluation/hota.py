"""HOTA, higher order tracking accuracy: detection and association in one figure (Luiten et al. 2021).

The similarity of a true thing and a claim falls linearly with their distance on the ground plane, from 1 at the same
place to 0 at 1 m, so that the threshold alpha = 0.5 stands for 0.5 m and alpha = 0.7 for 0.3 m. HOTA is the mean over
alpha = 0.05, 0.10, ..., 0.95 of sqrt(DetA * AssA); at each alpha, DetA is the Jaccard index of the detections, and AssA
the mean over the matches of the Jaccard index of the two tracks that they join.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .identities import Encounters

ALPHAS = tuple(round(0.05 * step, 2) for step in range(1, 20))
ZERO_M = 1.0
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class HotaScores:
    """All in [0, 1].

    Args:
        hota, det_a, ass_a: means over all thresholds.
        loc_a: mean similarity of the matches, a mean over all thresholds.
        at_50_cm, at_30_cm: HOTA at these distances alone.
    """

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    at_50_cm: float
    at_30_cm: float


def score_hota(encounters: Encounters, zero_m: float = ZERO_M) -> HotaScores | None:
    """Score encounters on the ground plane; None where nothing true was ever there.

    Args:
        encounters: distances in metres.
        zero_m: the distance at which similarity reaches 0.
    """
    num_true = encounters.num_true_instants
    if not num_true:
        return None
    similarity = [np.maximum(0.0, 1 - distance / zero_m) for distance in encounters.distance]
    alignment, both = _alignment(encounters, similarity)
    matches = np.zeros((len(ALPHAS), encounters.num_true, encounters.num_claimed))
    closeness = np.zeros(len(ALPHAS))
    for rows, columns, alike in zip(encounters.true, encounters.claimed, similarity, strict=True):
        _match(rows, columns, alike, alignment, matches, closeness)
    found = matches.sum(axis=(1, 2))
    det_a = found / np.maximum(1, num_true + encounters.num_claimed_instants - found)
    jaccard = matches / np.maximum(1, both[None] - matches)
    ass_a = (matches * jaccard).sum(axis=(1, 2)) / np.maximum(1, found)
    loc_a = np.where(found > 0, closeness / np.maximum(1, found), 1.0)
    hota = np.sqrt(det_a * ass_a)
    at = {alpha: float(value) for alpha, value in zip(ALPHAS, hota, strict=True)}
    return HotaScores(
        float(hota.mean()), float(det_a.mean()), float(ass_a.mean()), float(loc_a.mean()), at[0.5], at[0.7]
    )


def _alignment(encounters: Encounters, similarity: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How well whole tracks lie on each other, (n, k) in [0, 1], and the sum of their lengths (n, k)."""
    potential = np.zeros((encounters.num_true, encounters.num_claimed))
    true_count, claimed_count = np.zeros((encounters.num_true, 1)), np.zeros((1, encounters.num_claimed))
    for rows, columns, alike in zip(encounters.true, encounters.claimed, similarity, strict=True):
        true_count[rows] += 1
        claimed_count[0, columns] += 1
        whole = alike.sum(axis=0)[None, :] + alike.sum(axis=1)[:, None] - alike
        potential[np.ix_(rows, columns)] += np.where(whole > EPSILON, alike / np.maximum(whole, EPSILON), 0.0)
    both = true_count + claimed_count
    return potential / np.maximum(both - potential, EPSILON), both


def _match(
    rows: np.ndarray,
    columns: np.ndarray,
    alike: np.ndarray,
    alignment: np.ndarray,
    matches: np.ndarray,
    closeness: np.ndarray,
) -> None:
    """Add the matches of one instant at every threshold."""
    from scipy.optimize import linear_sum_assignment

    if not alike.size:
        return
    chosen = linear_sum_assignment(-alignment[np.ix_(rows, columns)] * alike)
    value = alike[chosen]
    for place, alpha in enumerate(ALPHAS):
        good = value >= alpha - EPSILON
        matches[place, rows[chosen[0][good]], columns[chosen[1][good]]] += 1
        closeness[place] += value[good].sum()
