"""TUM folders: what goes in comes out, to the bit and to the nanosecond; what cannot be is named."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.conventions import quat_xyzw_from_rotation
from ortwin.capture.depth_unit import unit_hint
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.import_options import ImportOptions, TimeSpan
from ortwin.capture.import_tum import import_tum
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import open_recording
from ortwin.capture.stream_pairs import ALONE, pair_streams

LENS = (60.0, 61.0, 31.5, 23.5)
BEGIN_NS = 1_305_031_102_160_407_000
STEP_NS = 33_333_333
NUM_FRAMES = 6


def seconds(time_ns: int) -> str:
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"


def depth_of(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 60_000, (48, 64)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path):
    import cv2

    root = tmp_path / "room"
    rows = {"rgb": ["# color images"], "depth": ["# depth maps"]}
    for index in range(NUM_FRAMES):
        for kind, lag_ns in (("rgb", 4_000_000), ("depth", 0)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            name = f"{kind}/{index}.png"
            image = depth_of(index) if kind == "depth" else np.full((48, 64, 3), 9 * index, np.uint8)
            cv2.imwrite(root / name, image)
            rows[kind].append(f"{seconds(BEGIN_NS + index * STEP_NS + lag_ns)} {name}")
    for kind, lines in rows.items():
        (root / f"{kind}.txt").write_text("\n".join(lines))
    return root


def write_trajectory(folder, poses: list[SE3], times_ns: list[int]) -> None:
    rows = []
    for pose, time_ns in zip(poses, times_ns, strict=True):
        numbers = [*pose.translation_m.tolist(), *quat_xyzw_from_rotation(pose.rotation).tolist()]
        rows.append(" ".join([seconds(time_ns), *map(repr, numbers)]))
    (folder / "groundtruth.txt").write_text("\n".join(rows))


def test_images_and_times_come_out_as_they_went_in(folder, tmp_path):
    report = import_tum(folder, tmp_path / "a.recording", lens=LENS)
    recording = open_recording(report.path)
    assert recording.device_ns("cam_1").tolist() == [BEGIN_NS + i * STEP_NS for i in range(NUM_FRAMES)]
    for index in range(NUM_FRAMES):
        np.testing.assert_array_equal(recording.depth_raw("cam_1", index), depth_of(index))
        assert recording.packet("cam_1", index, "color") == (folder / f"rgb/{index}.png").read_bytes()
    assert recording.cameras["cam_1"].depth_unit_m == 1 / 5000
    assert report.damaged == ()
    assert any("4.0 ms" in sentence for sentence in recording.source["assumptions"])
    assert not verify_tree(report.path).damaged


def test_a_camera_that_goes_has_the_pose_of_each_frame(folder, tmp_path):
    poses = [SE3.exp(np.array([0.02 * i, -0.01 * i, 0.03, 0.1 * i, 0.2, 1.5])) for i in range(NUM_FRAMES)]
    times = [BEGIN_NS + i * STEP_NS for i in range(NUM_FRAMES)]
    write_trajectory(folder, poses, times)
    rig = open_recording(import_tum(folder, tmp_path / "a.recording", lens=LENS).path).rig
    for pose, time_ns in zip(poses, times, strict=True):
        np.testing.assert_allclose(rig.at(time_ns)["cam_1"].world_from_camera.matrix(), pose.matrix(), atol=1e-12)


def test_between_two_rows_the_camera_goes_straight(folder, tmp_path):
    begin, motion = SE3.exp(np.array([0.1, 0, 0, 0, 0, 1.0])), np.array([0.0, 0.0, 0.2, 0, 0, 0])
    end = SE3(begin.rotation @ SE3.exp(motion).rotation, begin.translation_m + np.array([0.4, 0, 0]))
    write_trajectory(folder, [begin, end], [BEGIN_NS - STEP_NS, BEGIN_NS + STEP_NS])
    rig = open_recording(import_tum(folder, tmp_path / "a.recording", lens=LENS).path).rig
    middle = rig.at(BEGIN_NS)["cam_1"].world_from_camera
    np.testing.assert_allclose(middle.translation_m, begin.translation_m + np.array([0.2, 0, 0]), atol=1e-12)
    np.testing.assert_allclose(middle.rotation, begin.rotation @ SE3.exp(motion / 2).rotation, atol=1e-12)


def test_a_camera_that_stands_has_one_pose(folder, tmp_path):
    pose = SE3.exp(np.array([0.3, -1.2, 0.4, 1.0, 2.0, 3.0]))
    write_trajectory(folder, [pose] * 2, [BEGIN_NS - 1, BEGIN_NS + 190_000_000])
    rig = open_recording(import_tum(folder, tmp_path / "a.recording", lens=LENS).path).rig
    assert rig.moves == ()
    np.testing.assert_allclose(rig["cam_1"].world_from_camera.matrix(), pose.matrix(), atol=1e-12)


def test_a_stretch_is_taken_and_a_try_writes_nothing(folder, tmp_path):
    span = TimeSpan.parse("0.05", "0.12")
    tried = import_tum(folder, tmp_path / "a.recording", lens=LENS, options=ImportOptions(span, dry_run=True))
    assert tried.num_frames == 2
    assert tried.estimate.disk_bytes > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["room"]
    report = import_tum(folder, tmp_path / "a.recording", lens=LENS, options=ImportOptions(span))
    assert open_recording(report.path).indices("cam_1").tolist() == [2, 3]


@pytest.mark.parametrize("kind", ["rgb", "depth"])
def test_a_damaged_image_costs_that_image_alone(folder, tmp_path, kind):
    path = folder / kind / "2.png"
    path.write_bytes(path.read_bytes()[:-30])
    report = import_tum(folder, tmp_path / "a.recording", lens=LENS)
    assert [(d.file, d.index) for d in report.damaged] == [(f"{kind}/2.png", 2)]
    assert report.num_frames == NUM_FRAMES


@pytest.mark.parametrize(
    ("row", "reason"),
    [("abc rgb/0.png", "row needs"), ("1.0", "row needs"), ("1.0 ../x.png", "outside"), ("nan x", "row needs")],
)
def test_a_row_that_is_none_is_named(folder, tmp_path, row, reason):
    with (folder / "rgb.txt").open("a") as file:
        file.write(f"\n{row}\n")
    with pytest.raises(InputError, match=reason) as caught:
        import_tum(folder, tmp_path / "a.recording", lens=LENS)
    assert f"row {NUM_FRAMES + 2}" in caught.value.where
    assert [path.name for path in tmp_path.iterdir()] == ["room"]


def test_a_lens_is_not_guessed(folder, tmp_path):
    with pytest.raises(ConfigError, match="lens"):
        import_tum(folder, tmp_path / "a.recording")
    known = folder.rename(folder.with_name("rgbd_dataset_freiburg3_room"))
    report = import_tum(known, tmp_path / "a.recording")
    assert open_recording(report.path).cameras["cam_1"].color.fx_px == 535.4
    assert any("freiburg3" in sentence for sentence in report.assumptions)


def test_a_folder_of_another_kind_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no TUM folder"):
        import_tum(tmp_path / "empty", tmp_path / "a.recording", lens=LENS)


def test_a_unit_that_looks_wrong_is_said_and_not_changed(folder, tmp_path):
    report = import_tum(folder, tmp_path / "a.recording", lens=LENS, depth_unit_m=1e-6)
    assert any("middle of the depth" in sentence for sentence in report.assumptions)
    assert open_recording(report.path).cameras["cam_1"].depth_unit_m == 1e-6


@pytest.mark.parametrize(("true_m", "given_m", "fitting"), [(0.001, 0.00001, "millimetres"), (0.0001, 0.01, "tenths")])
def test_a_hint_names_the_unit_that_would_fit_a_room(true_m, given_m, fitting):
    image = np.full((4, 4), round(2.5 / true_m), dtype=np.uint16)
    assert unit_hint([image], true_m) == ""
    assert fitting in unit_hint([image], given_m)


def test_each_image_is_paired_with_the_nearest_and_none_twice():
    color = np.array([0, 33, 66, 100, 200], dtype=np.int64)
    depth = np.array([5, 38, 104, 130], dtype=np.int64)
    pairs = pair_streams(color, depth, 10)
    assert pairs.color.tolist() == [0, 1, 2, 3, ALONE, 4]
    assert pairs.depth.tolist() == [0, 1, ALONE, 2, 3, ALONE]
    assert pairs.worst_ns == 5


@pytest.mark.parametrize(("num_color", "num_depth"), [(3, 0), (0, 3), (1, 1), (0, 0)])
def test_a_stream_may_be_alone(num_color, num_depth):
    pairs = pair_streams(np.arange(num_color, dtype=np.int64), np.arange(num_depth, dtype=np.int64))
    assert (pairs.color != ALONE).sum() == num_color
    assert (pairs.depth != ALONE).sum() == num_depth


def test_an_import_that_is_interrupted_leaves_nothing(folder, tmp_path):
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_tum(folder, tmp_path / "a.recording", lens=LENS, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["room"]


def test_real_frames_with_poses_are_taken(test_data, tmp_path):
    import cv2

    source = test_data / "rgbd_3dmatch" / "seq-01"
    numbers = sorted(path.name[6:12] for path in source.glob("frame-*.color.png"))
    root = tmp_path / "real"
    root.mkdir()
    k = np.loadtxt(source.parent / "camera-intrinsics.txt")
    rows = {"rgb": [], "depth": []}
    for at, number in enumerate(numbers):
        for kind, stem in (("rgb", "color"), ("depth", "depth")):
            (root / f"{number}.{stem}.png").write_bytes((source / f"frame-{number}.{stem}.png").read_bytes())
            rows[kind].append(f"{1 + at}.5 {number}.{stem}.png")
    for kind, lines in rows.items():
        (root / f"{kind}.txt").write_text("\n".join(lines))
    matrices = [np.loadtxt(source / f"frame-{number}.pose.txt") for number in numbers]
    poses = [SE3(np.linalg.svd(m[:3, :3])[0] @ np.linalg.svd(m[:3, :3])[2], m[:3, 3]) for m in matrices]
    write_trajectory(root, poses, [(1 + at) * 10**9 + 500_000_000 for at in range(len(numbers))])
    lens = (k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    report = import_tum(root, tmp_path / "a.recording", lens=lens, depth_unit_m=0.001)
    assert not any("middle of the depth" in sentence for sentence in report.assumptions)
    recording = open_recording(report.path)
    for at, number in enumerate(numbers):
        raw = cv2.imread(str(source / f"frame-{number}.depth.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(recording.depth_raw("cam_1", at), np.where(raw == 65535, 0, raw))
        pose = recording.rig.at(int(recording.timestamps_ns("cam_1")[at]))["cam_1"].world_from_camera
        np.testing.assert_allclose(pose.matrix(), poses[at].matrix(), atol=1e-9)
    wrong = import_tum(root, tmp_path / "b.recording", lens=lens, depth_unit_m=1e-5)
    assert any("0.001 m (millimetres)" in sentence for sentence in wrong.assumptions)
