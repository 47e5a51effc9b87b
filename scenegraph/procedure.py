"""What the relations of a whole recording tell of it: the phases of the procedure, and who has which role.

Both are said only where they rest on something: phases if all that their rules ask for could be measured and more than
the first came; roles if it could be measured who holds and touches what, and where one fits clearly better than any
other. Otherwise they are unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .phases import Phases, PhaseSpan, load_rules, recognise_phases
from .roles import load_role_rules, roles_of_recording
from .timeline import NodeSpan, SceneGraphTimeline

if TYPE_CHECKING:
    import pyarrow as pa

PHASE_RULES = "knee_replacement_unnamed"
ROLE_RULES = "team"
NEEDED_FOR_ROLES = frozenset({"close_to", "touching", "holding"})
CLEAR = 0.9
"""A role with less confidence is not given."""


def procedure_phases(timeline: SceneGraphTimeline, measured: frozenset[str]) -> tuple[PhaseSpan, ...] | None:
    """The phases of a recording in which nobody is named; None where they cannot be known.

    Args:
        timeline: of a twin.
        measured: the predicates that could be measured in it.
    """
    found = _phases(timeline, measured)
    return None if found is None else found.spans


def with_roles(nodes: Iterable[NodeSpan], timeline: SceneGraphTimeline, measured: frozenset[str]) -> list[NodeSpan]:
    """The nodes, people with the role that they clearly have.

    Args:
        nodes: of the timeline.
        timeline: of a whole twin.
        measured: the predicates that could be measured in it.
    """
    if not measured >= NEEDED_FOR_ROLES:
        return list(nodes)
    given = roles_of_recording(timeline, _phases(timeline, measured), load_role_rules(ROLE_RULES))
    clear = {name: role.role for name, role in given.items() if role.confidence >= CLEAR}
    return [replace(node, role=clear.get(node.node_id, node.role)) for node in nodes]


def phases_table(phases: Iterable[PhaseSpan]) -> pa.Table:
    """Phases as queries read them: name, begin_ns, end_ns, and in words why each began."""
    import pyarrow as pa

    rows = [(row.name, row.begin_ns, row.end_ns, row.because) for row in phases]
    kinds = (pa.string(), pa.int64(), pa.int64(), pa.string())
    schema = pa.schema(list(zip(("name", "begin_ns", "end_ns", "because"), kinds, strict=True)))
    return pa.table([list(column) for column in zip(*rows, strict=True)] or [[]] * 4, schema=schema)


def _phases(timeline: SceneGraphTimeline, measured: frozenset[str]) -> Phases | None:
    rules = load_rules(PHASE_RULES)
    if not rules.predicates <= measured:
        return None
    found = recognise_phases(timeline, rules)
    return found if len(found.spans) > 1 else None
