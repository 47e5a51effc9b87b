"""Why a board was not found: what the images hold instead, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .board import TAGS, Board
from .detection import BoardDetector, markers_seen
from .film import Film

MOST_IMAGES = 40
EVERY = 5


def explain_no_board(films: Sequence[Film], board: Board, where: str) -> InputError:
    """Look again at some images of cameras that did not see the board, and say what is the matter.

    Args:
        films: of these cameras.
        board: what was looked for.
        where: the folder, for the message.
    """
    images = [(film, image) for film in films for image in _some(film)]
    names = ", ".join(film.camera_id for film in films)
    if not images:
        return InputError(
            "there is no image that can be read",
            where=f"{where}: {names}",
            todo="film the board again with this camera",
        )
    detector = BoardDetector(board)
    mirrored = Counter(film.camera_id for film, image in images if detector.detect(np.fliplr(image)) is not None)
    if mirrored:
        return InputError(
            f"the images of {', '.join(mirrored)} are mirrored", where=where,
            why="the board is found when they are flipped; some programs mirror what they record, as a mirror would",
            todo="switch mirroring off in the recording program and film again",
        )  # fmt: skip
    again = BoardDetector(board)
    for _, image in images:
        again.detect(image)
    if again.num_misfits:
        return InputError(
            f"the corners that are seen do not lie as on a board of {board.squares_x} x {board.squares_y}",
            where=f"{where}: {names}", why="the filmed board has another number of rows or columns",
            todo="count the squares of the print and correct the board file",
        )  # fmt: skip
    if again.num_lines:
        return InputError(
            "only a line of corners, or fewer than six, is seen of the board", where=f"{where}: {names}",
            why="most of it is hidden, out of the image, too small or blurred",
            todo="film the whole board so that it fills a third of the image",
        )  # fmt: skip
    seen: Counter[str] = Counter()
    for _, image in images:
        seen.update(markers_seen(image, board))
    if board.kind in TAGS and seen.get(board.dictionary):
        return InputError(
            f"markers of {board.dictionary} are seen, but no board of {board.squares_x} x {board.squares_y}",
            where=f"{where}: {names}",
            why="the board has another number of squares, is bent, cut by the border, or too much in motion",
            todo="count the squares of the print and correct the board file; hold the board still and whole in view",
        )  # fmt: skip
    if seen:
        other = seen.most_common(1)[0][0]
        return InputError(
            f"the board is another one: its markers are of {other}", where=f"{where}: {names}",
            why=f"the board file says {board.dictionary or board.kind}", todo="give the board file of the filmed board",
        )  # fmt: skip
    return InputError(
        "the board is nowhere to be seen", where=f"{where}: {names}",
        why="it was not in view, too far away, blurred, too dark, or is not the one of the board file",
        todo="film the board so that it fills a third of the image, well lit, at most 45 degrees tilted",
    )  # fmt: skip


def _some(film: Film) -> list[np.ndarray]:
    """Some images of a film: of a long one, every fifth of its first."""
    images = []
    step = 1 if len(film.times_ns) <= MOST_IMAGES else EVERY
    for position, image in enumerate(film.images()):
        if image is not None and position % step == 0:
            images.append(image)
        if len(images) >= MOST_IMAGES:
            break
    return images
