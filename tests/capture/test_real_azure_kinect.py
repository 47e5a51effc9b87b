"""A real Azure Kinect file: its lenses are those of its factory, nothing of it is lost, and depth lies on colour."""

import json

import av
import cv2
import numpy as np
import pytest
from ortwin.capture.extra_streams import read_extra, read_imu
from ortwin.capture.import_matroska import import_azure_kinect
from ortwin.capture.k4a_calibration import read_k4a_calibration
from ortwin.capture.packets import decode_counts
from ortwin.capture.storage import open_recording


def test_a_real_recording_has_the_lenses_of_its_factory(test_data, tmp_path):
    folder = test_data / "azure_kinect"
    report = import_azure_kinect([folder / "recording.mkv"], tmp_path / "a.recording", names=["cam_1"])
    assert report.damaged == ()
    recording = open_recording(tmp_path / "a.recording")
    camera = recording.cameras["cam_1"]
    told = json.loads((folder / "calibration.json").read_text())["CalibrationInformation"]["Cameras"]
    places = {"CALIBRATION_CameraLocationD0": camera.depth, "CALIBRATION_CameraLocationPV0": camera.color}
    for entry in told:
        lens, values = places[entry["Location"]], entry["Intrinsics"]["ModelParameters"]
        cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, _, _, p2, p1 = values
        assert lens.distortion.tolist() == [k1, k2, p1, p2, k3, k4, k5, k6]
        whole = (1024, 1024) if lens is camera.depth else (lens.width_px, lens.width_px * 3 / 4)
        cut = [(size - image) / 2 for size, image in zip(whole, (lens.width_px, lens.height_px), strict=True)]
        if lens is camera.depth:
            cut = [192, 180]
        found = [(lens.cx_px + 0.5 + cut[0]) / whole[0], (lens.cy_px + 0.5 + cut[1]) / whole[1]]
        assert [*found, lens.fx_px / whole[0], lens.fy_px / whole[1]] == pytest.approx([cx, cy, fx, fy], rel=1e-14)
    pose = told[1]["Rt"]
    assert camera.color_from_depth.rotation.ravel().tolist() == pose["Rotation"]
    assert camera.color_from_depth.translation_m.tolist() == pose["Translation"]


def test_a_real_recording_is_kept_whole(test_data, tmp_path):
    path = test_data / "azure_kinect" / "recording.mkv"
    import_azure_kinect([path], tmp_path / "a.recording", names=["cam_1"])
    recording = open_recording(tmp_path / "a.recording")
    with av.open(str(path)) as container:
        packets = {p.stream.index: bytes(p) for p in container.demux(container.streams.video) if p.size}
    assert recording.packet("cam_1", 0, "color") == packets[0]
    width, height = 640, 576
    for index, found in (
        (1, recording.depth_raw("cam_1", 0)),
        (2, decode_counts(next(read_extra(recording.path, "cam_1", "ir"))[2], width, height)),
    ):
        told = np.frombuffer(packets[index], dtype=">u2").reshape(height, width)
        assert np.array_equal(found, told)
    imu = read_imu(recording.path)
    assert imu is not None
    sample = imu.to_pylist()[0]
    gravity = np.linalg.norm([sample[f"acceleration_{axis}_m_s2"] for axis in "xyz"])
    assert gravity == pytest.approx(9.81, abs=0.3)


def test_depth_edges_lie_on_colour_edges(test_data, tmp_path):
    """The factory's pose the wrong way round would move the near mug by a hand's breadth."""
    path = test_data / "azure_kinect" / "recording.mkv"
    import_azure_kinect([path], tmp_path / "a.recording", names=["cam_1"])
    recording = open_recording(tmp_path / "a.recording")
    camera, frame = recording.cameras["cam_1"], recording.frame("cam_1", 0)
    assert camera.depth is not None
    assert frame.depth_m is not None
    assert frame.color_rgb is not None
    depth_m = frame.depth_m
    edge = (depth_m > 0) & (cv2.dilate(depth_m, np.ones((5, 5), np.uint8)) - depth_m > 0.2)  # in front of something
    points_m = camera.color_from_depth @ (camera.depth.rays()[edge].astype(np.float64) * depth_m[edge][:, None])
    uv = camera.color.project(points_m)
    uv = np.rint(uv[np.isfinite(uv).all(axis=1) & camera.color.contains(uv)]).astype(int)
    grey = cv2.cvtColor(frame.color_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    contrast = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    padded = np.pad(np.minimum(contrast, 200), 20)
    shifts = [(du, dv) for du in range(-20, 21) for dv in range(-20, 21)]
    score = [padded[uv[:, 1] + 20 + dv, uv[:, 0] + 20 + du].mean() for du, dv in shifts]
    assert len(uv) > 200
    assert np.hypot(*shifts[int(np.argmax(score))]) <= 5


def test_the_factory_means_colour_from_depth(test_data):
    """A board seen by both lenses of another camera of that kind gives the pose that this reading implies."""
    folder = test_data / "azure_kinect" / "registration"
    corners: list[tuple[np.ndarray, np.ndarray]] = []
    board = cv2.aruco.CharucoBoard((14, 9), 0.04, 0.03, cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_250))
    for image, lens in (("ir-0.png", "calib_ir.yml"), ("color-0.jpg", "calib_color.yml")):
        grey = cv2.imread(folder / image, cv2.IMREAD_GRAYSCALE)
        found, ids, _, _ = cv2.aruco.CharucoDetector(board).detectBoard(grey)
        storage = cv2.FileStorage(str(folder / lens), cv2.FILE_STORAGE_READ)
        matrix, distortion = storage.getNode("K").mat(), storage.getNode("dist").mat()
        on_board, in_image = board.matchImagePoints(found, ids)
        _, turn, shift = cv2.solvePnP(on_board, in_image, matrix, distortion)
        corners.append((cv2.Rodrigues(turn)[0], shift.ravel()))
    (ir_turn, ir_shift), (color_turn, color_shift) = corners
    turn = color_turn @ ir_turn.T
    shift_m = color_shift - turn @ ir_shift
    factory = read_k4a_calibration((folder.parent / "calibration.json").read_bytes(), "").color_from_depth
    apart = np.linalg.norm(cv2.Rodrigues(turn @ factory.rotation.T)[0])
    assert np.degrees(apart) < 1.0  # two cameras of one kind; the wrong way round it would be ten
    assert np.abs(shift_m - factory.translation_m).max() < 0.003  # the wrong way round 65 mm
