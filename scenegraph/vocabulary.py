"""The words of the scene graph, as data: entities, roles, predicates, and the spellings that other people use for them.

Everything is canonical snake_case inside ortwin; `canonical_name` is the door for other spellings. The numbers of the
predicates are those of docs/predicates.md. The words themselves stand in vocabulary.toml; here they get their use, and
the predicates that a twin measures their rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..capture.errors import nearest_name
from .vocabulary_terms import NUMBERED_PERSON, load_terms, snake_case

TRACK, FIXTURE, ZONE = "track", "fixture", "zone"
LAYERS = (TRACK, FIXTURE, ZONE)
MOVING = frozenset({TRACK})
SOLID = frozenset({TRACK, FIXTURE})

_TERMS = load_terms()

ROLES = tuple(_TERMS.roles)

#: The 23 entity classes of MM-OR under its own names, most general use of the field.
ENTITIES = tuple(_TERMS.entities)

#: Classes beyond those that some data set names.
FURTHER_ENTITIES = tuple(_TERMS.further_entities)

#: Labels that a twin gives on its own, before anyone has said what a thing is.
GENERIC_LABELS = tuple(_TERMS.generic)

#: Classes that a more general name also stands for.
MEMBERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "person": frozenset({*ROLES, *(name for name, row in _TERMS.entities.items() if row.kind == "person")}),
        "instrument": frozenset(name for name in (*ENTITIES, *FURTHER_ENTITIES) if _TERMS.kind_of(name) == "instrument")
        - {"instrument"},
    }
)

#: Other spellings of labels, already lower-cased and underscored.
SYNONYMS: Mapping[str, str] = _TERMS.label_synonyms

#: Other words for predicates, already lower-cased and underscored; a query that uses one is told the right one.
PREDICATE_SYNONYMS: Mapping[str, str] = MappingProxyType({**_TERMS.predicate_synonyms, "inside": "inside_zone"})


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measure that begins a relation at `enter` and ends it beyond `exit`; which way is better follows from them."""

    enter: float
    exit: float


@dataclass(frozen=True, slots=True, eq=False)
class PredicateSpec:
    """One row of the vocabulary: all that is known of a predicate except how it is measured.

    Args:
        name: canonical, snake_case.
        domain, range: the layers that its subject and its object may come from.
        symmetric: whether p(a, b) and p(b, a) are one fact; it is then stored once.
        minimum_s: shorter relations are dropped, shorter interruptions bridged, seconds.
        function: "module:function" of the measuring function, a leading dot for a module of this package, or the
            function itself; empty for an event that follows from another relation.
        evidence: names of the evidence columns that the function gives, with units.
        thresholds: the numbers of docs/predicates.md by measure.
        event_of: the relation whose begin or end this event marks, or empty.
        meaning: one sentence for people.
    """

    name: str
    domain: frozenset[str]
    range: frozenset[str]
    symmetric: bool
    minimum_s: float
    function: str | Callable = ""
    evidence: tuple[str, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    event_of: str = ""
    meaning: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))


def _rows(*specs: PredicateSpec) -> Mapping[str, PredicateSpec]:
    return MappingProxyType({spec.name: spec for spec in specs})


PREDICATES: Mapping[str, PredicateSpec] = _rows(
    PredicateSpec(
        "close_to", MOVING, SOLID, True, 0.4, ".predicates_spatial:close_to", ("gap_m", "speed_m_s"),
        {"gap_m": Threshold(0.40, 0.55)}, meaning="the surfaces of two things are within reach of each other",
    ),
    PredicateSpec(
        "touching", MOVING, SOLID, True, 0.5, ".predicates_contact:touching", ("gap_m", "speed_m_s"),
        {"gap_m": Threshold(0.03, 0.06)}, meaning="the surfaces of two things meet",
    ),
    PredicateSpec(
        "on", MOVING, frozenset({FIXTURE}), False, 0.5, ".predicates_spatial:on",
        ("gap_m", "speed_m_s", "bottom_m", "footprint_share"),
        {"bottom_m": Threshold(0.10, 0.15), "footprint_share": Threshold(0.5, 0.4)},
        meaning="a thing rests on the top of a fixture",
    ),
    PredicateSpec(
        "inside_zone", MOVING, frozenset({ZONE}), False, 0.3, ".predicates_zone:inside_zone", ("speed_m_s", "depth_m"),
        {"depth_m": Threshold(0.0, -0.10)}, meaning="the centre of a thing is in a zone",
    ),
    PredicateSpec(
        "entered", MOVING, frozenset({ZONE}), False, 1.0, event_of="inside_zone",
        meaning="a thing came into a zone in the last second",
    ),
    PredicateSpec(
        "left", MOVING, frozenset({ZONE}), False, 1.0, event_of="inside_zone",
        meaning="a thing went out of a zone in the last second",
    ),
)  # fmt: skip


def known_labels() -> frozenset[str]:
    """Every canonical class name."""
    return frozenset({*ENTITIES, *FURTHER_ENTITIES, *ROLES, *GENERIC_LABELS})


def canonical_name(spelling: str) -> str:
    """The canonical spelling of a label: "Patient", "head-surgeon", "operatingTable" and "OR table" find theirs.

    A spelling that the vocabulary does not know comes back in snake_case, so that a room may hold things of its own.
    """
    name = snake_case(spelling)
    if NUMBERED_PERSON.fullmatch(name):
        return "person"
    return SYNONYMS.get(name, name)


def nearest_predicate(spelling: str, known: Iterable[str]) -> str:
    """A hint at the predicate that somebody means, by its usual other names or by its letters; empty without any."""
    name = re.sub(r"[^0-9a-z]+", "_", spelling.lower()).strip("_")
    return nearest_name(PREDICATE_SYNONYMS.get(name, name), known)


def members_of(label: str) -> frozenset[str]:
    """The labels that a class name stands for: itself and whatever is one of its kind."""
    return MEMBERS.get(label, frozenset()) | {label}


def is_person(label: str) -> bool:
    """Whether a label means a human being."""
    return label in members_of("person")


def natural_key(node_id: str) -> tuple:
    """A sort key by which person_2 comes before person_10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", node_id) if part)


def symmetric_order(node_id: str, label: str) -> tuple:
    """The sort key that says which of two things is the subject of a symmetric relation: people come first."""
    return (not is_person(label), natural_key(node_id))
