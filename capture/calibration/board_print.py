"""A board as a page to be printed: to scale, with rulers that show whether the printer kept it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import ConfigError, InputError
from ..files import write_atomic
from .board import Board
from .board_cells import black_cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCH_M = 0.0254
MARGIN_M = 0.010
FOOT_M = 0.022
RULER_M = 0.100
PAGES_M = {
    "A4": (0.210, 0.297), "letter": (0.2159, 0.2794), "A3": (0.297, 0.420), "A2": (0.420, 0.594),
    "A1": (0.594, 0.841), "A0": (0.841, 1.189),
}  # fmt: skip


class BoardPage(NamedTuple):
    """Where a board lies on its page, metres from the page's upper left.

    Args:
        page: the name of the size.
        width_m, height_m: of the page as it is turned.
        left_m, top_m: of the board's upper left corner.
    """

    page: str
    width_m: float
    height_m: float
    left_m: float
    top_m: float


def place_on_page(board: Board, page: str | None = None) -> BoardPage:
    """The page for a board.

    Args:
        board: what is to be printed.
        page: its name in PAGES_M; None = the smallest that the board fits on.

    Raises:
        ConfigError: there is no page of that name.
        InputError: the board does not fit; names the page or the size that would.
    """
    if page is not None and page not in PAGES_M:
        raise ConfigError(f"unknown page '{page}'", todo=", ".join(PAGES_M))
    width_m, height_m = board.size_m
    for name in (page,) if page is not None else PAGES_M:
        for turned in (True, False):
            across_m, down_m = sorted(PAGES_M[name], reverse=turned)
            free_m = across_m - 2 * MARGIN_M, down_m - 2 * MARGIN_M - FOOT_M
            if width_m <= free_m[0] + 1e-9 and height_m <= free_m[1] + 1e-9:
                return BoardPage(
                    name, across_m, down_m, (across_m - width_m) / 2, MARGIN_M + (free_m[1] - height_m) / 2
                )
    fitting = largest_square_m(board.squares_x, board.squares_y, page or "A0")
    raise InputError(
        f"a board of {1e3 * width_m:.0f} x {1e3 * height_m:.0f} mm does not fit on {page or 'any page'}",
        why=f"{1e3 * MARGIN_M:.0f} mm around it and {1e3 * FOOT_M:.0f} mm below stay free",
        todo=f"take squares of {1e3 * fitting:.0f} mm or less"
        + (", or a larger page" if page not in (None, "A0") else ""),
    )


def largest_square_m(squares_x: int, squares_y: int, page: str) -> float:
    """The largest edge of a square, whole millimetres, with which a board fits on a page.

    Raises:
        ConfigError: there is no page of that name.
    """
    if page not in PAGES_M:
        raise ConfigError(f"unknown page '{page}'", todo=", ".join(PAGES_M))
    edges = []
    for turned in (True, False):
        across_m, down_m = sorted(PAGES_M[page], reverse=turned)
        edges.append(min((across_m - 2 * MARGIN_M) / squares_x, (down_m - 2 * MARGIN_M - FOOT_M) / squares_y))
    return int(1e3 * max(edges) + 1e-9) / 1e3


def draw_board(board: Board, page: BoardPage) -> Figure:
    """The page as a figure whose inches are those of the paper."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(page.width_m / INCH_M, page.height_m / INCH_M))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, page.width_m), ylim=(page.height_m, 0))
    axes.set_axis_off()
    cells = black_cells(board) + np.array([page.left_m, page.top_m, 0, 0])
    if board.inverted:
        width_m, height_m = board.size_m
        edge_m = min(MARGIN_M / 2, board.square_m / 4)
        ground = np.array([[page.left_m - edge_m, page.top_m - edge_m, width_m + 2 * edge_m, height_m + 2 * edge_m]])
        _fill(axes, ground, "black")
    _fill(axes, cells, "white" if board.inverted else "black")
    _rulers(axes, page)
    text = board.to_toml().strip().replace("\n", "   ")
    foot_m = page.height_m - MARGIN_M
    style: dict[str, Any] = {"family": "monospace", "fontsize": 6, "va": "bottom"}
    axes.text(MARGIN_M + RULER_M + 0.012, foot_m, _folded(text, page), **style)
    return figure


def write_board(path: Path, board: Board, page: str | None = None) -> BoardPage:
    """Write the page as PDF, and board.toml beside it under the same name.

    Args:
        path: the .pdf file.
        board: what is to be printed.
        page: see `place_on_page`.

    Raises:
        ConfigError: beside it stands a .toml that says something else: a measured size may be in it.
        InputError: see `place_on_page` and `black_cells`.
    """
    import matplotlib

    path = Path(path)
    beside, text = path.with_suffix(".toml"), board.to_toml()
    if beside.exists() and beside.read_text("utf-8") != text:
        raise ConfigError(
            "a board file of that name says something else", where=str(beside),
            why="it may hold sizes that somebody measured", todo="give another --out, or remove the file",
        )  # fmt: skip
    place = place_on_page(board, page)
    figure, data = draw_board(board, place), io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42, "pdf.compression": 6}):
        figure.savefig(data, format="pdf", metadata={"CreationDate": None, "Creator": "ortwin", "Producer": None})
    write_atomic(path, data.getvalue())
    write_atomic(beside, text.encode())
    return place


def _fill(axes: Any, cells: np.ndarray, color: str) -> None:
    """All rectangles as one path: seams between neighbours do not show."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    x, y, width, height = cells.T
    corners = np.stack(
        [np.stack([x + i * width, y + j * height], axis=1) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))], axis=1
    )
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY] * len(cells)
    outline = Outline(corners.reshape(-1, 2), codes)
    axes.add_patch(PathPatch(outline, facecolor=color, edgecolor="none", linewidth=0, antialiased=True))


def _rulers(axes: Any, page: BoardPage) -> None:
    """One along each edge of the paper: a printer may stretch one direction only."""
    left_m, side_m, down_m = MARGIN_M, MARGIN_M / 2, page.height_m - MARGIN_M
    style: dict[str, Any] = {"color": "black", "linewidth": 0.5, "solid_capstyle": "butt"}
    for step in range(11):
        along_m, tick_m = step * RULER_M / 10, 0.004 if step % 5 == 0 else 0.002
        axes.plot([left_m + along_m] * 2, [down_m, down_m - tick_m], **style)
        up_m = page.height_m / 2 + RULER_M / 2 - along_m
        axes.plot([side_m, side_m - tick_m / 2], [up_m, up_m], **style)
    axes.plot([left_m, left_m + RULER_M], [down_m, down_m], **style)
    axes.plot([side_m, side_m], [page.height_m / 2 - RULER_M / 2, page.height_m / 2 + RULER_M / 2], **style)
    said = "both rulers must be 100 mm long: print at 100 %, do not fit to the page"
    axes.text(left_m, down_m - 0.006, said, fontsize=6, va="bottom")


def _folded(text: str, page: BoardPage) -> str:
    """The text of the board in lines that fit beside the ruler."""
    import textwrap

    free_m = page.width_m - 2 * MARGIN_M - RULER_M - 0.012
    return "\n".join(textwrap.wrap(text, max(20, int(free_m / 0.00130))))
