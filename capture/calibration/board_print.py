"""A board as a page to be printed: to scale, with rulers that show whether the printer kept it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

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
MARK_M = 0.006
SMALL_PAGE = "A4"
PAGES_M = {
    "A4": (0.210, 0.297), "letter": (0.2159, 0.2794), "A3": (0.297, 0.420), "A2": (0.420, 0.594),
    "A1": (0.594, 0.841), "A0": (0.841, 1.189),
}  # fmt: skip


@runtime_checkable
class BoardPart(Protocol):
    """What of a board one of several pages shows; see `board_tiles.BoardTile`."""

    @property
    def cut_m(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) between its cuts, on the board."""
        ...

    @property
    def printed_m(self) -> tuple[float, float, float, float]:
        """The same with the strips beyond the cuts."""
        ...

    @property
    def said(self) -> str:
        """Which page it is."""
        ...


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
        + (", or a larger page" if page not in (None, "A0") else "")
        + ", or spread it over several pages with --tiles",
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


def draw_board(board: Board, page: BoardPage, part: BoardPart | None = None) -> Figure:
    """The page as a figure whose inches are those of the paper; all of the board, or a part of it."""
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
        if part is not None:
            ends = np.isclose(part.printed_m, (0.0, 0.0, width_m, height_m))
            window_m = np.array(part.printed_m) + ends * edge_m * np.array([-1, -1, 1, 1])
            ground = _within(ground, page, window_m)
        _fill(axes, ground, "black")
    cells = cells if part is None else _within(cells, page, np.array(part.printed_m))
    _fill(axes, cells, "white" if board.inverted else "black")
    _rulers(axes, page)
    text = board.to_toml().strip().replace("\n", "   ")
    if part is not None:
        _cut_marks(axes, page, part, board.size_m)
        text = f"{part.said}: cut on the marks, lay it over the strips beside it   {text}"
    foot_m = page.height_m - MARGIN_M
    style: dict[str, Any] = {"family": "monospace", "fontsize": 6, "va": "bottom"}
    axes.text(MARGIN_M + RULER_M + 0.012, foot_m, _folded(text, page), **style)
    return figure


def write_board(path: Path, board: Board, page: str | None = None, *, tiles: bool = False) -> list[BoardPage]:
    """Write the page as PDF, and board.toml beside it under the same name.

    Args:
        path: the .pdf file.
        board: what is to be printed.
        page: see `place_on_page`.
        tiles: spread a board that does not fit over several pages.

    Returns:
        The pages.

    Raises:
        ConfigError: beside it stands a .toml that says something else: a measured size may be in it.
        InputError: see `place_on_page` and `black_cells`.
    """
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages

    path = Path(path)
    beside, text = path.with_suffix(".toml"), board.to_toml()
    if beside.exists() and beside.read_text("utf-8") != text:
        raise ConfigError(
            "a board file of that name says something else", where=str(beside),
            why="it may hold sizes that somebody measured", todo="give another --out, or remove the file",
        )  # fmt: skip
    parts = _pages(board, page, tiles)
    data = io.BytesIO()
    about = {"CreationDate": None, "Creator": "ortwin", "Producer": None}
    with (
        matplotlib.rc_context({"pdf.fonttype": 42, "pdf.compression": 6}),
        PdfPages(data, metadata=about) as pages,
    ):
        for place, part in parts:
            pages.savefig(draw_board(board, place, part))
    write_atomic(path, data.getvalue())
    write_atomic(beside, text.encode())
    return [place for place, _ in parts]


def _pages(board: Board, page: str | None, tiles: bool) -> list[tuple[BoardPage, BoardPart | None]]:
    from .board_tiles import tiles_of

    try:
        return [(place_on_page(board, page), None)]
    except InputError:
        if not tiles:
            raise
    return [(tile.page, tile) for tile in tiles_of(board, page or SMALL_PAGE)]


def _within(cells: np.ndarray, page: BoardPage, window_m: np.ndarray) -> np.ndarray:
    """What of rectangles (n, 4) as x, y, width, height on the page lies in a window (4,) of the board."""
    corner_m = np.array([page.left_m, page.top_m])
    low = np.maximum(cells[:, :2], window_m[:2] + corner_m)
    high = np.minimum(cells[:, :2] + cells[:, 2:], window_m[2:] + corner_m)
    there = (high - low > 1e-9).all(axis=1)
    return np.hstack([low, high - low])[there]


def _cut_marks(axes: Any, page: BoardPage, part: BoardPart, size_m: tuple[float, float]) -> None:
    """Lines outside the printed part at both ends of every cut."""
    style: dict[str, Any] = {"color": "black", "linewidth": 0.25, "solid_capstyle": "butt"}
    corner_m = np.array([page.left_m, page.top_m])
    low, high = np.array(part.printed_m[:2]) + corner_m, np.array(part.printed_m[2:]) + corner_m
    for axis in (0, 1):
        ends = [(low[1 - axis] - MARK_M, low[1 - axis] - 0.001), (high[1 - axis] + 0.001, high[1 - axis] + MARK_M)]
        for at_m in (part.cut_m[axis], part.cut_m[axis + 2]):
            if 1e-9 < at_m < size_m[axis] - 1e-9:
                for end in ends:
                    line = [at_m + corner_m[axis]] * 2, end
                    axes.plot(*(line if axis == 0 else line[::-1]), **style)


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
