"""The truth of a performance is true: against a slow transcription of docs/predicates.md, and read back from disk."""

import csv
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.clock import ClockModel
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or import meshes
from ortwin.datasets.simulated_or.blocks import Block
from ortwin.datasets.simulated_or.clocks import ClockConfig, draw_clocks
from ortwin.datasets.simulated_or.faults import FaultConfig, schedule
from ortwin.datasets.simulated_or.measurements import FAR_M, NEWS_M, THRESHOLDS_M, Measurements, Measurer
from ortwin.datasets.simulated_or.moments import moments
from ortwin.datasets.simulated_or.performance import Act, Performance, Phase, StandingRoom
from ortwin.datasets.simulated_or.relation_rules import Limits
from ortwin.datasets.simulated_or.sightings import Sightings, watching
from ortwin.datasets.simulated_or.spans import with_scraps
from ortwin.datasets.simulated_or.true_relations import Sights, true_relations
from ortwin.datasets.simulated_or.truth_tables import write_truth
from ortwin.evaluation.true_states import true_window
from ortwin.evaluation.truth import RelationTruth, Truth, read_truth
from ortwin.evaluation.truth_writer import TruthWriter
from ortwin.reconstruction.state import Fixture, OrientedBox, Zone
from scipy.spatial import KDTree

STEP_S = 0.1
TURNED = SE3.exp(np.array([0, 0, 0.3, 0, 0, 0])).rotation
TABLE = OrientedBox(np.array([0.0, 0.0, 0.45]), TURNED, np.array([1.6, 0.6, 0.9]))
CABINET = OrientedBox(np.array([1.6, 1.2, 0.9]), np.eye(3), np.array([0.8, 0.5, 1.8]))
FLOOR = Zone("room", np.array([[-2.5, -2], [2.5, -2], [2.5, 2], [-2.5, 2]]), 3.0)
FIELD = Zone("sterile_zone", np.array([[-1.2, -0.8], [1.2, -0.8], [0.9, 0.8], [-0.9, 0.6]]), 2.0)
HIP_M, SHOULDER_M, BODY_M = 0.95, 1.45, np.array([0.25, 0.45, 1.7])

Way = Callable[[float], SE3]


@dataclass(frozen=True)
class Mannequin:
    """A person as a box with joints; in its own frame it stands at the origin, looks along x, and is cut by z = 0."""

    name: str
    owner: int
    way: Way
    role: str = "visitor"
    label: str = "person"

    @property
    def own_m(self) -> np.ndarray:
        return meshes.box(np.array([0, 0, BODY_M[2] / 2]), np.eye(3), BODY_M, 0).vertices_m

    @property
    def mesh(self) -> meshes.TexturedMesh:
        own = meshes.box(np.array([0, 0, BODY_M[2] / 2]), np.eye(3), BODY_M, 0).owned_by(self.owner)
        return replace(own, vertices_m=self.way(0.0) @ own.vertices_m)

    def vertices_m(self, time_s: float) -> np.ndarray:
        return (self.way(time_s) @ self.own_m).astype(np.float32)

    def moves(self, begin_s: float, end_s: float) -> bool:
        return True

    def joints_m(self, time_s: float) -> np.ndarray:
        own = np.tile(np.array([0.0, 0.0, 1.2]), (17, 1))
        for side, (shoulder, hip) in ((1.0, (5, 11)), (-1.0, (6, 12))):
            own[shoulder], own[hip] = [0, 0.18 * side, SHOULDER_M], [0, 0.12 * side, HIP_M]
        return self.way(time_s) @ own


def at(x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> SE3:
    return SE3(SE3.exp(np.array([0, 0, yaw, 0, 0, 0])).rotation, np.array([x, y, z]))


def walk(*stops: tuple[float, float, float, float]) -> Way:
    """A way on the floor through (time_s, x, y, yaw)."""
    times, *values = np.array(stops).T
    return lambda time_s: at(*(float(np.interp(time_s, times, v)) for v in values[:2]), 0.0,
                             float(np.interp(time_s, times, values[2])))  # fmt: skip


def lift(*stops: tuple[float, float, float, float]) -> Way:
    """A way through (time_s, x, y, z) without turning."""
    times, *values = np.array(stops).T
    return lambda time_s: at(*(float(np.interp(time_s, times, v)) for v in values))


def tool(name: str, owner: int, size_m: tuple[float, float, float], way: Way) -> Block:
    own = meshes.box(np.zeros(3), np.eye(3), np.array(size_m), 0)
    return replace(Block.of("tool", owner, own, way), name=name, label=name.rsplit("_", 1)[0], tip_m=own.vertices_m[0])


def stage(*actors: Mannequin | Block, seconds: float, acts: tuple[Act, ...] = (), **more: object) -> Performance:
    down = np.array([0, -6.0, 0])
    floor = meshes.panel(np.array([-3.0, 3, 0]), np.array([6.0, 0, 0]), down, 0)
    boxes = [meshes.box(b.center_m, b.rotation, b.extent_m, 0) for b in (TABLE, CABINET)]
    fixtures = tuple(Fixture(n, n, b) for n, b in (("operating_table", TABLE), ("cabinet", CABINET)))
    picture = [np.zeros((4, 4, 3), np.uint8)]
    room = StandingRoom(meshes.merge([floor, *boxes]), picture, fixtures, (FLOOR, FIELD), fixtures, ())
    return Performance("play", seconds, room, {a.name: a for a in actors}, picture, acts, **more)


def times_of(performance: Performance) -> np.ndarray:
    return np.arange(round(performance.duration_s / STEP_S)) * round(STEP_S * 1e9)


def measure(performance: Performance, factor: float = 1.0) -> Measurements:
    thresholds_m = [factor * threshold for threshold in THRESHOLDS_M]
    measurer = Measurer(performance, times_of(performance), thresholds_m)
    for moment in moments(performance, times_of(performance)):
        measurer.add(moment)
    return measurer.result


def relations(performance: Performance, seen: np.ndarray | None = None, factor: float = 1.0) -> list[RelationTruth]:
    measured = measure(performance, factor)
    sights = Sights.of(measured.present, measured.present if seen is None else seen)
    return true_relations(measured, sights, performance.room.zones, performance.acts, Limits().scaled(factor))


def spans_of(rows: list[RelationTruth], *triple: str, state: str = "true") -> list[tuple[int, int]]:
    return sorted(
        (r.begin_instant, r.end_instant)
        for r in rows
        if (r.subject, r.predicate, r.object) == triple and r.state == state
    )


# A slow second way: points on surfaces, a loop over instants, the page word by word.


SPACING_M = 0.04


def cloud_m(vertices_m: np.ndarray, faces: np.ndarray, spacing_m: float = SPACING_M) -> np.ndarray:
    """Points on right-angled triangles in a square grid, corners and edges included."""
    points = []
    for corners in np.asarray(vertices_m, float)[faces]:
        opposite = [np.linalg.norm(corners[(k + 1) % 3] - corners[(k + 2) % 3]) for k in range(3)]
        a, b, c = np.roll(corners, -int(np.argmax(opposite)), axis=0)
        n, m = (int(np.ceil(np.linalg.norm(leg) / spacing_m)) + 1 for leg in (b - a, c - a))
        u, v = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, m))
        keep = u + v <= 1 + 1e-9
        points += [a + u[keep][:, None] * (b - a) + v[keep][:, None] * (c - a), corners]
    return np.concatenate(points)


def true_gap_m(cloud_gap_m: float) -> tuple[float, float]:
    """The limits of a gap that two such clouds show: sideways, a point lies within 0.71 spacings of another one."""
    return np.sqrt(max(cloud_gap_m**2 - SPACING_M**2 / 2, 0.0)), cloud_gap_m


class Page:
    """docs/predicates.md, transcribed for one pair at a time, everything seen; its thresholds times a factor."""

    MINIMUM_S: ClassVar = {
        "close_to": 0.4, "touching": 0.5, "on": 0.5, "inside": 0.5, "lying_on": 2.0, "facing": 0.5, "approaching": 0.5,
        "inside_zone": 0.3,
    }  # fmt: skip

    def __init__(self, performance: Performance, factor: float = 1.0) -> None:
        self.factor = factor
        self.performance, self.times_s = performance, times_of(performance) * 1e-9
        self.fixtures = {f.label: f for f in performance.room.fixtures}
        self.zones = {z.label: z for z in performance.room.zones}
        self.clouds = {
            (name, k): cloud_m(actor.vertices_m(t), actor.mesh.faces)
            for name, actor in performance.actors.items()
            for k, t in enumerate(self.times_s)
        }
        self.gaps: dict[tuple[str, str, int], float] = {}

    def gap(self, a: str, b: str, k: int) -> float:
        if (a, b, k) not in self.gaps:
            self.gaps[a, b, k] = self.gap_anew(a, b, k)
        return self.gaps[a, b, k]

    def gap_anew(self, a: str, b: str, k: int) -> float:
        if b in self.fixtures:
            return float(self.fixtures[b].box.distance_m(self.clouds[a, k]).min())
        (low, high), (low_b, high_b) = self.hull(a, k), self.hull(b, k)
        apart = float(np.linalg.norm(np.maximum(np.maximum(low - high_b, low_b - high), 0)))
        return apart if apart > FAR_M else float(KDTree(self.clouds[b, k]).query(self.clouds[a, k])[0].min())

    def hull(self, a: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self.clouds[a, k].min(axis=0), self.clouds[a, k].max(axis=0)

    def footprint_share(self, a: str, b: str, k: int) -> float:
        low, high = self.hull(a, k)
        grid = (np.stack(np.meshgrid(np.arange(60), np.arange(60)), -1).reshape(-1, 2) + 0.5) / 60
        spots = low[:2] + grid * (high - low)[:2]
        box = self.fixtures[b].box
        return box.contains(np.column_stack([spots, np.full(len(spots), box.center_m[2])])).mean()

    def person(self, a: str, k: int) -> tuple[np.ndarray, np.ndarray, float]:
        joints = self.performance.actors[a].joints_m(self.times_s[k])
        hips, shoulders = joints[11:13].mean(axis=0), joints[5:7].mean(axis=0)
        trunk = shoulders - hips
        return hips[:2], joints[5] - joints[6], np.degrees(np.arcsin(trunk[2] / np.linalg.norm(trunk)))

    def point(self, a: str, b: str, k: int) -> np.ndarray | None:
        if b not in self.fixtures:
            return self.person(b, k)[0]
        box, place = self.fixtures[b].box, self.person(a, k)[0]
        local = (np.array([*place, 0.0]) - box.center_m) @ box.rotation
        near = np.clip(local, -box.extent_m / 2, box.extent_m / 2)
        return None if np.allclose(near[:2], local[:2]) else (box.rotation @ near + box.center_m)[:2]

    def own_box(self, b: str, k: int) -> OrientedBox:
        if b in self.fixtures:
            return self.fixtures[b].box
        actor = self.performance.actors[b]
        pose = actor.pose(self.times_s[k])
        local = pose.inverse() @ actor.vertices_m(self.times_s[k]).astype(float)
        return OrientedBox(pose @ ((local.min(0) + local.max(0)) / 2), pose.rotation, np.ptp(local, axis=0) + 1e-6)

    def says(self, a: str, predicate: str, b: str, k: int) -> tuple[bool, bool]:
        """Whether the relation enters, and whether it exits."""
        f = self.factor
        if predicate == "close_to":
            return (gap := self.gap(a, b, k)) <= f * 0.40, gap > f * 0.55
        if predicate == "touching":
            return (gap := self.gap(a, b, k)) <= f * 0.03, gap > f * 0.06
        if predicate == "on":
            off = abs(self.hull(a, k)[0][2] - self.fixtures[b].box.corners_m()[:, 2].max())
            share = self.footprint_share(a, b, k)
            return off <= f * 0.10 and share >= f * 0.5, off > f * 0.15 or share < f * 0.4
        if predicate == "inside":
            share = self.own_box(b, k).contains(self.clouds[a, k]).mean()
            return share >= f * 0.9, share < f * 0.7
        if predicate == "lying_on":
            level, gap, share = abs(self.person(a, k)[2]), self.gap(a, b, k), self.footprint_share(a, b, k)
            return (
                level <= f * 30 and gap <= f * 0.06 and share >= f * 0.5,
                level > f * 45 or gap > f * 0.10 or share < f * 0.4,
            )
        if predicate == "inside_zone":
            return self.in_zone(a, self.zones[b], k)
        point, (place, across, level) = self.point(a, b, k), self.person(a, k)
        if point is None:
            return False, True
        away = float(np.hypot(*(point - place)))
        if predicate == "facing":
            turn = np.arctan2(*(point - place)[::-1]) - (np.arctan2(across[1], across[0]) - np.pi / 2)
            bearing = abs(np.degrees((turn + np.pi) % (2 * np.pi) - np.pi))
            return (
                level >= f * 45 and bearing <= f * 30 and away <= f * 2.0,
                level < f * 45 or bearing > f * 45 or away > f * 2.5,
            )
        first, last = max(k - 2, 0), min(k + 2, len(self.times_s) - 1)
        way = (self.person(a, last)[0] - self.person(a, first)[0]) / (self.times_s[last] - self.times_s[first])
        speed = float(way @ (point - place)) / away
        return speed >= f * 0.30 and away <= f * 3.0, speed < f * 0.15 or away > f * 3.5

    def in_zone(self, a: str, zone: Zone, k: int) -> tuple[bool, bool]:
        low, high = self.hull(a, k)
        center = (low + high) / 2
        corners, depth = zone.polygon_m, []
        for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            normal = np.array([-(q - p)[1], (q - p)[0]]) / np.hypot(*(q - p))
            depth.append(float((center[:2] - p) @ normal))
        # Of a convex zone, the least height over its sides is the depth inside, and no more than the distance outside.
        inside = min(depth) >= 0 and center[2] < zone.height_m
        return inside, center[2] >= zone.height_m or min(depth) < -self.factor * 0.10

    def holds(self, a: str, predicate: str, b: str) -> np.ndarray:
        state, states = False, []
        for k in range(len(self.times_s)):
            enters, exits = self.says(a, predicate, b, k)
            state = not exits if state else enters
            states.append(state)
        least = max(1, round(self.MINIMUM_S[predicate] / STEP_S))
        text = "".join("1" if one else "0" for one in states)
        for value, fill in (("0", "1"), ("1", "0")):
            groups = [(one, len(list(run))) for one, run in itertools.groupby(text)]
            text = "".join(
                (fill if one == value and n < least and (value == "1" or 0 < i < len(groups) - 1) else one) * n
                for i, (one, n) in enumerate(groups)
            )
        return np.array([one == "1" for one in text])

    def triples(self) -> list[tuple[str, str, str]]:
        actors = self.performance.actors
        people = [name for name, actor in actors.items() if isinstance(actor, Mannequin)]
        found = [(a, p, b) for a, b in itertools.combinations(actors, 2) for p in ("close_to", "touching")]
        found += [(a, p, b) for a in actors for b in self.fixtures for p in ("close_to", "touching", "on", "inside")]
        found += [(a, "inside", "tray_1") for a in actors if a != "tray_1"]
        found += [(a, "lying_on", b) for a in people for b in self.fixtures]
        found += [(a, p, b) for a in people for b in (*people, *self.fixtures) if a != b
                  for p in ("facing", "approaching")]  # fmt: skip
        return found + [(a, "inside_zone", z) for a in actors for z in self.zones]


def small_play() -> Performance:
    """Two people and four things do everything that the first table names."""
    lie = SE3(np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]), np.array([0.85, 0.0, 0.9 + BODY_M[0] / 2 + 0.02]))
    lie = SE3(TABLE.rotation, np.zeros(3)) @ lie
    surgeon = walk((0, -2.2, -1.4, 0.5), (1, -0.6, -0.85, 1.3), (2.5, -0.6, -0.85, 1.3), (3, 0.6, -1.1, -1.0),
                   (4, 1.7, 0.6, 1.5), (4.5, 1.7, 0.6, 4.0), (6, 2.3, -1.9, 4.6))  # fmt: skip
    nurse = walk((0, 2.0, -1.0, 2.6), (1.5, 2.0, -1.0, 2.6), (2.5, 0.5, -0.95, 2.0), (6, 0.5, -0.95, 1.2))
    drill = lift((0, -0.3, -0.2, 1.0), (1, -0.3, -0.2, 1.0), (2, -0.2, -0.5, 1.3), (3, 0.4, -0.7, 1.2),
                 (4.5, 1.6, 1.2, 1.2), (6, 1.6, 1.2, 1.2))  # fmt: skip
    tray = lift((0, -0.4, 0.0, 1.02), (2.5, -0.4, 0.0, 1.02), (4.5, 0.9, -1.2, 1.3), (6, 0.9, -1.2, 1.3))
    screw = lift((0, -1.5, 0.5, 1.6), (1.5, -0.4, 0.0, 1.02), (2.5, -0.4, 0.0, 1.02), (4.5, 0.9, -1.2, 1.3),
                 (5, 0.9, -1.2, 1.3), (5.5, 0.9, 0.2, 2.4))  # fmt: skip
    return stage(
        Mannequin("person_1", 1, surgeon),
        Mannequin("patient", 2, lambda _: lie, "patient", "patient"),
        Mannequin("person_2", 3, nurse),
        tool("drill_1", 101, (0.2, 0.06, 0.15), drill),
        tool("tray_1", 102, (0.5, 0.4, 0.2), tray),
        tool("screw_1", 103, (0.02, 0.05, 0.02), screw),
        seconds=6.0,
    )


@pytest.mark.parametrize("factor", [1.0, 0.8, 1.2])
def test_measured_relations_hold_by_the_page_read_a_second_time(factor: float) -> None:
    performance = small_play()
    page, rows = Page(performance, factor), relations(performance, factor=factor)
    assert {row.state for row in rows} == {"true"}
    happened = set()
    for a, predicate, b in page.triples():
        claimed = np.zeros(len(page.times_s), dtype=bool)
        for begin, end in spans_of(rows, a, predicate, b):
            claimed[begin:end] = True
        expected = page.holds(a, predicate, b)
        # The clouds of the second way are 40 mm wide, which things move in an instant or so.
        differs = np.flatnonzero(claimed != expected)
        borders = np.flatnonzero(np.diff(expected.astype(int))) + 0.5
        assert all(np.abs(borders - k).min(initial=np.inf) <= 1.5 for k in differs), (a, predicate, b, differs, borders)
        if expected.any() and not expected.all():
            happened.add(predicate)
    # Of a page that asks for more than 0.9 of a surface in a box, 1.2 times as much is more than all of it.
    assert happened == set(Page.MINIMUM_S) - {"lying_on"} - ({"inside"} if factor > 1 else set())
    # Of the mannequin's footprint, 0.6 is not on the table.
    assert spans_of(rows, "patient", "lying_on", "operating_table") == ([(0, 60)] if factor <= 1 else [])
    measured = {(r.subject, r.predicate, r.object) for r in rows if r.predicate not in ("entered", "left")}
    assert measured <= set(page.triples())


def test_gaps_are_measured_anew_only_where_it_matters_and_never_wrong() -> None:
    """What is kept from before stays on the same side of every threshold as the exact gap, and within 0.1 m of it."""
    performance = small_play()
    page, measured = Page(performance), measure(performance)
    for i, j in itertools.combinations(range(len(measured.names)), 2):
        for k in range(0, len(measured.times_ns), 4):
            least_m, most_m = true_gap_m(page.gap(measured.names[i], measured.names[j], k))
            kept_m = float(measured.gap_m[k, i, j])
            assert kept_m <= most_m + NEWS_M + 1e-6
            assert kept_m >= min(least_m, FAR_M) - NEWS_M - 1e-6
            for threshold in THRESHOLDS_M:
                if most_m <= threshold or least_m > threshold:
                    assert (kept_m <= threshold) == (most_m <= threshold)


def test_coming_and_going() -> None:
    """In at 1.0 s, out at 3.0 s by the centre at x = 2.5 (0.1 m further out), in again: 1 s each."""
    way = walk(
        (0, 3.0, 0, np.pi), (1, 2.5, 0, np.pi), (2, 2.0, 0, np.pi), (3.2, 2.6, 0, 0), (4, 3.0, 0, 0), (6, 2.0, 0, 0)
    )
    rows = relations(stage(Mannequin("person_1", 1, way), seconds=7.0))
    (first, gone), (again, end) = spans_of(rows, "person_1", "inside_zone", "room")
    assert (first, gone) in {(10, 32), (10, 33), (11, 33), (11, 32)}
    assert end == 70
    assert spans_of(rows, "person_1", "entered", "room") == [(first, first + 10), (again, again + 10)]
    assert spans_of(rows, "person_1", "left", "room") == [(gone, gone + 10)]


def test_what_is_there_from_the_start_has_not_entered() -> None:
    rows = relations(stage(tool("drill_1", 101, (0.2, 0.1, 0.1), lift((0, 0, 0, 1.2), (1, 0, 0, 1.2))), seconds=2.0))
    assert spans_of(rows, "drill_1", "inside_zone", "room") == [(0, 20)]
    assert not [row for row in rows if row.predicate in ("entered", "left")]


def test_what_appears_has_entered_and_what_disappears_has_left() -> None:
    drill = tool("drill_1", 101, (0.2, 0.1, 0.1), lift((0, 0, 0, 1.2), (1, 0, 0, 1.2)))
    rows = relations(stage(drill, seconds=5.0, exists={"drill_1": (1.0, 3.0)}))
    assert spans_of(rows, "drill_1", "inside_zone", "room") == [(10, 30)]
    assert spans_of(rows, "drill_1", "entered", "room") == [(10, 20)]
    assert spans_of(rows, "drill_1", "left", "room") == [(30, 40)]


def people_and_drill(acts: tuple[Act, ...], way: Way, seconds: float = 8.0) -> Performance:
    first = Mannequin("person_1", 1, walk((0, -0.6, -0.9, 1.5), (1, -0.6, -0.9, 1.5)))
    second = Mannequin("person_2", 2, walk((0, 0.6, -0.9, 1.5), (1, 0.6, -0.9, 1.5)))
    return stage(first, second, tool("drill_1", 101, (0.2, 0.1, 0.1), way), seconds=seconds, acts=acts)


def test_a_handover_is_a_change_of_hands() -> None:
    in_the_air = lift((0, 0.0, -0.7, 1.3), (1, 0.0, -0.7, 1.3))
    on_the_table = lift((0, 0.0, -0.7, 1.3), (2.5, 0.0, -0.1, 0.96), (4.0, 0.0, -0.1, 0.96), (5, 0.0, -0.7, 1.3))
    gives, takes = Act("person_1", "holding", "drill_1", 1.0, 3.0), Act("person_2", "holding", "drill_1", 4.0, 7.0)
    rows = relations(people_and_drill((gives, takes), in_the_air))
    assert spans_of(rows, "person_1", "handover", "person_2") == [(40, 50)]
    assert not spans_of(rows, "person_2", "handover", "person_1")
    laid_down = relations(people_and_drill((gives, takes), on_the_table))
    assert not [row for row in laid_down if row.predicate == "handover"]
    too_late = relations(people_and_drill((gives, replace(takes, begin_s=5.1)), in_the_air))
    assert not [row for row in too_late if row.predicate == "handover"]
    relay = Act("person_1", "holding", "drill_1", 4.5, 5.0)
    back = relations(people_and_drill((gives, replace(takes, end_s=4.4), relay), in_the_air))
    assert spans_of(back, "person_1", "handover", "person_2") == [(40, 50)]
    assert spans_of(back, "person_2", "handover", "person_1") == [(45, 55)]
    both_hold = relations(people_and_drill((gives, replace(takes, begin_s=2.5)), in_the_air))
    assert spans_of(both_hold, "person_1", "handover", "person_2") == [(25, 35)]


def test_acts_are_true_while_they_are_performed_and_shapes_are_not_overruled() -> None:
    still = lift((0, 0.0, -0.7, 1.3), (1, 0.0, -0.7, 1.3))
    acts = (
        Act("person_1", "holding", "drill_1", 1.0, 3.0), Act("person_1", "holding", "drill_1", 2.5, 4.0),
        Act("person_1", "touching", "cabinet", 0.0, 8.0), Act("person_1", "preparing", "operating_table", 0.5, 1.5),
    )  # fmt: skip
    rows = relations(people_and_drill(acts, still))
    assert spans_of(rows, "person_1", "holding", "drill_1") == [(10, 40)]
    assert spans_of(rows, "person_1", "preparing", "operating_table") == [(5, 15)]
    assert not spans_of(rows, "person_1", "touching", "cabinet")
    with pytest.raises(ConfigError, match="nobody"):
        relations(people_and_drill((Act("person_1", "holding", "nobody", 0, 1),), still))


def test_what_nobody_sees_is_unknown_as_soon_as_it_matters() -> None:
    """Two people 1.0 m apart by their surfaces: after 0.43 s unseen, 1.4 m/s could have brought them within 0.40 m."""
    one = Mannequin("person_1", 1, walk((0, 0, -1.5, 1.5), (1, 0, -1.5, 1.5)))
    other = Mannequin("person_2", 2, walk((0, 1.45, -1.5, 1.5), (1, 1.45, -1.5, 1.5)))
    drill = tool("drill_1", 101, (0.1, 0.1, 0.1), lift((0, 0.0, -1.2, 1.3), (1, 0.0, -1.2, 1.3)))
    acts = (Act("person_1", "holding", "drill_1", 1.0, 6.0),)
    play = stage(one, other, drill, seconds=8.0, acts=acts)
    gap_m = measure(play).gap_m[0, 0, 1]
    seen = np.ones((80, 3), dtype=bool)
    seen[20:60, 0] = False
    rows = relations(play, seen)
    hidden = int(np.floor((gap_m - 0.40) / 1.4 / STEP_S - 1e-9))
    assert spans_of(rows, "person_1", "close_to", "person_2", state="unknown") == [(20 + hidden, 60)]
    assert not spans_of(rows, "person_1", "close_to", "person_2")
    # The drill is as near as can be; the relation would end only beyond 0.55 m.
    near_m = measure(play).gap_m[0, 0, 2]
    stays = int(np.floor((0.55 - near_m) / 1.4 / STEP_S + 1e-9))
    assert spans_of(rows, "person_1", "close_to", "drill_1") == [(0, 20 + stays), (60, 80)]
    assert spans_of(rows, "person_1", "close_to", "drill_1", state="unknown") == [(20 + stays, 60)]
    assert spans_of(rows, "person_1", "holding", "drill_1") == [(10, 20)]
    assert spans_of(rows, "person_1", "holding", "drill_1", state="unknown") == [(20, 60)]
    # Nobody saw person_1 come or go.
    assert not [row for row in rows if row.predicate in ("entered", "left")]
    true, unknown = (np.zeros(80, dtype=int) for _ in range(2))
    for row in rows:
        if (row.subject, row.predicate, row.object) == ("person_1", "inside_zone", "room"):
            (true if row.state == "true" else unknown)[row.begin_instant : row.end_instant] += 1
    assert (true + unknown).tolist() == [1] * 80


def test_a_blink_is_bridged() -> None:
    one = Mannequin("person_1", 1, walk((0, 0, -1.5, 1.5), (1, 0, -1.5, 1.5)))
    drill = tool("drill_1", 101, (0.1, 0.1, 0.1), lift((0, 0.0, -1.35, 1.3), (1, 0.0, -1.35, 1.3)))
    seen = np.ones((30, 2), dtype=bool)
    seen[10:13, 1] = False
    rows = relations(stage(one, drill, seconds=3.0), seen)
    assert spans_of(rows, "person_1", "touching", "drill_1") == [(0, 30)]
    assert not [row for row in rows if row.state == "unknown"]


def test_what_is_left_of_a_relation_between_unknown_spans_is_told_where_it_lasts() -> None:
    unknown = np.array([1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    holds = np.ones(12, dtype=bool)
    assert with_scraps(unknown, holds, 3).astype(int).tolist() == [1] * 7 + [0] * 5
    assert with_scraps(unknown, holds, 6).all()
    # What does not hold is false, and what touches nothing unknown stays.
    assert with_scraps(unknown, np.arange(12) > 6, 3).tolist() == unknown.tolist()
    assert not with_scraps(np.zeros(12, dtype=bool), holds, 99).any()


# Who is seen, and what is on disk.

LENS = Intrinsics(250.0, 250.0, 159.5, 119.5, 320, 240)


def looking(name: str, place_m: tuple[float, float, float], target_m: tuple[float, float, float]) -> Camera:
    z = np.array(target_m, float) - place_m
    z /= np.linalg.norm(z)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    pose = SE3(np.stack([x, np.cross(z, x), z], axis=1), np.array(place_m, float))
    return Camera(name, LENS, LENS, SE3.identity(), 0.001, pose)


def two_cameras() -> CameraRig:
    cameras = [looking("cam_1", (-3, -3, 2.4), (0, -0.5, 1.0)), looking("cam_2", (3, -3, 2.4), (0, -0.5, 1.0))]
    return CameraRig({camera.camera_id: camera for camera in cameras})


def test_who_hides_behind_whom() -> None:
    """A drill that travels behind a person's back is seen by the camera at the other side only."""
    person = Mannequin("person_1", 1, walk((0, -0.6, -1.0, 0.8), (1, -0.6, -1.0, 0.8)))
    drill = tool("drill_1", 101, (0.15, 0.1, 0.1), lift((0, -1.4, -0.3, 1.2), (4, 0.3, -0.65, 1.2)))
    play, rig = stage(person, drill, seconds=4.0), two_cameras()
    sightings = Sightings(play, 40, watching(rig, None))
    for moment in moments(play, times_of(play)):
        sightings.add(moment, round(moment.time_s * 1e9))
    for k in range(0, 40, 3):
        for name in rig.cameras:
            eye = rig[name].world_from_depth.translation_m
            points = cloud_m(drill.vertices_m(k * STEP_S), drill.mesh.faces, 0.03)
            # A way is blocked where it passes through the mannequin, a box, or the table, sampled every 5 mm.
            way = eye + np.linspace(0, 0.97, 900)[:, None, None] * (points - eye)
            body = OrientedBox(person.way(0.0) @ np.array([0, 0, BODY_M[2] / 2]), person.way(0.0).rotation, BODY_M)
            free = ~(body.contains(way) | TABLE.contains(way)).any(axis=0)
            if free.mean() > 0.3:
                assert name in sightings.cameras["drill_1"][k]
            if free.mean() == 0.0:
                assert name not in sightings.cameras["drill_1"][k]
    blocked = [cams == ("cam_2",) for cams in sightings.cameras["drill_1"]]
    assert any(blocked)
    assert not all(blocked)
    # The left shoulder lies 45 mm below the side that it is nearest to, and 0.125 m behind the front.
    left, right = sightings.joint_cameras["person_1"][0][5:7]
    assert "cam_1" in left
    assert "cam_2" in right


def test_a_thing_out_of_view_or_too_small_is_not_seen() -> None:
    far = tool("drill_1", 101, (0.15, 0.1, 0.1), lift((0, -2.9, -2.9, 0.1), (1, -2.9, -2.9, 0.1)))
    tiny = tool("screw_1", 102, (0.01, 0.01, 0.01), lift((0, 0, -0.6, 1.2), (1, 0, -0.6, 1.2)))
    play = stage(far, tiny, seconds=0.2)
    sightings = Sightings(play, 2, watching(CameraRig({"cam_1": two_cameras()["cam_1"]}), None))
    for moment in moments(play, times_of(play)):
        sightings.add(moment, 0)
    assert not sightings.seen().any()


def test_a_camera_that_is_unplugged_or_pushed_sees_nothing_or_from_elsewhere() -> None:
    rig, seconds = two_cameras(), 6.0
    clocks = draw_clocks(np.random.default_rng(0), rig.cameras, ClockConfig(free_running=False))
    faults = FaultConfig(num_losses=1, loss_s=2.0, loss_at_s=2.0, num_bumps=1, bump_m=0.5, bump_at_s=5.0)
    plan = schedule(rig, seconds, 10.0, clocks, faults, seed=3)
    at = watching(rig, plan)
    lost, pushed = plan.absences[0].camera_id, plan.bumps[0].camera_id
    assert set(at(1_000_000_000)) == set(rig.cameras)
    # A frame counts for one and a half intervals about it.
    assert lost in at(2_000_000_000)
    assert all(lost not in at(time_ns) for time_ns in range(2_100_000_000, 3_800_000_000, 100_000_000))
    assert lost in at(4_000_000_000)
    for time_ns, moved_m in ((4_900_000_000, 0.0), (5_000_000_000, 0.5)):
        now, before = at(time_ns)[pushed].world_from_camera, rig[pushed].world_from_camera
        assert np.linalg.norm(now.translation_m - before.translation_m) == pytest.approx(moved_m)


def written(folder: Path, performance: Performance, rig: CameraRig, **more: object) -> Truth:
    clocks = {name: ClockModel(5_000_000, 20.0, 7) for name in rig.cameras}
    with TruthWriter(folder / "truth") as truth:
        write_truth(truth, performance, rig, clocks, times_of(performance), **more)
    return read_truth(folder)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    base = small_play()
    acts = (Act("person_1", "holding", "drill_1", 2.0, 5.0), Act("person_2", "assisting", "person_1", 3.0, 9.0))
    phases = (Phase("knee_prep", 0.0, 4.05), Phase("knee_insert", 4.05, 6.0))
    play, rig = replace(base, acts=acts, phases=phases, exists={"tray_1": (0.5, 5.5)}), two_cameras()
    play = replace(play, targets={"knee": np.array([0.1, 0.2, 0.9])})
    truth = written(tmp_path, play, rig, extra={"note": 7})
    times_s = times_of(play) * 1e-9
    assert truth.times_ns.tolist() == times_of(play).tolist()
    assert truth.clocks is not None
    assert truth.clocks["cam_2"] == ClockModel(5_000_000, 20.0, 7)
    assert truth.poses is not None
    assert truth.poses["cam_1"].translation_m == pytest.approx(rig["cam_1"].world_from_camera.translation_m)
    assert truth.phases == (("knee_prep", 0, 41), ("knee_insert", 41, 60))
    assert truth.people is not None
    assert truth.people["patient"].role == "patient"
    for k in (3, 30, 59):
        joints = truth.people["person_1"].joints_m[k]
        assert joints == pytest.approx(play.actors["person_1"].joints_m(times_s[k]), abs=1e-5)
        body = truth.body("person_1", k)
        assert body is not None
        assert body[0] == pytest.approx(play.actors["person_1"].vertices_m(times_s[k]), abs=6e-5)
        assert body[1].tolist() == play.actors["person_1"].mesh.faces.tolist()
    assert truth.body("person_1", 60) is None
    assert truth.body("nobody", 0) is None
    assert truth.tools is not None
    there = np.flatnonzero(np.isfinite(truth.tools["tray_1"].translation_m[:, 0]))
    assert there[0] >= 5
    assert there[-1] < 55
    shape, tip_m = truth.tool_shape("tray_1", "tray"), truth.tip_m("tray_1", "tray")
    assert shape is not None
    assert tip_m == pytest.approx(play.actors["tray_1"].tip_m)
    k = 43
    pose = SE3(truth.tools["tray_1"].rotation[k], truth.tools["tray_1"].translation_m[k])
    assert pose @ shape[0] == pytest.approx(play.actors["tray_1"].vertices_m(times_s[k]), abs=2e-5)
    assert truth.tracks is not None
    track = truth.tracks["drill_1"]
    row = int(np.flatnonzero(track.time_ns == truth.times_ns[k])[0])
    vertices = play.actors["drill_1"].vertices_m(times_s[k])
    assert track.center_m[row] == pytest.approx((vertices.min(0) + vertices.max(0)) / 2, abs=2e-5)
    assert truth.relations is not None
    rows = list(truth.relations)
    held = spans_of(rows, "person_1", "holding", "drill_1") + spans_of(
        rows, "person_1", "holding", "drill_1", state="unknown"
    )
    there = np.isin(np.arange(20, 50), np.searchsorted(truth.times_ns, track.time_ns))
    assert sum(end - begin for begin, end in held) == there.sum()
    with (tmp_path / "truth" / "sightings.csv").open(newline="") as file:
        seen = {(int(row["instant"]), row["track_id"]): row["visible_in"] for row in csv.DictReader(file)}
    assert {instant for instant, name in seen if name == "drill_1"} == set(
        np.searchsorted(truth.times_ns, track.time_ns).tolist()
    )
    assert set(seen.values()) <= {"", "cam_1", "cam_2", "cam_1;cam_2"} and seen[k, "drill_1"]
    # What the scene graph is handed over as seen is what the truth calls seen, by cameras that are not blind.
    for blind in ("", "cam_2"):
        window = true_window(truth, lambda camera, time_ns, blind=blind: camera == blind)
        for column, entity in enumerate(window.entities):
            for instant in np.flatnonzero(window.present[:, column]).tolist():
                views = set(seen.get((instant, entity.node_id), "cam_1").split(";")) - {"", blind}
                assert window.observed[instant, column] == bool(views)
    extra = json.loads((tmp_path / "truth" / "extra" / "scenario.json").read_text())
    assert extra["targets_m"] == {"knee": [0.1, 0.2, 0.9]}
    assert extra["note"] == 7


def test_the_standing_room_is_what_stands_and_the_seen_part_lies_on_it(tmp_path: Path) -> None:
    resting = tool("tray_1", 102, (0.5, 0.4, 0.1), lift((0, 0, 0, 0.95), (1, 0, 0, 0.95)))
    resting = replace(resting, rests=((-np.inf, np.inf),))
    moving = tool("drill_1", 101, (0.2, 0.2, 0.2), lift((0, 1, -1, 1), (1, 1, -1.5, 1)))
    play = stage(resting, moving, seconds=1.0)
    truth = written(tmp_path, play, two_cameras())
    assert truth.room_vertices_m is not None
    assert truth.room_faces is not None
    assert truth.room_seen_m is not None
    assert len(truth.room_vertices_m) == len(play.room.mesh.vertices_m) + len(resting.own_m)
    surface = KDTree(cloud_m(truth.room_vertices_m, truth.room_faces, 0.05))
    assert surface.query(truth.room_seen_m)[0].max() <= 0.05
    on_tray = np.abs(truth.room_seen_m[:, 2] - 1.0) < 1e-3
    assert on_tray.any()


def test_equal_performances_give_equal_truth(tmp_path: Path) -> None:
    play = replace(small_play(), duration_s=1.0)
    contents = []
    for name in ("a", "b"):
        written(tmp_path / name, play, two_cameras())
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
