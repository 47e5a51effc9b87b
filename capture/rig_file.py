"""rig.json: where the cameras stand, in the one form in which ortwin reads and writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .camera import Camera, CameraModel, CameraRig, Intrinsics
from .camera_move import PoseFrom
from .depth_correction import DepthCorrection, correction_from_json, correction_to_json
from .errors import InputError
from .files import canonical_json, write_atomic
from .geometry import SE3

CAMERA_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_LENS_NUMBERS = ("fx_px", "fy_px", "cx_px", "cy_px", "width_px", "height_px")


def check_camera_id(camera_id: str, where: str) -> None:
    """See that a camera's name can be the name of a file: files of a recording are called after their camera.

    Args:
        camera_id: the name.
        where: the file that gives it.

    Raises:
        InputError: it has other signs than letters, digits, `_`, `-` and `.`, begins with a dot, or is over 100 long.
    """
    if not CAMERA_ID.fullmatch(camera_id):
        raise InputError(
            f"{camera_id!r} cannot be the name of a camera", where=where, why="files are called after their camera",
            todo="take letters, digits, _, - and . (not in front), at most 100, such as cam_1",
        )  # fmt: skip


def lens_to_json(lens: Intrinsics) -> dict[str, Any]:
    """A lens as the keys of rig.json."""
    return {
        **{name: getattr(lens, name) for name in _LENS_NUMBERS},
        "distortion_model": lens.distortion_model,
        "distortion": lens.distortion.tolist(),
    }


def lens_from_json(value: Any, where: str) -> Intrinsics:
    """A lens from the keys of rig.json.

    Raises:
        InputError: a key is missing or a value is impossible; names `where`.
    """
    if not isinstance(value, Mapping):
        raise InputError("a lens is an object", where=where, todo=f"it needs {', '.join(_LENS_NUMBERS)}")
    try:
        numbers = [float(value[name]) for name in _LENS_NUMBERS]
        distortion = np.array(value.get("distortion") or [], dtype=np.float64).ravel()
        model = value.get("distortion_model") or ("brown_conrady" if len(distortion) else "none")
        fx_px, fy_px, cx_px, cy_px, width_px, height_px = numbers
        if int(width_px) != width_px or int(height_px) != height_px:
            raise ValueError(f"an image of {width_px:g}x{height_px:g} pixels")
        return Intrinsics(fx_px, fy_px, cx_px, cy_px, int(width_px), int(height_px), str(model), distortion)
    except KeyError as error:
        raise InputError(f"the lens lacks {error}", where=where, todo=f"it needs {', '.join(_LENS_NUMBERS)}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "the lens has a value of the wrong kind", where=where, why=str(error),
            todo=f"{', '.join(_LENS_NUMBERS)} are numbers, distortion is a list of numbers",
        ) from error  # fmt: skip
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error


def pose_to_json(pose: SE3) -> dict[str, Any]:
    """A pose as rows of its rotation and its translation."""
    return {"rotation": pose.rotation.tolist(), "translation_m": pose.translation_m.tolist()}


def pose_from_json(value: Any, where: str) -> SE3:
    """A pose from rows of its rotation and its translation.

    Raises:
        InputError: it is incomplete, not finite, or not a rigid motion; names `where`.
    """
    if not isinstance(value, Mapping):
        raise InputError("a pose is an object", where=where, todo="it needs rotation (3x3) and translation_m (3)")
    try:
        rotation = np.array(value["rotation"], dtype=np.float64)
        return SE3(rotation, np.array(value["translation_m"], dtype=np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("a pose needs rotation (3x3) and translation_m (3)", where=where, why=repr(error)) from error
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error


def rig_to_json(rig: CameraRig) -> dict[str, Any]:
    """A rig as the object of rig.json."""
    value: dict[str, Any] = {}
    for name, camera in rig.cameras.items():
        value[name] = {**lens_to_json(camera.color), "world_from_camera": pose_to_json(camera.world_from_camera)}
        if camera.depth is not None:
            value[name]["depth"] = lens_to_json(camera.depth)
            value[name]["color_from_depth"] = pose_to_json(camera.color_from_depth)
            if not camera.depth_correction.is_identity:
                value[name]["depth_correction"] = correction_to_json(camera.depth_correction)
        if name in rig.covariance:
            value[name]["covariance"] = rig.covariance[name].tolist()
    for move in rig.moves:
        entry = {"from_ns": int(move.from_ns), "world_from_camera": pose_to_json(move.world_from_camera)}
        if move.covariance is not None:
            entry["covariance"] = move.covariance.tolist()
        value[move.camera_id].setdefault("moves", []).append(entry)
    return value


def write_rig(path: Path, rig: CameraRig) -> None:
    """Write rig.json."""
    write_atomic(Path(path), canonical_json(rig_to_json(rig)))


def read_rig(path: Path, models: Mapping[str, CameraModel] | None = None) -> CameraRig:
    """Read rig.json.

    Args:
        path: the file.
        models: the cameras of the recording that it is meant for; they supply depth lenses that the file leaves out.

    Raises:
        InputError: the file is unreadable, a pose is impossible, no camera of the recording is in it, or an image size
            does not fit; names file and camera.
    """
    return rig_from_json(read_rig_json(path), models, str(path))


def read_rig_json(path: Path) -> Any:
    """What a rig.json holds, unchecked.

    Raises:
        InputError: the file is unreadable or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError("the rig cannot be read", where=str(path), why=error.strerror or "") from error
    except (ValueError, RecursionError) as error:
        raise InputError("the rig is not JSON", where=str(path), why=str(error)) from error


def rig_from_json(value: Any, models: Mapping[str, CameraModel] | None, where: str) -> CameraRig:
    """The rig of a parsed rig.json; see `read_rig`. A camera of the recording may be missing: it is not placed."""
    if not isinstance(value, dict) or not value:
        raise InputError("a rig is an object with one entry per camera", where=where)
    names = [name for name in (value if models is None else models) if name in value]
    if not names:
        raise InputError(
            f"the rig has no pose for {', '.join(models or ())}", where=where, todo=f"it knows {', '.join(value)}"
        )
    cameras, covariance, moves = {}, {}, []
    for name in names:
        spot = f"{where}, camera {name}"
        check_camera_id(name, where)
        cameras[name] = _camera_from_json(name, value[name], None if models is None else models[name], spot)
        if value[name].get("covariance") is not None:
            covariance[name] = _covariance_from_json(value[name]["covariance"], f"{spot}, covariance")
        moves += _moves_from_json(name, value[name].get("moves"), f"{spot}, moves")
    return CameraRig(cameras, "floor", covariance, moves=tuple(moves))


def _moves_from_json(name: str, value: Any, where: str) -> list[PoseFrom]:
    if value is None:
        return []
    todo = "each entry needs from_ns (whole nanoseconds of rig time) and world_from_camera"
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise InputError("the moves of a camera are a list of objects", where=where, todo=todo)
    moves = []
    for entry in value:
        from_ns = entry.get("from_ns")
        if not isinstance(from_ns, int) or isinstance(from_ns, bool):
            raise InputError("a move has no from_ns", where=where, why=repr(from_ns), todo=todo)
        covariance = entry.get("covariance")
        moves.append(
            PoseFrom(
                name, from_ns, pose_from_json(entry.get("world_from_camera"), where),
                None if covariance is None else _covariance_from_json(covariance, where),
            )
        )  # fmt: skip
    return moves


def _covariance_from_json(value: Any, where: str) -> np.ndarray:
    try:
        covariance = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("a covariance is 6x6 numbers", where=where, why=str(error)) from error
    if covariance.shape != (6, 6):
        raise InputError("a covariance is 6x6 numbers", where=where, why=f"this one is {covariance.shape}")
    return covariance


def _camera_from_json(name: str, entry: Any, model: CameraModel | None, where: str) -> Camera:
    if not isinstance(entry, dict) or "world_from_camera" not in entry:
        raise InputError("the camera has no world_from_camera", where=where)
    color = lens_from_json(entry, where)
    depth = lens_from_json(entry["depth"], f"{where}, depth") if entry.get("depth") else None
    color_from_depth = SE3.identity()
    if entry.get("color_from_depth"):
        color_from_depth = pose_from_json(entry["color_from_depth"], f"{where}, color_from_depth")
    elif model is not None:
        color_from_depth = model.color_from_depth
    if model is not None:
        depth = depth or model.depth
        if (color.width_px, color.height_px) != (model.color.width_px, model.color.height_px):
            raise InputError(
                f"the rig is for {color.width_px}x{color.height_px} images, the recording has "
                f"{model.color.width_px}x{model.color.height_px}",
                where=where,
            )
    pose = pose_from_json(entry["world_from_camera"], f"{where}, world_from_camera")
    unit_m = model.depth_unit_m if model is not None else 0.001
    correction = DepthCorrection() if model is None else model.depth_correction
    if entry.get("depth_correction") is not None:
        correction = correction_from_json(entry["depth_correction"], f"{where}, depth_correction")
    sensor = "" if model is None else model.sensor
    return CameraModel(name, color, depth, color_from_depth, unit_m, depth_correction=correction, sensor=sensor).placed(
        pose
    )
