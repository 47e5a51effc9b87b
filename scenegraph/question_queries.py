"""The questions that are queries: what each says in the query language, and its rows.

{step} is what the question is about, {now} the moment, {later} the first instant after it, {end} that of the recording.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..capture.errors import ConfigError, nearest_name
from .label_timeline import label_specs
from .phase_patterns import parse_clause
from .predicate import load_predicates
from .procedure import phases_table
from .query_engine import QuerySession
from .query_language import parse_query
from .query_sources import QuerySources
from .query_tree import Aggregate, Atom, Where, leaves_of
from .question_scene import QuestionScene

QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "status_action": "({step}) between 0 s and {end}",
        "did_happen": "first ({step}) between 0 s and {later}",
        "time_until_step": "first ({step}) between {now} and {end}",
        "tools_used": "holding(?by, ?tool) between 0 s and {later}",
    }
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def query_of(name: str, scene: QuestionScene, time_ns: int, step: str = "") -> str:
    """A question as a query.

    Args:
        name: of the question, one of `QUERIES`.
        scene: to what it is put.
        time_ns: about which instant, rig clock.
        step: what it asks for, an expression; see `expression_of`.
    """
    begin_ns, end_ns = scene.span_ns
    times = {"now": time_ns, "later": time_ns + 1, "end": end_ns}
    return QUERIES[name].format(step=step, **{word: _moment(value - begin_ns) for word, value in times.items()})


def rows_of(scene: QuestionScene, query: str) -> list[dict[str, Any]]:
    """The rows of a query.

    Raises:
        ConfigError: it names what nobody knows.
    """
    return _session(scene).run(query).rows()


def expression_of(scene: QuestionScene, step: str) -> str:
    """A step in the query language: a phase by its name, a pattern as in the rules for phases, or an expression.

    Raises:
        ConfigError: it is none of these.
    """
    if "(" not in step and '"' not in step:
        return _phase(scene, step)
    if "*" in step or "|" in step:
        step = _of_pattern(step)
    tree = parse_query(step)
    if isinstance(tree, Aggregate | Where):
        raise ConfigError(f"'{step}' is no step", todo="write when something holds, such as holding(_, saw)")
    return step


def not_looked_for(scene: QuestionScene, expression: str) -> list[str]:
    """The predicates of an expression that nobody could measure here."""
    asked = {leaf.predicate for leaf in leaves_of(parse_query(expression)) if isinstance(leaf, Atom)}
    return [] if scene.measured is None else sorted(asked & {*_specs()} - scene.measured)


def _phase(scene: QuestionScene, name: str) -> str:
    if scene.phases is None:
        raise ConfigError(
            f"nobody knows the phases here, and '{name}' is no relation", todo='write e.g. "sawing(_, patient)"'
        )
    known = [span.name for span in scene.phases]
    if name not in known:
        raise ConfigError(
            f"there is no phase '{name}'{nearest_name(name, known)}", why=f"there are {', '.join(known) or 'none'}"
        )
    return f'phase "{name}"'


def _of_pattern(text: str) -> str:
    clause = parse_clause(text, "the question")
    if clause.negated or any(pattern.least > 1 or not pattern.predicates for pattern in clause.patterns):
        raise ConfigError(
            f"'{text}' is no step", why="it is a relation between two", todo='write e.g. "sawing(*, patient)"'
        )
    atoms = []
    for pattern in clause.patterns:
        terms = (pattern.subjects or {"_"}, pattern.objects or {"_"})
        for parts in itertools.product(*map(sorted, (pattern.predicates, *terms))):
            subject, target = (part if _PLAIN.fullmatch(part) else f'"{part}"' for part in parts[1:])
            atoms.append(f"{parts[0]}({subject}, {target})")
    return " or ".join(atoms)


def _moment(time_ns: int) -> str:
    """A time from the begin in the largest unit in which it is a whole number."""
    unit, size = next((unit, size) for unit, size in (("s", 10**9), ("ms", 10**6), ("ns", 1)) if time_ns % size == 0)
    return f"{time_ns // size} {unit}"


@functools.lru_cache(maxsize=1)
def _session(scene: QuestionScene) -> QuerySession:
    """The scene as queries read it. It is kept for the questions that follow."""
    import pyarrow as pa

    relations, nodes = replace(
        scene.timeline,
        nodes=tuple(replace(node, role=scene.roles.get(node.node_id, node.role)) for node in scene.timeline.nodes),
    ).to_arrow()
    begin_ns, end_ns = scene.span_ns
    measured = None if scene.measured is None else sorted(scene.measured)
    span = pa.table(
        {"begin_ns": [begin_ns], "end_ns": [end_ns], "measured": pa.array([measured], pa.list_(pa.string()))}
    )
    phases = phases_table(scene.phases or ())
    return QuerySession(QuerySources(relations, nodes, phases=phases, procedures=span, specs=_specs()))


def _specs() -> dict[str, Any]:
    return {**label_specs(), **load_predicates()}
