"""From a performance, and the cameras that watch it, to its truth tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...capture.camera import CameraRig
from ...capture.clock import ClockModel
from ...evaluation.truth import TrackTruth
from ...evaluation.truth_writer import BODY_CHUNK, TruthWriter
from .faults import Schedule
from .measurements import THRESHOLDS_M, Measurements, Measurer
from .moments import Moment, is_person, is_tool, moments
from .performance import Performance
from .seen_surface import seen_surface_m, standing_mesh
from .sensor_noise import SensorConfig
from .sightings import Sightings, watching
from .true_relations import Sights, true_phases, true_relations

SAME_SHAPE_M = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What the relations of a performance follow from: its measures, and who was seen when."""

    measured: Measurements
    sights: Sights


def write_truth(
    truth: TruthWriter,
    performance: Performance,
    rig: CameraRig,
    clocks: Mapping[str, ClockModel],
    times_ns: np.ndarray,
    *,
    schedule: Schedule | None = None,
    sensors: Mapping[str, SensorConfig] | None = None,
    extra: Mapping[str, Any] | None = None,
    bodies: bool = True,
    progress: Callable[[int, int], None] | None = None,
    thresholds_m: Sequence[float] = THRESHOLDS_M,
) -> Watched:
    """Write every table but the foreground masks, which come frame by frame; answers what it was read off.

    Args:
        truth: the writer.
        performance: what was played.
        rig: the cameras where they stood at the begin.
        clocks: their true clocks.
        times_ns: (t,) int64 the instants, rig clock, evenly spaced.
        schedule: the frames, if cameras lost some or were moved; truth/faults.json comes of it.
        sensors: the depth sensors by camera, which say what of the room can be seen; None = an Azure Kinect's.
        extra: what else is known, besides the scenario's name, `targets_m` by name and the tools' `axis` by label, as
            truth/extra/scenario.json.
        bodies: whether to keep the surfaces of people and drape at every instant (about 5 kB per person and instant).
        progress: called with the instants done and their number.
        thresholds_m: at which gaps the measures that come back are exact.

    Raises:
        ConfigError: the script performs something with somebody who is not there.
    """
    room = performance.room
    measurer = Measurer(performance, times_ns, thresholds_m)
    sightings = Sightings(performance, len(times_ns), watching(rig, schedule))
    recorder = _BodyRecorder(truth, performance) if bodies else None
    for moment in moments(performance, times_ns):
        measurer.add(moment)
        sightings.add(moment, int(times_ns[moment.instant]))
        if recorder is not None:
            recorder.add(moment)
        if progress is not None:
            progress(moment.instant + 1, len(times_ns))
    if recorder is not None:
        recorder.finish()
    measured = measurer.result
    sights = Sights.of(measured.present, sightings.seen())

    truth.instants(times_ns)
    truth.clocks(clocks)
    truth.rig({name: camera.world_from_camera for name, camera in rig.cameras.items()})
    if schedule is not None:
        truth.faults(schedule.to_json())
    vertices_m, faces = standing_mesh(performance)
    truth.room(vertices_m, faces, seen_surface_m(vertices_m, faces, rig, sensors))
    truth.fixtures(room.fixtures)
    truth.room_plan(room.fixtures)
    truth.zones(room.zones)
    truth.phases(true_phases(performance.phases, times_ns))
    truth.relations(true_relations(measured, sights, room.zones, performance.acts))
    truth.tracks(_tracks(performance, measured, sights))
    truth.people(_people(performance, measured, sights, sightings))
    truth.tools(_tools(performance, measured, sights, sightings))
    truth.sightings(_seen(measured, sights, sightings))
    _write_shapes(truth, performance)
    truth.extra("scenario", {**_scenario(performance), **(extra or {})})
    return Watched(measured, sights)


def _tracks(performance: Performance, measured: Measurements, sights: Sights) -> Iterator[TrackTruth]:
    for i, (name, actor) in enumerate(performance.actors.items()):
        there = sights.exists[:, i]
        if there.any():
            low_m, high_m = measured.low_m[there, i], measured.high_m[there, i]
            yield TrackTruth(name, actor.label, measured.times_ns[there], (low_m + high_m) / 2, high_m - low_m)


def _people(performance: Performance, measured: Measurements, sights: Sights, sightings: Sightings) -> Iterator[tuple]:
    for instant, time_s in enumerate((measured.times_ns * 1e-9).tolist()):
        for i, (name, actor) in enumerate(performance.actors.items()):
            if sights.exists[instant, i] and is_person(actor):
                views = sightings.joint_cameras[name][instant]
                yield instant, name, actor.role, actor.joints_m(time_s), views


def _tools(performance: Performance, measured: Measurements, sights: Sights, sightings: Sightings) -> Iterator[tuple]:
    for instant, time_s in enumerate((measured.times_ns * 1e-9).tolist()):
        for i, (name, actor) in enumerate(performance.actors.items()):
            if sights.exists[instant, i] and is_tool(actor):
                yield instant, name, actor.label, actor.pose(time_s), sightings.cameras[name][instant]


def _seen(measured: Measurements, sights: Sights, sightings: Sightings) -> Iterator[tuple[int, str, Sequence[str]]]:
    for i, name in enumerate(measured.names):
        for instant in np.flatnonzero(sights.exists[:, i]).tolist():
            yield instant, name, sightings.cameras[name][instant]


def _scenario(performance: Performance) -> dict[str, Any]:
    """What the scenario knows besides the tables: its name, the points that are worked on, where tools point."""
    tools = [actor for actor in performance.actors.values() if is_tool(actor)]
    return {
        "scenario": performance.scenario,
        "targets_m": {name: np.asarray(point).tolist() for name, point in performance.targets.items()},
        "axis": {tool.label: np.asarray(tool.axis).tolist() for tool in reversed(tools) if tool.axis is not None},
    }


def _write_shapes(truth: TruthWriter, performance: Performance) -> None:
    """One shape per label, a tool's own where it differs from that of its label, and the tips."""
    shapes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    tips: dict[str, np.ndarray] = {}
    for name, actor in performance.actors.items():
        if not is_tool(actor):
            continue
        own_m = actor.pose(0.0).inverse() @ np.asarray(actor.vertices_m(0.0), dtype=np.float64)
        known = shapes.setdefault(actor.label, (own_m, actor.mesh.faces))
        if known[0] is own_m:
            truth.tool_shape(actor.label, own_m, actor.mesh.faces)
        elif known[0].shape != own_m.shape or np.abs(known[0] - own_m).max() > SAME_SHAPE_M:
            truth.tool_shape(name, own_m, actor.mesh.faces)
        if actor.tip_m is not None:
            tips.setdefault(actor.label, actor.tip_m)
    truth.tips(tips)


class _BodyRecorder:
    """Writes the surfaces of people and of the drape, whatever is not rigid, in stretches: one is held in memory."""

    def __init__(self, truth: TruthWriter, performance: Performance) -> None:
        self._truth, self._performance = truth, performance
        self._held: dict[str, list[tuple[int, np.ndarray]]] = {}

    def add(self, moment: Moment) -> None:
        """Take the people and the drape of a moment."""
        for name, vertices_m in moment.vertices_m.items():
            if not is_tool(self._performance.actors[name]):
                held = self._held.setdefault(name, [])
                held.append((moment.instant, vertices_m))
                if len(held) == BODY_CHUNK:
                    self._write(name)

    def finish(self) -> None:
        """Write what is left."""
        for name in list(self._held):
            self._write(name)

    def _write(self, name: str) -> None:
        held = self._held.pop(name)
        instants, vertices_m = np.array([one[0] for one in held]), np.stack([one[1] for one in held])
        self._truth.body(name, instants, vertices_m, self._performance.actors[name].mesh.faces)
