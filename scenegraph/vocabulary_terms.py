"""The vocabulary file as typed rows: roles, entities, predicates, and how each data set spells them.

vocabulary.toml is the one place where words stand; this module reads it, and vocabulary.py gives the words their use.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..capture.errors import ConfigError, nearest_name

VOCABULARY_FILE = Path(__file__).with_name("vocabulary.toml")
ANY_KIND = "any"
#: Labels of a person of whom a data set says nothing more than a number, which means nothing at another instant.
NUMBERED_PERSON = re.compile(r"human_\d+")


@dataclass(frozen=True, slots=True, eq=False)
class EntityTerm:
    """A class of things or people.

    Args:
        name: canonical.
        kind: person, patient, instrument, device, furniture, supply, place or thing.
        role: what a person of this class is called among the eight roles; empty for all others.
        meaning: a few words where the name does not say it.
        synonyms: other spellings, lower case, underscored.
    """

    name: str
    kind: str
    role: str = ""
    meaning: str = ""
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RoleTerm:
    """One of the eight roles."""

    name: str
    meaning: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Implication:
    """What holds whenever a predicate does: `predicate(subject, object)`, or with some instrument as the object."""

    predicate: str
    object: str

    @property
    def same_pair(self) -> bool:
        """Whether it is about the same two entities."""
        return self.object == "object"

    def describe(self) -> str:
        """As in the file: "close_to(subject, object)"."""
        return f"{self.predicate}(subject, {self.object})"


@dataclass(frozen=True, slots=True, eq=False)
class PredicateTerm:
    """What a predicate means, whoever measures or labels it.

    Args:
        name: canonical.
        priority: where one predicate per ordered pair is asked for, the greatest wins.
        subject, object: kinds of entities that may stand there; ("any",) for all.
        symmetric: p(a, b) and p(b, a) are one fact.
        implies: what holds whenever it does.
        meaning, synonyms: as in `EntityTerm`.
        tools: the classes of tools with which it is done; empty where it needs none, or nobody says.
    """

    name: str
    priority: int
    subject: tuple[str, ...]
    object: tuple[str, ...]
    symmetric: bool = False
    implies: tuple[Implication, ...] = ()
    meaning: str = ""
    synonyms: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def allows(self, subject_kind: str, object_kind: str) -> bool:
        """Whether it can stand between entities of two kinds; a thing of no known kind may be anything."""
        return _allows(self.subject, subject_kind) and _allows(self.object, object_kind)


@dataclass(frozen=True, slots=True, eq=False)
class Naming:
    """How one data set spells the vocabulary.

    Args:
        name, title: e.g. "4d-or" and "4D-OR".
        entities, predicates, roles: its own spellings in the order of its own files.
        none_label: its label of a pair without a relation.
        canonical_of: canonical name by spelling in lower case, entities and predicates.
        spelling_of: its spelling by canonical name; a name that it lacks has none.
    """

    name: str
    title: str
    entities: tuple[str, ...]
    predicates: tuple[str, ...]
    roles: tuple[str, ...]
    none_label: str
    canonical_of: Mapping[str, str]
    spelling_of: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The whole file, by name, in its order."""

    roles: Mapping[str, RoleTerm]
    entities: Mapping[str, EntityTerm]
    further_entities: Mapping[str, EntityTerm]
    generic: Mapping[str, EntityTerm]
    predicates: Mapping[str, PredicateTerm]
    namings: Mapping[str, Naming]
    label_synonyms: Mapping[str, str] = field(default_factory=dict)
    predicate_synonyms: Mapping[str, str] = field(default_factory=dict)

    def kind_of(self, label: str) -> str:
        """The kind of a class or role; "any" of a label that the vocabulary does not know."""
        for rows in (self.entities, self.further_entities, self.generic):
            if label in rows:
                return rows[label].kind
        return "person" if label in self.roles else ANY_KIND

    def naming(self, name: str) -> Naming:
        """The spellings of a data set.

        Raises:
            ConfigError: nobody of that name is known.
        """
        if name not in self.namings:
            raise ConfigError(
                f"no data set is called '{name}'{nearest_name(name, self.namings)}",
                todo=f"choose among {', '.join(self.namings)}",
            )
        return self.namings[name]


def snake_case(spelling: str) -> str:
    """A spelling in lower case with underscores: "head-surgeon", "operatingTable", "OR table" -> head_surgeon, ..."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", spelling.strip())
    return re.sub(r"[^0-9a-z]+", "_", words.lower()).strip("_")


@functools.cache
def load_terms() -> Terms:
    """The shipped vocabulary."""
    return parse_terms(tomllib.loads(VOCABULARY_FILE.read_text(encoding="utf-8")))


def parse_terms(document: Mapping[str, Any]) -> Terms:
    """The vocabulary of a parsed file.

    Raises:
        ConfigError: a name stands twice, or a synonym means two things.
    """
    roles = _by_name([RoleTerm(row["name"], row["meaning"], tuple(row["synonyms"])) for row in document["role"]])
    entities, further, generic = (
        _by_name([_entity(row) for row in document[key]]) for key in ("entity", "further_entity", "generic")
    )
    layers = (entities, further, generic)
    predicates = _by_name([_predicate(row) for row in document["predicate"]])
    label_synonyms = _synonyms([*roles.values(), *(row for rows in layers for row in rows.values())])
    predicate_synonyms = _synonyms(list(predicates.values()))
    labels = {*roles, *(name for rows in layers for name in rows)}
    known = {**label_synonyms, **predicate_synonyms, **{name: name for name in (*labels, *predicates)}}
    namings = _by_name([_naming(row, known) for row in document["naming"]])
    return Terms(roles, entities, further, generic, predicates, namings, label_synonyms, predicate_synonyms)


def _allows(kinds: tuple[str, ...], kind: str) -> bool:
    return ANY_KIND in (*kinds, kind) or kind in kinds or kind == "thing"


def _by_name(rows: list[Any]) -> Mapping[str, Any]:
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"the vocabulary names '{name}' twice", todo="remove one of the two rows")
    return MappingProxyType({row.name: row for row in rows})


def _synonyms(rows: list[Any]) -> Mapping[str, str]:
    names = {row.name for row in rows}
    meanings: dict[str, str] = {}
    for row in rows:
        for spelling in row.synonyms:
            if spelling in names or meanings.setdefault(spelling, row.name) != row.name:
                raise ConfigError(f"the vocabulary gives '{spelling}' two meanings", where=row.name)
    return MappingProxyType(meanings)


def _entity(row: Mapping[str, Any]) -> EntityTerm:
    return EntityTerm(
        row["name"], row["kind"], row.get("role", ""), row.get("meaning", ""), tuple(row.get("synonyms", ()))
    )


def _predicate(row: Mapping[str, Any]) -> PredicateTerm:
    implies = []
    for text in row.get("implies", ()):
        match = re.fullmatch(r"(\w+)\(subject, (object|instrument)\)", text)
        if match is None:
            raise ConfigError(f"'{text}' is no implication", where=row["name"], todo="name(subject, object)")
        implies.append(Implication(match[1], match[2]))
    return PredicateTerm(
        row["name"], row["priority"], tuple(row["subject"]), tuple(row["object"]), row.get("symmetric", False),
        tuple(implies), row.get("meaning", ""), tuple(row.get("synonyms", ())), tuple(row.get("tools", ())),
    )  # fmt: skip


def _naming(row: Mapping[str, Any], known: Mapping[str, str]) -> Naming:
    own = row.get("canonical", {})
    spellings = [name for key in ("entities", "predicates", "roles") for name in row[key]]
    canonical_of, spelling_of = dict(own), {}
    for spelling in spellings:
        if NUMBERED_PERSON.fullmatch(spelling) or spelling == row["none_label"]:
            continue
        name = own.get(spelling.lower()) or known.get(snake_case(spelling))
        if name is None:
            raise ConfigError(f"'{spelling}' has no canonical name", where=row["title"], todo="add it to its table")
        canonical_of[spelling.lower()] = name
        spelling_of.setdefault(name, spelling)
    for name, spelling in row.get("foreign", {}).items():
        spelling_of.setdefault(name, spelling)
    return Naming(
        row["name"], row["title"], tuple(row["entities"]), tuple(row["predicates"]), tuple(row["roles"]),
        row["none_label"], MappingProxyType(canonical_of), MappingProxyType(spelling_of),
    )  # fmt: skip
