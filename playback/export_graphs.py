"""The scene graph of a twin for other programs: GraphML, and the label files of 4D-OR and MM-OR.

graph.graphml           all nodes and intervals (scenegraph/graph_export.py)
relationships.json      one predicate per pair and second (scenegraph/graph_export_labels.py)
export.json             what it was made from, and how much the form could not hold
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..capture.files import canonical_json
from ..facade import Twin
from ..scenegraph.graph_export import graphml
from ..scenegraph.graph_export_labels import export_labels
from ..scenegraph.label_io import write_labels


def export_graphml(twin: Twin, out: Path) -> None:
    """Write graph.graphml.

    Raises:
        InputError: the twin is incomplete or damaged.
    """
    timeline = twin.timeline
    (out / "graph.graphml").write_bytes(graphml(timeline))
    counts = {"num_nodes": len(timeline.nodes), "num_intervals": len(timeline.intervals)}
    _write_facts(twin, out, "graphml", counts)


def export_4d_or(twin: Twin, out: Path) -> None:
    """Write relationships.json in the words and the form of 4D-OR.

    Raises:
        InputError: the twin is incomplete or damaged.
    """
    _export_labels(twin, out, "4d-or")


def export_mm_or(twin: Twin, out: Path) -> None:
    """Write relationships.json in the words and the form of MM-OR.

    Raises:
        InputError: the twin is incomplete or damaged.
    """
    _export_labels(twin, out, "mm-or")


def _export_labels(twin: Twin, out: Path, form: str) -> None:
    begin_ns = int(twin.times_ns[0])
    found = export_labels(twin.timeline, form, twin.path.stem, begin_ns)
    write_labels(out / "relationships.json", found.labels)
    facts = {
        "begin_ns": begin_ns, "num_instants": len(found.labels.instants),
        "num_relations": sum(len(instant.relations) for instant in found.labels.instants),
        "left_out": {
            "intervals_of_predicates_without_a_word": dict(found.unspoken_predicates),
            "entities_without_a_name": dict(found.unnamed_nodes),
            "intervals_that_are_unknown": found.num_unknown,
        },
    }  # fmt: skip
    _write_facts(twin, out, form, facts)


def _write_facts(twin: Twin, out: Path, form: str, facts: Mapping[str, Any]) -> None:
    sources = sorted({row.source for row in twin.timeline.intervals if row.source})
    said = {"format": form, "twin": twin.path.name, "graph": twin.archive.graph_layer, "measured_by": sources}
    (out / "export.json").write_bytes(canonical_json({**said, "inputs": twin.archive.head["inputs"], **facts}))
