"""Questions about relations and steps: who does what now, what happened, how far it is, and when it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..capture.errors import ConfigError
from .graph import TruthState
from .label_timeline import label_view
from .labels import Triplet
from .phase_patterns import matching_rows, names_of, parse_clause
from .question_answers import Answer, seconds
from .question_scene import QuestionScene, moves, true_rows
from .timeline import Interval
from .vocabulary import is_person
from .vocabulary_terms import load_terms

NONE = "none"
HOLDING = "holding"


class Step(NamedTuple):
    """When a step goes on: [begin_ns, end_ns), and whether that is known."""

    begin_ns: int
    end_ns: int
    state: TruthState


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


def status_action(scene: QuestionScene, time_ns: int, step: str) -> Answer:
    """How far a step is that goes on at an instant, in percent of its time; a step is a phase or a relation."""
    going = [each for each in steps_of(scene, step) if each.begin_ns <= time_ns < each.end_ns]
    true = [each for each in going if each.state == TruthState.TRUE]
    if not true:
        return _not_now(scene, going, step)
    each = max(true, key=lambda each: each.begin_ns)
    share = (time_ns - each.begin_ns) / (each.end_ns - each.begin_ns)
    because = f"from {seconds(scene, each.begin_ns):g} s to {seconds(scene, each.end_ns):g} s"
    return Answer(round(100 * share, 1), "%", because=because)


def did_happen(scene: QuestionScene, time_ns: int, step: str) -> Answer:
    """Whether a step has begun at or before an instant."""
    before = [each for each in steps_of(scene, step) if each.begin_ns <= time_ns]
    true = [each for each in before if each.state == TruthState.TRUE]
    if true:
        return Answer(True, because=f"first at {seconds(scene, min(each.begin_ns for each in true)):g} s")
    if before:
        return Answer.unknown(f"nobody could see it at {seconds(scene, before[0].begin_ns):g} s")
    return _not_looked_for(scene, step) or Answer(False)


def time_until_step(scene: QuestionScene, time_ns: int, step: str) -> Answer:
    """Seconds from an instant until a step begins the next time; 0 while it goes on, None where it does not come."""
    later = [each for each in steps_of(scene, step) if each.end_ns > time_ns]
    true = [each for each in later if each.state == TruthState.TRUE]
    if not true:
        nobody = Answer.unknown("nobody could see whether it came") if later else None
        return nobody or _not_looked_for(scene, step) or Answer(None, "s", because="it does not come any more")
    begin_ns = max(min(each.begin_ns for each in true), time_ns)
    hidden = [each for each in later if each.state == TruthState.UNKNOWN and each.begin_ns < begin_ns]
    wait_s = round((begin_ns - time_ns) * 1e-9, 3)
    if hidden:
        return Answer.unknown(f"nobody could see it at {seconds(scene, hidden[0].begin_ns):g} s", wait_s, "s")
    return Answer(wait_s, "s", because=f"at {seconds(scene, begin_ns):g} s")


def tools_used(scene: QuestionScene, time_ns: int) -> Answer:
    """The instruments that somebody held until an instant, in the order of their first use."""
    if (missing := _not_looked_for(scene, f"{HOLDING}(*, *)")) is not None:
        return missing
    uses: dict[str, list[dict[str, object]]] = {}
    things = {node.node_id for node in scene.timeline.nodes if moves(node) and not is_person(node.label)}
    rows = [row for row in scene.timeline.intervals if row.predicate == HOLDING and row.object_id in things]
    held = [row for row in rows if row.begin_ns <= time_ns]
    for row in sorted(true_rows(held), key=lambda row: row.begin_ns):
        span = {"by": row.subject_id, "begin_s": seconds(scene, row.begin_ns),
                "end_s": seconds(scene, row.end_ns) if row.end_ns <= time_ns else None}  # fmt: skip
        uses.setdefault(row.object_id, []).append(span)
    value = [{"tool": tool, "uses": spans} for tool, spans in uses.items()]
    hidden = {row.object_id for row in held if row.state == TruthState.UNKNOWN} - set(uses)
    if hidden:
        return Answer.unknown(f"nobody could see whether {', '.join(sorted(hidden))} was held", value)
    return Answer(value)


def steps_of(scene: QuestionScene, step: str) -> list[Step]:
    """When a step goes on: a phase by its name, or what a pattern such as "sawing(head_surgeon, *)" finds.

    Raises:
        ConfigError: it is neither.
    """
    if "(" not in step:
        if scene.phases is None:
            raise ConfigError(
                f"nobody knows the phases here, and '{step}' is no relation", todo='write e.g. "sawing(*, patient)"'
            )
        known = [span.name for span in scene.phases]
        if step not in known:
            raise ConfigError(f"there is no phase '{step}'", why=f"there are {', '.join(known) or 'none'}")
        return [Step(span.begin_ns, span.end_ns, TruthState.TRUE) for span in scene.phases if span.name == step]
    clause = parse_clause(step, "the question")
    if clause.negated:
        raise ConfigError("a step is something that happens", todo="leave 'not' out")
    rows: dict[Triplet, list[Interval]] = {}
    for row in scene.timeline.intervals:
        rows.setdefault(Triplet(row.subject_id, row.predicate, row.object_id), []).append(row)
    found = [each for triple in matching_rows(rows, clause, _names(scene)) for each in rows[triple]]
    return [Step(row.begin_ns, row.end_ns, row.state) for row in _united(found)]


def _names(scene: QuestionScene) -> dict[str, frozenset[str]]:
    names = {}
    for node in scene.timeline.nodes:
        role = scene.role_of(node)
        names[node.node_id] = names_of(node.node_id, node.label) | ({role} if role else frozenset())
    return names


def _united(rows: Iterable[Interval]) -> list[Step]:
    """Intervals of any of the triples, those of one state that touch or overlap as one, in order."""
    united: list[Step] = []
    for state in TruthState:
        own: list[Step] = []
        for row in sorted((row for row in rows if row.state == state), key=lambda row: row.begin_ns):
            if own and row.begin_ns <= own[-1].end_ns:
                own[-1] = own[-1]._replace(end_ns=max(own[-1].end_ns, row.end_ns))
            else:
                own.append(Step(row.begin_ns, row.end_ns, row.state))
        united += own
    return sorted(united)


def _not_looked_for(scene: QuestionScene, step: str) -> Answer | None:
    if scene.measured is None or "(" not in step:
        return None
    predicates = {name for pattern in parse_clause(step, "the question").patterns for name in pattern.predicates}
    missing = sorted(predicates - scene.measured)
    return Answer.unknown(f"nobody looked for {', '.join(missing)} here") if missing else None


def _not_now(scene: QuestionScene, going: list[Step], step: str) -> Answer:
    if going:
        return Answer.unknown("nobody could see whether it goes on")
    return _not_looked_for(scene, step) or Answer(None, "%", because="it does not go on at this instant")


def _priority(row: Interval) -> int:
    term = load_terms().predicates.get(row.predicate)
    return term.priority if term else 0
