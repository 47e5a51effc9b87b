"""A board that is larger than the page, spread over several, with marks where to cut them.

Cuts run through the middles of squares, so that no corner of the pattern lies on a seam. Each page goes on for a strip
beyond its right and lower cut: the next page is cut on the marks and laid over the strip, and no gap shows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..errors import ConfigError, InputError
from .board import Board
from .board_print import FOOT_M, MARGIN_M, PAGES_M, BoardPage

STRIP_M = 0.008


class BoardTile(NamedTuple):
    """One page of a board that is spread over several.

    Args:
        row, column: which, from 0, of `num_rows` and `num_columns`.
        num_rows, num_columns: how many there are.
        page: where the whole board would lie on this page; its upper left may lie outside the paper.
        cut_m: (left, top, right, bottom) of the part that this page is to show, on the board.
        printed_m: the same with the strips beyond the cuts.
    """

    row: int
    column: int
    num_rows: int
    num_columns: int
    page: BoardPage
    cut_m: tuple[float, float, float, float]
    printed_m: tuple[float, float, float, float]

    @property
    def said(self) -> str:
        """Which page it is, for a person."""
        return f"row {self.row + 1} of {self.num_rows}, column {self.column + 1} of {self.num_columns}"


def tiles_of(board: Board, page: str) -> list[BoardTile]:
    """The pages of a board, row by row; the paper is turned so that they are few.

    Raises:
        ConfigError: there is no page of that name.
        InputError: a square is larger than the page.
    """
    if page not in PAGES_M:
        raise ConfigError(f"unknown page '{page}'", todo=", ".join(PAGES_M))
    choices = []
    for turned in (False, True):
        across_m, down_m = sorted(PAGES_M[page], reverse=turned)
        free_m = across_m - 2 * MARGIN_M, down_m - 2 * MARGIN_M - FOOT_M
        parts = [_parts(size_m, board.square_m, free) for size_m, free in zip(board.size_m, free_m, strict=True)]
        if all(parts):
            choices.append((len(parts[0]) * len(parts[1]), across_m, down_m, *parts))
    if not choices:
        raise InputError(
            f"a square of {1e3 * board.square_m:.0f} mm is too large for {page}",
            why="cuts run through the middles of squares, and each page must show more than one of them",
            todo="take a larger page, or smaller squares",
        )  # fmt: skip
    _, across_m, down_m, columns, rows = min(choices, key=lambda choice: choice[0])
    tiles = []
    for row, (top_m, bottom_m) in enumerate(rows):
        for column, (left_m, right_m) in enumerate(columns):
            place = BoardPage(page, across_m, down_m, MARGIN_M - left_m, MARGIN_M - top_m)
            printed_m = (
                left_m, top_m, min(right_m + STRIP_M, board.size_m[0]), min(bottom_m + STRIP_M, board.size_m[1])
            )  # fmt: skip
            cut_m = left_m, top_m, right_m, bottom_m
            tiles.append(BoardTile(row, column, len(rows), len(columns), place, cut_m, printed_m))
    return tiles


def _parts(size_m: float, square_m: float, free_m: float) -> list[tuple[float, float]]:
    """Where the parts of a side begin and end; none where a page cannot hold a square and its strip."""
    parts, begin_m = [], 0.0
    while size_m - begin_m > free_m + 1e-9:
        end_m = (math.floor((begin_m + free_m - STRIP_M) / square_m - 0.5 + 1e-9) + 0.5) * square_m
        if end_m <= begin_m + 1e-9:
            return []
        parts.append((begin_m, end_m))
        begin_m = end_m
    return [*parts, (begin_m, size_m)]
