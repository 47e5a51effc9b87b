"""The published scores of scene graphs: one label for every ordered pair of entities, precision, recall and F1.

Every ordered pair of different entities of an instant bears one label: its predicate, or `none`. The counts of all
instants are pooled, each label gets its precision, recall and F1 (0 where undefined), and their averages are

* `4d-or` (Özsoy et al., MICCAI 2022): pairs of all entities that the truth *lists* for the instant; the macro average
  is the plain mean over the 14 predicates and `none`, whether or not a label occurs.
* `mm-or` (Özsoy et al., CVPR 2025): pairs of the entities that occur in the instant's *true relations*; the macro
  average goes over those of the 16 predicates and `none` that occur in the truth. It also asks whether a pair is
  related at all (`interaction`), and which share of the true entities occurs in the prediction (`entity_recall`).

Names are compared in lower case. Predicted relations with an unknown predicate are dropped first; where a pair is then
named twice, its first relation counts. An instant that the prediction lacks has no relations there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..capture.errors import ConfigError, InputError, nearest_name
from ..scenegraph.labels import LabelledInstant, Labels, Triplet
from ..scenegraph.vocabulary_terms import load_terms

NONE = "none"
PROTOCOLS = ("4d-or", "mm-or")

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label among all pairs, ratios in [0, 1] and 0 where undefined; `support` = how many pairs truly bear it."""

    precision: float
    recall: float
    f1: float
    support: int

    @classmethod
    def of(cls, right: int, claimed: int, support: int) -> LabelScore:
        """From counts: pairs that bear the label in both, in the prediction, and in the truth."""
        return cls(_ratio(right, claimed), _ratio(right, support), _ratio(2 * right, claimed + support), support)

    def to_json(self) -> dict[str, float | int]:
        """The four as score.json has them."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, "support": self.support}


@dataclass(frozen=True, slots=True, eq=False)
class GraphScores:
    """Scene graphs against truth.

    Args:
        protocol: "4d-or" or "mm-or".
        macro, weighted: averages of the labels; their supports are those of all pairs.
        pairs: ordered pairs that were compared.
        per_predicate: every label of the protocol in lower case, `none` last.
        interaction: whether a pair bears any relation, and
        entity_recall: share of the true entities that occur in the prediction; both of `mm-or` only.
        warnings: what in the files had no part in the score, in words.
    """

    protocol: str
    macro: LabelScore
    weighted: LabelScore
    pairs: int
    per_predicate: Mapping[str, LabelScore]
    interaction: LabelScore | None = None
    entity_recall: float | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The document score.json."""
        averages = {
            f"{name}_{measure}": getattr(score, measure)
            for name, score in (("macro", self.macro), ("weighted", self.weighted))
            for measure in ("precision", "recall", "f1")
        }
        document = {
            "protocol": self.protocol, **averages, "pairs": self.pairs,
            "per_predicate": {name: score.to_json() for name, score in self.per_predicate.items()},
        }  # fmt: skip
        if self.interaction is not None:
            document |= {"interaction": self.interaction.to_json(), "entity_recall": self.entity_recall}
        return document


@dataclass(slots=True, eq=False)
class _Counts:
    """Pooled over instants: pairs by their label in the truth, in the prediction, and where both agree."""

    true: Counter[str] = field(default_factory=Counter)
    claimed: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    related: int = 0
    entities: int = 0
    found: int = 0
    ignored: Counter[str] = field(default_factory=Counter)


def score_graphs(truth: Labels, prediction: Labels, protocol: str) -> GraphScores:
    """Scores a prediction by a published protocol.

    Raises:
        ConfigError: the protocol is unknown.
        InputError: the truth names a predicate that the protocol lacks, or, for 4d-or, does not list the entities of an
            instant; says at which instant and relation.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(f"there is no protocol '{protocol}'", todo=f"choose {' or '.join(PROTOCOLS)}")
    known = frozenset(name.lower() for name in load_terms().naming(protocol).predicates)
    claims = {instant.instant_id: instant for instant in prediction.instants}
    counts = _Counts()
    for instant in truth.instants:
        _count(counts, instant, claims.get(instant.instant_id), known, listed=protocol == "4d-or")
    known_ids = {instant.instant_id for instant in truth.instants}
    lacking, foreign = len(known_ids - set(claims)), len(set(claims) - known_ids)
    if lacking:
        counts.ignored[f"instants of {len(known_ids)} that the prediction lacks; they count as without relations"] = (
            lacking
        )
    if foreign:
        counts.ignored["predicted instants that the truth lacks"] = foreign
    return _scores(counts, protocol, known)


def _count(
    counts: _Counts, instant: LabelledInstant, claim: LabelledInstant | None, known: frozenset[str], *, listed: bool
) -> None:
    true = _true_labels(counts, instant, known)
    if listed:
        if instant.entities is None:
            raise InputError(
                f"the truth does not list the entities of the instant {instant.instant_id}",
                why="the protocol 4d-or compares all pairs of listed entities",
                todo='add "entities" to the truth, or score by the protocol mm-or',
            )
        entities = {name.lower() for name in instant.entities}
        outside = [pair for pair in true if not entities.issuperset(pair)]
        for pair in outside:
            del true[pair]
            counts.ignored["true relations of entities that their instant does not list"] += 1
    else:
        entities = {name.lower() for row in instant.relations for name in (row.subject, row.object)}
    claimed, named = _claimed_labels(counts, claim, entities, known)
    counts.pairs += len(entities) * (len(entities) - 1)
    counts.related += len(true.keys() & claimed.keys())
    counts.true.update(true.values())
    counts.claimed.update(claimed.values())
    counts.right.update(label for pair, label in true.items() if claimed.get(pair) == label)
    # A pair that neither names is `none` in both.
    neither = len(entities) * (len(entities) - 1) - len(true.keys() | claimed.keys())
    counts.right[NONE] += neither
    counts.true[NONE] += neither + len(claimed.keys() - true.keys())
    counts.claimed[NONE] += neither + len(true.keys() - claimed.keys())
    counts.entities += len(entities)
    counts.found += len(entities & named)


def _true_labels(counts: _Counts, instant: LabelledInstant, known: frozenset[str]) -> dict[Pair, str]:
    labels: dict[Pair, str] = {}
    for place, row in enumerate(instant.relations):
        subject, predicate, obj = (word.lower() for word in row)
        if predicate == NONE:
            continue
        if predicate not in known:
            raise InputError(
                f"the truth has a predicate that the protocol lacks: {row.predicate}{nearest_name(predicate, known)}",
                where=f"instant {instant.instant_id}, relation {place}: {', '.join(row)}",
                why=f"the protocol knows {', '.join(sorted(known))}",
                todo="is it the other protocol, or are the words in another order?",
            )
        if subject == obj:
            counts.ignored["true relations of an entity to itself"] += 1
        elif (subject, obj) in labels:
            counts.ignored["true relations of a pair that has one already"] += 1
        else:
            labels[subject, obj] = predicate
    return labels


def _claimed_labels(
    counts: _Counts, claim: LabelledInstant | None, entities: set[str], known: frozenset[str]
) -> tuple[dict[Pair, str], set[str]]:
    """The predicted label by pair, and all entities that occur in predicted relations."""
    labels: dict[Pair, str] = {}
    named: set[str] = set()
    for row in _lower(() if claim is None else claim.relations):
        if row.predicate not in known:
            counts.ignored[_unknown(row.predicate, known)] += 1
            continue
        named.update((row.subject, row.object))
        pair = row.subject, row.object
        if row.subject == row.object or not entities.issuperset(pair):
            counts.ignored["predicted relations of pairs that are not compared"] += 1
        elif labels.setdefault(pair, row.predicate) != row.predicate:
            counts.ignored["predicted relations of a pair that has one already"] += 1
    return labels, named


def _unknown(predicate: str, known: frozenset[str]) -> str:
    hint = nearest_name(predicate.replace("_", ""), known) if predicate != NONE else ""
    return f"predicted relations with the predicate '{predicate}', which the protocol lacks{hint}"


def _lower(relations: Iterable[Triplet]) -> Iterable[Triplet]:
    return (Triplet(*(word.lower() for word in row)) for row in relations)


def _scores(counts: _Counts, protocol: str, known: frozenset[str]) -> GraphScores:
    labels = [*sorted(known), NONE]
    rows = {name: LabelScore.of(counts.right[name], counts.claimed[name], counts.true[name]) for name in labels}
    averaged = list(rows.values()) if protocol == "4d-or" else [row for row in rows.values() if row.support]
    warnings = tuple(f"{number} {what}" for what, number in counts.ignored.items())
    macro = _mean(averaged, [1] * len(averaged))
    weighted = _mean(list(rows.values()), [row.support for row in rows.values()])
    by_label = MappingProxyType(rows)
    if protocol == "4d-or":
        return GraphScores(protocol, macro, weighted, counts.pairs, by_label, warnings=warnings)
    claimed, true = (sum(side.values()) - side[NONE] for side in (counts.claimed, counts.true))
    interaction = LabelScore.of(counts.related, claimed, true)
    recall = _ratio(counts.found, counts.entities)
    return GraphScores(protocol, macro, weighted, counts.pairs, by_label, interaction, recall, warnings)


def _mean(rows: list[LabelScore], weights: list[int]) -> LabelScore:
    total = sum(weights)

    def mean(measure: str) -> float:
        return _ratio(sum(getattr(row, measure) * weight for row, weight in zip(rows, weights, strict=True)), total)

    return LabelScore(mean("precision"), mean("recall"), mean("f1"), sum(row.support for row in rows))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
