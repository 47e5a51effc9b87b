"""Pieces of a picture as a network takes them: an affine map there and back, without aliasing.

Coordinates are (column, row) with pixel centres at integers, in the picture and in the input alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .estimators import Region


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A rectangle of a picture, upright or turned, that fills the input of a network.

    Args:
        middle_px: (2,) its middle in the picture.
        scale: input pixels per picture pixel.
        size_px: width and height of the input.
        turn_rad: by how much the picture is turned clockwise, as seen, before it is shown.
        mirrored: whether left and right are exchanged after that.
    """

    middle_px: tuple[float, float]
    scale: float
    size_px: tuple[int, int]
    turn_rad: float = 0.0
    mirrored: bool = False
    input_from_picture: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        cosine, sine = self.scale * np.cos(self.turn_rad), self.scale * np.sin(self.turn_rad)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        if self.mirrored:
            linear[0] *= -1.0
        middle = (np.array(self.size_px) - 1) / 2
        shift = middle - linear @ np.array(self.middle_px)
        object.__setattr__(self, "input_from_picture", np.column_stack([linear, shift]))

    def to_picture(self, points_px: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the input, in the picture."""
        linear, shift = self.input_from_picture[:, :2], self.input_from_picture[:, 2]
        return (points_px - shift) @ np.linalg.inv(linear).T


class Halves:
    """A picture and its halves, quarters and so on, made when they are asked for; each mean of 2 x 2 pixels."""

    def __init__(self, image: np.ndarray) -> None:
        self._levels = [image]

    def take(self, crop: Crop, beyond: int) -> np.ndarray:
        """(h, w, 3) uint8: a crop of the picture; what lies beyond it has the grey level `beyond`."""
        import cv2

        level = max(0, int(np.floor(np.log2(1 / crop.scale) + 0.25)))
        while len(self._levels) <= level and min(self._levels[-1].shape[:2]) >= 2:
            image = self._levels[-1]
            height, width = image.shape[0] // 2, image.shape[1] // 2
            self._levels.append(
                cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
            )
        level = min(level, len(self._levels) - 1)
        picture_from_level = np.array([[2.0**level, 0, (2.0**level - 1) / 2], [0, 2.0**level, (2.0**level - 1) / 2]])
        linear, shift = crop.input_from_picture[:, :2], crop.input_from_picture[:, 2]
        matrix = np.column_stack([linear @ picture_from_level[:, :2], linear @ picture_from_level[:, 2] + shift])
        return cv2.warpAffine(
            self._levels[level], matrix, crop.size_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
            borderValue=(beyond,) * 3,
        )  # fmt: skip


def whole_crop(width_px: int, height_px: int, size_px: tuple[int, int]) -> Crop:
    """The whole picture, as large as it fits into an input."""
    scale = min(size_px[0] / width_px, size_px[1] / height_px)
    return Crop(((width_px - 1) / 2, (height_px - 1) / 2), scale, size_px)


def box_crop(
    box_px: Sequence[float], size_px: tuple[int, int], padding: float, *, turn_rad: float = 0.0, mirrored: bool = False
) -> Crop:
    """A box (left, top, right, bottom) of a picture, padded by a factor, as large as it fits into an input.

    With a turn, the box is one of the turned picture's axes around the same middle.
    """
    left, top, right, bottom = box_px
    width, height = max(right - left, 1.0) * padding, max(bottom - top, 1.0) * padding
    scale = min(size_px[0] / width, size_px[1] / height)
    return Crop(((left + right) / 2, (top + bottom) / 2), scale, size_px, turn_rad, mirrored)


def box_of(points_px: np.ndarray) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) of points (n, 2)."""
    left, top = points_px.min(axis=0)
    right, bottom = points_px.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def joined(regions: Sequence[Region], apart_px: int) -> list[Region]:
    """Regions of which those nearer than `apart_px` to each other are one."""
    boxes = list(regions)
    merged = True
    while merged:
        merged = False
        for first in range(len(boxes)):
            for second in range(len(boxes) - 1, first, -1):
                a, b = boxes[first], boxes[second]
                across = max(a.left_px, b.left_px) - min(a.right_px, b.right_px)
                along = max(a.top_px, b.top_px) - min(a.bottom_px, b.bottom_px)
                if max(across, along) < apart_px:
                    boxes[first] = Region(
                        min(a.left_px, b.left_px), min(a.top_px, b.top_px),
                        max(a.right_px, b.right_px), max(a.bottom_px, b.bottom_px),
                    )  # fmt: skip
                    del boxes[second]
                    merged = True
    return boxes
