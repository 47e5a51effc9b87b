"""The scene graph: nodes and relations, at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx


class TruthState(StrEnum):
    """What is known of a relation. False is never stored: it is what remains where neither of these holds."""

    TRUE = "true"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An entity of the graph.

    Args:
        node_id: its one name through the whole recording, e.g. "person_1", "operating_table".
        label: its class, e.g. "person", "object", "operating_table", "zone".
        layer: "track", "fixture" or "zone".
        position_m: centre in the world, metres.
        observed_ns: when a camera last measured it, rig clock.
        role: what a person is in this recording, e.g. "head_surgeon"; empty where nobody knows.
    """

    node_id: str
    label: str
    layer: str
    position_m: tuple[float, float, float]
    observed_ns: int
    role: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """subject -predicate-> object with a score in [0, 1] and the measured evidence ({"gap_m": 0.31, ...}).

    `source` says what measured or told it; empty where nobody said.
    """

    subject_id: str
    predicate: str
    object_id: str
    score: float = 1.0
    state: TruthState = TruthState.TRUE
    evidence: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))


@dataclass(frozen=True, slots=True, eq=False)
class SceneGraph:
    """A snapshot: who stands in which relation to whom at one instant (rig clock)."""

    timestamp_ns: int
    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]

    def to_networkx(self) -> networkx.MultiDiGraph:
        """The snapshot as a MultiDiGraph; each edge's key is its predicate."""
        import networkx

        graph = networkx.MultiDiGraph(timestamp_ns=self.timestamp_ns)
        for node in self.nodes:
            graph.add_node(
                node.node_id, label=node.label, layer=node.layer, position_m=node.position_m,
                observed_ns=node.observed_ns, role=node.role,
            )  # fmt: skip
        for relation in self.relations:
            graph.add_edge(
                relation.subject_id, relation.object_id, key=relation.predicate, predicate=relation.predicate,
                score=relation.score, state=str(relation.state), source=relation.source, **relation.evidence,
            )  # fmt: skip
        return graph
