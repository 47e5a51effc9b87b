"""Questions about steps and tools: what happened, how far it is, when it comes. They are queries; see QUERIES.

A step is a phase by its name, a pattern such as "sawing(*, patient)", or an expression of the query language.
"""

from __future__ import annotations

from typing import Any

from .question_answers import Answer, seconds
from .question_queries import expression_of, not_looked_for, query_of, rows_of
from .question_scene import QuestionScene, moves
from .vocabulary import is_person


def status_action(scene: QuestionScene, time_ns: int, step: str) -> Answer:
    """How far a step is that goes on at an instant, in percent of its time; a step is a phase or a relation."""
    query, rows = _asked("status_action", scene, time_ns, step)
    going = [row for row in rows if row["begin_ns"] <= time_ns < row["end_ns"]]
    true = [row for row in going if row["state"] == "true"]
    if going and not true:
        return Answer.unknown(_unseen(scene, query) or "nobody could see whether it goes on", query=query)
    if not true:
        return Answer(None, "%", because="it does not go on at this instant", query=query)
    row = max(true, key=lambda row: row["begin_ns"])
    share = (time_ns - row["begin_ns"]) / (row["end_ns"] - row["begin_ns"])
    because = f"from {seconds(scene, row['begin_ns']):g} s to {seconds(scene, row['end_ns']):g} s"
    return Answer(round(100 * share, 1), "%", because=because, query=query)


def did_happen(scene: QuestionScene, time_ns: int, step: str) -> Answer:
    """Whether a step has begun at or before an instant."""
    query, rows = _asked("did_happen", scene, time_ns, step)
    if not rows:
        return Answer(False, query=query)
    (row,) = rows
    if row["state"] == "true":
        return Answer(True, because=f"first at {seconds(scene, row['begin_ns']):g} s", query=query)
    because = f"nobody could see it at {seconds(scene, row['begin_ns']):g} s"
    return Answer.unknown(_unseen(scene, query) or because, query=query)


def time_until_step(scene: QuestionScene, time_ns: int, step: str) -> Answer:
    """Seconds from an instant until a step begins the next time; 0 while it goes on, None where it does not come."""
    query, rows = _asked("time_until_step", scene, time_ns, step)
    if not rows:
        return Answer(None, "s", because="it does not come any more", query=query)
    (row,) = rows
    if row["state"] != "true":
        return Answer.unknown(_unseen(scene, query) or "nobody could see whether it came", query=query)
    wait_s = round((row["begin_ns"] - time_ns) * 1e-9, 3)
    if row["maybe_ns"] is not None:
        because = f"nobody could see it at {seconds(scene, row['maybe_ns']):g} s"
        return Answer.unknown(because, wait_s, "s", query=query)
    return Answer(wait_s, "s", because=f"at {seconds(scene, row['begin_ns']):g} s", query=query)


def tools_used(scene: QuestionScene, time_ns: int) -> Answer:
    """The instruments that somebody held until an instant, in the order of their first use."""
    query = query_of("tools_used", scene, time_ns)
    if missing := _unseen(scene, query):
        return Answer.unknown(missing, query=query)
    things = {node.node_id for node in scene.timeline.nodes if moves(node) and not is_person(node.label)}
    held = [row for row in rows_of(scene, query) if row["tool"] in things]
    uses: dict[str, list[dict[str, object]]] = {}
    for row in held:
        if row["state"] == "true":
            end_s = seconds(scene, row["end_ns"]) if row["end_ns"] <= time_ns else None
            span = {"by": row["by"], "begin_s": seconds(scene, row["begin_ns"]), "end_s": end_s}
            uses.setdefault(row["tool"], []).append(span)
    value = [{"tool": tool, "uses": spans} for tool, spans in uses.items()]
    hidden = {row["tool"] for row in held if row["state"] != "true"} - set(uses)
    if hidden:
        because = f"nobody could see whether {', '.join(sorted(hidden))} was held"
        return Answer.unknown(because, value, query=query)
    return Answer(value, query=query)


def _asked(name: str, scene: QuestionScene, time_ns: int, step: str) -> tuple[str, list[dict[str, Any]]]:
    query = query_of(name, scene, time_ns, expression_of(scene, step))
    return query, rows_of(scene, query)


def _unseen(scene: QuestionScene, query: str) -> str:
    missing = not_looked_for(scene, query)
    return f"nobody looked for {', '.join(missing)} here" if missing else ""
