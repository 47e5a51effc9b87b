"""Who is whom through time: pairs per instant, identity switches, MOTA and IDF1.

At each true instant a pair of before is kept while it stays inside a gate; those who are left are paired by smallest
total distance within the gate, as many as possible (CLEAR MOT, Bernardin and Stiefelhagen 2008). IDF1 (Ristani et al.
2016) pairs whole tracks instead, one to one, so that most instants agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .sampling import is_there

NEVER = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Encounters:
    """Who is there at each of t instants, and how far apart.

    Args:
        num_true, num_claimed: how many true things and how many claimed identities there are in all.
        true, claimed: per instant, the numbers of those who are there, (p,) and (q,) int64.
        distance: per instant, (p, q) between them, any unit; infinite where they cannot be compared.
    """

    num_true: int
    num_claimed: int
    true: list[np.ndarray]
    claimed: list[np.ndarray]
    distance: list[np.ndarray]

    @classmethod
    def between(
        cls,
        true_there: np.ndarray,
        claimed_there: np.ndarray,
        distance: Callable[[int, np.ndarray, np.ndarray], np.ndarray],
    ) -> Encounters:
        """From who is there, (n, t) and (k, t) bool, and `distance(instant, true numbers, claimed numbers)`."""
        instants = range(true_there.shape[1])
        true = [np.flatnonzero(true_there[:, t]) for t in instants]
        claimed = [np.flatnonzero(claimed_there[:, t]) for t in instants]
        apart = [
            distance(t, true[t], claimed[t]) if len(true[t]) and len(claimed[t])
            else np.zeros((len(true[t]), len(claimed[t])))
            for t in instants
        ]  # fmt: skip
        return cls(len(true_there), len(claimed_there), true, claimed, apart)

    @property
    def num_true_instants(self) -> int:
        """How often something true was there, counted once per thing and instant."""
        return sum(len(rows) for rows in self.true)

    @property
    def num_claimed_instants(self) -> int:
        """How often something was claimed to be there."""
        return sum(len(columns) for columns in self.claimed)


def ground_encounters(true_m: np.ndarray, claimed_m: np.ndarray) -> Encounters:
    """Encounters on the ground plane, metres, of centres (n, t, 3) and (k, t, 3), NaN = not there."""

    def apart(t: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return np.linalg.norm(true_m[rows, None, t, :2] - claimed_m[None, columns, t, :2], axis=-1)

    return Encounters.between(is_there(true_m), is_there(claimed_m), apart)


def pair_instants(encounters: Encounters, gate: float) -> np.ndarray:
    """(n, t) int64, the claim that is paired with each true thing at each instant, -1 = none."""
    from scipy.optimize import linear_sum_assignment

    pairs = np.full((encounters.num_true, len(encounters.true)), -1, dtype=np.int64)
    last = np.full(encounters.num_true, -1)
    for t, (rows, columns, distance) in enumerate(
        zip(encounters.true, encounters.claimed, encounters.distance, strict=True)
    ):
        cost = np.where(np.isfinite(distance) & (distance <= gate), distance, NEVER)
        for i, k in zip(*np.nonzero(columns[None, :] == last[rows][:, None]), strict=True):
            if cost[i, k] < NEVER:
                pairs[rows[i], t] = columns[k]
                cost[i, :] = cost[:, k] = NEVER
        for i, k in zip(*linear_sum_assignment(cost), strict=True):
            if cost[i, k] < NEVER:
                pairs[rows[i], t] = last[rows[i]] = columns[k]
    return pairs


def assign_identities(encounters: Encounters, gate: float) -> tuple[dict[int, int], int]:
    """The claimed identity that stands for each true one, one to one, and the number of instants that agree (IDTP)."""
    from scipy.optimize import linear_sum_assignment

    agree = np.zeros((encounters.num_true, encounters.num_claimed), dtype=np.int64)
    for rows, columns, distance in zip(encounters.true, encounters.claimed, encounters.distance, strict=True):
        agree[np.ix_(rows, columns)] += np.isfinite(distance) & (distance <= gate)
    rows, columns = linear_sum_assignment(-agree)
    chosen = {int(i): int(k) for i, k in zip(rows, columns, strict=True) if agree[i, k] > 0}
    return chosen, int(sum(agree[i, k] for i, k in chosen.items()))


@dataclass(frozen=True, slots=True)
class IdentityScores:
    """How well identities hold.

    Args:
        recall, precision: shares in [0, 1] of true and of claimed instants that were paired; None where there are none.
        mota: 1 - (missed + false + switches) / true instants; may be negative.
        idf1: 2 IDTP / (true + claimed instants), in [0, 1].
        num_switches: how often the identity paired with a true thing changed.
        num_ghosts: identities that were never paired with anything.
    """

    recall: float | None
    precision: float | None
    mota: float | None
    idf1: float | None
    num_switches: int
    num_ghosts: int


def score_identities(encounters: Encounters, pairs: np.ndarray, gate: float) -> IdentityScores:
    """Score identities from encounters and the pairs of `pair_instants`."""
    num_true, num_claimed = encounters.num_true_instants, encounters.num_claimed_instants
    num_pairs = int((pairs >= 0).sum())
    switches = sum(count_switches(row) for row in pairs)
    _, num_same = assign_identities(encounters, gate)
    return IdentityScores(
        recall=num_pairs / num_true if num_true else None,
        precision=num_pairs / num_claimed if num_claimed else None,
        mota=1 - ((num_true - num_pairs) + (num_claimed - num_pairs) + switches) / num_true if num_true else None,
        idf1=2 * num_same / (num_true + num_claimed) if num_true + num_claimed else None,
        num_switches=switches,
        num_ghosts=encounters.num_claimed - len(set(pairs[pairs >= 0].tolist())),
    )


def count_switches(paired: np.ndarray) -> int:
    """How often the identity changes in the pairs (t,) of one true thing; instants without a pair do not count."""
    found = paired[paired >= 0]
    return int((np.diff(found) != 0).sum())
