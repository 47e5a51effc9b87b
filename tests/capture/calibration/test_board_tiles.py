"""Boards on several pages: cut on the marks and glued they are the board, and no seam runs through a corner."""

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from ortwin.capture.calibration.board import Board, read_board
from ortwin.capture.calibration.board_print import FOOT_M, MARGIN_M, draw_board, place_on_page, write_board
from ortwin.capture.calibration.board_tiles import STRIP_M, BoardTile, tiles_of
from ortwin.capture.calibration.detection import BoardDetector
from ortwin.capture.errors import InputError
from ortwin.cli.app import run

DPI = 100
BOARDS = {
    "charuco": Board("charuco", 10, 7, 0.06, 0.045, "DICT_5X5_250"),
    "inverted": Board("charuco", 9, 6, 0.05, 0.037, "DICT_5X5_250", inverted=True),
    "chessboard": Board("chessboard", 10, 7, 0.055),
    "april_grid": Board("april_grid", 6, 4, 0.09, 0.07, "DICT_APRILTAG_36h11"),
}


def px(metres):
    return round(metres / 0.0254 * DPI)


def printed(board: Board, tile: BoardTile) -> np.ndarray:
    figure = draw_board(board, tile.page, tile)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2GRAY)


def glued(board: Board, tiles: list[BoardTile], rim_m: float) -> np.ndarray:
    """Grey pixels of all pages cut on their marks and laid on each other in order; `rim_m` of paper is left around."""
    width_m, height_m = board.size_m
    sheet = np.full((px(height_m + 2 * rim_m), px(width_m + 2 * rim_m)), 255, np.uint8)
    for tile in tiles:
        left_m, top_m, _, _ = tile.cut_m
        left_m, top_m = left_m - rim_m * (tile.column == 0), top_m - rim_m * (tile.row == 0)
        right_m = tile.printed_m[2] + rim_m * (tile.column == tile.num_columns - 1)
        bottom_m = tile.printed_m[3] + rim_m * (tile.row == tile.num_rows - 1)
        page = printed(board, tile)
        x, y = px(tile.page.left_m + left_m), px(tile.page.top_m + top_m)
        part = page[y : y + px(bottom_m - top_m), x : x + px(right_m - left_m)]
        x, y = px(left_m + rim_m), px(top_m + rim_m)
        part = part[: sheet.shape[0] - y, : sheet.shape[1] - x]
        sheet[y : y + part.shape[0], x : x + part.shape[1]] = part
    return sheet


@pytest.mark.parametrize("name", BOARDS)
def test_pages_that_are_cut_and_glued_are_the_board(name):
    board, rim_m = BOARDS[name], 0.004
    tiles = tiles_of(board, "A4")
    assert len(tiles) == tiles[0].num_rows * tiles[0].num_columns > 1
    view = BoardDetector(board).detect(cv2.GaussianBlur(glued(board, tiles, rim_m), (0, 0), 1.0))
    assert view is not None and view.variant == (False, board.inverted)
    corners_px = (board.points_m[:, :2] + rim_m) / 0.0254 * DPI - 0.5
    assert len(view.point_ids) == len(corners_px)
    # Cuts are rounded to whole pixels, of the page and of the sheet.
    assert np.abs(view.pixels_px - corners_px[view.point_ids]).max() < 2.0


@pytest.mark.parametrize("name", BOARDS)
def test_every_part_fits_its_page_and_cuts_keep_off_corners(name):
    board = BOARDS[name]
    tiles = tiles_of(board, "A4")
    for tile in tiles:
        page, (left_m, top_m, right_m, bottom_m) = tile.page, tile.printed_m
        assert page.left_m + left_m >= MARGIN_M - 1e-9 and page.top_m + top_m >= MARGIN_M - 1e-9
        assert page.left_m + right_m <= page.width_m - MARGIN_M + 1e-9
        assert page.top_m + bottom_m <= page.height_m - MARGIN_M - FOOT_M + 1e-9
    cuts_m = {(axis, tile.cut_m[axis]) for tile in tiles for axis in (0, 1) if tile.cut_m[axis] > 0}
    for axis, at_m in cuts_m:
        assert at_m / board.square_m % 1 == pytest.approx(0.5)
        assert np.abs(board.points_m[:, axis] - at_m).min() > 0.005
    covered_m2 = sum((t.cut_m[2] - t.cut_m[0]) * (t.cut_m[3] - t.cut_m[1]) for t in tiles)
    assert covered_m2 == pytest.approx(np.prod(board.size_m))


def test_a_page_goes_on_for_a_strip_beyond_its_cut_as_its_neighbour_begins():
    board = BOARDS["charuco"]
    tiles = tiles_of(board, "A4")
    first, second = tiles[0], tiles[1]
    assert first.row == second.row and first.printed_m[2] - first.cut_m[2] == pytest.approx(STRIP_M)
    strips = []
    for tile in (first, second):
        x, y = px(tile.page.left_m + first.cut_m[2]), px(tile.page.top_m)
        strips.append(printed(board, tile)[y + 2 : y + px(0.15), x + 2 : x + px(STRIP_M) - 2].astype(int))
    size = min(strips[0].shape[1], strips[1].shape[1])
    assert (np.abs(strips[0][:, :size] - strips[1][:, :size]) < 128).mean() > 0.95  # but for half pixels at edges
    assert (strips[0] < 128).mean() > 0.2  # it is the pattern, not white paper
    beyond = printed(board, first)
    x = px(first.page.left_m + first.printed_m[2])
    assert (beyond[px(0.05) : px(0.15), x + 2 : x + px(0.005)] == 255).all()


def test_cut_marks_stand_at_the_cuts():
    board = BOARDS["chessboard"]
    tile = tiles_of(board, "A4")[0]
    page = printed(board, tile)
    x, y = px(tile.page.left_m + tile.cut_m[2]), px(tile.page.top_m + tile.printed_m[3] + 0.003)
    assert page[y, x - 2 : x + 3].min() < 230 and page[y, x - 20 : x - 5].min() > 250


def test_the_verb_spreads_a_large_board_and_says_how_many_pages(tmp_path, capsys):
    large = ["--squares", "10x7", "--square-mm", "60"]
    assert run(["board", "--out", str(tmp_path / "b.pdf"), *large, "--page", "A4"]) == 3
    assert "--tiles" in capsys.readouterr().err
    assert run(["board", "--out", str(tmp_path / "b.pdf"), *large, "--tiles"]) == 0
    count = len(tiles_of(read_board(tmp_path / "b.toml"), "A4"))
    assert f"{count} pages" in " ".join("".join(capsys.readouterr()).split())
    assert (tmp_path / "b.pdf").read_bytes().count(b"/Type /Page ") == count


def test_a_board_that_fits_is_one_page_and_the_same_board_the_same_file(tmp_path):
    small = Board("chessboard", 10, 7, 0.02)
    assert write_board(tmp_path / "s.pdf", small, "A4", tiles=True) == [place_on_page(small, "A4")]
    for name in ("a", "b"):
        write_board(tmp_path / f"{name}.pdf", BOARDS["chessboard"], "A4", tiles=True)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_a_square_that_is_larger_than_the_page_is_refused():
    with pytest.raises(InputError, match="too large for A4"):
        tiles_of(Board("chessboard", 4, 3, 0.4), "A4")
