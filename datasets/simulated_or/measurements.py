"""What docs/predicates.md measures, taken from the exact shapes of a performance at each instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...reconstruction.state import Fixture, OrientedBox
from .moments import Moment, is_person, is_tool, surface_samples
from .performance import Actor, Performance
from .surface_gap import Nearest, Surface, SurfaceTree, box_surface, gap_m, gap_to_box_m

#: Where the axis-aligned boxes are farther apart than this, their distance stands for the gap.
FAR_M = 1.5
#: The gaps at which a relation begins or ends. A gap is measured anew when one of them may lie between it and what it
#: was when last measured, or when it may differ by more than NEWS_M.
THRESHOLDS_M = (0.03, 0.06, 0.10, 0.40, 0.55)
NEWS_M = 0.10
NUM_SAMPLES = 400
CONTAINERS = frozenset({"tray"})

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 5, 6, 11, 12


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """Measures of m moving things (and p fixtures) at t instants; NaN where a thing is not there.

    Args:
        times_ns: (t,) int64, rig clock.
        names: the m moving things, in the order of the performance.
        is_person: (m,) bool.
        fixtures: the p fixtures.
        present: (t, m) bool.
        low_m, high_m: (t, m, 3) corners of the axis-aligned boxes.
        place_m: (t, m, 2) on the floor: the middle of the hips, or the centre of the box.
        front: (t, m, 2) level unit vector out of a person's chest; NaN of other things.
        trunk_rad: (t, m) angle of a person's trunk above the level plane; NaN of other things.
        gap_m: (t, m, m + p) smallest distance of the surfaces of a thing and of a later thing or a fixture; on the same
            side of every threshold as the exact gap, and within NEWS_M of it; a bound from below beyond FAR_M.
        inside_share: (t, m, m + p) share of a thing's surface within the box of a tray or of a fixture.
    """

    times_ns: np.ndarray
    names: tuple[str, ...]
    is_person: np.ndarray
    fixtures: tuple[Fixture, ...]
    present: np.ndarray
    low_m: np.ndarray
    high_m: np.ndarray
    place_m: np.ndarray
    front: np.ndarray
    trunk_rad: np.ndarray
    gap_m: np.ndarray
    inside_share: np.ndarray

    @property
    def step_s(self) -> float:
        """The time from one instant to the next, 1 s of a single instant."""
        return float(np.diff(self.times_ns).mean()) * 1e-9 if len(self.times_ns) > 1 else 1.0


class Measurer:
    """Takes the moments of a performance in order and measures each.

    Args:
        performance: whose moments come.
        times_ns: (t,) the instants.
        thresholds_m: the gaps at which a relation begins or ends, where others than those of the page.
    """

    def __init__(
        self, performance: Performance, times_ns: np.ndarray, thresholds_m: Sequence[float] = THRESHOLDS_M
    ) -> None:
        self._thresholds_m = thresholds_m
        self._actors: list[Actor] = list(performance.actors.values())
        self._trees = [SurfaceTree.of(actor.vertices_m(0.0), actor.mesh.faces) for actor in self._actors]
        self._samples = [surface_samples(actor, NUM_SAMPLES) for actor in self._actors]
        self._own_boxes = [_own_box_m(actor) for actor in self._actors]
        fixtures = performance.room.fixtures
        self._sides = [box_surface(fixture.box) for fixture in fixtures]
        t, m, p = len(times_ns), len(self._actors), len(fixtures)
        is_human = np.array([is_person(actor) for actor in self._actors], dtype=bool)
        self.result = Measurements(
            np.asarray(times_ns), tuple(performance.actors), is_human, tuple(fixtures), np.zeros((t, m), bool),
            low_m=_blank(t, m, 3), high_m=_blank(t, m, 3), place_m=_blank(t, m, 2), front=_blank(t, m, 2),
            trunk_rad=_blank(t, m), gap_m=_blank(t, m, m + p), inside_share=_blank(t, m, m + p),
        )  # fmt: skip
        self._vertices: list[np.ndarray | None] = [None] * m
        self._surfaces: list[Surface | None] = [None] * m
        self._points: list[np.ndarray | None] = [None] * m
        # How far any vertex of a thing has moved in all, at most; and for each pair, what it was when last measured.
        self._way_m = np.zeros(m + p)
        self._measured_at_m = np.full((m, m + p), -np.inf)
        self._last_m = np.full((m, m + p), np.nan)
        self._nearest: dict[tuple[int, int], Nearest] = {}

    def add(self, moment: Moment) -> None:
        """Measure a moment."""
        measured, t = self.result, moment.instant
        for i, (name, actor) in enumerate(zip(measured.names, self._actors, strict=True)):
            vertices_m = moment.vertices_m.get(name)
            measured.present[t, i] = vertices_m is not None
            self._follow(i, vertices_m)
            surface = self._surfaces[i]
            if surface is not None:
                measured.low_m[t, i], measured.high_m[t, i] = surface.low_m, surface.high_m
                measured.place_m[t, i] = (surface.low_m + surface.high_m)[:2] / 2
            if surface is not None and is_person(actor):
                joints_m = actor.joints_m(moment.time_s)
                measured.place_m[t, i] = joints_m[[LEFT_HIP, RIGHT_HIP], :2].mean(axis=0)
                measured.front[t, i], measured.trunk_rad[t, i] = front_and_trunk(joints_m)
        self._measure_gaps(t)
        self._measure_insides(t, moment.time_s)

    def _follow(self, i: int, vertices_m: np.ndarray | None) -> None:
        before = self._vertices[i]
        if vertices_m is before:
            return
        self._vertices[i], self._points[i] = vertices_m, None
        self._surfaces[i] = None if vertices_m is None else self._trees[i].posed(vertices_m)
        if vertices_m is None or before is None:
            self._measured_at_m[i, :], self._measured_at_m[:, i] = -np.inf, -np.inf
        else:
            self._way_m[i] += float(np.sqrt(((vertices_m - before) ** 2).sum(axis=1).max()))

    def _measure_gaps(self, t: int) -> None:
        surfaces = [*self._surfaces, *self._sides]
        there = np.array([surface is not None for surface in surfaces], dtype=bool)
        low_m, high_m = (
            np.array([np.full(3, np.nan) if s is None else getattr(s, side) for s in surfaces]).reshape(-1, 3)
            for side in ("low_m", "high_m")
        )
        m = len(self._surfaces)
        apart_m = np.maximum(low_m[:m, None] - high_m[None], low_m[None] - high_m[:m, None])
        boxes_m = np.linalg.norm(np.maximum(apart_m, 0.0), axis=-1)
        asked = there[:m, None] & there[None] & (np.arange(m)[:, None] < np.arange(len(surfaces))[None])
        way_m = self._way_m[:m, None] + self._way_m[None]
        doubt_m = way_m - self._measured_at_m
        far = asked & (boxes_m > FAR_M)
        self._last_m[far], self._measured_at_m[far] = boxes_m[far], way_m[far]
        stale = (doubt_m > NEWS_M) | np.any(
            [np.abs(self._last_m - threshold) <= doubt_m for threshold in self._thresholds_m], axis=0
        )
        for i, j in np.argwhere(asked & ~far & stale & (doubt_m > 0)).tolist():
            self._last_m[i, j], self._measured_at_m[i, j] = self._gap_m(i, j), way_m[i, j]
        self.result.gap_m[t] = np.where(asked, self._last_m, np.nan)

    def _gap_m(self, i: int, j: int) -> float:
        """The gap of two things that are there, or of a thing and a fixture; known triangles are looked at first."""
        a, m = self._surfaces[i], len(self._surfaces)
        b = self._surfaces[j] if j < m else self._sides[j - m]
        if a is None or b is None:
            return np.nan
        nearest = self._nearest.get((i, j), (-1, -1))
        if j < m:
            gap, self._nearest[i, j] = gap_m(a, b, FAR_M, nearest)
        else:
            gap, self._nearest[i, j] = gap_to_box_m(a, self.result.fixtures[j - m].box, b, FAR_M, nearest)
        return gap

    def _measure_insides(self, t: int, time_s: float) -> None:
        measured, m = self.result, len(self._actors)
        boxes: list[OrientedBox | None] = [None] * m + [fixture.box for fixture in measured.fixtures]
        for i, actor in enumerate(self._actors):
            own = self._own_boxes[i]
            if self._surfaces[i] is not None and own is not None and is_tool(actor):
                pose = actor.pose(time_s)
                boxes[i] = OrientedBox(pose @ own.center_m, pose.rotation, own.extent_m)
        for j, box in enumerate(boxes):
            if box is None:
                continue
            corners_m = box.corners_m()
            meets = (measured.low_m[t] <= corners_m.max(axis=0)) & (measured.high_m[t] >= corners_m.min(axis=0))
            near = [i for i in np.flatnonzero(meets.all(axis=1)).tolist() if i != j]
            measured.inside_share[t, measured.present[t], j] = 0.0
            if near:
                within = box.contains(np.concatenate([self._points_m(i) for i in near]))
                measured.inside_share[t, near, j] = within.reshape(len(near), NUM_SAMPLES).mean(axis=1)

    def _points_m(self, i: int) -> np.ndarray:
        """(NUM_SAMPLES, 3) places on the surface of a thing that is there."""
        points_m, vertices_m = self._points[i], self._vertices[i]
        if points_m is None and vertices_m is not None:
            corners, weights = self._samples[i]
            points_m = self._points[i] = (vertices_m[corners] * weights[..., None]).sum(axis=1)
        return np.zeros((0, 3)) if points_m is None else points_m


def front_and_trunk(joints_m: np.ndarray) -> tuple[np.ndarray, float]:
    """Level unit vector (2,) out of the chest, and the angle of the trunk above the level plane, of joints (17, 3)."""
    across = joints_m[LEFT_SHOULDER] - joints_m[RIGHT_SHOULDER]
    trunk = (joints_m[LEFT_SHOULDER] + joints_m[RIGHT_SHOULDER] - joints_m[LEFT_HIP] - joints_m[RIGHT_HIP]) / 2
    length = max(float(np.linalg.norm(across[:2])), 1e-9)
    return np.array([across[1], -across[0]]) / length, float(np.arctan2(trunk[2], np.linalg.norm(trunk[:2])))


def _own_box_m(actor: Actor) -> OrientedBox | None:
    """The tightest box of a thing that may hold others, along the axes of its own frame; None of other things."""
    if not (is_tool(actor) and actor.label in CONTAINERS):
        return None
    points_m = actor.pose(0.0).inverse() @ np.asarray(actor.vertices_m(0.0), dtype=np.float64)
    return OrientedBox((points_m.min(axis=0) + points_m.max(axis=0)) / 2, np.eye(3), np.ptp(points_m, axis=0))


def _blank(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, dtype=np.float32)
