"""What the names of a query mean among the nodes of its sources: an id, a class, a role, a layer, or all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..capture.errors import nearest_name
from .phase_patterns import STAFF
from .query_algebra import Statement
from .query_sources import QueryConnection
from .query_text import query_error
from .query_tree import Name
from .vocabulary import ROLES, TRACK, canonical_name, is_patient, is_person, known_labels, members_of
from .vocabulary_terms import load_terms

#: Beyond so many ids a query joins with the nodes instead of listing them.
MOST_LISTED = 200
PATIENT = "patient"
_LAYER_WORDS = {TRACK: "moving thing"}


class NodeKind(NamedTuple):
    """A node as it occurs in one or more recordings."""

    node_id: str
    label: str
    layer: str
    role: str | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """The nodes that a name stands for.

    Args:
        ids: of all nodes that are meant, or may be, in some recording.
        sure_ids: those of them that are meant wherever they occur.
        is_listed: whether there are few enough ids to list them.
        step: a step with the columns procedure, node_id and certain, where a list does not tell; else empty.
    """

    ids: tuple[str, ...]
    sure_ids: tuple[str, ...]
    is_listed: bool
    step: str


class NodeNames:
    """The nodes of all recordings.

    Args:
        connection: whose `nodes`.
    """

    def __init__(self, connection: QueryConnection) -> None:
        rows = connection.kept("SELECT DISTINCT node_id, label, layer, role FROM nodes ORDER BY ALL", "nodes")
        self.kinds = [NodeKind(*row) for row in rows]
        self.num_procedures = int(connection.kept("SELECT count(DISTINCT procedure) FROM nodes", "nodes")[0][0])

    def check(self, text: str, name: Name, layers: frozenset[str], place: str) -> None:
        """Raises ConfigError where a name is not known, or where none of its nodes can stand in this place."""
        matching = [kind for kind in self.kinds if _is_meant(kind, name) or _may_have(kind, name)]
        known = {*known_labels(), *ROLES, STAFF}
        if not matching and (name.exact or canonical_name(name.text) not in known):
            ids = {kind.node_id for kind in self.kinds}
            choices = ids if name.exact else {*ids, *(kind.label for kind in self.kinds), *known}
            shown = sorted(ids)[:20]
            there = ", ".join(shown) + (", ..." if len(ids) > len(shown) else "")
            raise query_error(
                f"unknown name '{name.text}'{nearest_name(name.text, sorted(choices))}", text, name.span,
                f"there {'are' if len(ids) > 1 else 'is'} {there or 'no node'}",
            )  # fmt: skip
        if matching and not any(kind.layer in layers for kind in matching):
            kinds = " or a ".join(sorted(_LAYER_WORDS.get(layer, layer) for layer in layers))
            layer = _LAYER_WORDS.get(matching[0].layer, matching[0].layer)
            raise query_error(f"'{name.text}' is a {layer}, and {place} takes a {kinds} there", text, name.span)

    def meaning(self, statement: Statement, name: Name) -> Meaning:
        """The nodes that a name stands for.

        A person of whom nobody knows the role may have any that nobody else has in that recording.
        """
        meant, maybe = self._kinds(name)
        is_one = self.num_procedures <= 1
        others = set() if is_one else {kind.node_id for kind in self.kinds if kind not in meant}
        if is_one and meant:
            maybe = []
        ids = tuple(sorted({kind.node_id for kind in (*meant, *maybe)}))
        sure_ids = tuple(sorted({kind.node_id for kind in meant} - others))
        is_listed = len(ids) <= MOST_LISTED
        step = "" if is_listed and (is_one or ids == sure_ids) else _step(statement, meant, maybe)
        return Meaning(ids, sure_ids, is_listed, step)

    def is_any(self, name: Name) -> bool:
        """Whether a name stands, or may stand, for any node."""
        return any(_is_meant(kind, name) or _may_have(kind, name) for kind in self.kinds)

    def step(self, statement: Statement, name: Name) -> str:
        """A step with the columns procedure, node_id and certain of the nodes that a name stands for."""
        return _step(statement, *self._kinds(name))

    def _kinds(self, name: Name) -> tuple[list[NodeKind], list[NodeKind]]:
        """The nodes that are meant, and those that may be where none is."""
        meant = [kind for kind in self.kinds if _is_meant(kind, name)]
        return meant, [kind for kind in self.kinds if _may_have(kind, name) and not _is_meant(kind, name)]


def _step(statement: Statement, meant: Sequence[NodeKind], maybe: Sequence[NodeKind]) -> str:
    """The nodes that are meant in each recording, and those that may be where none is."""

    def among(kinds: Sequence[NodeKind]) -> str:
        columns = zip(*kinds, strict=True) if kinds else ((),) * len(NodeKind._fields)
        listed = [f"unnest({statement.bind(list(values))}::VARCHAR[]) AS {name}"
                  for name, values in zip(NodeKind._fields, columns, strict=True)]  # fmt: skip
        same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM n.{name}" for name in NodeKind._fields)
        return f"SELECT DISTINCT n.procedure, n.node_id FROM nodes n JOIN (SELECT {', '.join(listed)}) k ON {same}"

    sure = statement.add("meant", among(meant))
    if not maybe:
        return statement.add("named", f"SELECT *, true AS certain FROM {sure}")
    return statement.add(
        "named",
        f"SELECT *, true AS certain FROM {sure} UNION ALL SELECT *, false FROM ({among(maybe)}) "
        f"WHERE procedure NOT IN (SELECT procedure FROM {sure})",
    )


def _is_meant(kind: NodeKind, name: Name) -> bool:
    if kind.node_id == name.text or name.exact:
        return kind.node_id == name.text
    word = canonical_name(name.text)
    classes = members_of(name.text) | members_of(word)
    own_role = kind.role or _role_of_label(kind.label)
    if word == STAFF:
        return is_person(kind.label) and not is_patient(kind.label)
    return kind.label in classes or own_role in (name.text, word) or (kind.layer == name.text != TRACK)


def _may_have(kind: NodeKind, name: Name) -> bool:
    """Whether somebody may have the role that is asked for because nobody knows which they have."""
    word = canonical_name(name.text)
    is_open = not kind.role and not _role_of_label(kind.label) and is_person(kind.label)
    return is_open and word in ROLES and word != PATIENT and not name.exact


def _role_of_label(label: str) -> str:
    """The role that a class of people says of itself; empty of "person"."""
    terms = load_terms()
    if label in terms.roles:
        return label
    return terms.entities[label].role if label in terms.entities else ""
