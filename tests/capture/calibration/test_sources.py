"""Boards, how they are found, and every way in: with what goes wrong there."""

import csv
import json

import cv2
import numpy as np
import pytest
from ortwin.capture.calibration.board import Board, read_board
from ortwin.capture.calibration.camera_files import read_cameras
from ortwin.capture.calibration.detection import BoardDetector
from ortwin.capture.calibration.observations import NO_TIME
from ortwin.capture.calibration.sources import read_observations
from ortwin.capture.errors import InputError
from ortwin.cli.app import run

CHARUCO = Board("charuco", 5, 4, 0.04, 0.03, "DICT_4X4_50")
BOARDS = {
    "charuco": CHARUCO,
    "legacy": Board("charuco", 5, 4, 0.04, 0.03, "DICT_4X4_50", legacy_pattern=True),
    "inverted": Board("charuco", 5, 4, 0.04, 0.03, "DICT_4X4_50", inverted=True),
    "aruco_grid": Board("aruco_grid", 4, 3, 0.05, 0.035, "DICT_5X5_100"),
    "april_grid": Board("april_grid", 4, 3, 0.05, 0.035, "DICT_APRILTAG_36h11"),
    "chessboard": Board("chessboard", 7, 6, 0.03),
}
PIXELS_PER_M = 2000.0
SIZE = (640, 480)
LENS = {"fx_px": 600.0, "fy_px": 600.0, "cx_px": 319.5, "cy_px": 239.5, "width_px": 640, "height_px": 480}


def printed(board: Board) -> np.ndarray:
    """The board drawn square by square from its definition, `PIXELS_PER_M`; OpenCV draws the single markers only."""
    width, height = (round(size * PIXELS_PER_M) for size in board.size_m)
    image = np.full((height, width), 255, np.uint8)
    square, marker = round(board.square_m * PIXELS_PER_M), round(board.marker_m * PIXELS_PER_M)
    dictionary = board.dictionary and cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    number = 0
    for row in range(board.squares_y):
        for column in range(board.squares_x):
            top, left = row * square, column * square
            first_is_marker = board.legacy_pattern and board.squares_y % 2 == 0
            black = (row + column + first_is_marker) % 2 == 0
            if board.kind.endswith("grid"):
                image[top : top + marker, left : left + marker] = dictionary.generateImageMarker(number, marker)
                number += 1
            elif black:
                image[top : top + square, left : left + square] = 0
            elif board.kind == "charuco":
                edge = (square - marker) // 2
                place = np.s_[top + edge : top + edge + marker, left + edge : left + edge + marker]
                image[place] = dictionary.generateImageMarker(number, marker)
                number += 1
    return 255 - image if board.inverted else image


def seen(board: Board, shift_px=(0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """An image of the board, tilted, and where the corners are in it (n, 2)."""
    paper = printed(board)
    height, width = paper.shape
    corners = np.float32([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    target = np.float32([[130, 90], [520, 110], [500, 380], [150, 350]]) + np.float32(shift_px)
    turn = cv2.getPerspectiveTransform(corners, target)
    margin = 0 if board.inverted else 255
    image = cv2.warpPerspective(paper, turn, SIZE, flags=cv2.INTER_AREA, borderValue=margin)
    points = board.points_m[:, :2] * PIXELS_PER_M - 0.5
    return cv2.GaussianBlur(image, (0, 0), 0.7), cv2.perspectiveTransform(points[None], turn)[0]


@pytest.mark.parametrize("name", BOARDS)
def test_corners_are_found_where_they_are(name):
    image, truth = seen(BOARDS[name])
    view = BoardDetector(BOARDS[name]).detect(image)
    assert view is not None
    assert len(view.point_ids) >= 0.9 * len(truth)
    assert np.abs(view.pixels_px - truth[view.point_ids]).max() < 0.5


@pytest.mark.parametrize("name", ["legacy", "inverted"])
def test_a_board_file_may_be_wrong_about_the_kind_of_print(name):
    image, truth = seen(BOARDS[name])
    view = BoardDetector(CHARUCO).detect(image)
    assert view is not None
    assert view.variant == (name == "legacy", name == "inverted")
    assert np.abs(view.pixels_px - truth[view.point_ids]).max() < 0.5


def test_a_line_of_corners_is_no_view():
    image, truth = seen(Board("charuco", 12, 3, 0.02, 0.015, "DICT_4X4_50"))
    board = Board("charuco", 12, 3, 0.02, 0.015, "DICT_4X4_50")
    assert BoardDetector(board).detect(image) is not None
    image[int(truth[11:, 1].min()) - 12 :] = 255  # only the upper row of inner corners is left
    assert BoardDetector(board).detect(image) is None


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_survives_its_file(name, tmp_path):
    (tmp_path / "board.toml").write_text(BOARDS[name].to_toml())
    assert read_board(tmp_path / "board.toml") == BOARDS[name]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('type = "charucco"', "did you mean 'charuco'"),
        ('dictionary = "DICT_4X4_51"', "did you mean 'DICT_4X4_50'"),
        ("marker_m = 0.05", "does not fit into a square"),
        ("square_m = 40", "impossible"),
        ("squares_x = 4.5", "must be a int"),
        ("squares = 3", "unknown key 'squares'"),
    ],
)
def test_a_wrong_board_file_is_explained(line, message, tmp_path):
    key = line.split(" = ")[0]
    lines = [entry for entry in CHARUCO.to_toml().splitlines() if not entry.startswith(f"{key} ")]
    (tmp_path / "board.toml").write_text("\n".join([*lines, line]))
    with pytest.raises(InputError, match=message):
        read_board(tmp_path / "board.toml")


def test_a_chessboard_that_looks_the_same_upside_down_is_refused():
    with pytest.raises(InputError, match="upside down"):
        Board("chessboard", 8, 6, 0.03)


@pytest.fixture
def session(tmp_path):
    """A plain folder of two cameras that film a board: six images each, the second 20 ms later."""

    def write(draw=lambda name, k: seen(CHARUCO, (3.0 * k, 2.0 * k))[0]):
        root = tmp_path / "session"
        for name in ("cam_1", "cam_2"):
            (root / name / "color").mkdir(parents=True)
            rows = ["index,device_ns,host_ns"]
            for k in range(6):
                cv2.imwrite(str(root / name / "color" / f"{10 * k:06d}.png"), draw(name, k))
                rows.append(f"{10 * k},,{1_000_000_000 + 300_000_000 * k + 20_000_000 * (name == 'cam_2')}")
            (root / name / "timestamps.csv").write_text("\n".join(rows))
        cameras = {name: {"color": LENS} for name in ("cam_1", "cam_2")}
        (root / "calibration.json").write_text(json.dumps({"cameras": cameras}))
        return root

    return write


def test_a_plain_folder_is_read(session):
    observations = read_observations(session(), CHARUCO)
    assert observations.camera_ids == ("cam_1", "cam_2")
    assert np.unique(observations.instant).tolist() == [0, 1, 2, 3, 4, 5]
    assert (observations.times_ns[:, 1] - observations.times_ns[:, 0] == 20_000_000).all()
    truth = seen(CHARUCO, (6.0, 4.0))[1]
    rows = (observations.instant == 2) & (observations.camera == 1)
    assert np.abs(observations.pixels_px[rows] - truth[observations.point[rows]]).max() < 0.5
    assert observations.lenses["cam_1"].fx_px == 600.0


def test_without_times_the_same_number_is_one_instant(session):
    root = session()
    for path in root.glob("*/timestamps.csv"):
        path.unlink()
    (root / "cam_2" / "color" / "000020.png").unlink()
    observations = read_observations(root, CHARUCO)
    assert len(observations.times_ns) == 6
    assert (observations.times_ns[:, 1] == NO_TIME).tolist() == [False, False, True, False, False, False]


def mirrored():
    return np.ascontiguousarray(seen(CHARUCO)[0][:, ::-1])


def blank(name, k):
    return np.full((480, 640), 200, np.uint8)


def a_line():
    """Only the upper row of inner corners."""
    image, truth = seen(CHARUCO)
    below = np.concatenate([2 * truth[4:5] - truth[5:6], truth[4:8], 2 * truth[7:8] - truth[6:7]]) - [0, 3]
    cv2.fillPoly(image, [np.int32([*below, [700, 480], [-60, 480]])], 255)
    return image


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (blank, "nowhere to be seen"),
        (lambda name, k: mirrored(), "cam_1, cam_2 are mirrored"),
        (
            lambda name, k: np.ascontiguousarray(seen(CHARUCO)[0][:, :: -1 if name == "cam_2" else 1]),
            "cam_2 are mirrored",
        ),
        (lambda name, k: seen(Board("charuco", 5, 4, 0.04, 0.03, "DICT_6X6_50"))[0], "markers are of DICT_6X6"),
        (lambda name, k: seen(CHARUCO)[0][: 480 - 2 * k], "pixels instead of 640x480"),
        (lambda name, k: a_line(), "only a line of corners"),
        (lambda name, k: seen(Board("charuco", 7, 5, 0.04, 0.03, "DICT_4X4_50"))[0], "no board of 5 x 4"),
    ],
)
def test_what_was_filmed_wrongly_is_explained(draw, message, session):
    with pytest.raises(InputError, match=message) as caught:
        read_observations(session(draw), CHARUCO)
    assert caught.value.todo


@pytest.mark.parametrize(
    ("filmed", "given"),
    [
        (
            Board("aruco_grid", 4, 3, 0.05, 0.035, "DICT_5X5_100"),
            Board("aruco_grid", 5, 3, 0.05, 0.035, "DICT_5X5_100"),
        ),
        (BOARDS["chessboard"], Board("chessboard", 6, 5, 0.03)),
    ],
    ids=["aruco_grid", "chessboard"],
)
def test_a_board_of_other_rows_and_columns_is_not_read_as_this_one(filmed, given, session):
    with pytest.raises(InputError, match=f"do not lie as on a board of {given.squares_x} x {given.squares_y}"):
        read_observations(session(lambda name, k: seen(filmed)[0]), given)


def test_a_time_of_a_plain_folder_that_is_no_number_is_named(session):
    root = session()
    path = root / "cam_2" / "timestamps.csv"
    path.write_text(path.read_text().replace("10,,1320000000", "10,,nan"))
    with pytest.raises(InputError) as caught:
        read_observations(root, CHARUCO)
    assert "cam_2" in caught.value.where
    assert "nan" in str(caught.value)


def test_an_empty_folder_is_explained(tmp_path):
    with pytest.raises(InputError, match="nothing was filmed here"):
        read_observations(tmp_path, CHARUCO)


def test_an_empty_video_is_explained(tmp_path):
    (tmp_path / "cam_0.mp4").write_bytes(b"")
    (tmp_path / "timestamps.csv").write_text("cam_id,frame_time\n0,1.0\n")
    with pytest.raises(InputError, match="the video cannot be read") as caught:
        read_observations(tmp_path, CHARUCO)
    assert "cam_0.mp4" in caught.value.where


def test_a_time_that_is_no_number_is_named_with_its_row(tmp_path):
    (tmp_path / "cam_0.mp4").write_bytes(b"")
    (tmp_path / "timestamps.csv").write_text("cam_id,frame_time\n0,1.0\n0,nan\n")
    with pytest.raises(InputError, match="needs the columns") as caught:
        read_observations(tmp_path, CHARUCO)
    assert "row 3" in caught.value.where


@pytest.fixture(scope="module")
def calibrated(test_data, tmp_path_factory):
    """The real session through the command line: rig.json, the page and the numbers."""
    out = tmp_path_factory.mktemp("calibrated")
    folder = test_data / "caliscope_charuco"
    for report in ("report.json", "report.html"):
        code = run(
            ["calibrate", str(folder), "--board", str(folder / "board.toml"), "--out", str(out / "rig.json"),
             "--report", str(out / report)]
        )  # fmt: skip
        assert code == 0
    return out


def test_a_real_session_is_calibrated_better_than_by_its_own_program(calibrated):
    """Fitted to every other instant, scored on all corners of the rest: Caliscope has 1.26 px and 0.91 mm there."""
    report = json.loads((calibrated / "report.json").read_text())
    held = report["held_out"]["simultaneous"]
    assert held["reprojection_rms_px"] <= 1.18
    assert held["board_scale_rmse_mm"] <= 0.73
    assert set(json.loads((calibrated / "rig.json").read_text())) >= {"cam_0", "cam_1", "cam_2", "cam_3"}


def test_the_page_needs_nothing_from_outside(calibrated):
    page = (calibrated / "report.html").read_text()
    assert page.count("<svg") >= 4 + 1 + 4 + 1 + 1
    assert "http" not in page
    assert "What to do next" in page


def test_the_lenses_of_the_session_are_read(test_data):
    lens = read_cameras(test_data / "caliscope_charuco" / "camera_array.toml").lenses["cam_0"]
    assert (round(lens.fx_px, 3), lens.width_px, len(lens.distortion)) == (903.55, 1280, 5)


@pytest.fixture(scope="module")
def session_observations(test_data):
    folder = test_data / "caliscope_charuco"
    return read_observations(folder, read_board(folder / "board.toml"))


def test_every_row_of_the_session_is_an_image(session_observations, test_data):
    with (test_data / "caliscope_charuco" / "timestamps.csv").open() as file:
        numbers = {int(row["sync_index"]) for row in csv.DictReader(file)}
    assert len(session_observations.times_ns) == len(numbers)


def test_the_rig_of_the_session_projects_as_its_program_says(session_observations, test_data):
    """Corners between the rays of two cameras or more: Caliscope reports 1.112 px (RMS) of its own solution."""
    rig, seen = read_cameras(test_data / "caliscope_charuco" / "camera_array.toml").rig(), session_observations
    misses = []
    for corner in np.unique(1000 * seen.instant + seen.point):
        rows = np.flatnonzero(1000 * seen.instant + seen.point == corner)
        if len(rows) < 2:
            continue
        views = [rig[seen.camera_ids[seen.camera[row]]] for row in rows]
        rays = [
            view.world_from_camera.rotate(view.color.back_project(seen.pixels_px[row], 1.0))
            for view, row in zip(views, rows, strict=True)
        ]
        across = [np.eye(3) - np.outer(ray, ray) / (ray @ ray) for ray in rays]
        places = [view.world_from_camera.translation_m for view in views]
        point = np.linalg.solve(sum(across), sum(a @ p for a, p in zip(across, places, strict=True)))
        misses += [
            np.linalg.norm(view.color.project(view.camera_from_world @ point) - seen.pixels_px[row])
            for view, row in zip(views, rows, strict=True)
        ]
    assert len(misses) > 1000
    assert np.median(misses) < 1.112
