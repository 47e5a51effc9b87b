"""Images of other people's folders as the frames of a recording: read one by one, checked, and never resized."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..capture.arrays import RawDepthImage
from ..capture.camera import CameraModel, Intrinsics
from ..capture.errors import InputError
from ..capture.image_bytes import check_color, decode_depth_png, image_size
from ..capture.import_frames import PlannedFrame, TakenFrame
from ..capture.recording_writer import DamagedFrame

SAME_SHAPE = 0.01
"""Images whose sides are in another relation than the lens says, by more than this, were cropped."""
Reader = Callable[[Sequence[PlannedFrame]], Iterator[TakenFrame]]


def file_reader(root: Path, models: Mapping[str, CameraModel]) -> Reader:
    """What gives the images of planned frames whose `color` and `depth` are paths.

    An image that is absent, damaged or of another size than its lens is named as damaged.
    """

    def read(frames: Sequence[PlannedFrame]) -> Iterator[TakenFrame]:
        for frame in frames:
            model, damaged = models[frame.camera_id], []
            taken: dict[str, RawDepthImage | bytes | None] = {"color": None, "depth": None}
            for kind, path in (("color", frame.color), ("depth", frame.depth)):
                if not isinstance(path, Path):
                    continue
                try:
                    taken[kind] = _color(path, model) if kind == "color" else _depth(path, model)
                except (InputError, OSError) as error:
                    what = error.what if isinstance(error, InputError) else error.strerror or "it cannot be read"
                    damaged.append(DamagedFrame(frame.camera_id, frame.index, str(path.relative_to(root)), what))
            color, depth = taken["color"], taken["depth"]
            assert not isinstance(color, np.ndarray) and not isinstance(depth, bytes)
            yield TakenFrame(frame, depth, color, tuple(damaged))

    return read


def first_size(paths: Sequence[Path]) -> tuple[int, int] | None:
    """(width, height) of the first image that can be read, or None where none can."""
    for path in paths:
        try:
            return image_size(path.read_bytes())[:2]
        except (OSError, InputError):
            continue
    return None


def lens_for_images(lens: Intrinsics, size: tuple[int, int], where: str) -> tuple[Intrinsics, str]:
    """The lens on the grid that the images have, and a sentence where that is another one than its file says.

    Raises:
        InputError: the images have another shape, so that they were cropped nobody knows where.
    """
    width_px, height_px = size
    if (width_px, height_px) == (lens.width_px, lens.height_px):
        return lens, ""
    factor = width_px / lens.width_px
    if abs(height_px / (lens.height_px * factor) - 1) > SAME_SHAPE:
        raise InputError(
            f"the images are {width_px}x{height_px}, the lens is for {lens.width_px}x{lens.height_px}", where=where,
            why="they were cropped, and nobody says where", todo="give a rig that was calibrated for these images",
        )  # fmt: skip
    scaled = replace(lens.scaled(factor), width_px=width_px, height_px=height_px)
    return scaled, f"{where}: images are {width_px}x{height_px}, a lens of {lens.width_px}x{lens.height_px} was scaled"


def _color(path: Path, model: CameraModel) -> bytes:
    data = path.read_bytes()
    _check_size(check_color(data)[:2], model.color)
    return data


def _depth(path: Path, model: CameraModel) -> RawDepthImage:
    assert model.depth is not None
    data = path.read_bytes()
    _check_size(image_size(data)[:2], model.depth)
    return decode_depth_png(data)


def _check_size(size: tuple[int, int], lens: Intrinsics) -> None:
    if size != (lens.width_px, lens.height_px):
        raise InputError(f"the image is {size[0]}x{size[1]}, the others are {lens.width_px}x{lens.height_px}")
