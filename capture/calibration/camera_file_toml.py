"""The TOML files of Caliscope (camera_array.toml) and of aniposelib and Pose2Sim (Calib.toml): OpenCV's conventions.

Both store camera_from_world in metres. The first has a table `cameras` by number; the second one table per camera with
its name, and a rotation vector.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Intrinsics
from ..errors import InputError
from ..files import write_atomic
from ..geometry import SE3
from .camera_file import CameraFile, numbered
from .rotations import exp_rotation


def read_toml_cameras(path: Path) -> CameraFile:
    """Read either file. Camera 0 of Caliscope is called cam_0; a camera of Pose2Sim has the name that the file gives.

    Raises:
        InputError: the file cannot be read, or lacks something; names the camera.
    """
    try:
        content = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("the camera file cannot be read", where=str(path), why=str(error)) from error
    entries = content.get("cameras", content)
    named = {
        _name(key, entry, "cameras" in content): entry for key, entry in entries.items()
        if isinstance(entry, Mapping) and key != "metadata"
    }  # fmt: skip
    named = {name: entry for name, entry in named.items() if entry.get("matrix") is not None}
    if not named:
        raise InputError(
            "the file has no calibrated camera", where=str(path),
            todo="it needs [cameras.0] (Caliscope) or [cam_0] (Pose2Sim) with size, matrix and distortions",
        )  # fmt: skip
    lenses, poses = {}, {}
    for name, entry in named.items():
        try:
            lenses[name] = _lens(entry)
            pose = _pose(entry)
        except (KeyError, ValueError, TypeError, IndexError, InputError) as error:
            raise InputError(
                "a camera of the file is wrong", where=f"{path}, camera {name}",
                why=error.what if isinstance(error, InputError) else repr(error),
            ) from error  # fmt: skip
        if pose is not None:
            poses[name] = pose
    return CameraFile(lenses, poses)


def write_caliscope(path: Path, cameras: CameraFile) -> None:
    """Write camera_array.toml. Caliscope knows cameras by number: that at the end of a name, else their order."""
    parts = []
    for name, number in numbered(cameras.lenses).items():
        lens = cameras.lenses[name]
        distortion = np.zeros(4 if lens.distortion_model == "fisheye" else max(5, len(lens.distortion)))
        distortion[: len(lens.distortion)] = lens.distortion
        lines = [
            f"[cameras.{number}]  # {name}", f"cam_id = {number}", "rotation_count = 0", "ignore = false",
            f"fisheye = {str(lens.distortion_model == 'fisheye').lower()}",
            f"size = [{lens.width_px}, {lens.height_px}]",
            f"matrix = {lens.matrix.tolist()}", f"distortions = {distortion.tolist()}",
        ]  # fmt: skip
        if name in cameras.world_from_camera:
            pose = cameras.world_from_camera[name].inverse()
            lines += [f"translation = {pose.translation_m.tolist()}", f"rotation = {pose.rotation.tolist()}"]
        parts.append("\n".join(lines) + "\n")
    write_atomic(Path(path), "\n".join(parts).encode())


def _name(key: str, entry: Mapping[str, Any], is_caliscope: bool) -> str:
    return f"cam_{entry.get('cam_id', entry.get('port', key))}" if is_caliscope else str(entry.get("name", key))


def _lens(entry: Mapping[str, Any]) -> Intrinsics:
    matrix, (width_px, height_px) = entry["matrix"], entry["size"]
    model = "fisheye" if entry.get("fisheye") else "brown_conrady"
    return Intrinsics(
        matrix[0][0], matrix[1][1], matrix[0][2], matrix[1][2], int(width_px), int(height_px), model,
        np.array(entry.get("distortions", []), dtype=np.float64).ravel(),
    )  # fmt: skip


def _pose(entry: Mapping[str, Any]) -> SE3 | None:
    if entry.get("rotation") is None or entry.get("translation") is None:
        return None
    turn = np.array(entry["rotation"], dtype=np.float64)
    rotation = turn if turn.shape == (3, 3) else exp_rotation(turn.reshape(3))
    return SE3(rotation, np.array(entry["translation"], dtype=np.float64).reshape(3)).inverse()
