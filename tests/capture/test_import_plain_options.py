"""The plain importer asked for a part, for a rule, or for the cost alone."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from ortwin.capture.errors import InputError, ResourceError
from ortwin.capture.import_options import DepthPolicy, ImportOptions, TimeSpan
from ortwin.capture.import_plain import import_plain
from ortwin.capture.storage import open_recording

LENS = {"fx_px": 60.0, "fy_px": 60.0, "cx_px": 31.5, "cy_px": 23.5, "width_px": 64, "height_px": 48}


def make_folder(root, unit_m: float = 0.001):
    for name in ("cam_1", "cam_2"):
        (root / name / "depth").mkdir(parents=True)
        (root / name / "color").mkdir()
        for index in range(10):
            raw = np.random.default_rng(index).integers(1000, 3000, (48, 64)).astype(np.uint16)
            cv2.imwrite(root / name / "depth" / f"{index:06d}.png", raw)
            cv2.imwrite(root / name / "color" / f"{index:06d}.jpg", np.full((48, 64, 3), 80, np.uint8))
    cameras = {name: {"color": LENS, "depth": LENS} for name in ("cam_1", "cam_2")}
    (root / "calibration.json").write_text(json.dumps({"depth_unit_m": unit_m, "cameras": cameras}))
    return root


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "plain")


def test_a_span_is_half_open_and_keeps_frame_numbers(folder, tmp_path):
    options = ImportOptions(TimeSpan.parse("0.4", "1.2"))
    import_plain(folder, tmp_path / "a.recording", fps=5, options=options)
    opened = open_recording(tmp_path / "a.recording")
    assert opened.indices("cam_1").tolist() == opened.indices("cam_2").tolist() == [2, 3, 4, 5]
    assert opened.source["span_ns"] == {"from": 400_000_000, "to": 1_200_000_000, "absolute": False}


def test_a_span_without_frames_is_said_with_how_long_the_folder_is(folder, tmp_path):
    with pytest.raises(InputError, match="no frame lies between") as error:
        import_plain(folder, tmp_path / "a.recording", fps=5, options=ImportOptions(TimeSpan.parse("2", "3")))
    assert "1.800 s" in error.value.why


def test_depth_can_be_cut_to_a_range_or_left_out(folder, tmp_path):
    options = ImportOptions(depth=DepthPolicy.parse("1.5:2"))
    import_plain(folder, tmp_path / "a.recording", fps=5, options=options)
    told = cv2.imread(folder / "cam_1" / "depth" / "000004.png", cv2.IMREAD_UNCHANGED)
    kept = open_recording(tmp_path / "a.recording").depth_raw("cam_1", 4)
    assert told is not None
    assert np.array_equal(kept, np.where((told >= 1500) & (told <= 2000), told, 0))
    import_plain(folder, tmp_path / "b.recording", fps=5, options=ImportOptions(depth=DepthPolicy.parse("none")))
    bare = open_recording(tmp_path / "b.recording")
    assert not bare.has_stream("cam_1", "depth")
    assert bare.has_stream("cam_1", "color")


def test_a_try_writes_nothing_and_its_disk_is_about_right(folder, tmp_path):
    tried = import_plain(folder, tmp_path / "a.recording", fps=5, options=ImportOptions(dry_run=True))
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
    assert tried.estimate is not None
    assert tried.num_frames == tried.estimate.num_frames == 20
    import_plain(folder, tmp_path / "a.recording", fps=5)
    segments = (tmp_path / "a.recording" / "segments").rglob("cam_*")
    taken = sum(path.stat().st_size for path in segments)
    assert taken <= tried.estimate.disk_bytes <= 1.5 * taken


def test_a_full_disk_is_found_before_the_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("ortwin.capture.import_report.free_bytes", lambda out: 1000)
    with pytest.raises(ResourceError, match="would not suffice"):
        import_plain(folder, tmp_path / "a.recording", fps=5)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
    import_plain(folder, tmp_path / "a.recording", fps=5, options=ImportOptions(check_disk=False))


@pytest.mark.parametrize(("unit_m", "suspect"), [(0.001, False), (0.0001, True), (0.01, True)])
def test_a_unit_is_never_guessed_but_an_odd_one_is_said(tmp_path, unit_m, suspect):
    report = import_plain(make_folder(tmp_path / "plain", unit_m), tmp_path / "a.recording", fps=5)
    assert bool(report.assumptions) is suspect
    assert open_recording(tmp_path / "a.recording").cameras["cam_1"].depth_unit_m == unit_m
    if suspect:
        assert any("0.001" in sentence for sentence in report.assumptions)
