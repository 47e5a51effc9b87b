"""Boards: what was printed, and where its corners lie."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest_name

KINDS = ("charuco", "aruco_grid", "april_grid", "chessboard")
TAGS = ("charuco", "aruco_grid", "april_grid")
LARGEST_M = 5.0


@dataclass(frozen=True, slots=True)
class Board:
    """A flat pattern of known size. Its frame has x along the columns, y down along the rows, z into the board.

    Args:
        kind: "charuco", "aruco_grid", "april_grid" (a grid of AprilTags) or "chessboard".
        squares_x, squares_y: squares across and down; of a grid, its markers.
        square_m: edge of a square; of a grid, from one marker's edge to the next marker's same edge.
        marker_m: edge of a marker; 0 for a chessboard.
        dictionary: OpenCV's name of the set of markers; empty for a chessboard.
        inverted: black and white are exchanged in the print.
        legacy_pattern: ChArUco as OpenCV printed it before 4.6 (a marker in the first square if the rows are even).

    Raises:
        InputError: sizes or names are impossible.
    """

    kind: str
    squares_x: int
    squares_y: int
    square_m: float
    marker_m: float = 0.0
    dictionary: str = ""
    inverted: bool = False
    legacy_pattern: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(
                f"unknown kind of board '{self.kind}'{nearest_name(self.kind, KINDS)}", todo=", ".join(KINDS)
            )
        least = 1 if self.kind.endswith("grid") else 3
        if min(self.squares_x, self.squares_y) < least or self.squares_x * self.squares_y < 4:
            raise InputError(f"a board of {self.squares_x} x {self.squares_y} is too small to calibrate with")
        if not 0 < self.square_m <= LARGEST_M:
            raise InputError(f"a square of {self.square_m} m is impossible", todo="give sizes in metres, e.g. 0.04")
        if self.kind in TAGS and not 0 < self.marker_m < self.square_m:
            raise InputError(
                f"a marker of {self.marker_m} m does not fit into a square of {self.square_m} m",
                todo="measure both on the print, in metres",
            )
        if self.kind in TAGS:
            dictionary_number(self.dictionary)
        if self.kind == "chessboard" and (self.squares_x + self.squares_y) % 2 == 0:
            raise InputError(
                f"a chessboard of {self.squares_x} x {self.squares_y} squares looks the same upside down",
                todo="take one with an odd and an even number of squares, or better a ChArUco board",
            )

    @property
    def points_m(self) -> np.ndarray:
        """(n, 3) float64 corners, row by row; of a marker clockwise from its upper left. A corner's id is its row."""
        if self.kind.endswith("grid"):
            x, y = np.meshgrid(np.arange(self.squares_x), np.arange(self.squares_y))
            first = np.stack([x.ravel(), y.ravel()], axis=-1) * self.square_m
            edge = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * self.marker_m
            flat = (first[:, None] + edge).reshape(-1, 2)
        else:
            x, y = np.meshgrid(np.arange(1, self.squares_x), np.arange(1, self.squares_y))
            flat = np.stack([x.ravel(), y.ravel()], axis=-1) * self.square_m
        return np.pad(flat, ((0, 0), (0, 1)))

    @property
    def num_markers(self) -> int:
        """How many markers are printed."""
        squares = self.squares_x * self.squares_y
        return {"charuco": squares // 2, "chessboard": 0}.get(self.kind, squares)

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the print without its margin."""
        inner = self.square_m - self.marker_m if self.kind.endswith("grid") else 0.0
        return self.squares_x * self.square_m - inner, self.squares_y * self.square_m - inner

    def to_toml(self) -> str:
        """The text of board.toml."""
        lines = [f'type = "{self.kind}"']
        for name, value in asdict(self).items():
            if name == "kind" or (self.kind == "chessboard" and name in ("marker_m", "dictionary")):
                continue
            text = (
                f'"{value}"'
                if isinstance(value, str)
                else str(value).lower()
                if isinstance(value, bool)
                else f"{value!r}"
            )
            lines.append(f"{name} = {text}")
        return "\n".join(lines) + "\n"


def read_board(path: Path) -> Board:
    """The board of a board.toml.

    Raises:
        InputError: the file cannot be read, a key is unknown (the nearest one is named), missing or wrong.
    """
    where = str(path)
    try:
        values = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InputError("the board cannot be read", where=where, why=error.strerror or "") from error
    except ValueError as error:
        raise InputError("the board is not TOML", where=where, why=str(error)) from error
    return _from_values(values, where)


def _from_values(values: Mapping[str, Any], where: str) -> Board:
    known = {"type": "kind"} | {field.name: field.name for field in fields(Board) if field.name != "kind"}
    for key in values:
        if key not in known:
            raise InputError(f"unknown key '{key}'{nearest_name(key, known)}", where=where, todo=", ".join(known))
    types = {
        "kind": str,
        "squares_x": int,
        "squares_y": int,
        "dictionary": str,
        "inverted": bool,
        "legacy_pattern": bool,
    }
    given: dict[str, Any] = {}
    for key, value in values.items():
        wanted = types.get(known[key], float)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise InputError(f"{key} must be a {wanted.__name__}, not {value!r}", where=where)
        given[known[key]] = value
    needed = ["kind", "squares_x", "squares_y", "square_m"]
    needed += ["marker_m", "dictionary"] if given.get("kind") in TAGS else []
    missing = [key for key in needed if key not in given]
    if missing:
        raise InputError(
            f"the board lacks {', '.join('type' if key == 'kind' else key for key in missing)}", where=where
        )
    try:
        return Board(**given)
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error


def dictionary_number(name: str) -> int:
    """OpenCV's number of a set of markers.

    Raises:
        InputError: there is no such set; names the nearest one.
    """
    import cv2

    number = getattr(cv2.aruco, name, None) if name.startswith("DICT_") else None
    if not isinstance(number, int):
        known = [entry for entry in dir(cv2.aruco) if entry.startswith("DICT_")]
        raise InputError(f"unknown set of markers '{name}'{nearest_name(name, known)}", todo="e.g. DICT_4X4_250")
    return number
