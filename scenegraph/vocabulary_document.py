"""The vocabulary as plain values, for JSON and for tables."""

from __future__ import annotations

from typing import Any

from .vocabulary import PREDICATES
from .vocabulary_terms import EntityTerm, Naming, PredicateTerm, Terms


def vocabulary_document(terms: Terms) -> dict[str, Any]:
    """Everything that is known of the words, as `ortwin vocabulary --json` prints it."""
    return {
        "roles": [
            {"name": row.name, "meaning": row.meaning, "synonyms": list(row.synonyms)} for row in terms.roles.values()
        ],
        "entities": [_entity(row) for row in terms.entities.values()],
        "further_entities": [_entity(row) for row in terms.further_entities.values()],
        "generic_labels": [_entity(row) for row in terms.generic.values()],
        "predicates": [_predicate(row) for row in terms.predicates.values()],
        "namings": {
            own.name: {"title": own.title, "none_label": own.none_label, "spellings": naming_rows(own)}
            for own in terms.namings.values()
        },
    }


def naming_rows(own: Naming) -> list[dict[str, str | None]]:
    """The spellings of a data set in the order of its files, each with its canonical name, None where it has none."""
    return [
        {"what": what, "spelling": spelling, "canonical": own.canonical_of.get(spelling.lower())}
        for what, spellings in (("entity", own.entities), ("predicate", own.predicates), ("role", own.roles))
        for spelling in spellings
    ]


def _entity(row: EntityTerm) -> dict[str, Any]:
    known = {
        "name": row.name,
        "kind": row.kind,
        "role": row.role,
        "meaning": row.meaning,
        "synonyms": list(row.synonyms),
    }
    return {name: value for name, value in known.items() if value or name in ("name", "kind", "synonyms")}


def _predicate(row: PredicateTerm) -> dict[str, Any]:
    spec = PREDICATES.get(row.name)
    document = {
        "name": row.name, "meaning": row.meaning, "priority": row.priority, "subject": list(row.subject),
        "object": list(row.object), "symmetric": row.symmetric, "implies": [each.describe() for each in row.implies],
        "synonyms": list(row.synonyms), "measured": None,
    }  # fmt: skip
    if spec is not None:
        document["measured"] = {
            "subject_layers": sorted(spec.domain), "object_layers": sorted(spec.range), "minimum_s": spec.minimum_s,
            "thresholds": {name: {"enter": t.enter, "exit": t.exit} for name, t in spec.thresholds.items()},
            "evidence": list(spec.evidence), "event_of": spec.event_of or None,
        }  # fmt: skip
    return document
