"""ortwin detect: from a recording's pictures to keypoints that ortwin lift takes."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from ortwin.capture.camera import CameraRig
from ortwin.capture.errors import InputError
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.reconstruction import estimators
from ortwin.reconstruction.detections import Detection
from ortwin.reconstruction.dynamic_mask import DynamicMask, MaskConfig
from ortwin.reconstruction.keypoint_io import read_keypoints
from ortwin.reconstruction.picture_people import people_in_pictures


class Middle:
    """Sees one person in the middle of every picture, and nothing of his legs."""

    key = "middle"
    asked = 0

    def estimate(self, pictures):
        Middle.asked += len(pictures)
        answers = []
        for picture in pictures:
            middle = np.array(picture.color_rgb.shape[1::-1]) / 2
            keypoints_px = np.where(np.arange(17)[:, None] < 13, middle + np.arange(17)[:, None] / 3, np.nan)
            answers.append((Detection(keypoints_px, np.where(np.arange(17) < 13, 0.8, 0.0), 0.9),))
        return answers


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detect")
    lens = {"fx_px": 60, "fy_px": 60, "cx_px": 32, "cy_px": 24, "width_px": 64, "height_px": 48}
    pose = {"rotation": np.eye(3).tolist(), "translation_m": [0.0, 0.0, 0.0]}
    cameras = {name: {"color": lens, "world_from_color": pose} for name in ("cam_1", "cam_2")}
    for number, name in enumerate(cameras):
        (folder / "plain" / name / "color").mkdir(parents=True)
        for frame in range(3):
            image = np.full((48, 64, 3), 40 * number + 30 * frame, np.uint8)
            cv2.imwrite(str(folder / "plain" / name / "color" / f"{frame:06d}.png"), image)
    (folder / "plain" / "calibration.json").write_text(json.dumps({"depth_unit_m": 0.001, "cameras": cameras}))
    assert run(["import", "plain", str(folder / "plain"), str(folder / "a.recording"), "--fps", "5"]) == 0
    return folder / "a.recording"


@pytest.fixture
def middle(monkeypatch):
    Middle.asked = 0
    monkeypatch.setattr(estimators, "find_estimator", lambda name: lambda request: Middle())


def test_keypoints_are_written_and_read_and_kept(recording, middle, tmp_path, capsys):
    arguments = [
        "detect",
        str(recording),
        "--out",
        str(tmp_path / "k.jsonl"),
        "--keep",
        str(tmp_path / "kept"),
        "--json",
    ]
    assert run(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    opened = open_recording(recording)
    num_frames = sum(len(opened.timestamps_ns(name)) for name in opened.cameras)
    assert told["num_pictures"] == told["num_people_seen"] == num_frames == Middle.asked
    read = read_keypoints(tmp_path / "k.jsonl", opened.rig)
    assert read.num_broken == 0
    assert [sighting.time_ns for sighting in read.sightings] == sorted(sighting.time_ns for sighting in read.sightings)
    for sighting in read.sightings:
        for name, (detection,) in sighting.cameras.items():
            assert detection.seen.tolist() == [True] * 13 + [False] * 4
            lens = opened.cameras[name].color
            np.testing.assert_allclose(detection.keypoints_px[0], (lens.width_px / 2, lens.height_px / 2), atol=0.01)
    first = (tmp_path / "k.jsonl").read_bytes()
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["num_kept_from_before"] == num_frames == Middle.asked
    assert (tmp_path / "k.jsonl").read_bytes() == first


def test_a_frame_that_cannot_be_read_is_named_and_the_rest_is_looked_at(
    recording, middle, tmp_path, capsys, monkeypatch
):
    opened = open_recording(recording)
    name = next(iter(opened.cameras))
    whole = type(opened).packet

    def packet(self, camera_id, position, stream):
        if (camera_id, position) == (name, 1):
            raise InputError("a frame is damaged", where="there")
        return whole(self, camera_id, position, stream)

    monkeypatch.setattr(type(opened), "packet", packet)
    assert run(["detect", str(recording), "--out", str(tmp_path / "k.jsonl"), "--json"]) == 7
    told = json.loads(capsys.readouterr().out)
    assert told["gaps"] == [{"camera_id": name, "frame": int(opened.indices(name)[1]), "what": "a frame is damaged"}]


def test_a_recording_without_colour_is_refused(recording, monkeypatch):
    opened = open_recording(recording)
    monkeypatch.setattr(type(opened), "has_stream", lambda self, name, stream: stream != "color")
    with pytest.raises(InputError, match="no colour"):
        people_in_pictures(opened, Middle())


def test_with_masks_pictures_are_looked_at_where_something_moves(recording, monkeypatch):
    opened = open_recording(recording)
    name = next(iter(opened.cameras))
    lens = opened.cameras[name].color
    deep = replace(opened.rig[name], depth=lens)
    depth_raw = np.full((lens.height_px, lens.width_px), 3000, np.uint16)
    depth_raw[10:30, 20:40] = 1500
    limits = np.full_like(depth_raw, 2000)
    mask = DynamicMask(limits, limits, np.zeros_like(limits), MaskConfig())
    asked = []

    class Asked(Middle):
        def estimate(self, pictures):
            asked.extend(pictures)
            return super().estimate(pictures)

    monkeypatch.setattr(
        type(opened), "depth_counts", lambda self, camera, position: depth_raw if position == 0 else None
    )
    people_in_pictures(opened, Asked(), rig=CameraRig({name: deep}), masks={name: mask})
    mine = [picture.regions for picture in asked if picture.camera_id == name]
    assert mine[1:] == [None] * (len(mine) - 1)  # where depth is absent he may be anywhere
    (region,) = mine[0]
    assert (region.left_px, region.top_px) <= (20, 10)
    assert (region.right_px, region.bottom_px) >= (40, 30)
    assert all(picture.regions is None for picture in asked if picture.camera_id != name)
