"""What needs the surfaces of moving things, instant by instant: gaps, shares in boxes, and how near points come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from threading import Lock

import numpy as np

from ..reconstruction.state import OrientedBox
from ..reconstruction.threads import in_ranges
from .gaps import Surfaces, box_skin_m
from .scene_window import SceneWindow
from .vocabulary import CONTAINERS, FIXTURE, TRACK, symmetric_order

#: Beyond this distance of the bounding boxes their distance itself is stored as the gap: a bound from below.
EXACT_GAP_WITHIN_M = 1.0
#: The same for single points.
EXACT_PROBE_WITHIN_M = 0.4
#: About so many surfaces are held at a time.
MOST_SURFACES = 128


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

    def between(self, first: int, last: int) -> SurfaceMeasures:
        """Those of the measured instants number `first` up to and without `last`."""
        probe_m = {index: distance_m[first:last] for index, distance_m in self.probe_m.items()}
        return SurfaceMeasures(self.gap_m[first:last], self.inside_share[first:last], probe_m)


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

    Bounding boxes tell which surfaces come near each other at all; only these are fetched, some instants at a time.

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
    holds_others = np.array([_may_hold(window, index) for index in range(len(window.entities))], dtype=bool)
    inside_share = np.where(present & holds_others[other], 0.0, np.nan)
    probe_m = {index: _box_distance_m(boxes, index, points) for index, points in probes_m.items()}
    near = once & (gap_m <= EXACT_GAP_WITHIN_M)
    entered = holds_others[other] & (apart < 0.0).all(axis=-1)
    close = {index: distance <= EXACT_PROBE_WITHIN_M for index, distance in probe_m.items()}
    asked = _asked(window, subject, other, near, entered, close)
    parts, fetching = list(_parts(asked)), Lock()

    def measure(first: int, last: int) -> None:
        for part in parts[first:last]:
            surfaces = _Part(window, boxes, asked, part, fetching)
            surfaces.fill_gaps(gap_m[part], near[part], subject, other)
            surfaces.fill_shares(inside_share[part], entered[part], subject, other)
            for index, of_index in close.items():
                surfaces.fill_probes(probe_m[index][part], of_index[part], index, probes_m[index][part])

    in_ranges(measure, len(parts), size=1)
    gap_m[:, list(mirror.values())] = gap_m[:, list(mirror)]
    return SurfaceMeasures(gap_m, inside_share, probe_m)


def _asked(
    window: SceneWindow, subject: np.ndarray, other: np.ndarray, near: np.ndarray, entered: np.ndarray,
    close: Mapping[int, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """(T, E) bool: whose surface is needed when."""
    asked = np.zeros((len(near), len(window.entities)), dtype=bool)
    for column, (a, b) in enumerate(zip(subject.tolist(), other.tolist(), strict=True)):
        asked[:, a] |= near[:, column] | entered[:, column]
        if b not in window.boxes:
            asked[:, b] |= near[:, column]
    for index, mask in close.items():
        asked[:, index] |= mask.any(axis=1)
    return asked


def _parts(asked: np.ndarray) -> Iterator[slice]:
    """Stretches of instants that ask for about as many surfaces as are held at a time."""
    number = np.cumsum(asked.sum(axis=1)) // MOST_SURFACES
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(asked)]
    return (slice(first, last) for first, last in pairwise(edges) if asked[first:last].any())


class _Part:
    """The surfaces of a stretch of instants, where they are needed; the skin of its box stands for a thing unseen.

    Stretches are measured by several threads, but a scene is asked for surfaces by one at a time: it may read a file.
    """

    def __init__(self, window: SceneWindow, boxes: Boxes, asked: np.ndarray, part: slice, fetching: Lock) -> None:
        self._window, self._begin = window, window.context[0] + part.start
        places = np.argwhere(asked[part])
        self._number = np.full(asked[part].shape, -1, dtype=np.int64)
        self._number[tuple(places.T)] = np.arange(len(places))
        with fetching:
            clouds = [window.surface_m(self._begin + time, index) for time, index in places.tolist()]
        for number, (time, index) in enumerate(places.tolist()):
            if not len(clouds[number]):
                box = boxes.center_m[part][time, index], boxes.extent_m[part][time, index]
                clouds[number] = box_skin_m(*box)
        self._surfaces = Surfaces(clouds, window.exact)

    def fill_gaps(self, gap_m: np.ndarray, near: np.ndarray, subject: np.ndarray, other: np.ndarray) -> None:
        """Of pairs that are near; all are (T, P)."""
        stands = np.isin(other, list(self._window.boxes))
        times, pairs = np.nonzero(near & ~stands)
        if len(times):
            first, second = self._number[times, subject[pairs]], self._number[times, other[pairs]]
            gap_m[times, pairs] = self._surfaces.gaps_m(first, second)
        times, pairs = np.nonzero(near & stands)
        if len(times):
            solid = [self._window.boxes[index] for index in other[pairs].tolist()]
            gap_m[times, pairs] = self._surfaces.gaps_to_boxes_m(self._number[times, subject[pairs]], solid)

    def fill_shares(self, share: np.ndarray, entered: np.ndarray, subject: np.ndarray, other: np.ndarray) -> None:
        """Of subjects whose boxes meet the object's."""
        rows = [(time, pair, self._solid_box(int(other[pair]), time)) for time, pair in np.argwhere(entered).tolist()]
        known = [(time, pair, box) for time, pair, box in rows if box is not None]
        if known:
            times, pairs = np.array([(time, pair) for time, pair, _ in known], dtype=np.int64).T
            own = self._number[times, subject[pairs]]
            share[times, pairs] = self._surfaces.shares_inside(own, [box for _, _, box in known])

    def fill_probes(self, distance_m: np.ndarray, close: np.ndarray, index: int, points_m: np.ndarray) -> None:
        """Of points (T, N, 3) that are close to an entity."""
        times, places = np.nonzero(close)
        if len(times):
            own = self._number[times, index]
            distance_m[times, places] = self._surfaces.distances_m(own, points_m[times, places])

    def _solid_box(self, index: int, time: int) -> OrientedBox | None:
        """The box of a fixture, or that of a tray along the axes of its own frame; None where its pose is unknown."""
        if index in self._window.boxes:
            return self._window.boxes[index]
        path = self._window.tools[index]
        rotation, place_m = path.rotation[self._begin + time], path.translation_m[self._begin + time]
        if not np.isfinite(place_m).all():
            return None
        middle_m = rotation @ ((path.low_m + path.high_m) / 2) + place_m
        return OrientedBox(middle_m, rotation, path.high_m - path.low_m)


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


def _box_distance_m(boxes: Boxes, index: int, points_m: np.ndarray) -> np.ndarray:
    """(T, N) from points (T, N, 3) to the axis-aligned box of an entity."""
    apart = np.abs(points_m - boxes.center_m[:, index, None]) - boxes.extent_m[:, index, None] / 2
    return np.where(boxes.present[:, index, None], np.linalg.norm(np.maximum(apart, 0.0), axis=-1), np.nan)


def trimmed(boxes: Boxes, instants: slice) -> Boxes:
    """The boxes of some instants."""
    return replace(
        boxes, center_m=boxes.center_m[instants], extent_m=boxes.extent_m[instants], present=boxes.present[instants]
    )
