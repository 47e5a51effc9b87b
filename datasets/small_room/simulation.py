"""Simulating a recording: draw a room and a script, render every camera at every instant, write it with its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from ...capture.camera import CameraRig
from ...capture.errors import ConfigError
from ...evaluation.truth_writer import TruthWriter
from ..simulated_or.meshes import TexturedMesh, Textures, merge
from ..simulated_or.sinks import FolderSink, Sink, recording_sink
from .cameras import DEPTH, hang_cameras
from .render import CameraRenderer, Caster, LensRenderer, View
from .room import Room, furnish
from .script import Scene, play_script
from .sensor_noise import SensorConfig, return_probability, sense_color, sense_depth
from .sightings import FIRST_THING, Sightings
from .solid_meshes import mesh_of, placed
from .solids import Solids, stack
from .truth_tables import write_truth
from .wardrobe import SCRUBS, cart_pictures, dress

SEEN_SPACING_M = 0.02


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """What is simulated besides the seed.

    Args:
        seconds: length; below eight the script is cut, above it repeats in cycles.
        fps: frames per second of each camera.
        num_cameras: 1 to 6.
        scale: size of the images against the sensor's own 640x576 and 1280x720.
        jpeg_quality: of the colour images, 1 to 100.
        sensor: the noise.
    """

    seconds: float = 8.0
    fps: float = 10.0
    num_cameras: int = 3
    scale: float = 1.0
    jpeg_quality: int = 90
    sensor: SensorConfig = field(default_factory=SensorConfig)

    def __post_init__(self) -> None:
        if not (0 < self.fps <= 120 and self.seconds > 0 and round(self.seconds * self.fps) >= 2):
            raise ConfigError(
                f"cannot simulate {self.seconds} s at {self.fps} frames per second", todo="at least two frames"
            )


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything that a seed determines before anything is rendered.

    Args:
        room, scene, rig: what stands, what moves, who looks.
        times_ns: (t,) int64 the instants.
        textures: all pictures.
        solids: everything that moves, as one set.
        moving: its mesh, each part about its own origin.
        part: (n,) which solid a vertex of it belongs to.
    """

    room: Room
    scene: Scene
    rig: CameraRig
    times_ns: np.ndarray
    textures: Textures
    solids: Solids
    moving: TexturedMesh
    part: np.ndarray

    def moving_at(self, position: int) -> TexturedMesh:
        """What moves, where it is at an instant."""
        return replace(self.moving, vertices_m=placed(self.moving, self.part, self.solids, position))


def draw_world(seed: int, config: SimulationConfig) -> World:
    """The room, the script and the rig of a seed.

    Raises:
        ConfigError: no script fits, or the configuration is impossible.
    """
    rng_room, rng_script, rng_rig, rng_look = (np.random.default_rng([seed, stream]) for stream in range(4))
    room = furnish(rng_room)
    times_ns = np.rint(np.arange(round(config.seconds * config.fps)) * (1e9 / config.fps)).astype(np.int64)
    scene = play_script(room, rng_script, config.seconds, times_ns * 1e-9)
    pictures = list(room.pictures)
    meshes, parts, num_parts = [], [], 0
    tones = rng_look.permutation(len(SCRUBS))
    for number, (name, solids) in enumerate(scene.solids.items()):
        is_person = name in scene.bodies
        look = dress(rng_look, SCRUBS[tones[number]]) if is_person else cart_pictures(rng_look, len(solids.radius_m))
        mesh, part = mesh_of(solids, range(len(pictures), len(pictures) + len(look)))
        meshes.append(mesh.owned_by(number + 1 if is_person else FIRST_THING + number - len(scene.bodies)))
        parts.append(part + num_parts)
        num_parts += len(solids.radius_m)
        pictures += look
    rig = hang_cameras(rng_rig, config.num_cameras, config.scale, room.mirrored)
    return World(
        room,
        scene,
        rig,
        times_ns,
        Textures.of(pictures),
        stack(list(scene.solids.values())),
        merge(meshes),
        np.concatenate(parts),
    )


def simulate(
    path: Path | str,
    *,
    seed: int,
    seconds: float = 8.0,
    fps: float = 10.0,
    num_cameras: int = 3,
    config: SimulationConfig | None = None,
    plain: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a recording of a simulated operating room, with its truth in `<path>/truth`.

    Args:
        path: the `.recording` (or, with `plain`, the folder) that will exist afterwards.
        seed: everything follows from it: equal seeds and settings give equal bytes.
        seconds, fps, num_cameras: taken when no config is given.
        config: all settings.
        plain: write the plain folder of PNG and JPEG files instead.
        progress: called with camera frames done and their number.

    Returns:
        The path.

    Raises:
        ConfigError: the settings are impossible.
        InputError: the path is taken.
    """
    config = config or SimulationConfig(seconds=seconds, fps=fps, num_cameras=num_cameras)
    world = draw_world(seed, config)
    room = Caster(world.room.mesh, world.textures)
    renderers = {name: CameraRenderer(camera, room) for name, camera in world.rig.cameras.items()}
    source = {"kind": "simulated-or", "seed": seed, "config": asdict(config)}
    open_sink = FolderSink if plain else recording_sink
    sightings = Sightings(world.scene, len(world.times_ns), config.scale)
    total = len(world.times_ns) * len(renderers)
    sink = open_sink(Path(path), world.rig, config.fps, source)
    with sink, TruthWriter(sink.truth_folder) as truth:
        for position, time_ns in enumerate(world.times_ns.tolist()):
            moving = Caster(world.moving_at(position), world.textures)
            for number, (name, renderer) in enumerate(renderers.items()):
                rng = np.random.default_rng([seed, 100 + number, position])
                view, counts = _expose(sink, name, position, time_ns, renderer, moving, world.part, rng, config)
                truth.foreground(name, position, view.owner)
                sightings.add(position, world.rig[name], view, counts)
                if progress:
                    progress(position * len(renderers) + number + 1, total)
        write_truth(truth, world, sightings, _seen_surface(world, room, config.sensor))
    return Path(path)


def _expose(
    sink: Sink, camera_id: str, index: int, time_ns: int, renderer: CameraRenderer, moving: Caster, part: np.ndarray,
    rng: np.random.Generator, config: SimulationConfig,
) -> tuple[View, dict[int, tuple[int, int]]]:  # fmt: skip
    """One frame of one camera into the sink; returns what its depth lens would see without noise."""
    import cv2

    depth, counts = renderer.depth.draw(moving, part)
    color, _ = renderer.color.draw(moving, part)
    if color.color_rgb is None:
        raise ValueError("a colour lens draws colours")
    raw = sense_depth(depth.depth_m, depth.cosine, rng, config.sensor)
    image = sense_color(color.color_rgb, rng, config.sensor)
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality])[1].tobytes()
    sink.append(camera_id, index, time_ns, None, raw, encoded, "jpeg")
    return depth, counts


def _seen_surface(world: World, room: Caster, sensor: SensorConfig) -> np.ndarray:
    """(m, 3) evenly spread points of the resting surfaces from which a full-size depth lens gets a return."""
    points = []
    for camera in world.rig.cameras.values():
        lens = LensRenderer(DEPTH, camera.world_from_depth, room, with_color=False)
        probability = return_probability(lens.room.depth_m, lens.room.cosine, sensor)
        good = (probability > 0.5).ravel()
        local = lens.rays[good] * lens.room.depth_m.ravel()[good, None]
        points.append(camera.world_from_depth @ local.astype(np.float64))
    stacked = np.concatenate(points)
    cells = np.floor(stacked / SEEN_SPACING_M).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return stacked[np.sort(first)]
