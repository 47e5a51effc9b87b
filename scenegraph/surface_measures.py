"""What needs the surfaces of moving things, instant by instant: gaps, shares in boxes, and how near points come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..reconstruction.state import OrientedBox
from .gaps import Cloud, cloud_to_box_m, cloud_to_cloud_m
from .scene_window import SceneWindow
from .vocabulary import CONTAINERS, FIXTURE, TRACK, symmetric_order

#: Beyond this distance of the bounding boxes their distance itself is stored as the gap: a bound from below.
EXACT_GAP_WITHIN_M = 1.5
#: The same for single points.
EXACT_PROBE_WITHIN_M = 0.4
#: By how much a gap may well have grown since an instant ago; a guess that makes the search short.
NEWS_M = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceMeasures:
    """Measures of P pairs at the T measured instants of a window, NaN where a pair is absent.

    Args:
        gap_m: (T, P).
        inside_share: (T, P) share of the subject's points in the box of the object; only of fixtures and trays.
        probe_m: by entity number, (T, N) how far each of its probes is from its surface.
    """

    gap_m: np.ndarray
    inside_share: np.ndarray
    probe_m: Mapping[int, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Axis-aligned boxes of all entities of a window: (T, E, 3) centre and edge lengths, (T, E) whether they exist."""

    center_m: np.ndarray
    extent_m: np.ndarray
    present: np.ndarray


def measure_surfaces(
    window: SceneWindow, boxes: Boxes, subject: np.ndarray, other: np.ndarray, probes_m: Mapping[int, np.ndarray]
) -> SurfaceMeasures:
    """Measure all pairs.

    Args:
        window: the scene.
        boxes: of its measured instants.
        subject, other: (P,) entity numbers.
        probes_m: by entity number, (T, N, 3) points whose distance to its surface is asked for.
    """
    present = boxes.present[:, subject] & boxes.present[:, other]
    apart = np.abs(boxes.center_m[:, subject] - boxes.center_m[:, other])
    apart = apart - (boxes.extent_m[:, subject] + boxes.extent_m[:, other]) / 2
    gap_m = np.where(present, np.linalg.norm(np.maximum(apart, 0.0), axis=-1), np.nan)
    once, mirror = _asked_once(window, subject, other)
    exact = once & (gap_m <= EXACT_GAP_WITHIN_M)
    holds_others = np.array([_may_hold(window, index) for index in range(len(window.entities))], dtype=bool)
    inside_share = np.where(present & holds_others[other], 0.0, np.nan)
    entered = holds_others[other] & (apart < 0.0).all(axis=-1)
    probe_m = {index: _box_distance_m(boxes, index, points) for index, points in probes_m.items()}
    near = {index: distance <= EXACT_PROBE_WITHIN_M for index, distance in probe_m.items()}
    first, clouds = window.context[0], _Clouds(window, boxes)
    known: dict[int, tuple[Cloud, Cloud | None, float]] = {}
    for time in range(len(gap_m)):
        clouds.go_to(time, first + time)
        for column in np.flatnonzero(exact[time]).tolist():
            a, b = int(subject[column]), int(other[column])
            mine, theirs = clouds[a], None if b in window.boxes else clouds[b]
            before = known.get(column)
            if before is None or before[0] is not mine or before[1] is not theirs:
                guess_m = np.inf if before is None else before[2] + NEWS_M
                if theirs is None:
                    gap = cloud_to_box_m(mine, window.boxes[b], window.exact)
                else:
                    gap = cloud_to_cloud_m(mine, theirs, guess_m, window.exact)
                known[column] = mine, theirs, gap
            gap_m[time, [column, mirror.get(column, column)]] = known[column][2]
        for column in np.flatnonzero(entered[time]).tolist():
            box = _solid_box(window, int(other[column]), first + time)
            if box is not None:
                points_m = clouds[int(subject[column])].points_m
                inside_share[time, column] = box.contains(points_m).mean()
        for index, mask in near.items():
            if mask[time].any():
                probe_m[index][time, mask[time]] = clouds[index].distances_m(probes_m[index][time, mask[time]])
    return SurfaceMeasures(gap_m, inside_share, probe_m)


class _Clouds:
    """The surfaces of one instant, each fetched when first asked for; where there is none, the skin of its box.

    A surface that is the same as before stays the same cloud, so that nothing about it is measured twice.
    """

    def __init__(self, window: SceneWindow, boxes: Boxes) -> None:
        self._window, self._boxes, self._time, self._window_time = window, boxes, 0, 0
        self._before: dict[int, Cloud] = {}
        self._known: dict[int, Cloud] = {}

    def go_to(self, time: int, window_time: int) -> None:
        """The next instant: its number among the measured ones, and in the window."""
        self._time, self._window_time = time, window_time
        self._before.update(self._known)
        self._known = {}

    def __getitem__(self, index: int) -> Cloud:
        if index not in self._known:
            points_m = self._window.surface_m(self._window_time, index)
            box = self._boxes.center_m[self._time, index], self._boxes.extent_m[self._time, index]
            cloud, before = Cloud(points_m) if len(points_m) else Cloud.of_box(*box), self._before.get(index)
            same = before is not None and np.array_equal(before.points_m, cloud.points_m)
            self._known[index] = before if before is not None and same else cloud
        return self._known[index]


def _asked_once(window: SceneWindow, subject: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, dict[int, int]]:
    """(P,) bool, which pairs are measured (of two moving things one), and the pair that gets the same gap."""
    ranks = [symmetric_order(entity.node_id, entity.label) for entity in window.entities]
    pairs = list(zip(subject.tolist(), other.tolist(), strict=True))
    number = {pair: column for column, pair in enumerate(pairs)}
    mirror = {column: number[b, a] for (a, b), column in number.items() if (b, a) in number and ranks[a] < ranks[b]}
    layers = [entity.layer for entity in window.entities]
    once = [column in mirror or layers[b] == FIXTURE for column, (_, b) in enumerate(pairs)]
    return np.array(once, dtype=bool), mirror


def _may_hold(window: SceneWindow, index: int) -> bool:
    entity = window.entities[index]
    return entity.layer == FIXTURE or (entity.layer == TRACK and entity.label in CONTAINERS and index in window.tools)


def _solid_box(window: SceneWindow, index: int, window_time: int) -> OrientedBox | None:
    """The box of a fixture, or that of a tray along the axes of its own frame; None where its pose is unknown."""
    if index in window.boxes:
        return window.boxes[index]
    path = window.tools[index]
    rotation, place_m = path.rotation[window_time], path.translation_m[window_time]
    if not np.isfinite(place_m).all():
        return None
    middle_m = rotation @ ((path.low_m + path.high_m) / 2) + place_m
    return OrientedBox(middle_m, rotation, path.high_m - path.low_m)


def _box_distance_m(boxes: Boxes, index: int, points_m: np.ndarray) -> np.ndarray:
    """(T, N) from points (T, N, 3) to the axis-aligned box of an entity."""
    apart = np.abs(points_m - boxes.center_m[:, index, None]) - boxes.extent_m[:, index, None] / 2
    return np.where(boxes.present[:, index, None], np.linalg.norm(np.maximum(apart, 0.0), axis=-1), np.nan)


def trimmed(boxes: Boxes, instants: slice) -> Boxes:
    """The boxes of some instants."""
    return replace(
        boxes, center_m=boxes.center_m[instants], extent_m=boxes.extent_m[instants], present=boxes.present[instants]
    )
