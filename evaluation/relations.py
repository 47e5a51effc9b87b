"""How right the scene graph is: relations against truth, instant by instant and interval by interval.

*Frame-wise*: at each true instant the true triples and the twin's are two sets; precision, recall and F1 follow from
the pooled counts. *Interval*: a twin's interval is right when it overlaps a true interval of the same triple with an
intersection over union of at least 0.5, one to one (the segmental F1 of Lea et al. 2017, F1@50).

*Unknown*: where the truth says that nobody could see, a triple counts neither for nor against the twin; a twin's own
unknown is no claim, so a true relation that it leaves unknown is missed. The recall of unknown is the share of the
truly unknown instants that the twin calls unknown.

Predicates that the twin never looks for are absent: they are listed, and count neither as missed nor as right.

Names are compared through the pairing of tracks and of furniture. Furniture and predicates of which the truth does not
speak are left out; a track that stands for nothing true keeps its name, and its relations are wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..reconstruction.state import Fixture
from .rows import RelationRow
from .truth import Truth
from .twin_tables import TwinTables, node_name

SYMMETRIC = frozenset({"close_to", "touching"})
GEOMETRIC = frozenset({"close_to", "touching", "on", "inside_zone", "entered", "left"})
LEAST_IOU = 0.5
LEAST_BOX_IOU = 0.25
FARTHEST_CENTER_M = 0.5

Triple = tuple[str, str, str]
Spans = dict[Triple, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Count:
    """Right, wrongly claimed, and missed; `support` = what is true. Ratios are None where nothing defines them."""

    right: int
    wrong: int
    missed: int

    @property
    def f1(self) -> float | None:
        """2 right / (2 right + wrong + missed), in [0, 1]."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else None

    def to_json(self) -> dict[str, float | int | None]:
        """With the ratios: precision, recall, f1 and support."""
        claimed, support = self.right + self.wrong, self.right + self.missed
        return {
            "precision": self.right / claimed if claimed else None,
            "recall": self.right / support if support else None,
            "f1": self.f1,
            "support": support,
            "claimed": claimed,
        }


@dataclass(frozen=True, slots=True)
class RelationF1:
    """The F1 of a whole graph, in [0, 1], None where nothing defines it: pooled, and the plain mean over predicates."""

    frames: float | None
    frames_macro: float | None
    intervals: float | None
    intervals_macro: float | None


@dataclass(frozen=True, slots=True)
class RelationScores:
    """The relations against truth.

    Args:
        frames, intervals: over all scored predicates.
        frames_by_predicate, intervals_by_predicate: for each of them.
        unknown_recall: share in [0, 1] of truly unknown instants called unknown; None where the truth has none.
        num_unknown: how many instants these are, over all triples.
        num_ignored: rows of the twin about furniture or predicates of which the truth does not speak.
        names: the true name of every name of the twin that has one.
        missed, wrong: the intervals behind the counts, "a predicate b [begin, end) s".
        shifted: F1 of the graph that the twin would have claimed with all thresholds multiplied by a factor, by that
            factor ("0.8", "1.2"); None where it cannot be derived again. The truth keeps its own thresholds, so that a
            steep fall says that the score hangs on them, and a rise that they do not fit what is measured.
        absent: true predicates that the twin does not look for.
    """

    frames: Count
    intervals: Count
    frames_by_predicate: dict[str, Count]
    intervals_by_predicate: dict[str, Count]
    unknown_recall: float | None
    num_ignored: int
    names: dict[str, str]
    missed: tuple[str, ...]
    wrong: tuple[str, ...]
    shifted: dict[str, RelationF1] | None = None
    absent: tuple[str, ...] = ()
    num_unknown: int = 0

    def f1(self) -> RelationF1:
        """The F1 of the whole graph."""
        return RelationF1(
            self.frames.f1, macro_f1(self.frames_by_predicate), self.intervals.f1, macro_f1(self.intervals_by_predicate)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "frames": _family(self.frames, self.frames_by_predicate),
            "intervals": _family(self.intervals, self.intervals_by_predicate),
            "unknown_recall": self.unknown_recall,
            "num_unknown": self.num_unknown,
            "num_ignored": self.num_ignored,
            "names": dict(self.names),
            "missed": list(self.missed),
            "wrong": list(self.wrong),
            "shifted": None if self.shifted is None else {name: asdict(f1) for name, f1 in self.shifted.items()},
            "absent": list(self.absent),
        }


@dataclass(frozen=True, slots=True)
class Lane:
    """One triple in true names, with its merged half-open spans of rig time.

    Args:
        true, unknown: what the truth says of it.
        claimed, admitted: what the twin claims, and what it calls unknown.
    """

    triple: Triple
    true: list[tuple[int, int]]
    unknown: list[tuple[int, int]]
    claimed: list[tuple[int, int]]
    admitted: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Lanes:
    """All triples of which the truth or the twin speaks, in order; what was ignored; true names by the twin's names."""

    lanes: list[Lane]
    num_ignored: int
    names: dict[str, str]


def relation_lanes(tables: TwinTables, truth: Truth, track_names: Mapping[str, str]) -> Lanes:
    """Lay the twin's relations beside the true ones; arguments as for `score_relations`."""
    names = {node_name(track): name for track, name in track_names.items()}
    names |= match_fixtures(tables.fixtures, truth.fixtures or ())
    absent = absent_predicates(tables, truth)
    predicates = GEOMETRIC | {row.predicate for row in truth.relations or ()}
    true, unknown = (
        _spans(
            (RelationRow(r.subject, r.predicate, r.object, truth.time_of(r.begin_instant), truth.time_of(r.end_instant))
             for r in truth.relations or () if r.state == state and r.predicate not in absent), {},
        ) for state in ("true", "unknown")
    )  # fmt: skip
    rows, num_ignored = _speakable(tables, truth, names, predicates)
    claimed = _spans((row for row in rows if row.state == "true"), names)
    admitted = _spans((row for row in rows if row.state == "unknown"), names)
    parts = (true, unknown, claimed, admitted)
    triples = sorted(set().union(*parts))
    return Lanes([Lane(triple, *(part.get(triple, []) for part in parts)) for triple in triples], num_ignored, names)


def absent_predicates(tables: TwinTables, truth: Truth) -> tuple[str, ...]:
    """The predicates of the truth that the twin does not look for, in alphabetical order."""
    true = {row.predicate for row in truth.relations or ()}
    return tuple(sorted(true - tables.predicates)) if tables.predicates is not None else ()


def score_relations(tables: TwinTables, truth: Truth, track_names: Mapping[str, str]) -> RelationScores | None:
    """Score the scene graph; None where the twin or the truth has no relations.

    Args:
        tables: the twin.
        truth: what is true.
        track_names: true name by track id, from `tracks.match_names`.
    """
    if tables.relations is None or truth.relations is None:
        return None
    lanes = relation_lanes(tables, truth, track_names)
    frames: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    intervals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    missed: list[str] = []
    wrong: list[str] = []
    num_called = num_unknown = 0
    for lane in lanes.lanes:
        is_true, is_unknown, is_claimed, is_admitted = (
            _raster(spans, truth.times_ns) for spans in (lane.true, lane.unknown, lane.claimed, lane.admitted)
        )
        num_called += int((is_unknown & is_admitted).sum())
        num_unknown += int(is_unknown.sum())
        if not lane.true and not lane.claimed:
            continue
        predicate = lane.triple[1]
        for place, mask in enumerate((is_true & is_claimed, ~is_true & is_claimed, is_true & ~is_claimed)):
            frames[predicate][place] += int((mask & ~is_unknown).sum())
        claims = [span for span in lane.claimed if not _mostly_inside(span, lane.unknown)]
        pairs = match_spans(lane.true, claims)
        paired_true, paired_claims = {i for i, _ in pairs}, {j for _, j in pairs}
        missed += [_describe(lane.triple, s) for i, s in enumerate(lane.true) if i not in paired_true]
        wrong += [_describe(lane.triple, s) for j, s in enumerate(claims) if j not in paired_claims]
        for place, number in enumerate((len(pairs), len(claims) - len(pairs), len(lane.true) - len(pairs))):
            intervals[predicate][place] += number
    return RelationScores(
        _total(frames), _total(intervals),
        {name: Count(*values) for name, values in sorted(frames.items())},
        {name: Count(*values) for name, values in sorted(intervals.items())},
        num_called / num_unknown if num_unknown else None, lanes.num_ignored, lanes.names, tuple(missed), tuple(wrong),
        absent=absent_predicates(tables, truth), num_unknown=num_unknown,
    )  # fmt: skip


def match_fixtures(ours: Sequence[Fixture], true: Sequence[Fixture]) -> dict[str, str]:
    """The true name of each piece of furniture: the same label where a person gave it, else the best place.

    Boxes belong together when they overlap with an intersection over union of at least 0.25 (of their axis-aligned
    hulls), or their centres lie within 0.5 m on the floor; the most overlap goes first.
    """
    labels = {fixture.label for fixture in true}
    names = {f.fixture_id: f.label for f in ours if not f.guessed and f.label in labels}
    taken = set(names.values())
    candidates = []
    for a in ours:
        for b in true:
            apart_m = float(np.linalg.norm((a.box.center_m - b.box.center_m)[:2]))
            overlap = hull_iou(a, b)
            if overlap >= LEAST_BOX_IOU or apart_m <= FARTHEST_CENTER_M:
                candidates.append((-overlap, apart_m, a.fixture_id, b.label))
    for _, _, fixture_id, label in sorted(candidates):
        if fixture_id not in names and label not in taken:
            names[fixture_id] = label
            taken.add(label)
    return names


def hull_iou(a: Fixture, b: Fixture) -> float:
    """Intersection over union, in [0, 1], of the axis-aligned hulls of two boxes."""
    corners_a, corners_b = a.box.corners_m(), b.box.corners_m()
    low = np.maximum(corners_a.min(axis=0), corners_b.min(axis=0))
    high = np.minimum(corners_a.max(axis=0), corners_b.max(axis=0))
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    whole = sum(float(np.prod(np.ptp(corners, axis=0))) for corners in (corners_a, corners_b)) - shared
    return shared / whole if whole > 0 else 0.0


def match_spans(true: Sequence[tuple[int, int]], claimed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs (true, claimed) of spans with an IoU of at least 0.5, one to one, as many and as good as possible."""
    from scipy.optimize import linear_sum_assignment

    if not true or not claimed:
        return []
    overlap = np.array([[span_iou(a, b) for b in claimed] for a in true])
    rows, columns = linear_sum_assignment(-np.where(overlap >= LEAST_IOU, 1 + overlap, 0.0))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= LEAST_IOU]


def span_iou(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Intersection over union, in [0, 1], of two half-open spans of time."""
    shared = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    whole = (a[1] - a[0]) + (b[1] - b[0]) - shared
    return shared / whole if whole > 0 else 0.0


def _speakable(
    tables: TwinTables, truth: Truth, names: Mapping[str, str], predicates: frozenset[str]
) -> tuple[list[RelationRow], int]:
    """The twin's rows of which the truth could speak, and the number of the others."""
    tracks = set() if tables.tracks is None else {node_name(str(name)) for name in tables.tracks.track_id}
    known = tracks | set(truth.tracks or ()) | {zone.label for zone in truth.zones or ()}
    known |= {fixture.label for fixture in truth.fixtures or ()}
    known |= {name for row in truth.relations or () for name in (row.subject, row.object)}
    rows = [
        row for row in tables.relations or ()
        if row.predicate in predicates and all(names.get(name, name) in known for name in (row.subject, row.object))
    ]  # fmt: skip
    return rows, len(tables.relations or ()) - len(rows)


def _spans(rows: Iterable[RelationRow], names: Mapping[str, str]) -> Spans:
    """Merged spans by triple, in true names, symmetric triples in one order."""
    gathered: Spans = defaultdict(list)
    for row in rows:
        a, b = names.get(row.subject, row.subject), names.get(row.object, row.object)
        if row.predicate in SYMMETRIC:
            a, b = sorted((a, b))
        gathered[a, row.predicate, b].append((row.begin_ns, row.end_ns))
    return {triple: _merge(spans) for triple, spans in gathered.items()}


def _merge(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _raster(spans: Sequence[tuple[int, int]], times_ns: np.ndarray) -> np.ndarray:
    mask = np.zeros(len(times_ns), dtype=bool)
    for begin, end in spans:
        mask |= (times_ns >= begin) & (times_ns < end)
    return mask


def _mostly_inside(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    shared = sum(max(0, min(span[1], end) - max(span[0], begin)) for begin, end in others)
    return 2 * shared > span[1] - span[0]


def _describe(triple: Triple, span: tuple[int, int]) -> str:
    return f"{triple[0]} {triple[1]} {triple[2]} [{span[0] * 1e-9:.2f}, {span[1] * 1e-9:.2f}) s"


def _total(counts: Mapping[str, Sequence[int]]) -> Count:
    return Count(*(sum(values[place] for values in counts.values()) for place in range(3)))


def macro_f1(counts: Mapping[str, Count]) -> float | None:
    """The plain mean of the F1 of the predicates for which it is defined."""
    values = [count.f1 for count in counts.values() if count.f1 is not None]
    return sum(values) / len(values) if values else None


def _family(total: Count, parts: Mapping[str, Count]) -> dict[str, Any]:
    by_name = {name: count.to_json() for name, count in parts.items()}
    return {**total.to_json(), "macro_f1": macro_f1(parts), "by_predicate": by_name}
