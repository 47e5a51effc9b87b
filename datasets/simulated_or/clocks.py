"""The clocks of free-running cameras: when each exposes, what its stamp says, and when the host hears of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from ...capture.arrays import Times
from ...capture.clock import ClockModel
from ...capture.errors import ConfigError

STAMP_NS = 1000
"""Cameras stamp in microseconds."""


@dataclass(frozen=True, slots=True)
class ClockConfig:
    """How the clocks of a rig are drawn. Without free running all cameras are triggered together, stamps are rig time.

    The host's clock is the rig clock, so a host stamp is the rig time of the exposure plus what the way took.

    Args:
        free_running: every camera runs on its own oscillator.
        uptime_s: device clocks began to count up to so long before the recording.
        drift_ppm: standard deviation of the rates; quartz is within some tens of parts per million, and some cameras
            are far worse.
        jitter_s: standard deviation of an exposure about its tick; its stamp knows it.
        exposure_s: how long a camera lights the room (Azure Kinect, narrow field of view: 12.8 ms).
        host_delay_s: the least time from the exposure to the host.
        host_queue_s: mean of the exponential wait on top of it.

    Raises:
        ConfigError: a number is negative.
    """

    free_running: bool = True
    uptime_s: float = 3600.0
    drift_ppm: float = 60.0
    jitter_s: float = 0.0002
    exposure_s: float = 0.0128
    host_delay_s: float = 0.035
    host_queue_s: float = 0.004

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) < np.inf:
                raise ConfigError(f"the clocks' {field.name} must be at least 0, got {getattr(self, field.name)}")


@dataclass(frozen=True, slots=True)
class CameraClock:
    """The clock of one camera.

    Args:
        offset_ns, drift_ppm, reference_ns: rig time from device time, as in ClockModel.
        free_running: whether it ticks on its own oscillator, or when the rig triggers.
        phase: share of a frame by which its first tick comes after the rig's.
        jitter_ns: standard deviation of an exposure about its tick.
        exposure_ns: how long it lights the room.
        host_delay_ns, host_queue_ns: the least way to the host, and the mean wait on top of it.
    """

    offset_ns: int = 0
    drift_ppm: float = 0.0
    reference_ns: int = 0
    free_running: bool = False
    phase: float = 0.0
    jitter_ns: int = 0
    exposure_ns: int = 12_800_000
    host_delay_ns: int = 0
    host_queue_ns: int = 0

    @property
    def model(self) -> ClockModel:
        """What is true of its stamps."""
        return ClockModel(self.offset_ns, self.drift_ppm, self.reference_ns)

    def device_ns(self, rig_ns: Times) -> Times:
        """(t,) int64 device times nearest to rig times (t,) int64; the model maps them back to within 1 ns."""
        rig_ns = np.asarray(rig_ns, dtype=np.int64)
        device_ns = rig_ns - self.offset_ns
        for _ in range(4):
            device_ns = device_ns + (rig_ns - self.model.rig_ns(device_ns))
        return device_ns

    def exposures(self, seconds: float, fps: float, rng: np.random.Generator) -> tuple[Times, Times]:
        """Begin of every exposure within [0, seconds) of rig time.

        A free-running camera counts its frames on its own clock, so that cameras drift through each other's frames.

        Returns:
            (t,) int64 rig time and (t,) int64 device time; the model maps the second onto the first exactly.
        """
        end_ns, period_ns = round(seconds * 1e9), 1e9 / fps
        if not self.free_running:
            rig_ns = np.rint(np.arange(round(seconds * fps)) * period_ns).astype(np.int64)
            device_ns = self.device_ns(rig_ns)
            return self.model.rig_ns(device_ns), device_ns
        first_ns = int(self.device_ns(np.array([0]))[0])
        ticks_ns = (np.arange(int(seconds * fps * 1.01) + 3) + self.phase) * period_ns
        jitter_ns = np.clip(rng.standard_normal(len(ticks_ns)) * self.jitter_ns, -period_ns / 4, period_ns / 4)
        device_ns = (first_ns // STAMP_NS + np.rint((ticks_ns + jitter_ns) / STAMP_NS).astype(np.int64)) * STAMP_NS
        rig_ns = self.model.rig_ns(device_ns)
        inside = (rig_ns >= 0) & (rig_ns < end_ns)
        return rig_ns[inside], device_ns[inside]

    def arrivals(self, rig_ns: Times, rng: np.random.Generator) -> Times:
        """(t,) int64 host times at which frames exposed at rig times (t,) arrive, never before the one before."""
        wait_ns = self.exposure_ns + self.host_delay_ns + rng.exponential(1.0, len(rig_ns)) * self.host_queue_ns
        return np.maximum.accumulate(rig_ns + np.rint(wait_ns).astype(np.int64))


def draw_clocks(rng: np.random.Generator, names: Iterable[str], config: ClockConfig) -> dict[str, CameraClock]:
    """A clock for every camera.

    Args:
        rng: all chance comes from here.
        names: the cameras, in the order of the rig.
        config: how they are drawn.
    """
    clocks = {}
    for name in names:
        uptime_ns, phase = round(rng.uniform(0.02, 1.0) * config.uptime_s * 1e6) * STAMP_NS, rng.uniform()
        drift_ppm = float(np.round(rng.normal() * config.drift_ppm, 3))
        delay_ns = round(rng.uniform(1.0, 1.4) * config.host_delay_s * 1e9)
        shared = (round(config.exposure_s * 1e9), delay_ns, round(config.host_queue_s * 1e9))
        if config.free_running:
            jitter_ns = round(config.jitter_s * 1e9)
            clocks[name] = CameraClock(-uptime_ns, drift_ppm, uptime_ns, True, float(phase), jitter_ns, *shared)
        else:
            clocks[name] = CameraClock(0, 0.0, 0, False, 0.0, 0, *shared)
    return clocks
