"""The words of the scene graph, as data: entities, roles, predicates, and the spellings that other people use for them.

Everything is canonical snake_case inside ortwin; `canonical_name` is the door for other spellings. The numbers of the
predicates are those of docs/predicates.md. The words themselves stand in vocabulary.toml; here they get their use, and
the predicates that a twin measures their rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ..capture.errors import nearest_name
from .vocabulary_terms import NUMBERED_PERSON, load_terms, snake_case

TRACK, FIXTURE, ZONE = "track", "fixture", "zone"
LAYERS = (TRACK, FIXTURE, ZONE)
MOVING = frozenset({TRACK})
SOLID = frozenset({TRACK, FIXTURE})

#: Finer than layers: who or what a relation may join. "person" has joints and may be the patient, "staff" may not;
#: "tool" has a path as a rigid thing; "tray" is one that holds others.
GROUPS = ("person", "staff", "patient", "tool", "tray", "fixture", "table", "device", "station")
#: Who is operated on, things that hold others, and devices that are worked on rather than operated.
PATIENTS, CONTAINERS, STATIONS = frozenset({"patient"}), frozenset({"tray"}), frozenset({"mps_station", "mako_robot"})
OPERATING_TABLE = "operating_table"

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
PREDICATE_SYNONYMS: Mapping[str, str] = _TERMS.predicate_synonyms


#: By action, the classes of the tools with which it is done.
WORK_TOOLS: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: frozenset(row.tools) for name, row in _TERMS.predicates.items() if row.tools}
)


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
        bridged_s: if greater, interruptions shorter than this are bridged instead; of acts, which go on meanwhile.
        function: "module:function" of the measuring function, a leading dot for a module of this package, or the
            function itself; empty for an event that follows from another relation.
        evidence: names of the evidence columns that the function gives, with units.
        thresholds: the numbers of docs/predicates.md by measure.
        event_of: the relation whose begin or end this event marks, or empty.
        meaning: one sentence for people.
        subjects, objects: the groups from which they must come, empty = anything of the layers.
        with_tools: it needs tools whose working points are known; where there are none at all, it is not measured.
        derive: "module:function" that tells it from the intervals of the whole recording, empty where nothing does.
        derive_from: other relations than `event_of` that this function looks at.
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
    subjects: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    with_tools: bool = False
    derive: str = ""
    derive_from: tuple[str, ...] = ()
    bridged_s: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))

    @property
    def told_from(self) -> tuple[str, ...]:
        """The relations without which it cannot be derived."""
        return (*([self.event_of] if self.event_of else []), *self.derive_from)


def _rows(*specs: PredicateSpec) -> Mapping[str, PredicateSpec]:
    return MappingProxyType({spec.name: spec for spec in specs})


_STANDING = frozenset({FIXTURE})
_PERSON, _STAFF, _PATIENT, _TOOL = (frozenset({name}) for name in ("person", "staff", "patient", "tool"))


ACT_BRIDGED_S = 1.0


def _work(name: str, meaning: str, tip_m: Threshold, *others: str, minimum_s: float = 0.5) -> PredicateSpec:
    """The row of an action with a tool, on the patient and on `others`."""
    return PredicateSpec(
        name, MOVING, SOLID if others else MOVING, False, minimum_s, f".predicates_work:{name}", ("tip_m",),
        {"tip_m": tip_m}, meaning=meaning, subjects=_STAFF, objects=_PATIENT | set(others), with_tools=True,
        bridged_s=ACT_BRIDGED_S,
    )  # fmt: skip


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
        "on", MOVING, _STANDING, False, 0.5, ".predicates_spatial:on",
        ("gap_m", "speed_m_s", "bottom_m", "footprint_share"),
        {"bottom_m": Threshold(0.10, 0.15), "footprint_share": Threshold(0.5, 0.4)},
        meaning="a thing rests on the top of a fixture",
    ),
    PredicateSpec(
        "inside", MOVING, SOLID, False, 0.5, ".predicates_spatial:inside", ("gap_m", "inside_share"),
        {"inside_share": Threshold(0.9, 0.7)}, meaning="a thing is in the box of a fixture or tray",
        objects=frozenset({"fixture", "tray"}),
    ),
    PredicateSpec(
        "lying_on", MOVING, _STANDING, False, 2.0, ".predicates_posture:lying_on",
        ("gap_m", "footprint_share", "trunk_rad"),
        {"trunk_rad": Threshold(math.radians(30), math.radians(45)), "gap_m": Threshold(0.06, 0.10),
         "footprint_share": Threshold(0.5, 0.4)},
        meaning="somebody lies on a fixture", subjects=_PERSON,
    ),
    PredicateSpec(
        "facing", MOVING, SOLID, False, 0.5, ".predicates_posture:facing", ("bearing_rad", "away_m"),
        {"bearing_rad": Threshold(math.radians(30), math.radians(45)), "away_m": Threshold(2.0, 2.5)},
        meaning="somebody turns the front to it", subjects=_PERSON, objects=_PERSON | {"fixture"},
    ),
    PredicateSpec(
        "approaching", MOVING, SOLID, False, 0.5, ".predicates_posture:approaching", ("approach_m_s", "away_m"),
        {"approach_m_s": Threshold(0.30, 0.15), "away_m": Threshold(3.0, 3.5)},
        meaning="somebody comes nearer to it by her own motion", subjects=_PERSON, objects=_PERSON | {"fixture"},
    ),
    PredicateSpec(
        "inside_zone", MOVING, frozenset({ZONE}), False, 0.3, ".predicates_zone:inside_zone", ("speed_m_s", "depth_m"),
        {"depth_m": Threshold(0.0, -0.10)}, meaning="the centre of a thing is in a zone",
    ),
    PredicateSpec(
        "entered", MOVING, frozenset({ZONE}), False, 1.0, event_of="inside_zone",
        meaning="a thing came into a zone in the last second", derive=".predicates_zone:entered",
    ),
    PredicateSpec(
        "left", MOVING, frozenset({ZONE}), False, 1.0, event_of="inside_zone",
        meaning="a thing went out of a zone in the last second", derive=".predicates_zone:left",
    ),
    PredicateSpec(
        "holding", MOVING, MOVING, False, 0.5, ".predicates_hands:holding", ("palm_m", "slip_m_s", "rest_m"),
        {"palm_m": Threshold(0.10, 0.15), "slip_m_s": Threshold(0.10, 0.20), "rest_m": Threshold(0.05, 0.03),
         "thing_m_s": Threshold(0.05, 0.02), "lead_m": Threshold(-0.03, -0.10)},
        meaning="somebody has a thing in the hand", subjects=_STAFF, objects=_TOOL,
        derive=".predicates_team:one_holder",
    ),
    PredicateSpec(
        "handover", MOVING, MOVING, False, 1.0, event_of="holding",
        meaning="somebody gave a thing that the other has held since, in the last second",
        subjects=_STAFF, objects=_STAFF, derive=".predicates_team:handovers",
        derive_from=("on",),
    ),
    PredicateSpec(
        "preparing", MOVING, SOLID, False, 0.7, ".predicates_hands:preparing", ("free_hand_m", "stir_m_s"),
        {"free_hand_m": Threshold(0.10, 0.13), "free_hands_m": Threshold(0.14, 0.18),
         "stir_m_s": Threshold(0.06, 0.03), "stride_m_s": Threshold(0.3, 0.5)},
        meaning="a free hand is busy at the patient or at a table", subjects=_STAFF, objects=_PATIENT | {"table"},
        bridged_s=ACT_BRIDGED_S,
    ),
    PredicateSpec(
        "operating", MOVING, _STANDING, False, 0.7, ".predicates_hands:operating", ("free_hand_m",),
        {"free_hand_m": Threshold(0.10, 0.13), "stride_m_s": Threshold(0.3, 0.5)},
        meaning="a free hand is at a device or at the operating table",
        subjects=_STAFF, objects=frozenset({"device"}),
        bridged_s=ACT_BRIDGED_S,
    ),
    PredicateSpec(
        "manipulating", MOVING, SOLID, False, 0.5, ".predicates_hands:manipulating", ("free_hand_m", "tip_m"),
        {"free_hand_m": Threshold(0.10, 0.13), "stride_m_s": Threshold(0.3, 0.5), "tip_m": Threshold(0.05, 0.08)},
        meaning="the tip of a screwdriver is at the patient, or a free hand at a station",
        subjects=_STAFF, objects=_PATIENT | {"station"}, with_tools=True,
        bridged_s=ACT_BRIDGED_S,
    ),
    _work("cutting", "somebody cuts the patient with a scalpel", Threshold(0.05, 0.08)),
    _work("sawing", "somebody saws a bone of the patient", Threshold(0.05, 0.08)),
    _work("drilling", "somebody drills into a bone of the patient", Threshold(0.05, 0.08)),
    _work("hammering", "somebody's hammer swings at the patient", Threshold(0.15, 0.25)),
    _work("suturing", "somebody sews the wound", Threshold(0.05, 0.08)),
    replace(
        _work("cementing", "somebody brings in cement, by hand or with a cementer", Threshold(0.10, 0.15)),
        derive=".predicates_team:cementing_by_hand", derive_from=("preparing", "hammering", "suturing"),
    ),
    PredicateSpec(
        "assisting", MOVING, MOVING, False, 0.7, ".predicates_hands:assisting", ("help_m",),
        {"help_m": Threshold(0.23, 0.30)},
        meaning="a hand of somebody is where another works on the patient", subjects=_STAFF, objects=_STAFF,
        bridged_s=ACT_BRIDGED_S, derive=".predicates_team:assisting_at_work", derive_from=("preparing", "cementing"),
    ),
    _work("cleaning", "somebody wipes or sucks it clean", Threshold(0.05, 0.08), "table", "device", minimum_s=0.7),
    _work("calibrating", "the tip of a probe or marker array is held at it", Threshold(0.05, 0.08), "table", "device",
          minimum_s=1.5),
    _work("scanning", "somebody moves an ultrasound probe over the patient", Threshold(0.05, 0.08)),
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


def is_patient(label: str) -> bool:
    """Whether a label means who is operated on."""
    return label in PATIENTS


def groups_of(label: str, layer: str, has_body: bool = False, has_path: bool = False) -> frozenset[str]:
    """The groups of an entity: see GROUPS.

    Args:
        label, layer: its class and layer.
        has_body: whether its joints are known.
        has_path: whether its path as a rigid thing is.
    """
    if layer == FIXTURE:
        kind = _TERMS.kind_of(label)
        if label in STATIONS:
            return frozenset({"fixture", "device", "station"})
        return frozenset({"fixture", "device" if kind == "device" or label == OPERATING_TABLE else "table"})
    if layer != TRACK:
        return frozenset()
    if is_patient(label):
        return frozenset({"patient", *(["person"] if has_body else [])})
    if is_person(label):
        return frozenset({"person", "staff"} if has_body else ())
    return frozenset({"tool", *(["tray"] if label in CONTAINERS else [])} if has_path else ())


def natural_key(node_id: str) -> tuple:
    """A sort key by which person_2 comes before person_10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", node_id) if part)


def symmetric_order(node_id: str, label: str) -> tuple:
    """The sort key that says which of two things is the subject of a symmetric relation: people come first."""
    return (not is_person(label), natural_key(node_id))
