"""The scene graph through time as one graph for other programs: GraphML, which Gephi, yEd, Cytoscape and networkx read.

A node for every entity (label, layer, role, source, x_m, y_m, z_m, first_ns, last_ns) and an edge for every interval
(predicate, begin_ns, end_ns, state, score, source, and each measure as `evidence_<name>`): two things that were close
five times have five edges. Times are int64 nanoseconds of the rig clock, intervals half-open. What is not known is left
out; where no edge stands, the relation did not hold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .timeline import Interval, NodeSpan, SceneGraphTimeline

if TYPE_CHECKING:
    import networkx

EVIDENCE = "evidence_"


def timeline_graph(timeline: SceneGraphTimeline) -> networkx.MultiDiGraph:
    """All nodes and intervals as a MultiDiGraph; edges are numbered in order of time."""
    import networkx

    graph = networkx.MultiDiGraph(clock="rig", time_unit="ns", intervals="half-open")
    for node in timeline.nodes:
        graph.add_node(node.node_id, **_node_facts(node))
    for number, row in enumerate(timeline.intervals):
        for name in (row.subject_id, row.object_id):
            if name not in graph:
                graph.add_node(name)
        graph.add_edge(row.subject_id, row.object_id, key=f"interval_{number}", **_edge_facts(row))
    return graph


def graphml(timeline: SceneGraphTimeline) -> bytes:
    """A timeline as the text of a GraphML file; the same timeline gives the same bytes."""
    import networkx

    return ("\n".join(networkx.generate_graphml(timeline_graph(timeline), named_key_ids=True)) + "\n").encode()


def _node_facts(node: NodeSpan) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {
        "label": node.label, "layer": node.layer, "first_ns": node.first_ns, "last_ns": node.last_ns,
    }  # fmt: skip
    places = dict(zip(("x_m", "y_m", "z_m"), node.position_m, strict=True))
    facts |= {name: float(value) for name, value in places.items() if math.isfinite(value)}
    return facts | {name: word for name, word in (("role", node.role), ("source", node.source)) if word}


def _edge_facts(row: Interval) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {
        "predicate": row.predicate, "begin_ns": row.begin_ns, "end_ns": row.end_ns, "state": str(row.state),
        "score": float(row.score), **({"source": row.source} if row.source else {}),
    }  # fmt: skip
    return facts | {f"{EVIDENCE}{name}": float(value) for name, value in sorted(row.evidence.items())}
