"""ortwin board: a calibration board, printed to scale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..capture.errors import ConfigError
from .console import Reporter

if TYPE_CHECKING:
    from ..capture.calibration.board import Board

MARKER_SHARE = 0.75
DEFAULT_PAGE = "A3"
SETS = {"charuco": "DICT_5X5_250", "aruco_grid": "DICT_5X5_250", "april_grid": "DICT_APRILTAG_36h11", "chessboard": ""}


def print_board(
    report: Reporter,
    out: Annotated[Path, typer.Option("--out", metavar="BOARD.PDF", help="Where the page goes; board.toml beside it.")],
    board: Annotated[
        Path | None,
        typer.Option("--board", metavar="BOARD.TOML", help="Print this board, with its own sizes."),
    ] = None,
    kind: Annotated[
        Literal["charuco", "aruco_grid", "april_grid", "chessboard"],
        typer.Option("--type", help="ChArUco is found best: parts of it may be hidden."),
    ] = "charuco",
    squares: Annotated[str, typer.Option("--squares", metavar="XxY", help="Squares, or markers, across and down.")] = (
        "10x7"
    ),
    square_mm: Annotated[
        float | None, typer.Option("--square-mm", help="Edge of a square; left out, the largest that fits on the page.")
    ] = None,
    marker_mm: Annotated[
        float | None, typer.Option("--marker-mm", help="Edge of a marker; left out, three quarters of a square.")
    ] = None,
    dictionary: Annotated[
        str | None, typer.Option("--dictionary", help="OpenCV's set of markers, e.g. DICT_4X4_250.")
    ] = None,
    inverted: Annotated[bool, typer.Option("--inverted", help="Exchange black and white.")] = False,
    legacy_pattern: Annotated[
        bool, typer.Option("--legacy-pattern", help="ChArUco as OpenCV printed it before 4.6.")
    ] = False,
    page: Annotated[
        str | None, typer.Option("--page", help="A4, letter, A3, A2, A1 or A0; left out, A3 or what fits.")
    ] = None,
    tiles: Annotated[
        bool,
        typer.Option("--tiles", help="Spread a board that is larger than the page over several (A4 if none is named)."),
    ] = False,
) -> None:
    """Make a page with a calibration board, to scale, for the printer.

    Print it at 100 per cent and glue it on something stiff and flat: glass, aluminium, a foam board of 10 mm. Measure a
    square and correct the board file where the printer did not keep the scale.
    """
    from ..capture.calibration.board import read_board
    from ..capture.calibration.board_print import SMALL_PAGE, largest_square_m, write_board
    from ..capture.files import require_writable

    if out.suffix.lower() != ".pdf":
        raise ConfigError(f"{out.name} is no name of a PDF", todo="e.g. --out board.pdf")
    require_writable(out)
    if board is not None:
        wanted = read_board(board)
    else:
        across, down = _squares(squares)
        square_m = 1e-3 * square_mm if square_mm else largest_square_m(across, down, page or DEFAULT_PAGE)
        wanted = _board(kind, across, down, square_m, marker_mm, dictionary, inverted, legacy_pattern)
    if tiles and page is None:
        page = SMALL_PAGE
    pages = write_board(out, wanted, page, tiles=tiles)
    place = pages[0]
    beside = out.with_suffix(".toml")
    report.result(
        {
            "out": out, "board": beside, "page": place.page, "pages": len(pages), "width_mm": 1e3 * place.width_m,
            "height_mm": 1e3 * place.height_m, "square_mm": 1e3 * wanted.square_m, "marker_mm": 1e3 * wanted.marker_m,
        }
    )  # fmt: skip
    report.say(
        "print it at 100 per cent, see that both rulers are 100 mm long, and glue it on something stiff and flat"
    )
    if len(pages) > 1:
        report.say(
            f"{len(pages)} pages: cut each on its marks and lay it over the strips of those before it; then measure "
            "from one end to the other, across the seams"
        )
    report.next("ortwin", "calibrate", "FOLDER", "--board", beside, "--out", "rig.json")


def _squares(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})\s*[xX]\s*(\d{1,3})", text)
    if not found or "0" in found.groups():
        raise ConfigError(f"--squares {text} is not XxY", todo="e.g. --squares 10x7")
    return int(found[1]), int(found[2])


def _board(
    kind: str, across: int, down: int, square_m: float, marker_mm: float | None, dictionary: str | None, inverted: bool,
    legacy_pattern: bool,
) -> Board:  # fmt: skip
    from ..capture.calibration.board import Board

    if kind == "chessboard":
        return Board(kind, across, down, square_m, inverted=inverted)
    marker_m = 1e-3 * marker_mm if marker_mm else round(MARKER_SHARE * square_m, 4)
    return Board(
        kind, across, down, square_m, marker_m, dictionary or SETS[kind], inverted, legacy_pattern and kind == "charuco"
    )  # fmt: skip


verb = print_board
