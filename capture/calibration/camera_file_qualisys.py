"""Calib.qca.txt of Qualisys Track Manager: XML, millimetres, and cameras that look along -z.

Its rows r11 r12 r13, r21 .. turn world axes into those of a camera whose y points up: with K the lens, C the place and
Q that matrix, a pixel is K diag(1, -1, -1) Q (X - C). Lens numbers are in 1/64 pixel from the sensor's corner;
distortion is that of Brown-Conrady on the image plane at depth 1, and has no unit.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..camera import Intrinsics
from ..conventions import metres_from_millimetres, world_from_opencv_camera
from ..errors import InputError
from ..files import write_atomic
from ..geometry import SE3
from .camera_file import CameraFile

STEPS_PER_PX = 64
AXES = "xyz"


def read_qualisys(path: Path) -> CameraFile:
    """Read all video cameras of the file; a camera is called by its serial number.

    Raises:
        InputError: the file cannot be read, or a number is missing or wrong; names the camera.
    """
    where = str(path)
    try:
        root = ElementTree.fromstring(Path(path).read_bytes())
    except (OSError, ElementTree.ParseError) as error:
        raise InputError("the camera file cannot be read", where=where, why=str(error)) from error
    entries = [entry for entry in root.iter("camera") if entry.find("intrinsic") is not None]
    if not entries:
        raise InputError("the file has no calibrated camera", where=where, todo="export the calibration from QTM again")
    lenses, poses, turned = {}, {}, []
    for index, entry in enumerate(entries):
        name = entry.get("serial") or f"cam_{index + 1}"
        try:
            lenses[name], poses[name] = _lens(entry), _pose(entry)
        except (KeyError, ValueError, TypeError, AttributeError, InputError) as error:
            raise InputError(
                "a camera of the file is wrong", where=f"{where}, camera {name}",
                why=error.what if isinstance(error, InputError) else repr(error),
            ) from error  # fmt: skip
        if float(entry.get("viewrotation") or 0) % 360:
            turned.append(name)
    notes = ()
    if turned:
        notes = (
            f"QTM shows {', '.join(turned)} turned; lenses and poses are those of the sensor: use images as the sensor "
            "took them, not as they are shown",
        )
    return CameraFile(lenses, poses, notes=notes)


def write_qualisys(path: Path, cameras: CameraFile) -> None:
    """Write the file.

    Raises:
        InputError: a camera has no place, or a lens that the format cannot say.
    """
    root = ElementTree.Element("calibration", {"source": "ortwin", "type": "regular"})
    holder = ElementTree.SubElement(root, "cameras")
    for name, lens in cameras.lenses.items():
        if name not in cameras.world_from_camera:
            raise InputError("the format needs a place for every camera", where=f"{path}, camera {name}")
        if lens.distortion_model == "fisheye" or len(lens.distortion) > 5:
            raise InputError(
                "the format knows k1, k2, k3, p1 and p2 only", where=f"{path}, camera {name}",
                todo="calibrate with --model brown_conrady and fewer coefficients, or take another format",
            )  # fmt: skip
        _write_camera(holder, name, lens, cameras.world_from_camera[name])
    ElementTree.indent(root)
    write_atomic(Path(path), ElementTree.tostring(root, encoding="ascii", xml_declaration=True) + b"\n")


def _write_camera(holder: ElementTree.Element, name: str, lens: Intrinsics, world_from_camera: SE3) -> None:
    camera = ElementTree.SubElement(holder, "camera", {"active": "1", "serial": name, "model": "none"})
    camera.set("viewrotation", "0")
    area = {"left": 0, "top": 0, "right": lens.width_px - 1, "bottom": lens.height_px - 1}
    for kind in ("fov_marker", "fov_marker_max", "fov_video", "fov_video_max"):
        ElementTree.SubElement(camera, kind, {key: str(value) for key, value in area.items()})
    turned = world_from_opencv_camera(world_from_camera)
    rows = {f"r{i + 1}{j + 1}": repr(float(turned.rotation.T[i, j])) for i in range(3) for j in range(3)}
    place = {axis: repr(float(1e3 * turned.translation_m[index])) for index, axis in enumerate(AXES)}
    ElementTree.SubElement(camera, "transform", rows | place)
    k1, k2, p1, p2, k3 = np.pad(lens.distortion, (0, 5 - len(lens.distortion))).tolist()
    steps = {
        "focalLengthU": lens.fx_px, "focalLengthV": lens.fy_px, "centerPointU": lens.cx_px, "centerPointV": lens.cy_px,
        "sensorMinU": 0.0, "sensorMinV": 0.0, "sensorMaxU": lens.width_px - 1, "sensorMaxV": lens.height_px - 1,
        "skew": 0.0,
    }  # fmt: skip
    plain = {
        "radialDistortion1": k1, "radialDistortion2": k2, "radialDistortion3": k3,
        "tangentalDistortion1": p1, "tangentalDistortion2": p2,
    }  # fmt: skip
    numbers = {key: float(STEPS_PER_PX * value) for key, value in steps.items()} | plain
    ElementTree.SubElement(camera, "intrinsic", {key: repr(float(value)) for key, value in numbers.items()})


def _lens(entry: ElementTree.Element) -> Intrinsics:
    numbers = _numbers(entry, "intrinsic")
    area = entry.find("fov_video")
    if area is not None:
        left_px, top_px, right_px, bottom_px = (float(area.attrib[key]) for key in ("left", "top", "right", "bottom"))
        width_px, height_px = round(right_px - left_px) + 1, round(bottom_px - top_px) + 1
    else:
        left_px = top_px = 0.0
        width_px, height_px = (math.floor(numbers[f"sensorMax{axis}"] / STEPS_PER_PX) + 1 for axis in "UV")
    if numbers.get("skew", 0.0):
        raise ValueError(f"a skew of {numbers['skew']} is not supported")
    radial = [numbers.get(f"radialDistortion{index}", 0.0) for index in (1, 2, 3)]
    tangential = [_tangential(numbers, index) for index in (1, 2)]
    return Intrinsics(
        numbers["focalLengthU"] / STEPS_PER_PX, numbers["focalLengthV"] / STEPS_PER_PX,
        numbers["centerPointU"] / STEPS_PER_PX - left_px, numbers["centerPointV"] / STEPS_PER_PX - top_px,
        width_px, height_px, "brown_conrady", np.array([*radial[:2], *tangential, radial[2]]),
    )  # fmt: skip


def _tangential(numbers: dict[str, float], index: int) -> float:
    """QTM spells it `tangental`."""
    return numbers.get(f"tangentalDistortion{index}", numbers.get(f"tangentialDistortion{index}", 0.0))


def _pose(entry: ElementTree.Element) -> SE3:
    numbers = _numbers(entry, "transform")
    axes = np.array([[numbers[f"r{i}{j}"] for j in (1, 2, 3)] for i in (1, 2, 3)])
    place_m = np.asarray(metres_from_millimetres(np.array([numbers[axis] for axis in AXES])))
    return world_from_opencv_camera(SE3(axes.T, place_m))


def _numbers(entry: ElementTree.Element, tag: str) -> dict[str, float]:
    found: Any = entry.find(tag)
    if found is None:
        raise ValueError(f"<{tag}> is missing")
    return {key: float(value) for key, value in found.attrib.items()}
