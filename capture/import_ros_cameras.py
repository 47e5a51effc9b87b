"""Lenses and places of the cameras in a log: from CameraInfo, static transforms, and what somebody gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .camera import Camera, CameraModel, CameraRig, Intrinsics
from .errors import ConfigError, InputError
from .frame_tree import FrameTree
from .geometry import SE3
from .import_ros_images import size_of
from .import_ros_messages import ImageMessage, InfoMessage
from .import_ros_topics import CameraTopics, is_rectified

WORLDS = ("world", "map")


@dataclass(frozen=True, slots=True, eq=False)
class KnownCameras:
    """What somebody gives besides the log: colour lenses and poses by camera, and rigs with depth lenses.

    Args:
        lenses: colour lens by camera.
        world_from_camera: pose of the colour lens by camera.
        cameras: cameras that are known whole.
    """

    lenses: Mapping[str, Intrinsics] = field(default_factory=dict)
    world_from_camera: Mapping[str, SE3] = field(default_factory=dict)
    cameras: Mapping[str, CameraModel] = field(default_factory=dict)


class CameraMaker:
    """Makes the cameras of a log.

    Args:
        infos: the first CameraInfo of each topic.
        first: the first image of each topic.
        tree: how frames stand to each other.
        known: what somebody gives; goes before what the log says.
        depth_unit_m: metres a count.
        where: the file, for messages.
    """

    def __init__(
        self, infos: Mapping[str, InfoMessage], first: Mapping[str, ImageMessage], tree: FrameTree,
        known: KnownCameras, depth_unit_m: float, where: str,
    ) -> None:  # fmt: skip
        self._infos, self._first, self._tree = infos, first, tree
        self._known, self._unit_m, self._where = known, depth_unit_m, where
        self.assumptions: list[str] = []

    def model(self, name: str, topics: CameraTopics) -> CameraModel:
        """A camera as built.

        Raises:
            InputError: nobody knows a lens, or how depth sits to colour; names camera and topic.
        """
        known = self._known.cameras.get(name)
        has_color, has_depth = topics.color in self._first, topics.depth in self._first
        given = known.color if known else self._known.lenses.get(name)
        color = self._lens(name, topics.color, topics.color_info, given) if has_color else None
        if not has_depth:
            return CameraModel(name, self._require(color, name, topics.color), None, SE3.identity())
        registered = topics.registered or self._same_frame(topics)
        depth = self._lens(name, topics.depth, topics.depth_info, known.depth if known else None, color, registered)
        depth = self._require(depth, name, topics.depth)
        if not has_color:
            return CameraModel(name, depth, depth, SE3.identity(), self._unit_m)
        color = self._require(color, name, topics.color)
        color_from_depth = known.color_from_depth if known else SE3.identity() if registered else None
        if color_from_depth is None:
            color_from_depth = self._tree.between(self._frame(topics.color), self._frame(topics.depth))
        if color_from_depth is None:
            raise InputError(
                "nobody knows how the depth lens sits to the colour lens", where=f"{self._where}, camera {name}",
                why=f"no static transform leads from {self._frame(topics.depth)} to {self._frame(topics.color)}",
                todo="record /tf_static as well, take registered depth with --topic, or give --rig rig.json",
            )  # fmt: skip
        return CameraModel(name, color, depth, color_from_depth, self._unit_m)

    def rig(
        self, models: Mapping[str, CameraModel], cameras: Mapping[str, CameraTopics], world: str
    ) -> tuple[CameraRig | None, tuple[str, ...]]:
        """Where the cameras stand, and those of which nobody says it though others are placed.

        Raises:
            ConfigError: the frame that was named as the world is none that a camera hangs on.
        """
        placed: dict[str, Camera] = {}
        if self._known.world_from_camera:
            poses = self._known.world_from_camera
            placed = {name: model.placed(poses[name]) for name, model in models.items() if name in poses}
        else:
            frames = {name: self._frame(mine.color or mine.depth) for name, mine in cameras.items()}
            world = self._world(frames, world)
            for name, frame in frames.items():
                pose = self._tree.between(world, frame) if world else None
                if pose is not None:
                    placed[name] = models[name].placed(pose)
            if placed:
                self.assumptions.append(
                    f"cameras stand as static transforms say, in the frame {world}; its +z is up, the floor at z = 0"
                )
        return CameraRig(placed) if placed else None, tuple(n for n in models if n not in placed) if placed else ()

    def _world(self, frames: Mapping[str, str], world: str) -> str:
        """The frame that is taken as the world, or "" where none can be."""
        paths = {name: self._tree.path_of(frame) for name, frame in frames.items()}
        known = sorted({frame for path in paths.values() for frame in path[1:]})
        if world:
            if world not in known:
                raise ConfigError(
                    f"--world: no camera hangs on the frame '{world}'", where=self._where,
                    todo=f"the static transforms know {', '.join(known) or 'no frame'}",
                )  # fmt: skip
            return world
        for name in WORLDS:
            if name in known:
                return name
        roots = [path[-1] for path in paths.values() if len(path) > 1]
        shared = sorted({root for root in roots if roots.count(root) > 1})
        return shared[0] if len(shared) == 1 else ""

    def _lens(
        self, name: str, topic: str, info_topic: str, given: Intrinsics | None, color: Intrinsics | None = None,
        registered: bool = False,
    ) -> Intrinsics | None:  # fmt: skip
        size = self._size(topic, name)
        lens, info = given, self._infos.get(info_topic)
        if lens is None and info is not None:
            where = f"{self._where}, {info_topic}"
            try:
                lens = info.lens(rectified=is_rectified(topic), where=where)
            except InputError as error:
                raise InputError(error.what, where=error.where or where, why=error.why, todo=error.todo) from error
        if lens is None and registered and color is not None and (color.width_px, color.height_px) == size:
            self.assumptions.append(f"{name}: {topic} has no CameraInfo; its lens is that of colour")
            lens = color
        if lens is not None and (lens.width_px, lens.height_px) != size:
            raise InputError(
                f"the lens is for {lens.width_px}x{lens.height_px} images, they are {size[0]}x{size[1]}",
                where=f"{self._where}, camera {name}, {topic}",
                todo="give --topic CAMERA.color_info=TOPIC or depth_info with the right CameraInfo, or --rig",
            )  # fmt: skip
        return lens

    def _require(self, lens: Intrinsics | None, name: str, topic: str) -> Intrinsics:
        if lens is None:
            raise InputError(
                f"nobody knows the lens of {topic}", where=f"{self._where}, camera {name}",
                why="there is no CameraInfo beside it, or it holds zeros",
                todo=f"give --topic {name}.color_info=TOPIC (or depth_info), or --rig rig.json with '{name}'",
            )  # fmt: skip
        return lens

    def _size(self, topic: str, name: str) -> tuple[int, int]:
        try:
            return size_of(self._first[topic])
        except InputError as error:
            raise InputError(error.what, where=f"{self._where}, camera {name}, {topic}, first message") from error

    def _frame(self, topic: str) -> str:
        return self._first[topic].frame_id

    def _same_frame(self, topics: CameraTopics) -> bool:
        if topics.color not in self._first:
            return False
        return self._frame(topics.color) == self._frame(topics.depth) != ""
