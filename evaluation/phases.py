"""How right the phases are: accuracy by instant, macro F1, and the edit score.

The edit score (Lea et al. 2017) is 1 - d / max(n, m), where d is the Levenshtein distance of the true and the claimed
sequence of phases, n and m their lengths: it asks for the right phases in the right order, whatever their borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .rows import PhaseRow
from .truth import Truth


@dataclass(frozen=True, slots=True)
class PhaseScores:
    """The phases against truth, all in [0, 1].

    Args:
        accuracy: share of the instants with a true phase at which the twin names it.
        macro_f1: plain mean over the true phases of their F1 by instant.
        edit: the edit score.
        f1: F1 by instant of each true phase.
    """

    accuracy: float
    macro_f1: float
    edit: float
    f1: dict[str, float]


def score_phases(phases: Sequence[PhaseRow], truth: Truth) -> PhaseScores | None:
    """Score phases; None where the truth has none. Instants without a true phase are not scored."""
    if not truth.phases:
        return None
    true = np.full(len(truth.times_ns), None, dtype=object)
    for name, begin, end in truth.phases:
        true[begin:end] = name
    claimed = np.full(len(truth.times_ns), None, dtype=object)
    for row in sorted(phases, key=lambda row: row.begin_ns):
        claimed[(truth.times_ns >= row.begin_ns) & (truth.times_ns < row.end_ns)] = row.phase
    scored = np.array([name is not None for name in true], dtype=bool)
    true, claimed = true[scored], claimed[scored]
    if not len(true):
        return None
    f1 = {}
    for name in dict.fromkeys(true.tolist()):
        both = int(((true == name) & (claimed == name)).sum())
        f1[name] = 2 * both / (int((true == name).sum()) + int((claimed == name).sum()))
    return PhaseScores(
        float(np.mean(true == claimed)), sum(f1.values()) / len(f1), edit_score(_order(true), _order(claimed)), f1
    )


def edit_score(true: Sequence[str], claimed: Sequence[str]) -> float:
    """1 - Levenshtein distance / length of the longer sequence, in [0, 1]."""
    longest = max(len(true), len(claimed))
    return 1 - levenshtein(true, claimed) / longest if longest else 1.0


def levenshtein(a: Sequence[str], b: Sequence[str]) -> int:
    """The least number of insertions, deletions and replacements that turn one sequence into the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for k, y in enumerate(b, 1):
            before, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, before + (x != y))
    return row[-1]


def _order(names: np.ndarray) -> list[str]:
    return [name for name, _ in groupby(names.tolist()) if name is not None]
