"""Boards on paper: found where they were drawn, to scale, with what the printer did to it in plain view."""

import re
import zlib

import cv2
import numpy as np
import pytest
from ortwin.capture.calibration.board import Board, read_board
from ortwin.capture.calibration.board_print import draw_board, largest_square_m, place_on_page, write_board
from ortwin.capture.calibration.detection import BoardDetector
from ortwin.capture.errors import ConfigError, InputError
from ortwin.cli.app import run

DPI = 150
BOARDS = {
    "charuco": Board("charuco", 10, 7, 0.024, 0.018, "DICT_5X5_250"),
    "legacy": Board("charuco", 8, 6, 0.025, 0.019, "DICT_4X4_50", legacy_pattern=True),
    "inverted": Board("charuco", 7, 5, 0.03, 0.022, "DICT_4X4_50", inverted=True),
    "aruco_grid": Board("aruco_grid", 6, 4, 0.04, 0.03, "DICT_5X5_100"),
    "april_grid": Board("april_grid", 6, 4, 0.04, 0.03, "DICT_APRILTAG_36h11"),
    "chessboard": Board("chessboard", 9, 6, 0.025),
}


def drawn(board: Board) -> tuple[np.ndarray, np.ndarray]:
    """The page as grey pixels, and where the corners must be on it (n, 2), pixel centres at integers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    page = place_on_page(board, "A4")
    figure = draw_board(board, page)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2GRAY)
    corners_px = (board.points_m[:, :2] + [page.left_m, page.top_m]) / 0.0254 * DPI - 0.5
    return image, corners_px


@pytest.mark.parametrize("name", BOARDS)
def test_a_printed_board_is_found_to_scale(name):
    image, corners_px = drawn(BOARDS[name])
    view = BoardDetector(BOARDS[name]).detect(cv2.GaussianBlur(image, (0, 0), 1.0))
    assert view is not None
    assert view.variant == (BOARDS[name].legacy_pattern, BOARDS[name].inverted)
    assert len(view.point_ids) == len(corners_px)
    # the page is a fraction of a pixel larger or smaller than a whole number of them
    assert np.abs(view.pixels_px - corners_px).max() < 1.0
    span = np.ptp(view.pixels_px, axis=0) / np.ptp(corners_px, axis=0)
    assert np.abs(span - 1).max() < 0.001


def test_the_paths_of_the_file_have_the_size_of_the_board(tmp_path):
    """What the printer gets, not what a screen shows: points of 1/72 inch."""
    board = BOARDS["charuco"]
    write_board(tmp_path / "board.pdf", board, "A4")
    data = (tmp_path / "board.pdf").read_bytes()
    page = [float(value) for value in re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", data).groups()]
    assert page == pytest.approx([0.297 / 0.0254 * 72, 0.210 / 0.0254 * 72], rel=1e-5)
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    streams = [zlib.decompress(part) for part in parts if part[:1] == b"x"]
    content = next(stream for stream in streams if stream.count(b" m\n") > 100)
    filled = max(content.split(b"\nf"), key=lambda part: part.count(b" m\n"))
    points = np.array([[float(x), float(y)] for x, y in re.findall(rb"([-\d.]+) ([-\d.]+) [ml]\n", filled)])
    points = points[((points > 0.01) & (points < np.array(page) - 0.01)).all(axis=1)]  # the rest clips at the page
    assert np.ptp(points, axis=0) == pytest.approx(np.array(board.size_m) / 0.0254 * 72, rel=1e-4)


def test_the_verb_writes_page_and_board_file(tmp_path):
    assert run(["board", "--out", str(tmp_path / "b.pdf"), "--page", "A4", "--squares", "8x5", "-q"]) == 0
    board = read_board(tmp_path / "b.toml")
    assert (board.squares_x, board.squares_y, board.square_m) == (8, 5, largest_square_m(8, 5, "A4"))
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_board_gives_the_same_file(tmp_path):
    for name in ("a", "b"):
        write_board(tmp_path / f"{name}.pdf", BOARDS["charuco"])
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_a_measured_board_file_is_not_overwritten(tmp_path):
    (tmp_path / "b.toml").write_text(BOARDS["charuco"].to_toml().replace("0.024", "0.0237"))
    with pytest.raises(ConfigError, match="says something else"):
        write_board(tmp_path / "b.pdf", BOARDS["charuco"])
    assert not (tmp_path / "b.pdf").exists()


def test_the_smallest_page_that_fits_is_taken():
    assert place_on_page(Board("chessboard", 10, 7, 0.04)).page == "A2"
    assert place_on_page(Board("chessboard", 10, 7, 0.02)).page == "A4"


def test_a_board_that_is_too_large_says_what_would_fit():
    with pytest.raises(InputError, match="does not fit on A4") as caught:
        place_on_page(Board("chessboard", 10, 7, 0.04), "A4")
    fitting = largest_square_m(10, 7, "A4")
    assert f"{1e3 * fitting:.0f} mm" in caught.value.todo
    assert place_on_page(Board("chessboard", 10, 7, fitting), "A4").page == "A4"


def test_too_few_markers_are_named(tmp_path):
    with pytest.raises(InputError, match="has 50 markers, the board needs 60"):
        write_board(tmp_path / "b.pdf", Board("charuco", 12, 10, 0.015, 0.011, "DICT_4X4_50"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["--squares", "7"], ["--squares", "0x4"], ["--page", "B5"], ["--type", "circles"]]
)
def test_a_wrong_wish_is_refused(arguments, tmp_path, capsys):
    assert run(["board", "--out", str(tmp_path / "b.pdf"), *arguments]) == 2
    assert list(tmp_path.iterdir()) == []
