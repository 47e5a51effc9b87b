"""Corners of a board as all cameras saw them: the input of every calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..arrays import read_only
from ..camera import Intrinsics
from ..errors import InputError

NO_TIME = np.iinfo(np.int64).min


class FlatBoard(Protocol):
    """What a calibration needs to know of a board."""

    @property
    def points_m(self) -> np.ndarray:
        """(n, 3) float64 corners in the board's frame, z = 0, metres; a corner's id is its row."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BoardObservations:
    """Corners that were seen, one row each.

    Args:
        camera_ids: names of the cameras, in the order of their numbers.
        board: whose corners they are.
        camera, instant, point: (n,) number of the camera, of the instant, and of the corner on the board.
        pixels_px: (n, 2) where it was seen.
        times_ns: (i, c) stamp of the frame that a camera gave at an instant; NO_TIME where there is none.
        lenses: lens by camera id, None where nothing is known of it.
        sizes_px: width and height of the images by camera id, where one was seen.

    Raises:
        InputError: the columns do not fit together.
    """

    camera_ids: tuple[str, ...]
    board: FlatBoard
    camera: np.ndarray
    instant: np.ndarray
    point: np.ndarray
    pixels_px: np.ndarray
    times_ns: np.ndarray
    lenses: Mapping[str, Intrinsics | None]
    sizes_px: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = (self.camera, self.instant, self.point, self.pixels_px)
        if len({len(column) for column in columns}) != 1 or np.shape(self.pixels_px) != (len(self.camera), 2):
            raise InputError("the columns of observed corners differ in length")
        if np.ndim(self.times_ns) != 2 or np.shape(self.times_ns)[1] != len(self.camera_ids):
            raise InputError("the times of observed corners need one column per camera")
        for name, dtype in (("camera", int), ("instant", int), ("point", int), ("pixels_px", float), ("times_ns", int)):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), dtype=np.dtype(dtype))))

    def at(self, instants: np.ndarray) -> BoardObservations:
        """Only what was seen at some instants; these keep their numbers."""
        return self._rows(np.isin(self.instant, instants))

    def of(self, camera: int) -> BoardObservations:
        """Only what one camera saw; cameras keep their numbers."""
        return self._rows(self.camera == camera)

    def _rows(self, wanted: np.ndarray) -> BoardObservations:
        return replace(
            self, camera=self.camera[wanted], instant=self.instant[wanted], point=self.point[wanted],
            pixels_px=self.pixels_px[wanted],
        )  # fmt: skip
