"""Relations as lines in space: from the middle of the one to the nearest place of the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..reconstruction.state import Fixture, OrientedBox, TrackState
from ..scenegraph.graph import Relation
from .palette import RGB, predicate_color
from .story import pairs_of, spoken


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A line (2, 3), world metres, with its colour and the words that stand on it."""

    ends_m: np.ndarray
    color: RGB
    label: str


def links_at(
    relations: Iterable[Relation], tracks: Iterable[TrackState], fixtures: Mapping[str, Fixture]
) -> list[Link]:
    """The lines of one instant; one for each two things that are related; zones have none."""
    moving = {state.track_id: state for state in tracks}
    found: list[Link] = []
    for own in pairs_of(relations).values():
        subject, target = moving.get(own[0].subject_id), own[0].object_id
        if subject is None:
            continue
        begin_m = np.asarray(subject.center_m, np.float64)
        if target in moving:
            end_m = np.asarray(moving[target].center_m, np.float64)
        elif target in fixtures:
            end_m = nearest_in_box(fixtures[target].box, begin_m)
        else:
            continue
        color = predicate_color(own[0].predicate, own[0].state)
        found.append(Link(np.stack([begin_m, end_m]), color, spoken(own)))
    return found


def nearest_in_box(box: OrientedBox, point_m: np.ndarray) -> np.ndarray:
    """The point (3,) of a box nearest to a point (3,)."""
    local = np.clip((point_m - box.center_m) @ box.rotation, -box.extent_m / 2, box.extent_m / 2)
    return box.rotation @ local + box.center_m
