"""The colours and words of every picture of a twin, the same in Rerun and on paper."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable

from ..scenegraph.graph import TruthState
from ..scenegraph.timeline import Interval
from ..scenegraph.vocabulary import FIXTURE, ZONE, is_person, natural_key

RGB = tuple[int, int, int]

UNKNOWN: RGB = (140, 140, 140)
GUESSED: RGB = (196, 182, 150)
NAMED: RGB = (235, 200, 110)
ZONE_LINE: RGB = (110, 190, 220)
CAMERA: RGB = (150, 160, 175)
INK: RGB = (38, 44, 52)

_PREDICATES: dict[str, RGB] = {
    "close_to": (247, 181, 56),
    "touching": (226, 87, 76),
    "on": (164, 120, 230),
    "inside_zone": (92, 190, 214),
    "entered": (110, 200, 120),
    "left": (228, 130, 170),
}
_TELLING = ("touching", "on", "close_to", "inside_zone", "entered", "left")
_GOLDEN_TURN = 0.61803398875


def hue_color(number: int, saturation: float, value: float, offset: float = 0.0) -> RGB:
    """The colour of a running number: neighbours are far apart in hue (golden-angle steps)."""
    red, green, blue = colorsys.hsv_to_rgb((offset + number * _GOLDEN_TURN) % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def track_color(track_id: str, label: str) -> RGB:
    """The colour of a moving thing: by its number, people strong and objects pale."""
    digits = re.findall(r"\d+", track_id)
    number = int(digits[-1]) - 1 if digits else sum(track_id.encode())
    return hue_color(number, 0.75, 0.95, 0.38) if is_person(label) else hue_color(number, 0.35, 0.85, 0.05)


def node_color(node_id: str, label: str, layer: str) -> RGB:
    """The colour of a node of the scene graph."""
    return {ZONE: ZONE_LINE, FIXTURE: NAMED}.get(layer) or track_color(node_id, label)


def predicate_color(predicate: str, state: TruthState = TruthState.TRUE) -> RGB:
    """The colour of a relation; whatever is unknown is grey."""
    if state == TruthState.UNKNOWN:
        return UNKNOWN
    return _PREDICATES.get(predicate) or hue_color(sum(predicate.encode()), 0.6, 0.9)


def predicate_rank(predicate: str) -> int:
    """The order in which predicates are named together: contact before nearness, events last."""
    return _TELLING.index(predicate) if predicate in _TELLING else len(_TELLING)


def relation_name(interval: Interval) -> str:
    """The name of a relation as people read it: "person_1 close_to operating_table"."""
    return f"{interval.subject_id} {interval.predicate} {interval.object_id}"


def rows_in_order(intervals: Iterable[Interval]) -> dict[str, list[Interval]]:
    """Intervals grouped by relation name: by predicate first, then by subject and object, as a reader counts."""
    rows: dict[str, list[Interval]] = {}
    order = list(_PREDICATES)
    ranked = sorted(
        intervals,
        key=lambda row: (
            order.index(row.predicate) if row.predicate in order else len(order),
            natural_key(row.subject_id),
            natural_key(row.object_id),
            row.begin_ns,
        ),
    )
    for row in ranked:
        rows.setdefault(relation_name(row), []).append(row)
    return rows
