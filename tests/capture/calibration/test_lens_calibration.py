"""One lens from several images of a board: against exact truth, on drawn images, and on photos of a real camera."""

import json

import cv2
import numpy as np
import pytest
from ortwin.capture.calibration.board import Board
from ortwin.capture.calibration.board_sheet import sheet_grid
from ortwin.capture.calibration.camera_files import read_cameras
from ortwin.capture.calibration.lens_calibration import LensConfig, calibrate_lens
from ortwin.capture.calibration.lens_jacobian import lens_row
from ortwin.capture.calibration.lens_problem import lens_rows_at
from ortwin.capture.calibration.lens_report import lens_report
from ortwin.capture.calibration.observations import BoardObservations
from ortwin.capture.calibration.rotations import exp_rotation
from ortwin.capture.camera import Intrinsics
from ortwin.capture.errors import InputError, QualityError
from ortwin.cli.app import run

BOARD = Board("charuco", 8, 6, 0.04, 0.03, "DICT_4X4_250")
GRID = sheet_grid(BOARD.points_m)
NOISE_PX = 0.2
LENSES = {
    "webcam": Intrinsics(900, 903, 645, 352, 1280, 720, "brown_conrady", np.array([0.1, -0.15, 1e-3, -5e-4, 0.05])),
    "wide": Intrinsics(
        1960, 1960, 2053, 1556, 4096, 3072, "brown_conrady",
        np.array([0.5, -2.7, 2e-4, -1e-4, 1.6, 0.39, -2.5, 1.5]),
    ),
    "fisheye": Intrinsics(500, 500, 640, 480, 1280, 960, "fisheye", np.array([0.05, -0.02, 0.004, -0.001])),
    "tele": Intrinsics(2400, 2398, 650, 350, 1280, 720, "brown_conrady", np.array([-0.1, 0.2, 0, 0, 0.0])),
}  # fmt: skip


def filmed(lens: Intrinsics, seed: int, *, num_views: int = 12, bow: float = 0.0, tilt: float = 0.45):
    """Corners of a board that is held in the hand; `bow` is the bend of its farthest corner, relative."""
    rng = np.random.default_rng(seed)
    drawn_m = BOARD.points_m
    true_m = GRID.points(drawn_m, GRID.reach_m * bow * np.array([0, 0, 1, 0.3, -0.6])).points_m - GRID.middle_m
    columns, view = [], 0
    while view < num_views:
        place = rng.uniform(0.2, 0.8, 2) * [lens.width_px, lens.height_px]
        depth_m = rng.uniform(0.4, 1.1) * lens.fx_px / lens.width_px
        turn = exp_rotation(rng.normal(0, tilt, 3) if tilt else np.zeros(3))
        points_m = true_m @ turn.T + lens.back_project(place, depth_m)
        pixels = lens.project(points_m) if (points_m[:, 2] > 0.1).all() else np.full((len(drawn_m), 2), np.nan)
        ids = np.flatnonzero(lens.contains(pixels))
        if len(ids) < 12:
            continue
        columns.append((np.full(len(ids), view), ids, pixels[ids] + rng.normal(0, NOISE_PX, (len(ids), 2))))
        view += 1
    instant, point, pixels_px = (np.concatenate(part) for part in zip(*columns, strict=True))
    return BoardObservations(
        ("cam",), BOARD, np.zeros(len(point)), instant, point, pixels_px, np.arange(num_views)[:, None],
        {"cam": None}, {"cam": (lens.width_px, lens.height_px)},
    )  # fmt: skip


@pytest.mark.parametrize(("name", "bow"), [("webcam", 0.0), ("wide", 0.008), ("fisheye", 0.0), ("tele", 0.008)])
def test_a_lens_is_found_as_well_as_it_says(name, bow):
    lens = LENSES[name]
    found = calibrate_lens(filmed(lens, 3, bow=bow), "cam")
    off = (lens_row(found.lens) - lens_row(lens))[:4]
    assert (np.abs(off) < 4 * found.sigma[:4]).all()
    assert found.sigma[0] < 0.01 * lens.fx_px
    assert found.model.distortion_model == lens.distortion_model
    assert found.model.bent_board == (bow > 0)


def test_the_covariance_is_that_of_the_errors():
    """Mean of the normalised squares of fx and cx over seeds: chi-square of 20, its 99.9 % bounds and a bit."""
    config = LensConfig(model="brown_conrady", free_board=False)
    lens, squares = LENSES["webcam"], []
    for seed in range(10):
        found = calibrate_lens(filmed(lens, seed), "cam", config)
        off = (lens_row(found.lens) - lens_row(lens))[[0, 2]]
        squares.append(off @ np.linalg.solve(found.covariance[np.ix_([0, 2], [0, 2])], off) / 2)
    assert 0.25 < np.mean(squares) < 2.4


def test_held_out_error_is_that_of_the_noise():
    """Two axes of noise, and a pose of six numbers found from the corners that are scored: a little below and above."""
    found = calibrate_lens(filmed(LENSES["webcam"], 1, num_views=20), "cam", LensConfig(free_board=False))
    assert found.held_out[0].rms_px == pytest.approx(np.sqrt(2) * NOISE_PX, rel=0.1)
    assert found.fit.problem.noise_px == pytest.approx(NOISE_PX, rel=0.1)


def test_a_bent_board_is_told_and_not_taken_for_a_lens():
    bow = 0.008
    found = calibrate_lens(filmed(LENSES["webcam"], 1, bow=bow), "cam")
    true_m = GRID.bow_m(BOARD.points_m, GRID.reach_m * bow * np.array([0, 0, 1, 0.3, -0.6]))
    assert found.bow_m == pytest.approx(true_m, rel=0.3)
    assert any("not flat" in warning for warning in lens_report(found).warnings)
    flat = calibrate_lens(filmed(LENSES["webcam"], 1, bow=bow), "cam", LensConfig(free_board=False))
    assert flat.held_out[0].rms_px > 1.1 * found.held_out[0].rms_px


def test_gross_errors_are_left_out():
    seen = filmed(LENSES["webcam"], 5)
    pixels = seen.pixels_px.copy()
    wrong = np.arange(0, len(pixels), 40)
    pixels[wrong] += [8.0, -6.0]
    moved = BoardObservations(
        seen.camera_ids, BOARD, seen.camera, seen.instant, seen.point, pixels, seen.times_ns, seen.lenses, seen.sizes_px
    )
    found = calibrate_lens(moved, "cam")
    assert (~found.fit.kept[wrong]).all()
    assert abs(found.lens.fx_px - LENSES["webcam"].fx_px) < 4 * found.sigma[0]


def test_an_image_that_makes_no_sense_is_left_out_as_a_whole():
    seen = filmed(LENSES["webcam"], 6, num_views=20)
    pixels, mine = seen.pixels_px.copy(), np.flatnonzero(seen.instant == 4)[:8]
    pixels[mine] += np.random.default_rng(0).normal(0, 4, (len(mine), 2))
    rest = (seen.instant != 4) | np.isin(np.arange(len(pixels)), mine)
    few = BoardObservations(
        seen.camera_ids, BOARD, seen.camera[rest], seen.instant[rest], seen.point[rest], pixels[rest], seen.times_ns,
        seen.lenses, seen.sizes_px,
    )  # fmt: skip
    found = calibrate_lens(few, "cam", LensConfig(free_board=False))
    assert not found.fit.kept[np.array(found.views)[found.fit.problem.view] == 4].any()
    assert abs(found.lens.fx_px - LENSES["webcam"].fx_px) < 4 * found.sigma[0]


def test_the_same_corners_give_the_same_lens():
    first, second = (calibrate_lens(filmed(LENSES["webcam"], 2), "cam", LensConfig(model="fisheye")) for _ in range(2))
    assert first.lens.key == second.lens.key
    assert np.array_equal(first.covariance, second.covariance)


def test_noise_alone_makes_no_outliers():
    """A corner in 25 000 lies 4.5 sigmas off; these are some 400."""
    assert calibrate_lens(filmed(LENSES["webcam"], 2), "cam", LensConfig(free_board=False)).fit.kept.all()


def test_of_many_images_those_that_differ_are_taken():
    found = calibrate_lens(filmed(LENSES["webcam"], 4, num_views=30), "cam", LensConfig(most_views=10, model="fisheye"))
    assert (len(found.views), found.num_seen) == (10, 30)


def test_derivatives_are_those_of_the_predictions():
    problem, state = (lambda fit: (fit.problem, fit.state))(calibrate_lens(filmed(LENSES["webcam"], 0), "cam").fit)
    rows, step = lens_rows_at(problem, state), 1e-6
    for column in range(problem.prior.size):
        change = np.where(np.arange(problem.prior.size) == column, step, 0.0)
        there, back = (
            lens_rows_at(problem, state.moved(sign * change, np.zeros((problem.num_views, 6)))).residuals_px
            for sign in (1, -1)
        )
        if not 10 <= column <= 15:  # k5, k6 and so on of a lens that has five coefficients are held
            assert np.allclose((back - there) / (2 * step), rows.by_shared[:, :, column], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("num_views", [1, 3])
def test_one_view_tells_no_lens(num_views):
    with pytest.raises(InputError, match=rf"{num_views} images? of a board cannot tell a lens") as caught:
        calibrate_lens(filmed(LENSES["webcam"], 0, num_views=num_views), "cam")
    assert "ten images" in caught.value.todo


def test_corners_in_a_line_tell_no_lens():
    seen = filmed(LENSES["webcam"], 0)
    line = seen._rows(seen.point < BOARD.squares_x - 1)
    with pytest.raises(InputError, match="0 images of a board cannot tell a lens") as caught:
        calibrate_lens(line, "cam")
    assert "in a line" in caught.value.why


def test_a_board_that_is_never_tilted_tells_no_lens():
    with pytest.raises(QualityError, match="do not determine the lens") as caught:
        calibrate_lens(filmed(LENSES["webcam"], 0, tilt=0.0), "cam", LensConfig(free_board=False))
    assert "tilted" in caught.value.todo


PRINT = Board("charuco", 7, 5, 0.04, 0.03, "DICT_4X4_50")
DRAWN = Intrinsics(620.0, 620.0, 310.0, 250.0, 640, 480)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of a drawn board before a lens without distortion, and its board.toml."""
    root = tmp_path_factory.mktemp("photos")
    (root / "board.toml").write_text(PRINT.to_toml())
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    paper = cv2.aruco.CharucoBoard((7, 5), 0.04, 0.03, dictionary).generateImage((2240, 1600))
    (root / "images").mkdir()
    rng = np.random.default_rng(0)
    metres_from_paper = np.array([[0.04 / 320, 0, 0.02 / 320], [0, 0.04 / 320, 0.02 / 320], [0, 0, 1]])
    for number in range(10):
        turn = exp_rotation(rng.uniform(-0.5, 0.5, 3) * [1, 1, 0.4])
        shift = np.array([*rng.uniform(-0.06, 0.06, 2), rng.uniform(0.33, 0.45)]) - turn @ [0.14, 0.1, 0.0]
        to_image = DRAWN.matrix @ np.column_stack([turn[:, :2], shift]) @ metres_from_paper
        image = cv2.warpPerspective(paper, to_image, (640, 480), flags=cv2.INTER_AREA,
                                    borderValue=255)  # fmt: skip
        cv2.imwrite(str(root / "images" / f"photo_{number}.png"), cv2.GaussianBlur(image, (0, 0), 0.8))
    return root


def test_photos_become_a_lens_and_a_page(photos, tmp_path):
    out = tmp_path / "calibration.json"
    out.write_text('{"cameras": {"camera": {"depth": null}, "other": {"color": null}}, "depth_unit_m": 0.001}')
    arguments = ["calibrate-lens", str(photos / "images"), "--board", str(photos / "board.toml"), "--out", str(out)]
    assert run([*arguments, "--report", str(tmp_path / "report.json"), "-q"]) == 0
    assert run([*arguments, "--report", str(tmp_path / "report.html"), "-q"]) == 0
    value = json.loads(out.read_text())
    assert set(value["cameras"]) == {"camera", "other"}
    assert value["depth_unit_m"] == 0.001
    report = json.loads((tmp_path / "report.json").read_text())["cameras"]["camera"]
    lens, sigma = value["cameras"]["camera"]["color"], report["camera"]["lens_sigma"]
    for index, name in enumerate(("fx_px", "fy_px", "cx_px", "cy_px")):
        assert abs(lens[name] - getattr(DRAWN, name)) < max(4 * sigma[index], 0.5)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http" not in page


def test_a_video_is_read_like_photos(photos, tmp_path):
    import av

    with av.open(str(tmp_path / "cam_1.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.options = {"qmin": "1", "qmax": "2"}
        for path in sorted((photos / "images").iterdir()):
            frame = av.VideoFrame.from_ndarray(cv2.imread(str(path)), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    code = run(
        ["calibrate-lens", str(tmp_path / "cam_1.mkv"), "--board", str(photos / "board.toml"), "--out",
         str(tmp_path / "lens.yml"), "-q"]
    )  # fmt: skip
    assert code == 0
    lens = read_cameras(tmp_path / "lens.yml").lenses["lens"]
    assert lens.fx_px == pytest.approx(DRAWN.fx_px, rel=0.01)


def test_an_unknown_camera_is_named(photos, tmp_path, capsys):
    code = run(
        ["calibrate-lens", str(photos / "images"), "--board", str(photos / "board.toml"), "--out",
         str(tmp_path / "lens.json"), "--camera", "camerra"]
    )  # fmt: skip
    assert code == 3
    assert "did you mean 'camera'" in capsys.readouterr().err


def test_photos_of_a_real_camera(test_data, tmp_path):
    """Seven photos against the calibration that its owner found from thirty: half a per cent, or two sigma."""
    folder = test_data / "azure_kinect" / "charuco"
    code = run(
        ["calibrate-lens", str(folder), "--board", str(folder / "board.toml"), "--out", str(tmp_path / "lens.json"),
         "--report", str(tmp_path / "report.json"), "-q"]
    )  # fmt: skip
    assert code == 0
    given = lens_row(read_cameras(folder / "calib.yml").lenses["calib"])[:4]
    report = json.loads((tmp_path / "report.json").read_text())["cameras"]["camera"]
    found = np.array([report["camera"]["lens"][name] for name in ("fx_px", "fy_px", "cx_px", "cy_px")])
    sigma = np.array(report["camera"]["lens_sigma"][:4])
    assert (np.abs(found - given) <= 0.005 * given).all()
    assert (np.abs(found - given)[:2] <= 2 * sigma[:2]).all()
    assert report["focal_sigma_percent"] <= 0.5
    assert report["held_out_rms_px"] < 4096 / 1000
