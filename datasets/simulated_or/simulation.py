"""Simulating a recording: draw a world, make its frames, write them with the truth of everything in them."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...capture.errors import ConfigError, InputError
from ...capture.files import hash_file
from ...evaluation.truth_writer import TruthWriter
from .board import BoardConfig
from .faults import Shot
from .simulation_config import SCENARIOS, SimulationConfig, faults_from
from .sinks import FolderSink, Sink, recording_sink
from .truth_tables import write_truth
from .units import Packets, Unit, shots_of, units_of, unpacked
from .workshop import Shelf, job_of, making
from .world import World, draw_world

__all__ = ["SCENARIOS", "SimulationConfig", "faults_from", "simulate"]


def simulate(
    path: Path | str,
    *,
    seed: int,
    config: SimulationConfig | None = None,
    plain: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a recording of a simulated operating room, with its truth in `<path>/truth`.

    Finished pieces lie in `<path>.partial` until the recording is complete; a run that was killed goes on from there,
    and the recording has the same bytes as if it had not been.

    Args:
        path: the `.recording` (or, with `plain`, the folder) that will exist afterwards.
        seed: everything follows from it: equal seeds and settings give equal bytes, whatever the number of workers.
        config: all settings.
        plain: write the plain folder of PNG and JPEG files instead.
        workers: how many processes draw; None = this one only. With more than one, a script that calls this must
            guard its main part with `if __name__ == "__main__":`, because they are started anew (spawn).
        progress: called with camera frames done and their number.

    Returns:
        The path.

    Raises:
        ConfigError: the settings are impossible.
        InputError: the path is taken, or an unfinished simulation with other settings lies beside it.
        MissingExtraError: the scenario has people in it, and their bodies are not installed.
    """
    path, config, workers = Path(path), config or SimulationConfig(), workers or 1
    if workers < 1:
        raise ConfigError(f"a simulation needs at least one worker, not {workers}")
    if path.exists():
        raise InputError("the recording exists already", where=str(path), todo="remove it, or give another name")
    world = draw_world(seed, config)
    units = units_of(world)
    shelf = Shelf(path.with_name(f"{path.name}.partial"), job_of(seed, config, plain, _version()))
    counted = _Count(world, units, progress)
    open_sink = FolderSink if plain else recording_sink
    sink = open_sink(path, world.rig, config.fps, _source(seed, config))
    with (
        making(world, shelf, units, plain, workers, counted.add) as wait,
        sink,
        TruthWriter(sink.truth_folder) as truth,
    ):
        clocks = {name: clock.model for name, clock in world.schedule.clocks.items()}
        write_truth(
            truth, world.performance, world.rig, clocks, world.times_ns, schedule=world.schedule, sensors=world.sensors,
            extra=_extra(world),
        )  # fmt: skip
        if config.scenario == "charuco":
            truth.board(BoardConfig().to_toml())
        for number in sorted({unit.number for unit in units}):
            _assemble(world, [unit for unit in units if unit.number == number], wait, sink, truth)
    shelf.clear()
    return path


def _assemble(world: World, units: list[Unit], wait: Callable[[Unit], Path], sink: Sink, truth: TruthWriter) -> None:
    """The frames of all cameras in one span of time, in the order of exposure."""
    import cv2

    def frames(unit: Unit) -> Iterator[tuple[Shot, Packets]]:
        return zip(shots_of(world, unit), unpacked(wait(unit).read_bytes()), strict=True)

    streams = [frames(unit) for unit in units]
    for shot, packets in heapq.merge(*streams, key=lambda pair: (pair[0].rig_ns, pair[0].camera_id)):
        sink.append_packets(shot.camera_id, shot.index, shot.device_ns, shot.host_ns, packets.depth, packets.color)
        owner = cv2.imdecode(np.frombuffer(packets.owner, np.uint8), cv2.IMREAD_GRAYSCALE)
        truth.foreground(shot.camera_id, shot.index, np.asarray(owner))


class _Count:
    """Tells the progress, unit by unit."""

    def __init__(self, world: World, units: list[Unit], progress: Callable[[int, int], None] | None) -> None:
        self._frames = {unit: len(shots_of(world, unit)) for unit in units}
        self._total, self._done, self._progress = sum(self._frames.values()), 0, progress
        self._lock = threading.Lock()

    def add(self, unit: Unit) -> None:
        with self._lock:
            self._done += self._frames[unit]
            if self._progress:
                self._progress(self._done, self._total)


def _source(seed: int, config: SimulationConfig) -> dict[str, Any]:
    source: dict[str, Any] = {"kind": "simulated-or", "seed": seed, "config": config.to_json()}
    if config.rig:
        source["rig_blake3"] = hash_file(Path(config.rig))
    return source


def _extra(world: World) -> Mapping[str, Any]:
    """What is true besides the tables: how each camera is set."""
    cameras = {
        name: {
            "sensor": asdict(world.sensors[name]),
            "exposure": asdict(world.exposures[name]),
            "clock": asdict(world.schedule.clocks[name]),
        }
        for name in world.rig.cameras
    }  # fmt: skip
    return {"cameras": cameras}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ortwin")
    except PackageNotFoundError:
        return "unknown"
