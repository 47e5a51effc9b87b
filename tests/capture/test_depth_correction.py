"""Laws of the correction of depth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.background import estimate_background
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.depth_correction import BEND_POWERS, DepthCorrection
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.rig_file import read_rig, rig_from_json, rig_to_json, write_rig
from ortwin.capture.storage import RecordingWriter, attach_rig, open_recording

LENS = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
BENT = DepthCorrection(0.004, 1.003, np.linspace(-0.003, 0.004, len(BEND_POWERS)))


def _depth(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.5, 6.0, (48, 64)).astype(np.float32)
    depth_m[rng.random((48, 64)) < 0.2] = 0.0
    return depth_m


def test_identity_changes_nothing() -> None:
    depth_m = _depth()
    assert DepthCorrection().is_identity
    assert DepthCorrection().apply(depth_m, LENS) is depth_m


def test_image_equals_the_formula() -> None:
    depth_m = _depth(1)
    image = BENT.apply(depth_m, LENS)
    x, y = np.moveaxis(LENS.rays().astype(np.float64)[..., :2], -1, 0)
    z = depth_m.astype(np.float64)
    bend = sum(c * x**i * y**j * z**k for c, (i, j, k) in zip(BENT.bend, BEND_POWERS, strict=True))
    expected = np.where(z > 0, BENT.bias_m + BENT.scale * z * (1 + bend), 0)
    assert np.allclose(image, expected, atol=1e-5)
    assert np.allclose(BENT.at(LENS.rays(), depth_m)[z > 0], expected[z > 0], atol=1e-5)
    assert np.array_equal(image == 0, depth_m == 0)


def test_raw_counts_are_rounded() -> None:
    raw = np.rint(_depth(2) * 1000).astype(np.uint16)
    counts = BENT.apply_raw(raw, 0.001, LENS)
    assert counts.dtype == np.uint16
    assert np.abs(counts * 0.001 - BENT.apply(raw * np.float32(0.001), LENS)).max() <= 0.00051


def test_rig_file_keeps_it(tmp_path) -> None:
    model = CameraModel("cam_1", LENS, LENS, SE3.identity(), depth_correction=BENT)
    rig = CameraRig({"cam_1": model.placed(SE3.identity())})
    assert rig["cam_1"].depth_correction is BENT
    write_rig(tmp_path / "rig.json", rig)
    read = read_rig(tmp_path / "rig.json")["cam_1"].depth_correction
    assert (read.bias_m, read.scale) == (BENT.bias_m, BENT.scale)
    assert np.array_equal(read.bend, BENT.bend)


def test_frames_are_corrected_unless_raw_is_asked_for(tmp_path) -> None:
    model = CameraModel("cam_1", LENS, LENS, SE3.identity())
    path = tmp_path / "a.recording"
    raw = np.full((48, 64), 2000, np.uint16)
    with RecordingWriter(path, [model], fps=30.0, source={}) as writer:
        writer.append("cam_1", 0, 0, None, raw, None)
    recording = open_recording(path)
    before = recording.frame("cam_1", 0).depth_m
    for scale in (1.01, 1.02):
        placed = CameraModel("cam_1", LENS, LENS, SE3.identity(), depth_correction=DepthCorrection(0.0, scale))
        attach_rig(path, CameraRig({"cam_1": placed.placed(SE3.identity())}))
        after = recording.frame("cam_1", 0).depth_m
        assert before is not None and after is not None
        assert np.allclose(after, scale * before, atol=1e-5)
        again = recording.frame("cam_1", 0, corrected=False).depth_m
        assert again is not None and np.array_equal(again, before)


@pytest.mark.parametrize(
    "value",
    [{"scale": 1000.0}, {"bias_m": float("nan")}, {"bend": [0.0] * 12}, {"bend": "x"}, [1], {"covariance": [1]}],
)
def test_impossible_corrections_name_the_camera(value) -> None:
    model = CameraModel("cam_7", LENS, LENS, SE3.identity()).placed(SE3.identity())
    rig = json.loads(json.dumps(rig_to_json(CameraRig({"cam_7": model}))))
    rig["cam_7"]["depth_correction"] = value
    with pytest.raises(InputError, match="cam_7"):
        rig_from_json(rig, None, "rig.json")


def test_another_grid_is_refused() -> None:
    with pytest.raises(InputError, match="10x10"):
        BENT.apply(np.ones((10, 10), np.float32), LENS)


def test_a_background_stands_where_the_corrected_depth_is(tmp_path) -> None:
    model = CameraModel("cam_1", LENS, LENS, SE3.identity())
    path = tmp_path / "a.recording"
    with RecordingWriter(path, [model], fps=30.0, source={}) as writer:
        for index in range(6):
            writer.append("cam_1", index, index * 33_000_000, None, np.full((48, 64), 2000, np.uint16), None)
    recording, bent = open_recording(path), replace(model, depth_correction=DepthCorrection(0.01, 1.02))
    assert np.allclose(estimate_background(recording, "cam_1").depth_m, 2.0, atol=0.001)
    assert np.allclose(estimate_background(recording, "cam_1", None, bent).depth_m, 2.05, atol=0.001)
