"""Clocks over time as boards tell them: a clock that runs slow, frames that never came."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from ortwin.capture.calibration.observations import NO_TIME, BoardObservations
from ortwin.capture.calibration.report_data import CameraReport
from ortwin.capture.calibration.rig_calibration import CalibrationConfig, calibrate_rig

CONFIG = CalibrationConfig(intrinsics="fixed", timing="estimated")
DRIFT_PPM = 2000.0


def reported(seen: BoardObservations, name: str) -> CameraReport:
    cameras = calibrate_rig(seen, CONFIG).report.cameras
    return next(camera for camera in cameras if camera.camera_id == name)


def slope_ppm(camera: CameraReport) -> float:
    assert camera.clock is not None
    story = camera.clock
    return 1e3 * float(np.polyfit(story.time_s, story.offset_ms, 1, w=1 / story.offset_sigma_ms)[0])


def test_a_clock_that_runs_slow_shows_as_a_slope(simulate_boards: Callable) -> None:
    seen = simulate_boards(1, num_instants=80, shape=(6, 5), noise_px=0.2, phase_s=0.016).observations
    column = len(seen.camera_ids) - 1
    times_ns = np.array(seen.times_ns)
    there = times_ns[:, column] != NO_TIME
    elapsed_ns = times_ns[there, column] - times_ns[there, column][0]
    times_ns[there, column] -= (elapsed_ns * (DRIFT_PPM * 1e-6)).astype(np.int64)
    name = seen.camera_ids[column]
    assert abs(slope_ppm(reported(seen, name))) < DRIFT_PPM / 10
    assert DRIFT_PPM / 5 < slope_ppm(reported(replace(seen, times_ns=times_ns), name)) < DRIFT_PPM


def test_missing_frames_are_listed_by_time(simulate_boards: Callable) -> None:
    seen = simulate_boards(4, num_instants=40).observations
    lost, column = np.array([7, 8, 21]), 1
    times_ns = np.array(seen.times_ns)
    times_ns[lost, column] = NO_TIME
    kept = ~(np.isin(seen.instant, lost) & (seen.camera == column))
    without = replace(
        seen, times_ns=times_ns, camera=seen.camera[kept], instant=seen.instant[kept], point=seen.point[kept],
        pixels_px=seen.pixels_px[kept],
    )  # fmt: skip
    clock = reported(without, seen.camera_ids[column]).clock
    assert clock is not None
    when_ns = np.where(seen.times_ns == NO_TIME, np.nan, seen.times_ns)[:, [0, 2, 3]]
    true_s = (np.nanmedian(when_ns[lost], axis=1) - seen.times_ns[seen.times_ns != NO_TIME].min()) * 1e-9
    assert min(np.abs(clock.missing_s - one).min() for one in true_s) < 0.02
    assert len(clock.frames_s) == (times_ns[:, column] != NO_TIME).sum()
