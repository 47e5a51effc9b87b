"""Finding a board in an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import read_only
from .board import TAGS, Board, dictionary_number

FEWEST_CORNERS = 6
FLATTEST = 0.02
DECIDED = 8
NEIGHBOURS, LARGEST_MISFIT = 6, 0.07
COMMON_DICTIONARIES = (
    "DICT_4X4_1000", "DICT_5X5_1000", "DICT_6X6_1000", "DICT_7X7_1000", "DICT_ARUCO_ORIGINAL", "DICT_APRILTAG_36h11",
    "DICT_APRILTAG_25h9", "DICT_APRILTAG_16h5",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class CornerView:
    """The corners of a board in one image.

    Args:
        point_ids: (k,) int64 corners of the board, ascending.
        pixels_px: (k, 2) float64 where they are.
        variant: which print it is: (legacy_pattern, inverted).
    """

    point_ids: np.ndarray
    pixels_px: np.ndarray
    variant: tuple[bool, bool]

    def __post_init__(self) -> None:
        object.__setattr__(self, "point_ids", read_only(np.asarray(self.point_ids, dtype=np.int64)))
        object.__setattr__(self, "pixels_px", read_only(np.asarray(self.pixels_px, dtype=np.float64)))


class BoardDetector:
    """Finds one board. Where its file is wrong about the kind of print, the first images decide.

    Args:
        board: what to look for.

    Attributes:
        num_lines: images in which all corners that were found lay in a line, or were fewer than six.
        num_misfits: images whose corners do not lie to each other as they were drawn: the board is another one.
    """

    def __init__(self, board: Board) -> None:
        self.board, self._points_m = board, board.points_m
        given = (board.legacy_pattern, board.inverted)
        self._variants = [given]
        if board.kind == "charuco":
            others = [(legacy, inverted) for legacy in (False, True) for inverted in (False, True)]
            even = board.squares_y % 2 == 0  # the two patterns differ in boards of an even number of rows only
            self._variants += [v for v in others if v != given and (even or v[0] == given[0])]
        self._finders = {variant: _finder(replace(board, legacy_pattern=variant[0])) for variant in self._variants}
        self._votes: Counter[tuple[bool, bool]] = Counter()
        self.num_lines = self.num_misfits = 0

    def detect(self, gray: np.ndarray) -> CornerView | None:
        """The board in a grey image (h, w) uint8, or None where fewer than six corners, or only a line, are seen."""
        best: CornerView | None = None
        line = misfit = False
        for variant in self._order():
            found = self._finders[variant](np.bitwise_not(gray) if variant[1] else gray)
            if found is None:
                continue
            if not self._is_enough(found[0]):
                line = True
            elif not lie_as_drawn(self._points_m[found[0], :2], found[1]):
                misfit = True
            elif best is None or len(found[0]) > len(best.point_ids):
                best = CornerView(found[0], found[1], variant)
        if best is not None:
            self._votes[best.variant] += 1
        else:
            self.num_misfits += misfit
            self.num_lines += line and not misfit
        return best

    def _order(self) -> list[tuple[bool, bool]]:
        won = self._votes.most_common(1)
        return [won[0][0]] if won and won[0][1] >= DECIDED else self._variants

    def _is_enough(self, point_ids: np.ndarray) -> bool:
        if len(point_ids) < FEWEST_CORNERS:
            return False
        flat = self._points_m[point_ids, :2]
        spread = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
        return bool(spread[1] > FLATTEST * spread[0] and spread[1] > 0)


def lie_as_drawn(drawn_m: np.ndarray, pixels_px: np.ndarray) -> bool:
    """Whether corners lie to their neighbours as they were drawn, up to what perspective and a lens do nearby.

    Around each corner an affine map is fitted to its neighbours; what it leaves is small against their distance where
    the right corners were found, and not where a board of other rows and columns was read as this one.

    Args:
        drawn_m: (n, 2) corners on the board, n >= 6.
        pixels_px: (n, 2) where they were seen.
    """
    near = np.argsort(np.linalg.norm(drawn_m[:, None] - drawn_m[None], axis=2), axis=1, kind="stable")[:, :NEIGHBOURS]
    steps, moves = drawn_m[near] - drawn_m[:, None], pixels_px[near] - pixels_px[:, None]
    reach = np.linalg.norm(steps, axis=2).max(axis=1)[:, None, None]
    rows = np.concatenate([steps / reach, np.ones((*steps.shape[:2], 1))], axis=2)
    normal = np.einsum("nki,nkj->nij", rows, rows) + 1e-6 * np.eye(3)
    left = rows @ np.linalg.solve(normal, np.einsum("nki,nkj->nij", rows, moves)) - moves
    misfit = np.sqrt((left**2).sum(axis=2).mean(axis=1)) / np.linalg.norm(moves, axis=2).max(axis=1)
    return bool(np.quantile(misfit, 0.8) < LARGEST_MISFIT)


def majority(views: Iterable[CornerView]) -> tuple[bool, bool] | None:
    """The kind of print that most views agree on; None without views."""
    won = Counter(view.variant for view in views).most_common(1)
    return won[0][0] if won else None


def markers_seen(gray: np.ndarray, board: Board) -> dict[str, int]:
    """How many markers of which sets an image (h, w) uint8 holds: what to say when a board is not found."""
    import cv2

    seen = {}
    for name in dict.fromkeys([board.dictionary, *COMMON_DICTIONARIES] if board.kind in TAGS else COMMON_DICTIONARIES):
        dictionary = cv2.aruco.getPredefinedDictionary(dictionary_number(name))
        parameters = cv2.aruco.DetectorParameters()
        parameters.detectInvertedMarker = True
        _, ids, _ = cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers(gray)
        seen[name] = 0 if ids is None else len(ids)
    return {name: count for name, count in seen.items() if count}


def _finder(board: Board) -> Any:
    if board.kind == "chessboard":
        return lambda gray: _chessboard(gray, board)
    import cv2

    dictionary = cv2.aruco.getPredefinedDictionary(dictionary_number(board.dictionary))
    if board.kind == "charuco":
        layout = cv2.aruco.CharucoBoard((board.squares_x, board.squares_y), board.square_m, board.marker_m, dictionary)
        layout.setLegacyPattern(board.legacy_pattern)
        detector = cv2.aruco.CharucoDetector(layout)
        return lambda gray: _charuco(detector, gray)
    parameters = cv2.aruco.DetectorParameters()
    # OpenCV's refinement for AprilTags counts from pixel corners: what it gives lies half a pixel right and below.
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    tags = cv2.aruco.ArucoDetector(dictionary, parameters)
    return lambda gray: _tags(tags, gray, board.num_markers)


def _charuco(detector: Any, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    corners, ids, _, _ = detector.detectBoard(gray)
    return _sorted(corners, ids)


def _sorted(corners: np.ndarray | None, ids: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | None:
    if corners is None or ids is None or not len(ids):
        return None
    order = np.argsort(np.ravel(ids), kind="stable")
    return np.ravel(ids)[order], np.reshape(corners, (-1, 2))[order]


def _tags(detector: Any, gray: np.ndarray, num_markers: int) -> tuple[np.ndarray, np.ndarray] | None:
    corners, ids, _ = detector.detectMarkers(gray)
    if ids is None:
        return None
    markers = np.ravel(ids)
    own, counts = np.unique(markers, return_counts=True)
    good = np.isin(markers, own[counts == 1]) & (markers < num_markers)
    if not good.any():
        return None
    pixels = np.concatenate([np.reshape(quad, (4, 2)) for quad, fits in zip(corners, good, strict=True) if fits])
    return _sorted(pixels, (markers[good][:, None] * 4 + np.arange(4)).ravel())


def _chessboard(gray: np.ndarray, board: Board) -> tuple[np.ndarray, np.ndarray] | None:
    import cv2

    inner = (board.squares_x - 1, board.squares_y - 1)
    found, corners = cv2.findChessboardCornersSB(gray, inner, flags=cv2.CALIB_CB_ACCURACY)
    if not found:
        return None
    grid = corners.reshape(inner[1], inner[0], 2)
    centers = (grid[:-1, :-1] + grid[1:, 1:]) / 2
    column, row = np.rint(centers).astype(int).reshape(-1, 2).T
    light = gray[np.clip(row, 0, gray.shape[0] - 1), np.clip(column, 0, gray.shape[1] - 1)].reshape(centers.shape[:2])
    # The first square of a board is black, so the first inner one, a step right and down, is black too.
    black = np.add.outer(np.arange(inner[1] - 1), np.arange(inner[0] - 1)) % 2 == 0
    if light[black].mean() > light[~black].mean():
        grid = grid[::-1, ::-1]
    return np.arange(inner[0] * inner[1]), grid.reshape(-1, 2)
