"""Questions about where things are, and what is known of them."""

from __future__ import annotations

import numpy as np

from .question_answers import Answer, seconds
from .question_scene import Place, QuestionScene
from .questions_people import pixel_of
from .timeline import NodeSpan
from .vocabulary_terms import load_terms


def where_2d(scene: QuestionScene, time_ns: int, entity: str, camera: str) -> Answer:
    """The pixel (column, row) of the middle of a thing in a camera's colour picture; None where it is outside."""
    node, camera = scene.find(entity), scene.camera(camera)
    place = scene.place_at(node, time_ns)
    if place is None:
        return _nowhere(node)
    uv = pixel_of(scene, camera, place.box.center_m, time_ns)
    if uv is None:
        return Answer(None, "px", because=f"it lies outside the picture of {camera}")
    return _placed([round(uv[0], 1), round(uv[1], 1)], "px", [(node, place)])


def where_3d(scene: QuestionScene, time_ns: int, entity: str) -> Answer:
    """The middle of a thing, metres, world: z is up and the floor at 0."""
    node = scene.find(entity)
    place = scene.place_at(node, time_ns)
    if place is None:
        return _nowhere(node)
    return _placed([round(float(value), 4) for value in place.box.center_m], "m", [(node, place)])


def distance_3d(scene: QuestionScene, time_ns: int, a: str, b: str) -> Answer:
    """How far the middles of two things are from each other, millimetres."""
    nodes = [scene.find(name) for name in (a, b)]
    places = []
    for node in nodes:
        place = scene.place_at(node, time_ns)
        if place is None:
            return _nowhere(node)
        places.append((node, place))
    apart_m = np.linalg.norm(places[0][1].box.center_m - places[1][1].box.center_m)
    return _placed(round(float(apart_m) * 1000, 1), "mm", places)


def tool_equipment_attribute(scene: QuestionScene, time_ns: int, entity: str) -> Answer:
    """What is known of a thing: its class, kind, size, and when it is there."""
    node = scene.find(entity)
    place, terms = scene.place_at(node, time_ns), load_terms()
    known = {**terms.entities, **terms.further_entities, **terms.generic}.get(node.label)
    size_m = None if place is None else [round(float(value), 3) for value in place.box.extent_m]
    return Answer(
        {
            "entity": node.node_id, "class": node.label, "kind": terms.kind_of(node.label), "layer": node.layer,
            "meaning": known.meaning if known else "", "role": scene.role_of(node) or None, "extent_m": size_m,
            "from_s": seconds(scene, node.first_ns), "to_s": seconds(scene, node.last_ns),
        }
    )  # fmt: skip


def _placed(value: object, unit: str, places: list[tuple[NodeSpan, Place]]) -> Answer:
    guessed = [node.node_id for node, place in places if not place.measured]
    if guessed:
        return Answer.unknown(f"no camera measured {', '.join(guessed)} then; this is where it may be", value, unit)
    return Answer(value, unit)


def _nowhere(node: NodeSpan) -> Answer:
    return Answer.unknown(f"nobody knows where {node.node_id} is at this instant")
