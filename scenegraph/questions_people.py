"""Questions about who is there: people, roles, everything; and about sterile places."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import TruthState
from .question_answers import Answer, seconds
from .question_scene import QuestionScene, moves
from .vocabulary import ZONE, is_person

STERILE_ROLES = frozenset({"head_surgeon", "assistant_surgeon", "scrub_nurse", "patient"})
STERILE = "sterile"
STERILE_THINGS = frozenset({"instrument_table", "drape"})
"""Classes of things that are sterile once they are laid out."""
BREACHES = frozenset({"inside_zone", "touching"})


def count_people(scene: QuestionScene, time_ns: int) -> Answer:
    """How many people are in the recording at an instant, the patient among them."""
    names = [node.node_id for node in scene.people_at(time_ns)]
    return Answer(len(names), "people", because=", ".join(names) or "nobody is followed at this instant")


def role_people(scene: QuestionScene, time_ns: int) -> Answer:
    """Who has which role."""
    roles = {node.node_id: scene.role_of(node) or None for node in scene.people_at(time_ns)}
    without = [name for name, role in roles.items() if role is None]
    if without:
        return Answer.unknown(f"nobody said what {', '.join(without)} is", roles)
    return Answer(roles)


def list_all_entities(scene: QuestionScene, time_ns: int) -> Answer:
    """Everything that is there: people, things, furniture; no zones."""
    return Answer([node.node_id for node in scene.nodes_at(time_ns) if node.layer != ZONE])


def list_all_entities_ordered_2d(scene: QuestionScene, time_ns: int, camera: str) -> Answer:
    """What a camera sees, from left to right: the places of the middles of things in its picture.

    What moves is in it while the camera sees it; furniture, while its middle lies in the picture.
    """
    camera = scene.camera(camera)
    found: list[dict[str, Any]] = []
    for node in scene.nodes_at(time_ns):
        place = scene.place_at(node, time_ns)
        if place is None or (moves(node) and place.seen_by is not None and camera not in place.seen_by):
            continue
        uv = pixel_of(scene, camera, place.box.center_m, time_ns)
        if uv is not None:
            found.append({"entity": node.node_id, "u_px": round(uv[0], 1), "v_px": round(uv[1], 1)})
    return Answer(sorted(found, key=lambda row: (row["u_px"], row["entity"])), "px")


def sterility_breach(scene: QuestionScene, time_ns: int) -> Answer:
    """Whether, until an instant, somebody who is not sterile was in a sterile zone or touched a sterile thing.

    Sterile are zones and things that are called so (`sterile_zone`), the instrument table, the drape, the surgeons, the
    scrub nurse and the patient.
    """
    by_id = {node.node_id: node for node in scene.timeline.nodes}
    sterile = {name for name, node in by_id.items() if name.startswith(STERILE) or node.label in STERILE_THINGS}
    if not sterile:
        return Answer.unknown("nothing here is known to be sterile; name a zone sterile_zone in room.toml")
    known, unclear = [], []
    for row in scene.timeline.intervals:
        person = by_id.get(row.subject_id)
        if row.predicate not in BREACHES or row.begin_ns > time_ns or person is None or not is_person(person.label):
            continue
        if row.object_id not in sterile:
            continue
        role = scene.role_of(person)
        if role in STERILE_ROLES:
            continue
        event = {
            "person": person.node_id, "role": role or None, "predicate": row.predicate, "object": row.object_id,
            "begin_s": seconds(scene, row.begin_ns), "end_s": seconds(scene, row.end_ns),
            "now": row.begin_ns <= time_ns < row.end_ns,
        }  # fmt: skip
        (known if role and row.state == TruthState.TRUE else unclear).append(event)
    if unclear:
        return Answer.unknown(
            "of some, nobody knows whether they are sterile or whether they were there", known + unclear
        )
    return Answer(known)


def pixel_of(scene: QuestionScene, camera_id: str, point_m: np.ndarray, time_ns: int) -> tuple[float, float] | None:
    """Where a point (3,) lies in a camera's colour picture; None where it does not."""
    assert scene.rig is not None
    camera = scene.rig.at(time_ns)[camera_id]
    uv = camera.color.project(camera.camera_from_world @ np.asarray(point_m, np.float64)[None])[0]
    return (float(uv[0]), float(uv[1])) if camera.color.contains(uv) else None
