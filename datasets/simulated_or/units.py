"""The work of a simulation in units: the frames of one camera in a few seconds, drawn, sensed and packed."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...capture.geometry import SE3
from .exposure import expose
from .faults import Shot, spoil
from .render import Renderer
from .sensor_noise import sense_depth
from .simulation_config import SimulationConfig
from .sinks import FolderSink, RecordingSink
from .world import World, draw_world

UNIT_NS = 4_000_000_000
"""Length of a unit: what a killed run loses at most, for each worker."""
RESTING_NS = 1_000_000_000
"""Who does not move for so long is drawn once for it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The frames of a camera exposed in [number, number + 1) * UNIT_NS of rig time."""

    camera_id: str
    number: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.camera_id}-{self.number:06d}"


@dataclass(frozen=True, slots=True)
class Packets:
    """A frame as it is stored: its number, its images, and who owns its depth pixels (a PNG file)."""

    index: int
    depth: bytes
    color: bytes | None
    owner: bytes


def units_of(world: World) -> list[Unit]:
    """All units, in the order in which the recording needs them."""
    last_ns = max((shot.rig_ns for shots in world.schedule.shots.values() for shot in shots), default=0)
    return [Unit(name, number) for number in range(last_ns // UNIT_NS + 1) for name in world.rig.cameras]


def shots_of(world: World, unit: Unit) -> list[Shot]:
    """The frames of a unit that the recording will hold."""
    begin_ns = unit.number * UNIT_NS
    shots = world.schedule.shots[unit.camera_id]
    return [shot for shot in shots if shot.delivered and begin_ns <= shot.rig_ns < begin_ns + UNIT_NS]


class UnitMaker:
    """Makes units of one world; keeps what it drew of the resting room.

    Args:
        world: what is drawn.
        plain: whether packets are for a plain folder.
    """

    def __init__(self, world: World, plain: bool) -> None:
        self.world = world
        self._renderer = Renderer(world.performance)
        self._depth_packet = FolderSink.depth_packet if plain else RecordingSink.depth_packet

    def make(self, unit: Unit) -> bytes:
        """A unit as the content of its file."""
        return packed([self.frame(shot) for shot in shots_of(self.world, unit)])

    def frame(self, shot: Shot, world_from_camera: SE3 | None = None) -> Packets:
        """One frame, from where its camera stands at that moment or from another place."""
        import cv2

        world, name = self.world, shot.camera_id
        camera = replace(world.rig[name], world_from_camera=world_from_camera or world.schedule.pose(name, shot.rig_ns))
        begin_ns = shot.rig_ns // RESTING_NS * RESTING_NS
        resting_s = (begin_ns * 1e-9, (begin_ns + RESTING_NS) * 1e-9)
        with_color = not world.config.depth_only
        view = self._renderer.draw(camera, shot.rig_ns * 1e-9, resting_s, with_color=with_color)
        number = list(world.rig.cameras).index(name)
        rng = np.random.default_rng([world.seed, 300 + number, shot.index])
        seen = view.depth
        if seen.cosine is None:
            raise ValueError("a depth lens knows the incidence")
        raw = sense_depth(
            seen.depth_m, seen.cosine, seen.albedo, seen.gloss, rng, world.sensors[name], world.biases[name],
            shot.overlapping,
        )  # fmt: skip
        depth, color = self._depth_packet(raw), None
        if view.color is not None and view.color.color is not None:
            image = expose(view.color.color, world.exposures[name], rng)
            quality = [cv2.IMWRITE_JPEG_QUALITY, world.config.jpeg_quality]
            color = cv2.imencode(".jpg", image[..., ::-1], quality)[1].tobytes()
        if shot.state == "corrupt":
            depth, color = (depth, spoil(color, shot, world.seed)) if color else (spoil(depth, shot, world.seed), None)
        return Packets(shot.index, depth, color, cv2.imencode(".png", seen.owner)[1].tobytes())


@functools.lru_cache(maxsize=1)
def maker_of(seed: int, config: SimulationConfig, plain: bool) -> UnitMaker:
    """The maker of this process; a worker draws the world itself, which costs less than to send it."""
    return UnitMaker(draw_world(seed, config), plain)


def packed(frames: list[Packets]) -> bytes:
    """Frames as one file."""
    parts = [(frame.depth, frame.color or b"", frame.owner) for frame in frames]
    sizes = np.array([[len(part) for part in three] for three in parts], np.int64).reshape(-1, 3)
    data = np.frombuffer(b"".join(part for three in parts for part in three), np.uint8)
    file = io.BytesIO()
    np.savez(file, index=np.array([frame.index for frame in frames], np.int64), sizes=sizes, data=data)
    return file.getvalue()


def unpacked(content: bytes) -> Iterator[Packets]:
    """The frames of a file that `packed` made."""
    with np.load(io.BytesIO(content)) as arrays:
        index, sizes, data = arrays["index"].tolist(), arrays["sizes"], arrays["data"].tobytes()
    begin = 0
    for number, lengths in zip(index, sizes.tolist(), strict=True):
        ends = [begin + length for length in np.cumsum(lengths).tolist()]
        depth, color, owner = (data[b:e] for b, e in zip([begin, *ends], ends, strict=False))
        begin = ends[-1]
        yield Packets(number, depth, color or None, owner)
