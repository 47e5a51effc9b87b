"""The plain folder: taken as it is, and what is wrong in it is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.import_plain import import_plain
from ortwin.capture.recording_writer import camera_from_json, camera_to_json
from ortwin.capture.rig_file import pose_to_json, read_rig
from ortwin.capture.storage import open_recording

LENS = {"fx_px": 60.0, "fy_px": 60.0, "cx_px": 31.5, "cy_px": 23.5, "width_px": 64, "height_px": 48}
POSE = {"rotation": np.eye(3).tolist(), "translation_m": [0.0, 0.0, 2.0]}


@pytest.fixture
def folder(tmp_path):
    import cv2

    root = tmp_path / "plain"
    cameras = {}
    for camera in ("cam_1", "cam_2"):
        for stream in ("color", "depth"):
            (root / camera / stream).mkdir(parents=True)
        for index in (0, 1, 3):
            rng = np.random.default_rng(index)
            cv2.imwrite(root / camera / "color" / f"{index:06d}.jpg", rng.integers(0, 255, (48, 64, 3), np.uint8))
            cv2.imwrite(
                root / camera / "depth" / f"{index:06d}.png", rng.integers(500, 900, (48, 64)).astype(np.uint16)
            )
        cameras[camera] = {"color": LENS, "depth": LENS, "world_from_color": POSE}
    (root / "calibration.json").write_text(json.dumps({"depth_unit_m": 0.002, "cameras": cameras}))
    return root


def change(folder, edit) -> None:
    path = folder / "calibration.json"
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def test_a_clean_folder_is_taken_whole(folder, tmp_path):
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert (report.num_frames, report.damaged) == (6, ())
    opened = open_recording(report.path)
    assert opened.indices("cam_1").tolist() == [0, 1, 3]
    assert opened.timestamps_ns("cam_1").tolist() == [0, 200_000_000, 600_000_000]
    assert opened.packet("cam_2", 2, "color") == (folder / "cam_2/color/000003.jpg").read_bytes()
    raw = np.random.default_rng(3)
    raw.integers(0, 255, (48, 64, 3), np.uint8)
    assert opened.frame("cam_1", 2).depth_m.max() <= 900 * 0.002 + 1e-6
    assert opened.rig["cam_1"].world_from_camera.translation_m[2] == 2.0


def cut(path, share=0.6) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def wrong_size(path) -> None:
    import cv2

    cv2.imwrite(path, np.full((24, 32), 700, np.uint16) if path.suffix == ".png" else np.zeros((24, 32, 3), np.uint8))


def eight_bit(path) -> None:
    import cv2

    cv2.imwrite(path, np.full((48, 64), 200, np.uint8))


@pytest.mark.parametrize(
    ("name", "harm", "reason"),
    [
        ("cam_1/depth/000001.png", cut, "cut off"),
        ("cam_2/color/000003.jpg", cut, "cut off"),
        ("cam_2/depth/000000.png", wrong_size, "32x24"),
        ("cam_1/color/000000.jpg", wrong_size, "32x24"),
        ("cam_1/depth/000003.png", eight_bit, "16-bit"),
        ("cam_1/depth/000003.png", lambda path: path.unlink(), "missing"),
    ],
)
def test_a_damaged_image_is_named_and_the_rest_is_taken(folder, tmp_path, name, harm, reason):
    harm(folder / name)
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert len(report.damaged) == 1
    damage = report.damaged[0]
    assert damage.file.startswith(name.rsplit(".", 1)[0])
    assert reason in damage.what
    assert damage.camera_id == name.split("/")[0]
    assert report.num_frames == 6
    assert open_recording(report.path).damaged == report.damaged


def test_a_missing_camera_folder_is_named_and_the_other_camera_is_taken(folder, tmp_path):
    import shutil

    shutil.rmtree(folder / "cam_2")
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert [(damage.camera_id, "missing" in damage.what) for damage in report.damaged] == [("cam_2", True)]
    assert len(open_recording(report.path).timestamps_ns("cam_1")) == 3


NOT_A_NUMBER = {"rotation": np.eye(3).tolist(), "translation_m": [0, float("nan"), 0]}


@pytest.mark.parametrize(("pose", "reason"), [(NOT_A_NUMBER, "not finite"), (None, "missing"), (5, "object")])
def test_one_pose_that_is_no_good_costs_that_camera_its_place_and_no_other(folder, tmp_path, pose, reason):
    change(folder, lambda value: value["cameras"]["cam_2"].update(world_from_color=pose))
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    (damage,) = report.damaged
    assert (damage.camera_id, damage.file) == ("cam_2", "calibration.json")
    assert "cam_2" in damage.what
    assert reason in damage.what
    assert report.unplaced == ("cam_2",)
    opened = open_recording(report.path)
    assert list(opened.rig.cameras) == ["cam_1"]
    assert list(opened.cameras) == ["cam_1", "cam_2"]


def test_where_no_pose_is_given_none_is_missed(folder, tmp_path):
    change(folder, lambda value: [entry.pop("world_from_color") for entry in value["cameras"].values()])
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert (report.damaged, report.unplaced) == ((), ())
    assert not open_recording(report.path).has_rig


def test_poses_can_be_ignored(folder, tmp_path):
    report = import_plain(folder, tmp_path / "a.recording", fps=5, ignore_poses=True)
    assert (report.damaged, report.unplaced) == ((), ())
    assert not open_recording(report.path).has_rig


def test_a_depth_only_camera_stands_where_its_depth_lens_stands(folder, tmp_path):
    world_from_color, color_from_depth = SE3.exp(np.array([0.3, -1.2, 0.4, 1.0, 2.0, 3.0])), SE3.exp(np.arange(6) / 20)

    def edit(value):
        poses = {"world_from_color": pose_to_json(world_from_color), "color_from_depth": pose_to_json(color_from_depth)}
        for name in ("cam_1", "cam_2"):
            value["cameras"][name] |= poses
        value["cameras"]["cam_2"].pop("color")

    change(folder, edit)
    rig = open_recording(import_plain(folder, tmp_path / "a.recording", fps=5).path).rig
    expected = (world_from_color @ color_from_depth).matrix()
    for name in ("cam_1", "cam_2"):
        assert np.allclose(rig[name].world_from_depth.matrix(), expected, atol=1e-12), name
    assert np.allclose(rig["cam_1"].world_from_camera.matrix(), world_from_color.matrix(), atol=1e-12)


@pytest.mark.parametrize(
    "name", ["../../../../evil", "/tmp/evil", ".hidden", "a/b", "", "cam 1", "a" * 101, "..\\evil"]
)
def test_a_camera_may_not_be_called_like_a_path(folder, tmp_path, name):
    change(folder, lambda value: value["cameras"].update({name: value["cameras"]["cam_2"]}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="name of a camera") as caught:
        import_plain(folder, tmp_path / "a.recording", fps=5)
    assert repr(name) in caught.value.what
    assert caught.value.where == str(folder / "calibration.json")
    assert sorted(tmp_path.rglob("*")) == before


WRONG_TYPES = [
    ("cam_2", lambda value: value["cameras"].update(cam_2=5)),
    ("cam_2", lambda value: value["cameras"].update(cam_2=[])),
    ("cameras", lambda value: value.update(cameras=[])),
    ("depth_unit_m", lambda value: value.update(depth_unit_m="mm")),
    ("depth_unit_m", lambda value: value.update(depth_unit_m=None)),
    ("depth_unit_m", lambda value: value.update(depth_unit_m=True)),
    ("depth_unit_m", lambda value: value.update(depth_unit_m=float("nan"))),
    ("cam_2, color", lambda value: value["cameras"]["cam_2"].update(color=7)),
    ("cam_2, depth", lambda value: value["cameras"]["cam_2"].update(depth=["fx_px"])),
    ("cam_2, color", lambda value: value["cameras"]["cam_2"].update(color={**LENS, "width_px": "wide"})),
    ("cam_2, color", lambda value: value["cameras"]["cam_2"].update(color={**LENS, "height_px": 48.5})),
    ("cam_2, color", lambda value: value["cameras"]["cam_2"].update(color={**LENS, "distortion": {"k1": 1}})),
    ("cam_2, color", lambda value: value["cameras"]["cam_2"].update(color={**LENS, "distortion": 5})),
    ("cam_2, color", lambda value: value["cameras"]["cam_2"].update(color={**LENS, "distortion_model": 5})),
    ("color_from_depth", lambda value: value["cameras"]["cam_2"].update(color_from_depth=5)),
    ("color_from_depth", lambda value: value["cameras"]["cam_2"].update(color_from_depth={"rotation": "x"})),
]


@pytest.mark.parametrize(("key", "edit"), WRONG_TYPES)
def test_a_value_of_the_wrong_kind_is_named_with_its_file_and_key(folder, tmp_path, key, edit):
    change(folder, edit)
    with pytest.raises(InputError) as caught:
        import_plain(folder, tmp_path / "a.recording", fps=5)
    assert str(folder / "calibration.json") in caught.value.where
    assert key in caught.value.describe()


def test_without_timestamps_a_rate_is_needed(folder, tmp_path):
    with pytest.raises(ConfigError, match="--fps"):
        import_plain(folder, tmp_path / "a.recording")


EPOCH_NS = 1_700_000_000_000_000_000


def stamp(folder, camera, times, host=None) -> None:
    hosts = host or [""] * len(times)
    rows = ["index,device_ns,host_ns", *(f"{i},{t},{h}" for i, (t, h) in enumerate(zip(times, hosts, strict=True)))]
    (folder / camera / "timestamps.csv").write_text("\n".join(rows))


def every_tenth(count, begin_ns=EPOCH_NS):
    return [begin_ns + i * 100_000_000 for i in range(count)]


def test_frame_numbers_and_clock_times_are_not_mixed(folder, tmp_path):
    stamp(folder, "cam_1", every_tenth(4))
    with pytest.raises(InputError) as caught:
        import_plain(folder, tmp_path / "a.recording", fps=5)
    assert "cam_1 and none of cam_2" in caught.value.why
    assert "cam_2/timestamps.csv" in caught.value.todo
    assert not (tmp_path / "a.recording").exists()


def test_clocks_that_count_from_different_moments_are_not_mixed(folder, tmp_path):
    stamp(folder, "cam_1", every_tenth(4))
    stamp(folder, "cam_2", every_tenth(4, 0))
    with pytest.raises(InputError, match="same time") as caught:
        import_plain(folder, tmp_path / "a.recording")
    assert "cam_1 begins" in caught.value.why


HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("at", "time_ns", "reason"),
    [
        (1, -5, "negative"),
        (1, 0, "h from all others"),
        (1, EPOCH_NS + 2 * HOUR_NS, "h from all others"),
        (3, EPOCH_NS + 2 * HOUR_NS, "h from all others"),
        (0, 0, "h from all others"),
        (1, EPOCH_NS + 60_000_000_000, "backwards"),
        (3, EPOCH_NS + 50_000_000, "backwards"),
        (1, 10**30, "too large"),
    ],
)
def test_one_absurd_time_is_set_aside_by_file_and_row(folder, tmp_path, at, time_ns, reason):
    times = every_tenth(4)
    stamp(folder, "cam_2", times)
    times[at] = time_ns
    stamp(folder, "cam_1", times)
    report = import_plain(folder, tmp_path / "a.recording")
    (damage,) = report.damaged
    assert (damage.file, damage.index) == (f"cam_1/timestamps.csv, row {at + 2}", at)
    assert reason in damage.what
    begin_ns, end_ns = open_recording(report.path).span_ns
    assert EPOCH_NS <= begin_ns < end_ns <= EPOCH_NS + 300_000_000


def test_one_absurd_host_time_does_not_move_the_clock(folder, tmp_path):
    times = every_tenth(4, 0)
    for camera in ("cam_1", "cam_2"):
        stamp(folder, camera, times, [EPOCH_NS + t for t in times])
    stamp(folder, "cam_1", times, [EPOCH_NS + t - (600_000_000_000 if i == 3 else 0) for i, t in enumerate(times)])
    report = import_plain(folder, tmp_path / "a.recording")
    assert [damage.file for damage in report.damaged] == ["cam_1/timestamps.csv, row 5"]
    opened = open_recording(report.path)
    assert opened.timestamps_ns("cam_1").tolist() == opened.timestamps_ns("cam_2").tolist()[:2]


def test_a_clock_that_was_set_anew_is_refused(folder, tmp_path):
    for camera in ("cam_1", "cam_2"):
        stamp(folder, camera, [*every_tenth(2, 0), *every_tenth(2)])
    with pytest.raises(InputError, match="2 of 4") as caught:
        import_plain(folder, tmp_path / "a.recording")
    assert "cam_1/timestamps.csv, row" in caught.value.where


@pytest.mark.parametrize("content", [b"index,device_ns,host_ns\n0,one,\n", b"index,device_ns\n\xff\xfe,1\n"])
def test_timestamps_that_are_no_numbers_are_named(folder, tmp_path, content):
    for camera in ("cam_1", "cam_2"):
        (folder / camera / "timestamps.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"cam_1.timestamps\.csv, row"):
        import_plain(folder, tmp_path / "a.recording")


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(folder, tmp_path, fps):
    with pytest.raises(ConfigError, match="Hz"):
        import_plain(folder, tmp_path / "a.recording", fps=fps)


def flip(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", [cut, flip])
def test_a_damaged_png_is_named_and_no_decoder_mutters(folder, tmp_path, harm, capfd):
    harm(folder / "cam_1" / "depth" / "000001.png")
    (damage,) = import_plain(folder, tmp_path / "a.recording", fps=5).damaged
    assert (damage.file, damage.what) == ("cam_1/depth/000001.png", "the image is damaged or cut off")
    assert capfd.readouterr() == ("", "")


def test_what_is_no_image_is_named_by_its_file_alone(folder, tmp_path):
    (folder / "cam_1" / "color" / "000001.jpg").write_bytes(b"no image at all")
    (folder / "cam_1" / "depth" / "000001.png").unlink()
    (folder / "cam_1" / "depth" / "000001.png").mkdir()
    (folder / "cam_2" / "depth" / "\N{SUPERSCRIPT TWO}.png").write_bytes(b"")
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    assert sorted(damage.file for damage in report.damaged) == [
        "cam_1/color/000001.jpg", "cam_1/depth/000001.png", "cam_2/depth/\N{SUPERSCRIPT TWO}.png",
    ]  # fmt: skip
    assert "BytesIO" not in " ".join(damage.what for damage in report.damaged)


def test_timestamps_are_taken_and_clocks_laid_on_the_host(folder, tmp_path):
    for camera, zero in (("cam_1", 1_000_000), ("cam_2", 50_000_000)):
        rows = ["index,device_ns,host_ns"]
        rows += [f"{i},{zero + i * 100_000_000},{9_000_000_000 + i * 100_000_000 + i * 1000}" for i in (0, 1, 3)]
        (folder / camera / "timestamps.csv").write_text("\n".join(rows))
    opened = open_recording(import_plain(folder, tmp_path / "a.recording").path)
    for camera in ("cam_1", "cam_2"):
        assert opened.timestamps_ns(camera).tolist() == [9_000_000_000, 9_100_000_000, 9_300_000_000]


def test_depth_alone_and_colour_alone_are_taken(folder, tmp_path):
    import shutil

    shutil.rmtree(folder / "cam_1" / "depth")
    shutil.rmtree(folder / "cam_2" / "color")
    change(folder, lambda value: (value["cameras"]["cam_1"].pop("depth"), value["cameras"]["cam_2"].pop("color")))
    report = import_plain(folder, tmp_path / "a.recording", fps=5)
    opened = open_recording(report.path)
    assert report.damaged == ()
    assert not opened.has_stream("cam_1", "depth")
    assert opened.frame("cam_2", 0).color_rgb is None


def test_a_folder_without_calibration_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"calibration\.json"):
        import_plain(tmp_path / "empty", tmp_path / "a.recording", fps=5)


def test_a_rig_file_may_not_call_a_camera_like_a_path(folder, tmp_path):
    (tmp_path / "rig.json").write_text(json.dumps({"../evil": {**LENS, "world_from_camera": POSE}}))
    with pytest.raises(InputError, match="name of a camera"):
        read_rig(tmp_path / "rig.json")


@pytest.mark.parametrize("value", [5, "no", [[1, 2], [3]], [[1.0]]])
def test_a_covariance_of_the_wrong_kind_is_named(tmp_path, value):
    (tmp_path / "rig.json").write_text(json.dumps({"cam_1": {**LENS, "world_from_camera": POSE, "covariance": value}}))
    with pytest.raises(InputError, match="covariance"):
        read_rig(tmp_path / "rig.json")


def test_a_recording_may_not_call_a_camera_like_a_path(folder, tmp_path):
    opened = open_recording(import_plain(folder, tmp_path / "a.recording", fps=5).path)
    value = camera_to_json(opened.cameras["cam_1"])
    assert camera_from_json("cam_1", value, "recording.json").camera_id == "cam_1"
    with pytest.raises(InputError, match="name of a camera"):
        camera_from_json("../cam_1", value, "recording.json")
