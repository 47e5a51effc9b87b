"""The settings of a simulated recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...capture.errors import ConfigError, nearest_name
from .clocks import ClockConfig
from .faults import FaultConfig
from .sensor_noise import SensorConfig

SCENARIOS = ("knee_replacement", "pedicle_screw", "turnover", "busy", "charuco", "blocks")
"""What can be played: four days in an operating room, a calibration board, and three blocks to work out by hand."""


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """What is simulated besides the seed.

    Args:
        scenario: one of SCENARIOS.
        seconds: how long it lasts; the whole procedure is fitted into it.
        fps: frames per second of each camera, and instants per second of the truth.
        num_cameras: 1 to 12; a rig file overrules it.
        preset: the kinds of cameras, which take turns.
        rig: a rig.json that says where the cameras stand, or "".
        scale: size of the images against the cameras' own.
        depth_only: leave the colour images away.
        clocks: how the cameras keep time; free-running by default.
        faults: what goes wrong; nothing by default.
        sensor: the noise of all depth cameras; None = that of each kind.
        team_size: how many people work; 0 = what the scenario asks for.
        pace: how fast they do it, 1 = normally.
        jpeg_quality: of the colour images, 1 to 100.

    Raises:
        ConfigError: a setting is impossible.
    """

    scenario: str = "knee_replacement"
    seconds: float = 60.0
    fps: float = 10.0
    num_cameras: int = 4
    preset: tuple[str, ...] = ("azure_kinect_nfov",)
    rig: str = ""
    scale: float = 1.0
    depth_only: bool = False
    clocks: ClockConfig = field(default_factory=ClockConfig)
    faults: FaultConfig = field(default_factory=FaultConfig)
    sensor: SensorConfig | None = None
    team_size: int = 0
    pace: float = 1.0
    jpeg_quality: int = 90

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            hint = nearest_name(self.scenario, SCENARIOS)
            raise ConfigError(f"there is no scenario '{self.scenario}'{hint}", todo=f"take one of {list(SCENARIOS)}")
        if not (0 < self.fps <= 120 and self.seconds > 0 and round(self.seconds * self.fps) >= 2):
            raise ConfigError(
                f"cannot simulate {self.seconds} s at {self.fps} frames per second", todo="at least two frames"
            )
        if not 0.05 <= self.scale <= 1.0:
            raise ConfigError(f"the image scale must lie in [0.05, 1], got {self.scale}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ConfigError(f"the JPEG quality must lie in [1, 100], got {self.jpeg_quality}")
        if not self.preset:
            raise ConfigError("no kind of camera is given")
        if self.team_size < 0 or not 0.5 <= self.pace <= 2.0:
            raise ConfigError(f"a team of {self.team_size} at a pace of {self.pace} is impossible")

    def to_json(self) -> dict[str, Any]:
        """Every setting as plain values."""
        return {**asdict(self), "preset": list(self.preset)}


def faults_from(values: Mapping[str, Any], base: FaultConfig | None = None) -> FaultConfig:
    """Faults from names and numbers, as a file or a command line gives them.

    Raises:
        ConfigError: a name is unknown, or a value is no number.
    """
    known = asdict(FaultConfig())
    for name, value in values.items():
        if name not in known:
            raise ConfigError(
                f"there is no fault '{name}'{nearest_name(name, known)}", todo=f"known: {', '.join(known)}"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"the fault {name} needs a number, got {value!r}")
    numbers = {name: int(value) if name.startswith("num_") else float(value) for name, value in values.items()}
    return replace(base or FaultConfig(), **numbers)
