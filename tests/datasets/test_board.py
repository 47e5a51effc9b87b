"""The ChArUco board: OpenCV finds its corners where its true pose puts them, and it goes a free and steady way."""

import functools
import tomllib

import cv2
import numpy as np
import pytest
from ortwin.capture.camera import Intrinsics
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import look_at
from ortwin.datasets.simulated_or.board import (
    CARRY_S,
    HOLD_S,
    BoardConfig,
    Carried,
    board_performance,
    board_picture,
)
from ortwin.datasets.simulated_or.line_of_sight import LineOfSight
from ortwin.datasets.simulated_or.performance import Performance, ToolActor

BOARD = BoardConfig()


@functools.cache
def performance() -> Performance:
    return board_performance(1, 12.0)


def detector(board: BoardConfig) -> cv2.aruco.CharucoDetector:
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    size = (board.squares_x, board.squares_y)
    return cv2.aruco.CharucoDetector(cv2.aruco.CharucoBoard(size, board.square_m, board.marker_m, dictionary))


def test_opencv_finds_every_corner_where_the_pose_says():
    """The board's front face, seen by a pinhole through a homography of its own four corners, is read by OpenCV."""
    actor = next(iter(performance().actors.values()))
    lens = Intrinsics(900.0, 900.0, 400.0, 300.0, 800, 600)
    pose = actor.pose(0.4)
    middle_m = pose @ np.array([*BOARD.size_m / 2, 0.0])
    normal = -pose.rotation[:, 2]  # out of the print
    eye_m = middle_m + 2.1 * (normal + 0.3 * pose.rotation[:, 0])
    world_from_lens = look_at(eye_m, middle_m)
    front_m = actor.vertices_m(0.4)[:4].astype(np.float64)
    uv_px = lens.project(world_from_lens.inverse() @ front_m)
    picture = board_picture(BOARD)
    height, width = picture.shape[:2]
    corners = actor.mesh.uv[:4] * [width, height] - 0.5
    homography, _ = cv2.findHomography(corners, uv_px)
    seen = cv2.warpPerspective(picture, homography, (800, 600), flags=cv2.INTER_AREA, borderValue=(128, 128, 128))
    found_px, ids, _, _ = detector(BOARD).detectBoard(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY))
    true_px = lens.project(world_from_lens.inverse() @ (pose @ BOARD.corners_m()))
    assert sorted(ids.ravel().tolist()) == list(range(len(true_px)))
    assert np.abs(found_px.reshape(-1, 2) - true_px[ids.ravel()]).max() < 0.35


def test_corners_are_in_the_order_and_frame_of_opencv():
    theirs = detector(BOARD).getBoard().getChessboardCorners()
    assert np.abs(BOARD.corners_m() - theirs).max() < 1e-6


def test_it_fulfils_what_a_tool_is():
    actor = performance().actors["charuco_board_1"]
    assert isinstance(actor, ToolActor)
    own_m = actor.pose(0.0).inverse() @ actor.mesh.vertices_m
    for time_s in (0.0, 1.3, 7.7, 11.9):
        assert np.abs(actor.vertices_m(time_s) - actor.pose(time_s) @ own_m).max() < 1e-5
    assert len(performance().pictures) > actor.mesh.texture_index.max()


def test_it_rests_where_it_says_so_and_moves_smoothly_between():
    actor = performance().actors["charuco_board_1"]
    period_s = HOLD_S + CARRY_S
    assert not actor.moves(period_s + 0.01, period_s + HOLD_S - 0.01)
    assert actor.moves(0.5, period_s)
    assert np.abs(actor.vertices_m(period_s + 0.05) - actor.vertices_m(period_s + HOLD_S - 0.05)).max() == 0
    times_s = np.arange(0, 12, 0.02)
    path_m = np.stack([actor.pose(time_s).translation_m for time_s in times_s])
    # The fastest of a quintic ease is 15 / 8 of the mean speed; places lie within twice 1.6 m plus the height.
    assert np.linalg.norm(np.diff(path_m, axis=0), axis=1).max() < 15 / 8 * 4.2 / CARRY_S * 0.02
    assert len(np.unique(path_m.round(3), axis=0)) > 60


def test_it_touches_nothing_on_its_way():
    standing, actor = performance().room, performance().actors["charuco_board_1"]
    sight = LineOfSight(standing.mesh.vertices_m, standing.mesh.faces)
    for time_s in np.arange(0, 12, 0.5):
        front_m = actor.vertices_m(time_s)[:4]
        assert (sight.distance_m(front_m) > 0).all()
        for solid in standing.solids:
            assert not solid.box.contains(actor.vertices_m(time_s).astype(np.float64)).any()


def test_one_place_is_held_for_ever():
    (place,) = [performance().actors["charuco_board_1"].pose(0.0)]
    way = Carried([place])
    assert way.rests == ((-np.inf, np.inf),)
    assert (way.pose(100.0).translation_m == place.translation_m).all()


def test_equal_seeds_play_equally():
    again = board_performance(1, 12.0).actors["charuco_board_1"]
    first = performance().actors["charuco_board_1"]
    assert (again.vertices_m(9.1) == first.vertices_m(9.1)).all()


def test_the_file_says_what_was_printed():
    assert tomllib.loads(BOARD.to_toml()) == {
        "type": "charuco", "squares_x": BOARD.squares_x, "squares_y": BOARD.squares_y, "square_m": BOARD.square_m,
        "marker_m": BOARD.marker_m, "dictionary": BOARD.dictionary, "inverted": False, "legacy_pattern": False,
    }  # fmt: skip


def test_impossible_boards_are_refused():
    with pytest.raises(ConfigError):
        BoardConfig(marker_m=0.2)
    with pytest.raises(ConfigError):
        board_picture(BoardConfig(dictionary="DICT_9X9_7"))
    with pytest.raises(ConfigError):
        board_picture(BoardConfig(squares_x=20, squares_y=20))
