"""Everything that a seed determines before anything is drawn: what is played, who looks, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...capture.camera import CameraRig
from .cameras import cameras_from_json, hang_cameras, presets_of
from .clocks import draw_clocks
from .depth_bias import BiasField
from .exposure import Exposure
from .faults import Schedule, schedule
from .performance import Performance
from .sensor_noise import SensorConfig
from .simulation_config import SimulationConfig


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What a recording is made of.

    Args:
        seed, config: what it was drawn from.
        performance: what is played.
        rig: where the cameras stand at the begin.
        schedule: every frame of every camera, and what goes wrong.
        sensors, biases, exposures: by camera: the noise of its depth, its systematic error, how its colour is set.
        times_ns: (t,) int64 the instants of the truth, ticks of the rig clock.
    """

    seed: int
    config: SimulationConfig
    performance: Performance
    rig: CameraRig
    schedule: Schedule
    sensors: Mapping[str, SensorConfig]
    biases: Mapping[str, BiasField]
    exposures: Mapping[str, Exposure]
    times_ns: np.ndarray


def draw_world(seed: int, config: SimulationConfig) -> World:
    """The world of a seed.

    Raises:
        ConfigError: no such scenario, camera or place, or the script finds no way to play.
        InputError: the rig file is unreadable.
        MissingExtraError: the bodies of the people are not installed.
    """
    performance = perform(seed, config)
    rng_rig, rng_clock = (np.random.default_rng([seed, stream]) for stream in (201, 202))
    if config.rig:
        rig = cameras_from_json(config.rig, config.preset[0], config.scale)
    else:
        rig = hang_cameras(performance.room, config.num_cameras, rng_rig, config.preset, config.scale)
    kinds = dict(zip(rig.cameras, presets_of(config.preset, len(rig.cameras)), strict=True))
    sensors = {name: config.sensor or kind.sensor for name, kind in kinds.items()}
    biases, exposures = {}, {}
    for number, (name, camera) in enumerate(rig.cameras.items()):
        rng = np.random.default_rng([seed, 203, number])
        biases[name] = BiasField.draw(rng, camera.depth or camera.color, sensors[name])
        exposures[name] = Exposure.draw(rng)
    clocks = draw_clocks(rng_clock, rig.cameras, config.clocks)
    plan = schedule(rig, config.seconds, config.fps, clocks, config.faults, seed)
    times_ns = np.rint(np.arange(round(config.seconds * config.fps)) * (1e9 / config.fps)).astype(np.int64)
    return World(seed, config, performance, rig, plan, sensors, biases, exposures, times_ns)


def perform(seed: int, config: SimulationConfig) -> Performance:
    """What is played, by the name of the scenario."""
    if config.scenario == "blocks":
        from .blocks import blocks_performance

        return blocks_performance(seed, config.seconds)
    if config.scenario == "charuco":
        from .board import board_performance

        return board_performance(seed, seconds=config.seconds)
    from .scenarios import ScenarioConfig, play

    return play(
        config.scenario,
        ScenarioConfig(seconds=config.seconds, team_size=config.team_size, pace=config.pace, seed=seed),
    )
