"""Files of scene-graph labels: 4D-OR's, MM-OR's and the neutral form, told apart by their structure.

    neutral   {"instants": [{"id": "2/000300", "entities": [name, ...],
               "relations": [[subject, predicate, object], ...]}]}
    4d-or     {"scans": [{"take_idx": 4, "scan": "000300", "objects": {"1": name, ...},
               "relationships": [[subject number, object number, predicate number, predicate], ...],
               "human_idx_to_name": {"human_0": role}}]}
    4d-or     {"4_000300_0": [[subject, predicate, object], ...], ...}     predictions; parts of one scan are joined
    mm-or     [{"take_name": "002_PKA_MMOR", "frame_id": "000050",
               "relationships": [[subject, object, predicate], ...]}]

Note the order of MM-OR's relations. Names are kept as they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..capture.errors import InputError
from ..capture.files import write_atomic
from .labels import LabelledInstant, Labels, Triplet
from .vocabulary_terms import load_terms

FORMS = ("4d-or", "mm-or", "neutral")
_PREDICTION_KEY = re.compile(r"(?P<take>.+)_(?P<frame>\d+)_(?P<part>\d+)")
_SHAPES = "see docs/score-graphs.md for the three forms of label files"


def read_labels(path: Path) -> Labels:
    """A file of labels of any of the three forms.

    Raises:
        InputError: it cannot be read, is of no known form, or an instant or relation in it is unsound; says which.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the labels cannot be read", where=str(path), why=str(error)) from error
    except RecursionError as error:
        raise InputError("the labels are nested too deeply", where=str(path), todo=_SHAPES) from error
    except json.JSONDecodeError as error:
        raise InputError(
            "the labels are no JSON", where=f"{path}, line {error.lineno}", why=error.msg, todo=_SHAPES
        ) from error
    return parse_labels(document, str(path))


def parse_labels(document: Any, where: str) -> Labels:
    """The labels of a parsed file; `where` names it in errors.

    Raises:
        InputError: as `read_labels`.
    """
    form, parse, rows = _form_of(document, where)
    instants = [parse(row, f"{where}, entry {place}") for place, row in enumerate(rows)]
    if parse is _predicted:
        instants = _joined(instants)
    seen: set[str] = set()
    for instant in instants:
        if instant.instant_id in seen:
            raise InputError(
                f"the instant '{instant.instant_id}' stands twice", where=where, todo="keep one of the two"
            )
        seen.add(instant.instant_id)
    return Labels(form, tuple(instants))


def write_labels(path: Path, labels: Labels, form: str | None = None) -> None:
    """Writes labels in their own form or another one; names are written as they are (`renamed` changes them).

    What was read from a 4D-OR or MM-OR file comes out byte for byte.

    Raises:
        InputError: the form needs what the labels lack.
        ConfigError, ResourceError: the place takes no file.
    """
    indent = 2 if (form or labels.form) == "4d-or" else None
    write_atomic(path, json.dumps(labels_document(labels, form), indent=indent).encode())


def labels_document(labels: Labels, form: str | None = None) -> Any:
    """The JSON value that `write_labels` writes.

    Raises:
        InputError: an instant lacks its list of entities, or a predicate is not 4D-OR's, where that form needs it.
    """
    form = form or labels.form
    if form == "4d-or":
        return {"scans": [_as_scan(instant) for instant in labels.instants]}
    if form == "mm-or":
        return [
            {
                "take_name": instant.take, "frame_id": instant.frame,
                "relationships": [[row.subject, row.object, row.predicate] for row in instant.relations],
            }
            for instant in labels.instants
        ]  # fmt: skip
    return {"instants": [_as_neutral(instant) for instant in labels.instants]}


def renamed(labels: Labels, naming: str) -> Labels:
    """The same labels in the words of a data set, or in canonical ones (naming "canonical").

    A word that the other data set lacks stays canonical; a numbered person stays one.

    Raises:
        ConfigError: no data set is called so.
    """
    terms = load_terms()
    own = terms.namings.get(labels.form)
    spelling_of = {} if naming == "canonical" else terms.naming(naming).spelling_of

    def word(spelling: str) -> str:
        canonical = own.canonical_of.get(spelling.lower(), spelling) if own else spelling
        return spelling_of.get(canonical, canonical)

    instants = []
    for row in labels.instants:
        relations = tuple(Triplet(*(word(name) for name in triplet)) for triplet in row.relations)
        entities = None if row.entities is None else tuple(word(name) for name in row.entities)
        people = {name: word(role) for name, role in row.people.items()}
        instants.append(LabelledInstant(row.take, row.frame, relations, entities, people))
    form = naming if naming in FORMS else "neutral"
    return Labels(form, tuple(instants))


def _form_of(document: Any, where: str) -> tuple[str, Callable[[Any, str], LabelledInstant], Sequence[Any]]:
    if isinstance(document, list):
        return "mm-or", _mm_or, document
    if isinstance(document, Mapping):
        for key, form, parse in (("instants", "neutral", _neutral), ("scans", "4d-or", _scan)):
            if key in document:
                return form, parse, _list(document[key], f'"{key}"', where)
        if document and all(_PREDICTION_KEY.fullmatch(key) for key in document):
            return "4d-or", _predicted, list(document.items())
    raise InputError(
        "this is no file of scene-graph labels", where=where,
        why='it is neither a list (MM-OR) nor has it "instants" (neutral) or "scans" (4D-OR)', todo=_SHAPES,
    )  # fmt: skip


def _neutral(row: Any, where: str) -> LabelledInstant:
    instant_id = _text(_key(row, "id", where), "id", where)
    where = f"{where} (instant {instant_id})"
    take, _, frame = instant_id.rpartition("/")
    relations = _relations(_key(row, "relations", where), (0, 1, 2), where)
    entities = row.get("entities")
    if entities is not None:
        entities = tuple(_text(name, "an entity", where) for name in _list(entities, '"entities"', where))
    return LabelledInstant(take, frame, relations, entities, _people(row.get("people", {}), where))


def _mm_or(row: Any, where: str) -> LabelledInstant:
    take = _text(_key(row, "take_name", where), "take_name", where)
    frame = _text(_key(row, "frame_id", where), "frame_id", where)
    where = f"{where} (instant {take}/{frame})"
    return LabelledInstant(take, frame, _relations(_key(row, "relationships", where), (0, 2, 1), where))


def _scan(row: Any, where: str) -> LabelledInstant:
    take, frame = str(_key(row, "take_idx", where)), _text(_key(row, "scan", where), "scan", where)
    where = f"{where} (instant {take}/{frame})"
    objects = _key(row, "objects", where)
    if not isinstance(objects, Mapping):
        raise InputError('"objects" is no mapping of numbers to names', where=where, todo=_SHAPES)
    names = {str(number): _text(name, "an object", where) for number, name in objects.items()}
    relations = []
    for place, item in enumerate(_list(_key(row, "relationships", where), '"relationships"', where)):
        relations.append(_numbered_relation(item, names, f"{where}, relation {place}"))
    people = _people(row.get("human_idx_to_name", {}), where)
    return LabelledInstant(take, frame, tuple(relations), tuple(names.values()), people)


def _numbered_relation(item: Any, names: Mapping[str, str], where: str) -> Triplet:
    if not isinstance(item, list) or len(item) != 4 or not isinstance(item[3], str):
        raise InputError(f"{item!r} is no relation", where=where, todo="[subject, object, predicate number, predicate]")
    subject, obj, number, predicate = item
    for end in (subject, obj):
        if str(end) not in names:
            raise InputError(f"relation {item!r} names object {end}, which is not listed", where=where)
    listed = load_terms().naming("4d-or").predicates
    if predicate in listed and number != listed.index(predicate):
        raise InputError(
            f"relation {item!r} contradicts itself: {predicate} has the number {listed.index(predicate)}", where=where,
            why="predicates are numbered from 0 in the order of relationships.txt",
        )  # fmt: skip
    return Triplet(names[str(subject)], predicate, names[str(obj)])


def _predicted(row: tuple[str, Any], where: str) -> LabelledInstant:
    key, relations = row
    match = _PREDICTION_KEY.fullmatch(key)
    assert match is not None
    return LabelledInstant(match["take"], match["frame"], _relations(relations, (0, 1, 2), f"{where} ({key})"))


def _joined(parts: Sequence[LabelledInstant]) -> list[LabelledInstant]:
    by_id: dict[str, list[LabelledInstant]] = {}
    for part in parts:
        by_id.setdefault(part.instant_id, []).append(part)
    return [
        LabelledInstant(same[0].take, same[0].frame, tuple(row for part in same for row in part.relations))
        for same in by_id.values()
    ]


def _relations(value: Any, order: tuple[int, int, int], where: str) -> tuple[Triplet, ...]:
    """Triplets whose subject, predicate and object stand at three places."""
    rows = []
    for place, item in enumerate(_list(value, "the relations", where)):
        if not isinstance(item, list | tuple) or len(item) != 3 or not all(isinstance(word, str) for word in item):
            raise InputError(
                f"{item!r} is no relation",
                where=f"{where}, relation {place}",
                why="it must be three names",
                todo=_SHAPES,
            )
        rows.append(Triplet(item[order[0]], item[order[1]], item[order[2]]))
    return tuple(rows)


def _people(value: Any, where: str) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(role, str) for role in value.values()):
        raise InputError("the people are no mapping of names to roles", where=where, todo=_SHAPES)
    return value


def _key(row: Any, key: str, where: str) -> Any:
    if not isinstance(row, Mapping) or key not in row:
        raise InputError(f'an instant lacks "{key}"', where=where, todo=_SHAPES)
    return row[key]


def _list(value: Any, what: str, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise InputError(f"{what} is no list", where=where, todo=_SHAPES)
    return value


def _text(value: Any, what: str, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{what} is no text but {value!r}", where=where, todo=_SHAPES)
    return value


def _as_neutral(instant: LabelledInstant) -> Mapping[str, Any]:
    row: dict[str, Any] = {"id": instant.instant_id}
    if instant.entities is not None:
        row["entities"] = list(instant.entities)
    row["relations"] = [list(triplet) for triplet in instant.relations]
    return {**row, "people": dict(instant.people)} if instant.people else row


def _as_scan(instant: LabelledInstant) -> Mapping[str, Any]:
    if instant.entities is None:
        raise InputError(
            f"the instant {instant.instant_id} lists no entities", why="4D-OR's files number the objects of each scan"
        )
    listed = load_terms().naming("4d-or").predicates
    number_of = {name: number for number, name in enumerate(instant.entities, 1)}
    rows = []
    for triplet in instant.relations:
        for name, known in ((triplet.subject, number_of), (triplet.object, number_of), (triplet.predicate, listed)):
            if name not in known:
                raise InputError(f"'{name}' has no number in 4D-OR's form", where=f"instant {instant.instant_id}")
        ends = (number_of[triplet.subject], number_of[triplet.object])
        rows.append([*ends, listed.index(triplet.predicate), triplet.predicate])
    return {
        "take_idx": int(instant.take) if instant.take.isdigit() else instant.take, "scan": instant.frame,
        "objects": {str(number): name for name, number in number_of.items()}, "relationships": rows,
        "human_idx_to_name": dict(instant.people),
    }  # fmt: skip
