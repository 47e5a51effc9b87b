"""How right the predicates are with true states in: interval F1 at and about the thresholds, and how sure they are.

*Calibration*: at each instant of a claimed interval its score says how likely the relation holds there. The expected
calibration error (Naeini et al. 2015) is the mean difference of score and share of true instants over ten bins of
score, weighted by how many instants fall in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..scenegraph.graph import TruthState
from ..scenegraph.graph_builder import GraphBuilder, GraphConfig
from ..scenegraph.pair_features import PairFeatures
from ..scenegraph.timeline import Interval
from .relations import Count, RelationScores, score_relations
from .rows import RelationRow
from .shifted_thresholds import divided
from .true_states import by_label
from .truth import Truth
from .truth_as_tables import truth_as_tables
from .twin_tables import TwinTables

NUM_BINS = 10
EVENTS = frozenset({"entered", "left", "handover"})


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Intervals, with the predicates that could be measured."""

    intervals: tuple[Interval, ...]
    measured: frozenset[str]


def graph_of(features: PairFeatures, factor: float = 1.0) -> Graph:
    """The graph that follows from measures, with all thresholds multiplied by a factor."""
    config = GraphConfig(unseen_speed_m_s=GraphConfig().unseen_speed_m_s / factor)
    builder = GraphBuilder(config, int(np.median(np.diff(features.times_ns))))
    builder.push(divided(features, factor) if factor != 1.0 else features)
    return Graph(builder.finish(), builder.measured)


def score_graph(graph: Graph, truth: Truth) -> RelationScores | None:
    """The graph against the truth of the recording, names as they are."""
    rows = by_label(
        tuple(RelationRow(row.subject_id, row.predicate, row.object_id, row.begin_ns, row.end_ns, str(row.state))
              for row in graph.intervals), truth,
    )  # fmt: skip
    perfect = truth_as_tables(truth)
    tables = TwinTables(tracks=perfect.tracks, relations=rows, fixtures=truth.fixtures or (), predicates=graph.measured)
    return score_relations(tables, truth, {name: name for name in truth.tracks or {}})


def pooled(counts: Sequence[Mapping[str, Count]]) -> dict[str, Count]:
    """The counts of several recordings, added by predicate."""
    names = sorted({name for one in counts for name in one})
    rows = {name: [one[name] for one in counts if name in one] for name in names}
    return {
        name: Count(*(sum(getattr(count, part) for count in of_name) for part in ("right", "wrong", "missed")))
        for name, of_name in rows.items()
    }


def sureness(graph: Graph, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """(n,) score and (n,) bool truth of each instant of each claimed interval, but where the truth knows nothing."""
    true: dict[tuple[str, str, str], np.ndarray] = {}
    unknown: dict[tuple[str, str, str], np.ndarray] = {}
    for row in truth.relations or ():
        masks = true if row.state == "true" else unknown
        mask = masks.setdefault((row.subject, row.predicate, row.object), np.zeros(len(truth.times_ns), dtype=bool))
        mask[row.begin_instant : row.end_instant] = True
    names = {triple[1] for triple in true}
    scores, right = [], []
    for row in graph.intervals:
        if row.state != "true" or row.predicate not in names:
            continue
        first, last = np.searchsorted(truth.times_ns, [row.begin_ns, row.end_ns])
        here = np.zeros(len(truth.times_ns), dtype=bool)
        here[first:last] = True
        keys = [(row.subject_id, row.predicate, row.object_id), (row.object_id, row.predicate, row.subject_id)]
        keys = keys if row.predicate in ("close_to", "touching") else keys[:1]
        nothing = np.zeros(len(here), dtype=bool)
        holds = np.any([true.get(key, nothing) for key in keys], axis=0)
        here &= ~np.any([unknown.get(key, nothing) for key in keys], axis=0)
        scores.append(np.full(int(here.sum()), row.score))
        right.append(holds[here])
    return np.concatenate([*scores, np.zeros(0)]), np.concatenate([*right, np.zeros(0, dtype=bool)])


def calibration_error(scores: np.ndarray, right: np.ndarray) -> float | None:
    """The expected calibration error of scores (n,) in [0, 1] against what is right (n,); None of none."""
    if not len(scores):
        return None
    bins = np.minimum((scores * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = [abs(scores[bins == b].mean() - right[bins == b].mean()) * (bins == b).sum() for b in np.unique(bins)]
    return float(np.sum(gaps) / len(scores))


def turned_false(seen: Graph, blinded: Graph) -> list[str]:
    """What one graph claims and the other neither claims nor calls unknown, "a predicate b [begin, end) s".

    A span counts where more than half of it is lost. Events are left out: their instants are those of what they mark.
    """
    return [
        f"{row.subject_id} {row.predicate} {row.object_id} [{row.begin_ns * 1e-9:.1f}, {row.end_ns * 1e-9:.1f}) s"
        for row, kept_ns in _kept(seen, blinded)
        if 2 * kept_ns < row.end_ns - row.begin_ns
    ]


def share_turned_false(seen: Graph, blinded: Graph) -> float:
    """The share in [0, 1] of the time of all that one graph claims that the other neither claims nor calls unknown."""
    rows = list(_kept(seen, blinded))
    claimed_ns = sum(row.end_ns - row.begin_ns for row, _ in rows)
    return 1.0 - sum(kept_ns for _, kept_ns in rows) / claimed_ns if claimed_ns else 0.0


def _kept(seen: Graph, blinded: Graph) -> Iterator[tuple[Interval, int]]:
    """Every true interval of one graph but the events, and how much of it is true or unknown in the other, ns."""
    kept: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for row in blinded.intervals:
        kept.setdefault((row.subject_id, row.predicate, row.object_id), []).append((row.begin_ns, row.end_ns))
    for row in seen.intervals:
        if row.state == TruthState.TRUE and row.predicate not in EVENTS:
            spans = kept.get((row.subject_id, row.predicate, row.object_id), [])
            yield row, sum(max(0, min(row.end_ns, end) - max(row.begin_ns, begin)) for begin, end in spans)
