"""calibration.json of a plain folder: the cameras as built, and where they stand as far as it says."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .camera import Camera, CameraModel, CameraRig
from .errors import InputError
from .geometry import SE3
from .recording_writer import DamagedFrame
from .rig_file import check_camera_id, lens_from_json, pose_from_json

FILE = "calibration.json"


@dataclass(frozen=True, slots=True, eq=False)
class PlainCalibration:
    """What calibration.json says.

    Args:
        models: every camera as built.
        placed: the cameras whose pose is given and sound.
        unplaced: why the others of a calibration that gives poses are not placed; empty where it gives none at all.
    """

    models: Mapping[str, CameraModel]
    placed: Mapping[str, Camera]
    unplaced: tuple[DamagedFrame, ...]

    @property
    def rig(self) -> CameraRig | None:
        """Where the placed cameras stand, or None where no camera is placed."""
        return CameraRig(self.placed) if self.placed else None


def read_calibration(folder: Path, file: str = FILE) -> PlainCalibration:
    """Read calibration.json of a plain folder, or a file of that form by another name.

    Raises:
        InputError: the file is missing, or it or a camera's lenses are wrong; names file, camera and key.
    """
    path = folder / file
    value = _read(path)
    if not isinstance(value, dict) or not isinstance(value.get("cameras"), dict) or not value["cameras"]:
        raise InputError('calibration.json needs "cameras" with at least one camera', where=str(path))
    unit_m = _unit_m(value.get("depth_unit_m", 0.001), f"{path}, depth_unit_m")
    models, placed, unplaced = {}, {}, []
    for name, entry in value["cameras"].items():
        check_camera_id(name, str(path))
        models[name] = _camera(name, entry, unit_m, f"{path}, camera {name}")
        try:
            placed[name] = models[name].placed(_world_from_camera(entry, f"{path}, camera {name}"))
        except InputError as error:
            unplaced.append(DamagedFrame(name, -1, FILE, _not_placed(name, error)))
    given = any(entry.get("world_from_color") is not None for entry in value["cameras"].values())
    return PlainCalibration(models, placed, tuple(unplaced) if given else ())


def _read(path: Path) -> Any:
    if not path.parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent), todo="give a plain folder")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(
            "the folder has no calibration.json", where=str(path), todo="see docs/plain-folder.md for the layout"
        ) from error
    except OSError as error:
        raise InputError("calibration.json cannot be read", where=str(path), why=error.strerror or "") from error
    except (ValueError, RecursionError) as error:
        raise InputError("calibration.json is not JSON", where=str(path), why=str(error)) from error


def _unit_m(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value < 1:
        raise InputError(
            f"depth_unit_m = {json.dumps(value)} is impossible", where=where,
            todo="it is the metres of one step of the depth images, a number such as 0.001",
        )  # fmt: skip
    return float(value)


def _camera(name: str, entry: Any, unit_m: float, where: str) -> CameraModel:
    if not isinstance(entry, dict):
        raise InputError("a camera is an object with color, depth or both", where=where)
    color, depth = (
        lens_from_json(entry[key], f"{where}, {key}") if entry.get(key) is not None else None
        for key in ("color", "depth")
    )
    first = color or depth
    if first is None:
        raise InputError("the camera has neither a colour nor a depth lens", where=where)
    color_from_depth = _color_from_depth(entry, where)
    return CameraModel(name, first, depth, color_from_depth if color and depth else SE3.identity(), unit_m)


def _color_from_depth(entry: Mapping[str, Any], where: str) -> SE3:
    value = entry.get("color_from_depth")
    return SE3.identity() if value is None else pose_from_json(value, f"{where}, color_from_depth")


def _world_from_camera(entry: Mapping[str, Any], where: str) -> SE3:
    """The pose of the lens that stands for the camera: colour, or depth where there is no colour lens."""
    if entry.get("world_from_color") is None:
        raise InputError("is missing")
    world_from_color = pose_from_json(entry["world_from_color"], f"{where}, world_from_color")
    if entry.get("color") is not None:
        return world_from_color
    return world_from_color @ _color_from_depth(entry, where)


def _not_placed(name: str, error: InputError) -> str:
    why = f" ({error.why})" if error.why else ""
    return f"camera {name}: world_from_color: {error.what}{why}"
