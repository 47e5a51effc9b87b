"""How a printed board differs from the drawing: printers stretch, paper and foam board bend.

A board that bows by a millimetre bends every lens that is calibrated with it. With several views the bow can be told
from the lens, because it stays with the board while the lens stays with the image (Strobl and Hirzinger 2011 free all
points of the board; five numbers are enough for a sheet, and few views determine them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NUM_SHEET = 5
SHEET_NAMES = ("stretch_m", "shear_m", "bend_xx_m", "bend_xy_m", "bend_yy_m")
STRETCH_SHARE, BEND_SHARE = 0.002, 0.01


class SheetPoints(NamedTuple):
    """Points of a sheet and their derivatives.

    Args:
        points_m: (n, 3).
        by_sheet: (n, 3, 5) by the numbers of the sheet.
    """

    points_m: np.ndarray
    by_sheet: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class SheetGrid:
    """The drawn board about its middle.

    Args:
        middle_m: (3,) the middle of its corners.
        reach_m: distance of the farthest corner from it.
    """

    middle_m: np.ndarray
    reach_m: float

    @property
    def sigma_m(self) -> np.ndarray:
        """(5,) what is believed of any board before it is seen, one sigma, metres at its farthest corner."""
        return self.reach_m * np.array([STRETCH_SHARE] * 2 + [BEND_SHARE] * 3)

    def points(self, drawn_m: np.ndarray, sheet_m: np.ndarray) -> SheetPoints:
        """Drawn corners (n, 3) where they really are.

        The numbers of a sheet say by how many metres its farthest corner is off: x grows and y shrinks with the first,
        x leans with y by the second, and z is a square form of the other three. What a camera cannot tell from a pose
        or a scale is left out.
        """
        x, y = ((drawn_m - self.middle_m)[:, :2] / self.reach_m).T
        by_sheet = np.zeros((len(drawn_m), 3, NUM_SHEET))
        by_sheet[:, 0, 0], by_sheet[:, 1, 0], by_sheet[:, 0, 1] = x, -y, y
        by_sheet[:, 2, 2], by_sheet[:, 2, 3], by_sheet[:, 2, 4] = x * x, x * y, y * y
        return SheetPoints(drawn_m + by_sheet @ sheet_m, by_sheet)

    def bow_m(self, drawn_m: np.ndarray, sheet_m: np.ndarray) -> float:
        """By how much the corners leave the plane that fits them best, from the lowest to the highest, metres."""
        points_m = self.points(drawn_m, sheet_m).points_m
        plane = np.column_stack([points_m[:, :2], np.ones(len(points_m))])
        off_m = points_m[:, 2] - plane @ np.linalg.lstsq(plane, points_m[:, 2], rcond=None)[0]
        return float(np.ptp(off_m))


def sheet_grid(points_m: np.ndarray) -> SheetGrid:
    """The grid of a board's corners (n, 3)."""
    middle_m = points_m.mean(axis=0)
    return SheetGrid(middle_m, float(np.linalg.norm(points_m - middle_m, axis=1).max()))
