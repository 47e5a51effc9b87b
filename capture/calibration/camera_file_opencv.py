"""Lenses in the YAML, XML and JSON files that programs write with OpenCV's FileStorage, one camera per file.

OpenCV prescribes no names: the common ones are understood. A pose is camera_from_world, in metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Intrinsics
from ..errors import InputError
from ..files import write_atomic
from ..geometry import SE3
from .camera_file import CameraFile
from .rotations import exp_rotation

MATRIX = ("camera_matrix", "Camera_Matrix", "cameraMatrix", "CameraMatrix", "intrinsics", "intrinsic", "K", "M", "mtx")
DISTORTION = (
    "distortion_coefficients", "Distortion_Coefficients", "distCoeffs", "DistCoeffs", "distortion", "dist_coeffs",
    "dist", "D",
)  # fmt: skip
SIZE = ("image_size", "img_size", "imageSize", "ImageSize", "size", "resolution")
WIDTH, HEIGHT = ("image_width", "image_Width", "width"), ("image_height", "image_Height", "height")
ROTATION = ("R", "rotation", "rotation_matrix", "rvec")
TRANSLATION = ("T", "t", "translation", "tvec")
FISHEYE = ("fisheye", "equidistant", "kannala_brandt")


def read_opencv(path: Path) -> CameraFile:
    """Read one camera; it is called after the file.

    Raises:
        InputError: the file cannot be read, or lacks a camera matrix or the size of the image.
    """
    import cv2

    name, where = Path(path).stem, str(path)
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InputError("the camera file cannot be read", where=where, why=str(error)) from error
    if text.lstrip().startswith("%YAML") is False and Path(path).suffix.lower() in (".yml", ".yaml"):
        text = "%YAML:1.0\n---\n" + text  # files that other YAML libraries wrote lack the line that OpenCV wants
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        matrix = _numbers(storage, MATRIX)
        size = _size(storage)
        distortion = _numbers(storage, DISTORTION)
        kind = _text(storage, ("distortion_model", "camera_model", "model"))
        turn, shift_m = _numbers(storage, ROTATION), _numbers(storage, TRANSLATION)
    except cv2.error as error:
        raise InputError("the file is not one that OpenCV reads", where=where, why=str(error.err)) from error
    if matrix is None or matrix.size != 9:
        raise InputError("the file has no camera matrix", where=where, todo=f"it is looked for as {', '.join(MATRIX)}")
    if size is None:
        raise InputError(
            "the file does not say how large the images are", where=where,
            todo="add image_width and image_height; a lens is worth nothing without",
        )  # fmt: skip
    matrix = matrix.reshape(3, 3)
    distortion = np.zeros(0) if distortion is None else distortion.ravel()
    try:
        lens = Intrinsics(
            matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], *size,
            "fisheye" if any(word in kind.lower() for word in FISHEYE) else "brown_conrady",
            _shortened(distortion),
        )  # fmt: skip
        poses = {} if turn is None or shift_m is None else {name: _pose(turn, shift_m)}
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error
    return CameraFile({name: lens}, poses)


def write_opencv(path: Path, cameras: CameraFile) -> None:
    """Write one camera; YAML, or XML or JSON by the ending.

    Raises:
        InputError: there is more than one camera.
    """
    import cv2

    if len(cameras.lenses) != 1:
        raise InputError(
            f"a file of OpenCV holds one camera, not {len(cameras.lenses)}", where=str(path),
            todo="give a folder as the target, with --to opencv",
        )  # fmt: skip
    name, lens = next(iter(cameras.lenses.items()))
    kinds = {".xml": cv2.FILE_STORAGE_FORMAT_XML, ".json": cv2.FILE_STORAGE_FORMAT_JSON}
    kind = kinds.get(Path(path).suffix.lower(), cv2.FILE_STORAGE_FORMAT_YAML)
    storage = cv2.FileStorage("", cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY | kind)
    storage.write("image_width", lens.width_px)
    storage.write("image_height", lens.height_px)
    storage.write("camera_matrix", lens.matrix)
    storage.write("distortion_model", "fisheye" if lens.distortion_model == "fisheye" else "plumb_bob")
    storage.write("distortion_coefficients", np.atleast_2d(lens.distortion if len(lens.distortion) else np.zeros(5)))
    if name in cameras.world_from_camera:
        pose = cameras.world_from_camera[name].inverse()
        storage.write("R", pose.rotation)
        storage.write("T", pose.translation_m.reshape(3, 1))
    write_atomic(Path(path), storage.releaseAndGetString().encode())


def _first(storage: Any, names: tuple[str, ...]) -> Any:
    """The node of the first name that the file has, or None."""
    for name in names:
        node = storage.getNode(name)
        if not node.empty():
            return node
    return None


def _numbers(storage: Any, names: tuple[str, ...]) -> np.ndarray | None:
    node = _first(storage, names)
    if node is None:
        return None
    if node.isMap():
        if not node.getNode("dt").empty():
            return np.asarray(node.mat(), dtype=np.float64)
        node = node.getNode("data")  # as ROS writes it
    if node.isSeq():
        return np.array(_flat(node), dtype=np.float64)
    return np.array([node.real()]) if node.isReal() or node.isInt() else None


def _flat(node: Any) -> list[float]:
    values: list[float] = []
    for index in range(node.size()):
        entry = node.at(index)
        values += _flat(entry) if entry.isSeq() else [entry.real()]
    return values


def _size(storage: Any) -> tuple[int, int] | None:
    size = _numbers(storage, SIZE)
    if size is not None and size.size == 2:
        return int(size.ravel()[0]), int(size.ravel()[1])
    width, height = _numbers(storage, WIDTH), _numbers(storage, HEIGHT)
    return None if width is None or height is None else (int(width.ravel()[0]), int(height.ravel()[0]))


def _text(storage: Any, names: tuple[str, ...]) -> str:
    node = _first(storage, names)
    return node.string() if node is not None and node.isString() else ""


def _shortened(distortion: np.ndarray) -> np.ndarray:
    """OpenCV writes up to 14 coefficients; those behind the eighth are zero in all but its thin prism models."""
    return distortion[:8] if len(distortion) > 8 and not distortion[8:].any() else distortion


def _pose(turn: np.ndarray, shift_m: np.ndarray) -> SE3:
    if turn.size not in (3, 9) or shift_m.size != 3:
        raise InputError("a pose needs a rotation matrix or vector and three numbers")
    rotation = turn.reshape(3, 3) if turn.size == 9 else exp_rotation(turn.ravel())
    return SE3(rotation, shift_m.ravel()).inverse()
