"""A performance as the truth looks at it: instant by instant, everything that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from .performance import Actor, Performance, PersonActor, ToolActor


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is there at one instant.

    Args:
        instant: its number.
        time_s: rig time.
        vertices_m: (n, 3) of each actor who is there, by name. Where an actor rests it is the same array as before, so
            that whoever derives something from it may keep that.
    """

    instant: int
    time_s: float
    vertices_m: Mapping[str, np.ndarray]


def moments(performance: Performance, times_ns: np.ndarray) -> Iterator[Moment]:
    """The instants (t,) int64, rig clock, of a performance in order; each actor is asked once at most."""
    before_s, before = -np.inf, {}
    for instant, time_s in enumerate((np.asarray(times_ns) * 1e-9).tolist()):
        now = {}
        for name, actor in performance.actors.items():
            if performance.present(name, time_s):
                rests = name in before and not actor.moves(before_s, time_s)
                now[name] = before[name] if rests else np.asarray(actor.vertices_m(time_s))
        yield Moment(instant, time_s, now)
        before_s, before = time_s, now


def is_person(actor: Actor) -> TypeGuard[PersonActor]:
    """Whether an actor has joints and a role."""
    return hasattr(actor, "joints_m")


def is_tool(actor: Actor) -> TypeGuard[ToolActor]:
    """Whether an actor is a rigid thing with a pose."""
    return hasattr(actor, "pose")


def surface_samples(actor: Actor, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Places that are spread evenly over an actor's surface, the same on every call.

    Args:
        actor: whose.
        number: how many.

    Returns:
        (number, 3) vertex numbers and (number, 3) weights: a place is the weighted mean of three vertices.
    """
    rng = np.random.default_rng([number, 17])
    faces = actor.mesh.faces
    corners = np.asarray(actor.vertices_m(0.0), np.float64)[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    place = (np.arange(number) + rng.random(number)) / number
    chosen = np.searchsorted(np.cumsum(area) / area.sum(), place).clip(0, len(faces) - 1)
    u, v = np.sqrt(rng.random(number)), rng.random(number)
    return faces[chosen], np.stack([1 - u, u * (1 - v), u * v], axis=1)
