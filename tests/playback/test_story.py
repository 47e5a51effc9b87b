"""Relations in a few words."""

from __future__ import annotations

from ortwin.playback.story import spoken
from ortwin.scenegraph.graph import Relation, TruthState


def _relation(predicate: str, state: TruthState) -> Relation:
    return Relation("person_1", predicate, "operating_table", state=state)


def test_few_unknown_relations_are_named_and_many_counted() -> None:
    known = _relation("close_to", TruthState.TRUE)
    unknown = [_relation(name, TruthState.UNKNOWN) for name in ("facing", "approaching", "lying_on")]
    assert spoken([known, *unknown[:2]]) == "close_to, facing ?, approaching ?"
    assert spoken([known, *unknown]) == "close_to, 3 unknown"
    assert spoken(unknown) == "3 unknown"
