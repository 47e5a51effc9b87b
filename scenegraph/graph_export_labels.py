"""A timeline in the form of a data set's labels: one instant a second, one predicate per ordered pair of entities.

Of all that is true of a pair, the predicate of greatest priority (vocabulary.toml) for which the data set has a word is
told; what is unknown is not, because these forms have no word for it. A person is called by its role. 4D-OR numbers
people instant by instant (human_0, ...) and lists their roles apart; in MM-OR a person of no known role has no name,
and nothing is told of it. Entities to which the data set gives one name (its one `instrument`) are one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .graph import Node, TruthState
from .label_timeline import SECOND_NS, label_view
from .labels import LabelledInstant, Labels, Triplet
from .timeline import SceneGraphTimeline
from .vocabulary import is_person, natural_key
from .vocabulary_terms import Naming, load_terms

NUMBERS_PEOPLE = "4d-or"
"""The form that calls people by numbers and tells closeness in both directions."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelExport:
    """Labels, and how much of the timeline they could not hold.

    Args:
        labels: in the words and the form of the data set.
        unspoken_predicates: intervals by predicate for which the data set has no word.
        unnamed_nodes: entities by class for which it has no name.
        num_unknown: intervals that are unknown.
    """

    labels: Labels
    unspoken_predicates: Mapping[str, int]
    unnamed_nodes: Mapping[str, int]
    num_unknown: int


def export_labels(timeline: SceneGraphTimeline, form: str, take: str, begin_ns: int | None = None) -> LabelExport:
    """The labels of a timeline.

    Args:
        timeline: of a twin or of other labels.
        form: "4d-or" or "mm-or".
        take: what the recording is called in the file; a number where 4D-OR's own tools shall read it.
        begin_ns: what counts as frame 0, rig clock; when the first entity begins to exist if None.

    Raises:
        ConfigError: no data set is called so.
    """
    naming = load_terms().naming(form)
    zero_ns = min((node.first_ns for node in timeline.nodes), default=0) if begin_ns is None else begin_ns
    last_ns = max((node.last_ns for node in timeline.nodes), default=zero_ns - 1)
    spoken = [row for row in timeline.intervals if row.predicate in naming.spelling_of]
    told = SceneGraphTimeline(timeline.nodes, tuple(row for row in spoken if row.state == TruthState.TRUE))
    instants = tuple(
        _instant(told, naming, take, zero_ns + second * SECOND_NS, second)
        for second in range((last_ns - zero_ns) // SECOND_NS + 1)
    )
    unspoken = Counter(row.predicate for row in timeline.intervals if row.predicate not in naming.spelling_of)
    unnamed = Counter(node.label for node in timeline.nodes if not _nameable(node.label, node.role, naming))
    num_unknown = sum(row.state == TruthState.UNKNOWN for row in timeline.intervals)
    return LabelExport(
        Labels(form, instants), MappingProxyType(dict(sorted(unspoken.items()))),
        MappingProxyType(dict(sorted(unnamed.items()))), num_unknown,
    )  # fmt: skip


def _nameable(label: str, role: str, naming: Naming) -> bool:
    numbered = naming.name == NUMBERS_PEOPLE and is_person(label) and label != "patient"
    return numbered or bool(naming.spelling_of.get(role or label))


def _instant(timeline: SceneGraphTimeline, naming: Naming, take: str, time_ns: int, second: int) -> LabelledInstant:
    numbered = naming.name == NUMBERS_PEOPLE
    names, people = _names(timeline.at(time_ns).nodes, naming)
    priorities = load_terms().predicates
    best: dict[tuple[str, str], str] = {}
    for row in label_view(timeline, time_ns, both_ways=numbered):
        pair = (names.get(row.subject, ""), names.get(row.object, ""))
        before = best.get(pair)
        if all(pair) and pair[0] != pair[1] and (
            before is None or priorities[row.predicate].priority > priorities[before].priority
        ):  # fmt: skip
            best[pair] = row.predicate
    relations = sorted(Triplet(who, naming.spelling_of[predicate], whom) for (who, whom), predicate in best.items())
    entities = tuple(sorted(set(names.values()), key=_listed_order(naming))) if numbered else None
    return LabelledInstant(take, f"{second:06d}", tuple(relations), entities, people)


def _names(nodes: Sequence[Node], naming: Naming) -> tuple[dict[str, str], dict[str, str]]:
    """What each entity of an instant is called, and the roles of those who are called by numbers."""
    names: dict[str, str] = {}
    people: dict[str, str] = {}
    numbered = naming.name == NUMBERS_PEOPLE
    for node in sorted(nodes, key=lambda node: natural_key(node.node_id)):
        word = node.role or node.label
        if numbered and is_person(node.label) and node.label != "patient":
            names[node.node_id] = f"human_{len(people)}"
            people[names[node.node_id]] = naming.spelling_of.get(word, naming.none_label)
        elif word in naming.spelling_of:
            names[node.node_id] = naming.spelling_of[word]
    return names, people


def _listed_order(naming: Naming):
    places = {name: place for place, name in enumerate(naming.entities)}
    return lambda name: (places.get(name, len(places)), name)
