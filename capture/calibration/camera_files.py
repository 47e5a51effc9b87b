"""Lenses and rigs as other programs write them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..camera import Intrinsics
from ..errors import InputError
from ..geometry import SE3
from .rotations import exp_rotation


@dataclass(frozen=True, slots=True, eq=False)
class CameraFile:
    """What a file says of cameras.

    Args:
        lenses: lens by camera id.
        world_from_camera: pose by camera id; cameras without one are left out.
    """

    lenses: Mapping[str, Intrinsics]
    world_from_camera: Mapping[str, SE3]


def read_caliscope(path: Path) -> CameraFile:
    """A camera_array.toml of Caliscope; camera 0 is called cam_0. Its poses are camera_from_world.

    Raises:
        InputError: the file cannot be read, or lacks something; names the camera.
    """
    try:
        entries = tomllib.loads(Path(path).read_text("utf-8"))["cameras"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError("the camera file cannot be read", where=str(path), why=repr(error)) from error
    lenses, poses = {}, {}
    for key, entry in entries.items():
        name = f"cam_{entry.get('cam_id', entry.get('port', key))}"
        try:
            matrix, (width_px, height_px) = entry["matrix"], entry["size"]
            model = "fisheye" if entry.get("fisheye") else "brown_conrady"
            lenses[name] = Intrinsics(
                matrix[0][0], matrix[1][1], matrix[0][2], matrix[1][2], int(width_px), int(height_px),
                model, np.array(entry["distortions"], dtype=np.float64),
            )  # fmt: skip
            if entry.get("rotation") is not None and entry.get("translation") is not None:
                turn = np.array(entry["rotation"], dtype=np.float64)
                rotation = exp_rotation(turn) if turn.shape == (3,) else turn
                poses[name] = SE3(rotation, np.array(entry["translation"], dtype=np.float64)).inverse()
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(
                "a camera of the file is wrong", where=f"{path}, camera {name}", why=repr(error)
            ) from error
    return CameraFile(lenses, poses)
