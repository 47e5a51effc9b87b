"""Cameras in the files of other programs: there and back, by formulas written down a second time, and on real rigs."""

import json
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from ortwin.capture.calibration.camera_file import CameraFile
from ortwin.capture.calibration.camera_files import read_cameras, read_rig_of, write_cameras
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.rig_file import read_rig
from ortwin.cli.app import run
from scipy.spatial.transform import Rotation

LENS = Intrinsics(903.5, 907.25, 618.5, 394.0, 1280, 720, "brown_conrady", np.array([-0.3, 0.05, 4e-3, -2e-3, 0.07]))
RATIONAL = Intrinsics(
    1961.0, 1960.5, 2053.0, 1556.0, 4096, 3072, "brown_conrady",
    np.array([-0.32, -2.33, 2e-5, 5e-5, 1.77, -0.43, -2.11, 1.65]),
)  # fmt: skip
FISHEYE = Intrinsics(500.0, 501.0, 640.0, 480.0, 1280, 960, "fisheye", np.array([0.05, -0.02, 0.004, -0.001]))
DEPTH = Intrinsics(504.0, 503.5, 322.0, 331.0, 640, 576, "brown_conrady", np.array([0.1, -0.1, 1e-3, 2e-3, 0.02]))
COLOR_FROM_DEPTH = SE3(Rotation.from_euler("xyz", [5.0, 0.3, -0.2], degrees=True).as_matrix(), np.array([-0.032, 0, 0]))
PLACES = {"cam_1": look_at((2.0, 1.0, 2.4), (0.0, 0.2, 0.9)), "cam_2": look_at((-1.5, 2.0, 1.8), (0.1, 0.0, 1.0))}
POINTS_M = np.array([[0.0, 0.0, 1.0], [0.3, -0.2, 0.9], [-0.4, 0.3, 1.2], [0.2, 0.5, 0.8]])
TARGETS = {
    "caliscope": ("camera_array.toml", None), "qualisys": ("Calib.qca.txt", None), "tum": ("cameras", "tum"),
    "opencv": ("cameras", "opencv"), "ortwin": ("rig.json", None), "calibration": ("calibration.json", None),
}  # fmt: skip


def cameras(lens=LENS, depth=False) -> CameraFile:
    lenses = dict.fromkeys(PLACES, lens)
    return CameraFile(lenses, PLACES, dict.fromkeys(PLACES, (DEPTH, COLOR_FROM_DEPTH)) if depth else {})


def same_lens(one: Intrinsics, other: Intrinsics) -> bool:
    count = max(len(one.distortion), len(other.distortion))
    padded = [np.pad(lens.distortion, (0, count - len(lens.distortion))) for lens in (one, other)]
    size = (one.width_px, one.height_px) == (other.width_px, other.height_px)
    return size and np.allclose(one.matrix, other.matrix, atol=1e-9) and np.allclose(*padded, atol=1e-12)


@pytest.mark.parametrize("name", TARGETS)
def test_there_and_back(name, tmp_path):
    """Every format brings lenses and poses back to the last digits that a decimal file keeps."""
    target, given = TARGETS[name]
    assert write_cameras(tmp_path / target, cameras(), given) == name
    back = read_cameras(tmp_path / target)
    names = list(back.lenses)
    assert len(names) == 2
    for before, after in zip(PLACES, names, strict=True):
        assert same_lens(back.lenses[after], LENS)
        off = back.world_from_camera[after].inverse() @ PLACES[before]
        assert off.distance_m() < 1e-9
        assert off.angle_rad() < 1e-7
    assert names == list(PLACES) or name == "tum"


@pytest.mark.parametrize("name", ["caliscope", "opencv", "tum", "ortwin", "calibration"])
def test_eight_coefficients_come_back(name, tmp_path):
    target, given = TARGETS[name]
    write_cameras(tmp_path / target, cameras(RATIONAL), given)
    assert all(same_lens(lens, RATIONAL) for lens in read_cameras(tmp_path / target).lenses.values())


@pytest.mark.parametrize("name", ["caliscope", "opencv", "ortwin", "calibration"])
def test_fisheye_lenses_come_back(name, tmp_path):
    target, given = TARGETS[name]
    write_cameras(tmp_path / target, cameras(FISHEYE), given)
    back = read_cameras(tmp_path / target).lenses
    assert {lens.distortion_model for lens in back.values()} == {"fisheye"}
    assert all(same_lens(lens, FISHEYE) for lens in back.values())


@pytest.mark.parametrize("name", ["tum", "ortwin", "calibration"])
def test_depth_lenses_come_back(name, tmp_path):
    target, given = TARGETS[name]
    write_cameras(tmp_path / target, cameras(depth=True), given)
    for depth, color_from_depth in read_cameras(tmp_path / target).depth.values():
        assert same_lens(depth, DEPTH)
        assert np.allclose(color_from_depth.matrix(), COLOR_FROM_DEPTH.matrix(), atol=1e-12)


@pytest.mark.parametrize(("name", "lens"), [("qualisys", RATIONAL), ("qualisys", FISHEYE), ("tum", FISHEYE)])
def test_what_a_format_cannot_say_is_refused(name, lens, tmp_path):
    target, given = TARGETS[name]
    with pytest.raises(InputError):
        write_cameras(tmp_path / target, cameras(lens), given)
    assert not (tmp_path / target).exists()


def test_qualisys_projects_by_its_own_formula(tmp_path):
    """K diag(1, -1, -1) Q (X - C), with K in 1/64 px and C in mm, on a lens without distortion."""
    plain = Intrinsics(1681.25, 1681.0, 533.0, 948.0, 1088, 1920)
    write_cameras(tmp_path / "Calib.qca.txt", cameras(plain))
    for entry in ElementTree.parse(tmp_path / "Calib.qca.txt").iter("camera"):
        lens, place = (
            {key: float(value) for key, value in entry.find(tag).attrib.items()} for tag in ("intrinsic", "transform")
        )
        rows = np.array([[place[f"r{i}{j}"] for j in (1, 2, 3)] for i in (1, 2, 3)])
        seen = np.diag([1, -1, -1]) @ rows @ (1e3 * POINTS_M - [place[axis] for axis in "xyz"]).T
        u = lens["focalLengthU"] / 64 * seen[0] / seen[2] + lens["centerPointU"] / 64
        v = lens["focalLengthV"] / 64 * seen[1] / seen[2] + lens["centerPointV"] / 64
        ours = plain.project(PLACES[entry.get("serial")].inverse() @ POINTS_M)
        assert np.allclose(ours, np.stack([u, v], axis=1), atol=1e-6)


def test_tum_projects_by_its_own_formula(tmp_path):
    """camera_pose @ color2depth @ diag(1, -1, -1) takes the colour lens into a y-up world."""
    write_cameras(tmp_path, cameras(depth=True), "tum")
    for name, place in zip(("camera01", "camera02"), PLACES.values(), strict=True):
        value = json.loads((tmp_path / f"{name}.json").read_text())["value0"]
        depth, color = (matrix_of(value[key]) for key in ("camera_pose", "color2depth_transform"))
        world_from_color = depth @ color @ np.diag([1.0, -1.0, -1.0, 1.0])
        y_up = POINTS_M[:, [0, 2, 1]] * [1, 1, -1]
        seen = np.linalg.inv(world_from_color) @ np.column_stack([y_up, np.ones(len(y_up))]).T
        assert np.allclose(seen[:3].T, place.inverse() @ POINTS_M, atol=1e-9)


def matrix_of(value) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([value["rotation"][axis] for axis in "xyzw"]).as_matrix()
    matrix[:3, 3] = [value["translation"][key] for key in ("m00", "m10", "m20")]
    return matrix


def test_caliscope_and_opencv_store_what_opencv_projects_with(tmp_path):
    write_cameras(tmp_path / "cv", cameras(), "opencv")
    storage = cv2.FileStorage(str(tmp_path / "cv" / "cam_1.yml"), cv2.FILE_STORAGE_READ)
    matrix, distortion, rotation, shift = (
        storage.getNode(key).mat() for key in ("camera_matrix", "distortion_coefficients", "R", "T")
    )
    expected = cv2.projectPoints(POINTS_M, cv2.Rodrigues(rotation)[0], shift, matrix, distortion)[0][:, 0]
    assert np.allclose(LENS.project(PLACES["cam_1"].inverse() @ POINTS_M), expected, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n   data: [600., 0., 320., 0., 601., "
        "240., 0., 0., 1.]\ndist: !!opencv-matrix\n   rows: 4\n   cols: 1\n   dt: d\n   data: [0.1, -0.2, 0., 0.01]\n"
        "img_size: !!opencv-matrix\n   rows: 2\n   cols: 1\n   dt: i\n   data: [640, 480]\n",
        "image_width: 640\nimage_height: 480\ncamera_name: left\ncamera_matrix:\n  rows: 3\n  cols: 3\n"
        "  data: [600.0, 0, 320, 0, 601, 240, 0, 0, 1]\ndistortion_model: plumb_bob\ndistortion_coefficients:\n"
        "  rows: 1\n  cols: 4\n  data: [0.1, -0.2, 0, 0.01]\n",
    ],
    ids=["opencv", "ros"],
)
def test_common_spellings_are_understood(text, tmp_path):
    (tmp_path / "left.yml").write_text(text)
    lens = read_cameras(tmp_path / "left.yml").lenses["left"]
    assert (lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px, lens.width_px) == (600, 601, 320, 240, 640)
    assert lens.distortion.tolist() == [0.1, -0.2, 0, 0.01]


def test_the_calib_toml_of_pose2sim_is_read(tmp_path):
    pose = PLACES["cam_1"].inverse()
    turn = Rotation.from_matrix(pose.rotation).as_rotvec()
    (tmp_path / "Calib.toml").write_text(
        f'[cam_01]\nname = "left"\nsize = [1280.0, 720.0]\nmatrix = {LENS.matrix.tolist()}\n'
        f"distortions = {LENS.distortion[:4].tolist()}\nrotation = {turn.tolist()}\n"
        f"translation = {pose.translation_m.tolist()}\nfisheye = false\n\n[metadata]\nadjusted = false\nerror = 0.0\n"
    )
    back = read_cameras(tmp_path / "Calib.toml")
    assert (back.world_from_camera["left"].inverse() @ PLACES["cam_1"]).distance_m() < 1e-9


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "[cameras.0]\ncam_id = 0\n", "no calibrated camera"),
        ("a.toml", "[cameras.0]\nmatrix = [[1.0]]\nsize = [4, 3]\n", "camera of the file is wrong"),
        ("a.yml", "%YAML:1.0\n---\nfocal: 3\n", "no camera matrix"),
        ("a.yml", "%YAML:1.0\n---\nK: [600.0, 0, 320, 0, 600, 240, 0, 0, 1]\n", "how large the images are"),
        ("a.qca.txt", "<calibration><cameras/></calibration>", "no calibrated camera"),
        ("a.qca.txt", "focal length 3", "cannot be read"),
        ("a.json", '{"value0": {}}', "no camera file"),
        ("a.bin", "x", "format of the file is not known"),
    ],
)
def test_a_wrong_file_is_explained(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_cameras(tmp_path / name)


def test_a_rig_for_other_cameras_says_how_to_name_them(tmp_path):
    write_cameras(tmp_path / "camera_array.toml", cameras())
    models = {"left": CameraModel("left", LENS, DEPTH, COLOR_FROM_DEPTH)}
    with pytest.raises(InputError, match="--name cam_1=left"):
        read_rig_of(tmp_path / "camera_array.toml", models)
    rig = read_rig_of(tmp_path / "camera_array.toml", models, names={"cam_2": "left"})
    assert rig["left"].depth is DEPTH
    assert (rig["left"].world_from_camera.inverse() @ PLACES["cam_2"]).distance_m() < 1e-9


def test_a_rig_of_lenses_only_is_refused(tmp_path):
    write_cameras(tmp_path / "calibration.json", CameraFile({"cam_1": LENS}, {}))
    with pytest.raises(InputError, match="nothing of where the cameras stand"):
        read_rig_of(tmp_path / "calibration.json")


def test_a_target_without_a_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="does not say its format"):
        write_cameras(tmp_path / "cameras", cameras())


def test_a_camera_that_was_never_placed_is_a_lens_only(tmp_path):
    """Published files repeat a row in `intrinsics_matrix` and hold nonsense in poses that nobody needs."""
    write_cameras(tmp_path, cameras(depth=True), "tum")
    path = tmp_path / "camera01.json"
    value = json.loads(path.read_text())
    matrix = value["value0"]["color_parameters"]["intrinsics_matrix"]
    matrix["m12"], matrix["m22"] = matrix["m11"], matrix["m21"]
    value["value0"]["depth2gyro_transform"] = {"translation": {"m00": 1e36}}
    path.write_text(json.dumps(value))
    assert same_lens(read_cameras(path).lenses["camera01"], LENS)
    assert "camera01" in read_cameras(path).world_from_camera
    value["value0"]["is_valid"] = False
    path.write_text(json.dumps(value))
    assert read_cameras(path).world_from_camera == {}


@pytest.mark.parametrize("name", ["caliscope", "qualisys", "opencv"])
def test_a_recording_takes_the_rig_of_another_program(name, tmp_path):
    """One camera of a plain folder, called otherwise in the file."""
    folder = tmp_path / "folder"
    for kind in ("color", "depth"):
        (folder / "left" / kind).mkdir(parents=True)
    cv2.imwrite(str(folder / "left/color/000000.png"), np.zeros((480, 640, 3), np.uint8))
    cv2.imwrite(str(folder / "left/depth/000000.png"), np.full((480, 640), 1000, np.uint16))
    small = Intrinsics(600.0, 601.0, 320.0, 240.0, 640, 480, "brown_conrady", np.array([0.1, -0.2, 0, 0, 0.0]))
    write_cameras(folder / "calibration.json", CameraFile({"left": small}, {}, {"left": (small, SE3.identity())}))
    case, target = tmp_path / "case.recording", tmp_path / TARGETS[name][0]
    assert run(["import", "plain", str(folder), str(case), "--fps", "5", "-q"]) == 0
    write_cameras(target, cameras(small), TARGETS[name][1])
    assert run(["rig", "set", str(case), str(target), "-q"]) == 3
    assert run(["rig", "set", str(case), str(target), "--name", "cam_2=left", "-q"]) == 0
    rig = read_rig(case / "rig.json")
    assert (rig["left"].world_from_camera.inverse() @ PLACES["cam_2"]).distance_m() < 1e-9
    assert rig["left"].depth is not None


@pytest.mark.slow
def test_a_calibration_begins_with_the_rig_of_another_program(test_data, tmp_path):
    """Its world is kept: cameras stay within what a board in the hand says of a rig of a metre and a half."""
    folder = test_data / "caliscope_charuco"
    given = folder / "camera_array.toml"
    code = run(
        ["calibrate", str(folder), "--board", str(folder / "board.toml"), "--rig", str(given), "--intrinsics", "fixed",
         "--out", str(tmp_path / "rig.json"), "-q"]
    )  # fmt: skip
    assert code == 0
    before, after = read_rig_of(given), read_rig(tmp_path / "rig.json")
    for name in before.cameras:
        off = before[name].world_from_camera.inverse() @ after[name].world_from_camera
        assert off.distance_m() < 0.03
        assert np.degrees(off.angle_rad()) < 2.0


# Shoulders and hips of a person in the first images of the single-person session, by a 2D pose network.
SEEN = {
    "left_shoulder": {"cam01": (516, 498), "cam02": (627, 525), "cam03": (591, 617), "cam04": (176, 726)},
    "right_shoulder": {"cam01": (366, 484), "cam02": (492, 542), "cam03": (741, 614), "cam04": (375, 678)},
    "left_hip": {"cam01": (463, 735), "cam02": (625, 740), "cam03": (608, 895), "cam04": (342, 989)},
    "right_hip": {"cam01": (374, 723), "cam02": (545, 744), "cam03": (706, 891), "cam04": (450, 957)},
}
NETWORK_PX = 30.0  # it looked at images of 288 x 512, a joint is known to about ten of these 1088 x 1920 pixels


def test_a_qualisys_rig_sees_a_person_as_large_as_people_are(test_data, tmp_path):
    """In the room of Qualisys: z up, metres, on the floor."""
    code = run(
        ["rig", "convert", str(test_data / "pose2sim/SinglePerson/Calib.qca.txt"), str(tmp_path / "rig.json"), "-q"]
    )
    assert code == 0
    rig = read_rig(tmp_path / "rig.json")
    joints = {name: triangulated(rig, seen) for name, seen in SEEN.items()}
    for name, seen in SEEN.items():
        for camera_id, pixel in seen.items():
            camera = rig[camera_id]
            off = camera.color.project(camera.camera_from_world @ joints[name]) - pixel
            assert np.linalg.norm(off) < NETWORK_PX
    shoulders = np.linalg.norm(joints["left_shoulder"] - joints["right_shoulder"])
    hips = np.linalg.norm(joints["left_hip"] - joints["right_hip"])
    assert 0.25 < shoulders < 0.45
    assert 0.15 < hips < 0.35
    assert 1.2 < joints["left_shoulder"][2] < 1.6
    assert 0.7 < joints["left_hip"][2] < 1.1


def triangulated(rig, seen) -> np.ndarray:
    """The point nearest to all rays."""
    matrix, right = np.zeros((3, 3)), np.zeros(3)
    for camera_id, pixel in seen.items():
        camera = rig[camera_id]
        ray = camera.world_from_camera.rotate(camera.color.back_project(np.array(pixel, dtype=float), 1.0))
        across = np.eye(3) - np.outer(ray, ray) / (ray @ ray)
        matrix += across
        right += across @ camera.world_from_camera.translation_m
    return np.linalg.solve(matrix, right)
