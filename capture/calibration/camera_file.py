"""What a file of another program says of cameras, in our conventions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..camera import Camera, CameraModel, CameraRig, Intrinsics
from ..errors import InputError, nearest_name
from ..geometry import SE3


@dataclass(frozen=True, slots=True, eq=False)
class CameraFile:
    """Cameras as a file knows them.

    Args:
        lenses: colour lens by camera id.
        world_from_camera: pose by camera id; cameras without one are left out.
        depth: depth lens and its pose in the colour lens, by camera id, where the file has them.
        notes: what a person should know of how the file was read or written.
    """

    lenses: Mapping[str, Intrinsics]
    world_from_camera: Mapping[str, SE3]
    depth: Mapping[str, tuple[Intrinsics, SE3]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def renamed(self, names: Mapping[str, str]) -> CameraFile:
        """The same with other camera ids; `names` maps those of the file to the new ones.

        Raises:
            InputError: the file has no such camera, or two cameras would have one name.
        """
        for name in names:
            if name not in self.lenses:
                raise InputError(
                    f"the file has no camera '{name}'{nearest_name(name, self.lenses)}",
                    todo=f"it knows {', '.join(self.lenses)}",
                )
        new = {name: names.get(name, name) for name in self.lenses}
        if len(set(new.values())) < len(new):
            raise InputError("two cameras would have the same name", where=", ".join(new.values()))
        return replace(
            self, lenses={new[name]: lens for name, lens in self.lenses.items()},
            world_from_camera={new[name]: pose for name, pose in self.world_from_camera.items()},
            depth={new[name]: entry for name, entry in self.depth.items()},
        )  # fmt: skip

    def model(self, camera_id: str) -> CameraModel:
        """A camera as built."""
        depth, color_from_depth = self.depth.get(camera_id, (None, SE3.identity()))
        return CameraModel(camera_id, self.lenses[camera_id], depth, color_from_depth)

    def rig(self, models: Mapping[str, CameraModel] | None = None, where: str = "") -> CameraRig:
        """The cameras that have a place.

        Args:
            models: the cameras of the recording that the rig is meant for; they supply depth lenses.
            where: the file, for messages.

        Raises:
            InputError: no camera has a place, none belongs to the recording, or an image size does not fit.
        """
        if not self.world_from_camera:
            raise InputError(
                "the file says nothing of where the cameras stand", where=where,
                why="it holds lenses only",
                todo="turn it into lenses with `ortwin rig convert FILE calibration.json`, then `ortwin calibrate`",
            )  # fmt: skip
        wanted = list(self.world_from_camera) if models is None else list(models)
        cameras = {
            name: self._placed(name, None if models is None else models[name], where)
            for name in wanted if name in self.world_from_camera
        }  # fmt: skip
        if not cameras:
            raise InputError(
                f"the rig has no pose for {', '.join(wanted)}", where=where,
                why=f"it knows {', '.join(self.world_from_camera)}",
                todo=f"say which is which: --name {next(iter(self.world_from_camera))}={wanted[0]}",
            )  # fmt: skip
        return CameraRig(cameras)

    def _placed(self, name: str, model: CameraModel | None, where: str) -> Camera:
        lens = self.lenses[name]
        if model is None:
            return self.model(name).placed(self.world_from_camera[name])
        if (lens.width_px, lens.height_px) != (model.color.width_px, model.color.height_px):
            raise InputError(
                f"the rig is for {lens.width_px}x{lens.height_px} images, the recording has "
                f"{model.color.width_px}x{model.color.height_px}", where=f"{where}, camera {name}",
                why="the recording was cropped, scaled or turned after the calibration",
                todo="give the calibration of these images",
            )  # fmt: skip
        known = replace(model, color=lens)
        if name in self.depth and model.depth is not None:
            known = replace(known, depth=self.depth[name][0], color_from_depth=self.depth[name][1])
        return known.placed(self.world_from_camera[name])


def file_of_rig(rig: CameraRig) -> CameraFile:
    """A rig as a file to be written."""
    return CameraFile(
        {name: camera.color for name, camera in rig.cameras.items()},
        {name: camera.world_from_camera for name, camera in rig.cameras.items()},
        {
            name: (camera.depth, camera.color_from_depth)
            for name, camera in rig.cameras.items() if camera.depth is not None
        },
    )  # fmt: skip


def number_of(camera_id: str) -> int | None:
    """The number at the end of a camera's name, or None."""
    digits = camera_id[len(camera_id.rstrip("0123456789")) :]
    return int(digits) if digits else None


def numbered(camera_ids: Mapping[str, object]) -> dict[str, int]:
    """A number for each camera: those at the end of their names where these differ, else 0, 1, 2."""
    numbers = {name: number_of(name) for name in camera_ids}
    known = [number for number in numbers.values() if number is not None]
    if len(known) == len(numbers) == len(set(known)):
        return {name: number for name, number in numbers.items() if number is not None}
    return {name: index for index, name in enumerate(numbers)}
