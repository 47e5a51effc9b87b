"""The black parts of a board as rectangles, metres: what a printer is to make of it."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .board import TAGS, Board, dictionary_number


def black_cells(board: Board) -> np.ndarray:
    """(n, 4) rectangles x, y, width, height in the frame of the board, that are black in the print.

    An inverted board has these white, and all else black.

    Raises:
        InputError: the set of markers holds fewer than the board needs.
    """
    cells: list[tuple[float, float, float, float]] = []
    markers = _markers(board) if board.kind in TAGS else None
    inset_m = 0.0 if board.kind.endswith("grid") else (board.square_m - board.marker_m) / 2
    number = 0
    for row in range(board.squares_y):
        for column in range(board.squares_x):
            x_m, y_m = column * board.square_m, row * board.square_m
            if _is_black(board, row, column):
                cells.append((x_m, y_m, board.square_m, board.square_m))
            elif markers is not None:
                cells += _of_marker(markers[number], x_m + inset_m, y_m + inset_m, board.marker_m)
                number += 1
    return np.array(cells)


def _is_black(board: Board, row: int, column: int) -> bool:
    """Whether a whole square is black. The old pattern of ChArUco begins with a marker where the rows are even."""
    if board.kind.endswith("grid"):
        return False
    first_is_marker = board.legacy_pattern and board.squares_y % 2 == 0
    return (row + column + first_is_marker) % 2 == 0


def _markers(board: Board) -> np.ndarray:
    """(m, b, b) bool, the black cells of each marker, border included."""
    import cv2

    dictionary = cv2.aruco.getPredefinedDictionary(dictionary_number(board.dictionary))
    there = len(dictionary.bytesList)
    if board.num_markers > there:
        raise InputError(
            f"{board.dictionary} has {there} markers, the board needs {board.num_markers}",
            todo="take a larger set, e.g. the same with _1000 at its end, or fewer squares",
        )
    size = dictionary.markerSize + 2
    return np.stack([dictionary.generateImageMarker(n, size) == 0 for n in range(board.num_markers)])


def _of_marker(black: np.ndarray, x_m: float, y_m: float, edge_m: float) -> list[tuple[float, float, float, float]]:
    """Its black cells, those of a row that touch taken together."""
    step_m = edge_m / len(black)
    cells = []
    for row, line in enumerate(black):
        edges = np.flatnonzero(np.diff(np.r_[False, line, False]))
        for begin, end in edges.reshape(-1, 2).tolist():
            cells.append((x_m + begin * step_m, y_m + row * step_m, (end - begin) * step_m, step_m))
    return cells
