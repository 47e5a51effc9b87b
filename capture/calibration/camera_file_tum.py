"""camera0X.json of the Munich operating room datasets: one RGB-D camera per file, in a folder.

`camera_pose` places the depth lens in a y-up world, `color2depth_transform` the colour lens in the depth lens; the axes
of both lenses are right, up, backward. Radial coefficients k1..k6 and tangential p1, p2 are stored apart. The matrix
`intrinsics_matrix` repeats a row in published files and is not read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Intrinsics
from ..conventions import quat_xyzw_from_rotation, rotation_from_quat_xyzw, world_from_opencv_camera, z_up_from_y_up
from ..errors import InputError
from ..files import canonical_json, write_atomic
from ..geometry import SE3
from .camera_file import CameraFile, numbered

Z_UP_FROM_Y_UP = SE3(z_up_from_y_up(np.eye(3)).T, np.zeros(3))
FLIP = SE3(np.diag([1.0, -1.0, -1.0]), np.zeros(3))


def read_tum(path: Path) -> CameraFile:
    """Read one camera; it is called after the file. The world becomes z-up.

    Raises:
        InputError: the file cannot be read, or lacks something.
    """
    where, name = str(path), Path(path).stem
    try:
        value = json.loads(Path(path).read_text("utf-8"))["value0"]
        color = _lens(value["color_parameters"])
    except OSError as error:
        raise InputError("the camera file cannot be read", where=where, why=error.strerror or "") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("this is no camera file of the OR datasets", where=where, why=repr(error)) from error
    except InputError as error:
        raise InputError(error.what, where=f"{where}, color_parameters", why=error.why) from error
    try:
        depth_from_color = FLIP @ _pose(value["color2depth_transform"]) @ FLIP
        depth = None
        if value.get("depth_parameters", {}).get("width"):
            depth = _lens(value["depth_parameters"])
        poses = {}
        if value.get("is_valid", True) and value.get("camera_pose"):
            world_from_depth = Z_UP_FROM_Y_UP @ world_from_opencv_camera(_pose(value["camera_pose"]))
            poses[name] = world_from_depth @ depth_from_color
    except (KeyError, ValueError, TypeError, AttributeError, InputError) as error:
        why = error.what if isinstance(error, InputError) else repr(error)
        raise InputError("a pose or the depth lens of the camera is wrong", where=where, why=why) from error
    lenses = {} if depth is None else {name: (depth, depth_from_color.inverse())}
    notes = ("the world of the file is y-up; it was turned to z-up, x stays",) if poses else ()
    return CameraFile({name: color}, poses, lenses, notes)


def write_tum(folder: Path, cameras: CameraFile) -> None:
    """Write one file per camera into a folder: camera01.json and so on, numbered as the cameras are.

    Raises:
        InputError: a lens has another model than Brown-Conrady.
    """
    files = {}
    for name, number in numbered(cameras.lenses).items():
        lens = cameras.lenses[name]
        if lens.distortion_model == "fisheye":
            raise InputError("the format has no fisheye lenses", where=f"{folder}, camera {name}")
        depth, color_from_depth = cameras.depth.get(name, (None, SE3.identity()))
        value: dict[str, Any] = {
            "color_parameters": _lens_value(lens),
            "color2depth_transform": _pose_value(FLIP @ color_from_depth.inverse() @ FLIP),
            "is_valid": name in cameras.world_from_camera,
        }
        if depth is not None:
            value["depth_parameters"] = _lens_value(depth)
        if name in cameras.world_from_camera:
            world_from_depth = Z_UP_FROM_Y_UP.inverse() @ cameras.world_from_camera[name] @ color_from_depth
            value["camera_pose"] = _pose_value(world_from_opencv_camera(world_from_depth))
        files[f"camera{number:02d}.json"] = canonical_json({"value0": value})
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        write_atomic(Path(folder) / file, data)


def _lens(value: Mapping[str, Any]) -> Intrinsics:
    radial = [float(value["radial_distortion"].get(f"m{index}0", 0.0)) for index in range(6)]
    p1, p2 = (float(value["tangential_distortion"].get(key, 0.0)) for key in ("m00", "m10"))
    distortion = np.array([radial[0], radial[1], p1, p2, *radial[2:]])
    return Intrinsics(
        float(value["fov_x"]), float(value["fov_y"]), float(value["c_x"]), float(value["c_y"]),
        int(value["width"]), int(value["height"]), "brown_conrady", distortion,
    )  # fmt: skip


def _lens_value(lens: Intrinsics) -> dict[str, Any]:
    k1, k2, p1, p2, k3, k4, k5, k6 = np.pad(lens.distortion, (0, 8 - len(lens.distortion))).tolist()
    columns = {f"m{column}{row}": float(lens.matrix[row, column]) for column in range(3) for row in range(3)}
    return {
        "fov_x": lens.fx_px, "fov_y": lens.fy_px, "c_x": lens.cx_px, "c_y": lens.cy_px,
        "width": lens.width_px, "height": lens.height_px, "intrinsics_matrix": columns,
        "radial_distortion": {f"m{index}0": k for index, k in enumerate((k1, k2, k3, k4, k5, k6))},
        "tangential_distortion": {"m00": p1, "m10": p2},
    }  # fmt: skip


def _pose(value: Mapping[str, Any]) -> SE3:
    quat_xyzw = np.array([float(value["rotation"][axis]) for axis in "xyzw"])
    shift_m = np.array([float(value["translation"][key]) for key in ("m00", "m10", "m20")])
    return SE3(rotation_from_quat_xyzw(quat_xyzw), shift_m)


def _pose_value(pose: SE3) -> dict[str, Any]:
    quat_xyzw = quat_xyzw_from_rotation(pose.rotation)
    return {
        "rotation": dict(zip("xyzw", quat_xyzw.tolist(), strict=True)),
        "translation": dict(zip(("m00", "m10", "m20"), pose.translation_m.tolist(), strict=True)),
    }
