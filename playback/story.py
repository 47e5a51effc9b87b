"""What happens in a twin, as plain rows that any picture can draw: state lanes, graph snapshots, spoken events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..scenegraph.graph import Relation, SceneGraph, TruthState
from ..scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline
from ..scenegraph.vocabulary import FIXTURE, PREDICATES, TRACK, ZONE, natural_key
from .palette import RGB, node_color, predicate_color, predicate_rank, rows_in_order

WHOLE_ROOM = "room"
#: More unknown relations of one pair than this are counted, not named.
NAMED_UNKNOWN = 2
COLUMN_PX, ROW_PX = 150.0, 44.0


@dataclass(frozen=True, slots=True)
class Lane:
    """One relation through time: who, how, to whom; its colour; the changes (time_ns, "true", "unknown" or None)."""

    triple: tuple[str, str, str]
    color: RGB
    changes: tuple[tuple[int, str | None], ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be said at an instant (rig clock)."""

    time_ns: int
    text: str
    color: RGB
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class Picture:
    """The scene graph at an instant as a drawing: nodes by id with place, colour and text, and edges between them."""

    time_ns: int
    node_ids: tuple[str, ...]
    labels: tuple[str, ...]
    positions_px: tuple[tuple[float, float], ...]
    colors: tuple[RGB, ...]
    radii_px: tuple[float, ...]
    edges: tuple[tuple[str, str], ...]


def lanes(timeline: SceneGraphTimeline) -> tuple[Lane, ...]:
    """One lane per relation, in reading order; where nothing holds the lane says None."""
    found = []
    for rows in rows_in_order(timeline.intervals).values():
        changes: list[tuple[int, str | None]] = []
        for row in sorted(rows, key=lambda row: row.begin_ns):
            if changes and changes[-1] == (row.begin_ns, None):
                changes.pop()
            changes += [(row.begin_ns, str(row.state)), (row.end_ns, None)]
        triple = (rows[0].subject_id, rows[0].predicate, rows[0].object_id)
        found.append(Lane(triple, predicate_color(rows[0].predicate), tuple(changes)))
    return tuple(found)


def events(timeline: SceneGraphTimeline) -> tuple[Event, ...]:
    """What a narrator would say, in order of time: who comes and goes, which relation begins and ends."""
    said = [event for node in timeline.nodes if node.layer == TRACK for event in _life(node)]
    for row in timeline.intervals:
        said += _spoken(row)
    return tuple(sorted(said, key=lambda event: (event.time_ns, event.text)))


def _life(node: NodeSpan) -> Iterator[Event]:
    color = node_color(node.node_id, node.label, node.layer)
    yield Event(node.first_ns, f"{node.node_id} appears", color)
    yield Event(node.last_ns, f"{node.node_id} is last seen", color)


def _spoken(row: Interval) -> Iterator[Event]:
    color, subject, target = predicate_color(row.predicate, row.state), row.subject_id, row.object_id
    spec = PREDICATES.get(row.predicate)
    if row.state == TruthState.UNKNOWN:
        yield Event(row.begin_ns, f"{subject} {row.predicate} {target}: unknown, not seen well enough", color, "WARN")
    elif spec is not None and spec.event_of:
        yield Event(row.begin_ns, f"{subject} {row.predicate} {target}", color)
    else:
        gap = row.evidence.get("gap_m", math.nan)
        measured = f" ({gap:.2f} m)" if math.isfinite(gap) else ""
        yield Event(row.begin_ns, f"{subject} {row.predicate} {target} begins{measured}", color)
        yield Event(row.end_ns, f"{subject} {row.predicate} {target} ends", color)


def column_layout(nodes: Sequence[NodeSpan]) -> dict[str, tuple[float, float]]:
    """A place for every node that stays: what moves in a column on the left, what stands on the right (y down)."""
    places: dict[str, tuple[float, float]] = {}
    for layers, x_px in (((TRACK,), -COLUMN_PX), ((FIXTURE, ZONE), COLUMN_PX)):
        column = sorted(
            (node for node in nodes if node.layer in layers and node.node_id != WHOLE_ROOM),
            key=lambda node: (node.layer, natural_key(node.node_id)),
        )
        for row, node in enumerate(column):
            places[node.node_id] = (x_px, (row - (len(column) - 1) / 2) * ROW_PX)
    return places


def pairs_of(relations: Iterable[Relation]) -> dict[tuple[str, str], list[Relation]]:
    """Relations by the two things that they join, the most telling first."""
    pairs: dict[tuple[str, str], list[Relation]] = {}
    for relation in relations:
        first, second = sorted((relation.subject_id, relation.object_id))
        pairs.setdefault((first, second), []).append(relation)
    for own in pairs.values():
        own.sort(key=lambda relation: (relation.state != TruthState.TRUE, predicate_rank(relation.predicate)))
    return pairs


def spoken(relations: Iterable[Relation]) -> str:
    """The predicates of some relations in a few words; the unknown with a question mark, or many of them counted."""
    rows = list(relations)
    told = [row.predicate for row in rows if row.state == TruthState.TRUE]
    unknown = [f"{row.predicate} ?" for row in rows if row.state != TruthState.TRUE]
    return ", ".join([*told, *(unknown if len(unknown) <= NAMED_UNKNOWN else [f"{len(unknown)} unknown"])])


def graph_picture(graph: SceneGraph, places: Mapping[str, tuple[float, float]]) -> Picture:
    """A snapshot as a drawing; what joins two things is a small node between them, so that it can be read."""
    rows: list[tuple[str, str, tuple[float, float], RGB, float]] = [
        (node.node_id, node.node_id, places[node.node_id], node_color(node.node_id, node.label, node.layer), 11.0)
        for node in graph.nodes
        if node.node_id in places
    ]
    taken = [row[2] for row in rows]
    edges: list[tuple[str, str]] = []
    pairs = {ends: own for ends, own in pairs_of(graph.relations).items() if all(end in places for end in ends)}
    for ends, relations in sorted(pairs.items(), key=lambda item: (sum(places[end][1] for end in item[0]), item[0])):
        begin, end = (places[name] for name in ends)
        beside_px = math.copysign(0.55 * COLUMN_PX, begin[0]) if begin[0] == end[0] else 0.0
        middle = ((begin[0] + end[0]) / 2 + beside_px, (begin[1] + end[1]) / 2)
        while any(abs(middle[0] - x) < 60 and abs(middle[1] - y) < 0.6 * ROW_PX for x, y in taken):
            middle = (middle[0], middle[1] + 0.3 * ROW_PX)
        taken.append(middle)
        name = " ".join(ends)
        rows.append((name, spoken(relations), middle, predicate_color(relations[0].predicate, relations[0].state), 5.0))
        edges += [(relations[0].subject_id, name), (name, relations[0].object_id)]
    ids, labels, positions, colors, radii = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Picture(graph.timestamp_ns, ids, labels, positions, colors, radii, tuple(edges))


def graph_pictures(timeline: SceneGraphTimeline, begin_ns: int, end_ns: int) -> Iterator[Picture]:
    """The drawing at `begin_ns` and at every later change before `end_ns`."""
    places = column_layout(timeline.nodes)
    times = {change.time_ns for change in timeline.changes() if begin_ns < change.time_ns < end_ns}
    for time_ns in (begin_ns, *sorted(times)):
        yield graph_picture(timeline.at(time_ns), places)
