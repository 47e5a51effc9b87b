"""Questions about the relations of an instant: between two, of everybody, and what somebody does."""

from __future__ import annotations

from .graph import TruthState
from .label_timeline import label_view
from .question_answers import Answer
from .question_scene import QuestionScene, true_rows
from .timeline import Interval
from .vocabulary_terms import load_terms

NONE = "none"


def interaction(scene: QuestionScene, time_ns: int, a: str, b: str) -> Answer:
    """The one predicate between two entities, in each direction; "none" where there is none."""
    ends = (scene.find(a).node_id, scene.find(b).node_id)
    view = {(row.subject, row.object): row.predicate for row in label_view(scene.timeline, time_ns, both_ways=True)}
    value = {f"{x} -> {y}": view.get((x, y), NONE) for x, y in (ends, ends[::-1])}
    unknown = [row for row in scene.rows(time_ns) if {row.subject_id, row.object_id} == set(ends)]
    unknown = [row.predicate for row in unknown if row.state == TruthState.UNKNOWN]
    if unknown:
        return Answer.unknown(f"nobody could see whether {', '.join(unknown)} held", value)
    return Answer(value)


def current_scene_graph(scene: QuestionScene, time_ns: int) -> Answer:
    """All relations of an instant, one predicate for each ordered pair, the most telling one."""
    rows = [list(row) for row in label_view(scene.timeline, time_ns, both_ways=False)]
    unclear = [row for row in scene.rows(time_ns) if row.state == TruthState.UNKNOWN]
    because = "; ".join(f"unknown: {row.predicate}({row.subject_id}, {row.object_id})" for row in unclear)
    return Answer(rows, because=because)


def current_action(scene: QuestionScene, time_ns: int, person: str) -> Answer:
    """The most telling relation in which a person is the subject; "none" where there is none."""
    node = scene.find(person)
    if not node.exists_at(time_ns):
        return Answer(NONE, because=f"{node.node_id} is not there at this instant")
    terms = load_terms().predicates
    own = [row for row in scene.rows(time_ns) if row.subject_id == node.node_id]
    true = sorted(true_rows(own), key=lambda row: (-_priority(row), row.begin_ns, row.object_id))
    if true:
        row = true[0]
        return Answer([row.subject_id, row.predicate, row.object_id], because=terms[row.predicate].meaning)
    if own:
        return Answer.unknown(f"nobody could see what {node.node_id} did")
    return Answer(NONE)


def _priority(row: Interval) -> int:
    term = load_terms().predicates.get(row.predicate)
    return term.priority if term else 0
