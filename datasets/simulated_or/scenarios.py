"""What can be played in the simulated operating room, and how a play is fitted into a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...capture.errors import ConfigError, nearest_name
from . import performing
from .journey import wheeled
from .performance import FIRST_THING, Actor, Performance
from .plausibility import trouble
from .room import RoomConfig
from .routes import Blocked
from .scenario_busy import busy
from .scenario_knee_replacement import knee_replacement
from .scenario_pedicle_screw import pedicle_screw
from .scenario_turnover import turnover
from .script import Stage
from .stretcher import Stretcher
from .theatre import Theatre
from .timeline import Tempo
from .tools import Tool

SHORTEST_S = 20.0
#: How often the details of a play are drawn in one room, and how many rooms are drawn.
ATTEMPTS, ROOMS = 12, 3


@dataclass(frozen=True, slots=True)
class Scenario:
    """A play and what it needs.

    Args:
        rehearse: puts it on a stage, with a number of people.
        team: fewest and most people, the patient not counted; the fewest is what it asks for by itself.
        room: the room it is played in.
        uncovered: the part of the patient that is operated on ("knee", "back"), or "" in a room without a patient.
    """

    rehearse: Callable[[Stage, int], None]
    team: tuple[int, int]
    room: RoomConfig
    uncovered: str


SCENARIOS: dict[str, Scenario] = {
    "knee_replacement": Scenario(knee_replacement, (6, 8), RoomConfig(), "knee"),
    "pedicle_screw": Scenario(pedicle_screw, (6, 8), RoomConfig(with_c_arm=True), "back"),
    "turnover": Scenario(turnover, (2, 5), RoomConfig(), ""),
    "busy": Scenario(busy, (6, 8), RoomConfig(), "knee"),
}


@dataclass(frozen=True, slots=True)
class ScenarioConfig:
    """How a scenario is played.

    Args:
        seconds: length of the recording; the whole procedure is fitted into it. In a long one work takes longer and is
            repeated; in a short one work is cut to 40 %, and if that does not do, all motion is that much faster. A
            recording of less than 20 s shows the beginning of a play of 20 s.
        team_size: how many people work and watch, the patient not counted; 0 = as many as the scenario asks for.
        pace: how fast people walk and reach, 1 = briskly.
        seed: draws everything else.

    Raises:
        ConfigError: seconds or pace are impossible.
    """

    seconds: float = 60.0
    team_size: int = 0
    pace: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.seconds < 86400:
            raise ConfigError(f"a play cannot last {self.seconds} s", todo="ask for more than 0 s and less than a day")
        if not 0.5 <= self.pace <= 2.0:
            raise ConfigError(f"nobody works at a pace of {self.pace}", todo="give a pace from 0.5 to 2")


def play(name: str, config: ScenarioConfig) -> Performance:
    """Play a scenario once: equal configurations give equal performances.

    Details are drawn until nobody walks into anything or anybody; where a room is too narrow for that, another room.

    Raises:
        ConfigError: no such scenario, an impossible team, or no draw went well.
        MissingExtraError: the bodies of the people are not installed.
    """
    if name not in SCENARIOS:
        hint = nearest_name(name, SCENARIOS)
        raise ConfigError(f"there is no scenario '{name}'{hint}", todo=f"take one of {list(SCENARIOS)}")
    scenario = SCENARIOS[name]
    fewest, most = scenario.team
    team_size = config.team_size or fewest
    if not fewest <= team_size <= most:
        raise ConfigError(f"{name} is played by {fewest} to {most} people, not by {team_size}")
    reason = ""
    for number in range(ROOMS):
        seed = _room_seed(config.seed, number)
        theatre = Theatre.build(scenario.room, scenario.uncovered, seed, owner=team_size + 1)
        for attempt in range(number * ATTEMPTS, (number + 1) * ATTEMPTS):
            seconds = max(config.seconds, SHORTEST_S)
            stage = theatre.stage(config.pace, seconds, np.random.default_rng([config.seed, 12, attempt]))
            try:
                scenario.rehearse(stage, team_size)
            except Blocked as blocked:
                reason = str(blocked)
                continue
            performance = _perform(name, theatre, stage, config)
            reason = trouble(performance)
            if not reason:
                return performance
    raise ConfigError(f"no way was found to play {name}", why=reason, todo="give another seed, or a smaller team")


def _room_seed(seed: int, number: int) -> int:
    """The seed of the first, second, ... room that is tried."""
    return seed if number == 0 else int(np.random.SeedSequence([seed, 15, number]).generate_state(1)[0])


def _perform(name: str, theatre: Theatre, stage: Stage, config: ScenarioConfig) -> Performance:
    stretcher = theatre.stretcher() if stage.trips else None
    pictures, seconds = list(theatre.pictures), config.seconds

    def book(picture: np.ndarray) -> int:
        pictures.append(picture)
        return len(pictures) - 1

    composed, haste = Tempo.fit(stage.busy, stage.length_s, stage.seconds)
    tempo = composed.faster(haste)
    moving = performing.motions(stage, composed, haste, config.seed)
    cast = performing.people(stage, moving, haste, config.seed, book)
    actors: dict[str, Actor] = dict(cast)
    if theatre.lying is not None:
        patient, sheet = theatre.lying
        journey = stage.journey.played(tempo) if stage.journey else None
        actors |= {patient.name: wheeled(patient, journey) if journey else patient, sheet.name: sheet}
        if journey and stretcher:
            first = FIRST_THING + 1 + len(stage.props)
            for owner, trip in enumerate((journey.comes, journey.goes), start=first):
                actors[trip.name] = Stretcher(stretcher, trip, owner)
    for owner, prop in enumerate(stage.props, start=FIRST_THING + 1):  # the drape is the first thing
        actors[prop.name] = Tool(prop.name, prop.shape, owner, performing.track(prop, composed, moving, haste))
    return Performance(
        name, seconds, theatre.room, actors, pictures, performing.acts(stage, tempo, seconds),
        performing.phases(stage, tempo, seconds), performing.exists(stage, tempo), theatre.targets,
    )  # fmt: skip
