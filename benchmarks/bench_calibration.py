"""Calibration of a real four-camera ChArUco session, scored on instants that had no part in the fit.

    python benchmarks/bench_calibration.py FOLDER

FOLDER holds one video per camera, timestamps.csv, board.toml and the lenses in camera_array.toml. The rig is fitted to
the even instants and scored on every corner of the odd ones that two cameras or more saw; none is dropped. Scores:
frames taken as simultaneous by the rig that is made for that; with time offsets and the board's motion between the
shutters; and a fit to the odd instants themselves, which had to be predicted. Times are wall-clock seconds.
"""

from __future__ import annotations

import json
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ortwin.capture.calibration.board import read_board
from ortwin.capture.calibration.observations import BoardObservations
from ortwin.capture.calibration.report_data import plain_value
from ortwin.capture.calibration.rig_calibration import CalibrationConfig, calibrate_rig
from ortwin.capture.calibration.sources import read_observations
from ortwin.capture.camera import Intrinsics


def bench_calibration(folder: Path) -> dict[str, Any]:
    """The scores, the time offsets found, and the seconds that detection and calibration took."""
    began = time.perf_counter()
    observations = with_lenses(read_observations(folder, read_board(folder / "board.toml")), folder)
    detected = time.perf_counter()
    found = calibrate_rig(observations, CalibrationConfig(own_fit=True))
    report = found.report
    return {
        "observations": len(observations.camera), "instants": len(np.unique(observations.instant)),
        "seconds_detection": detected - began, "seconds_calibration": time.perf_counter() - detected,
        "timing": report.timing, "held_out": plain_value(report.held_out), "fit": plain_value(report.fit),
        "reprojection_rms_px": report.reprojection_rms_px,
        "time_offsets_ms": {name: [1e3 * value for value in pair] for name, pair in found.offsets_s.items()},
        "position_sigma_mm": {
            camera.camera_id: float(np.max(camera.position_sigma_mm)) for camera in report.cameras
        },
    }  # fmt: skip


def with_lenses(observations: BoardObservations, folder: Path) -> BoardObservations:
    """The observations with the lenses of camera_array.toml, where the folder has one."""
    path = folder / "camera_array.toml"
    if not path.exists():
        return observations
    lenses = dict(observations.lenses)
    for entry in tomllib.loads(path.read_text("utf-8"))["cameras"].values():
        matrix, (width_px, height_px) = entry["matrix"], entry["size"]
        lens = Intrinsics(
            matrix[0][0], matrix[1][1], matrix[0][2], matrix[1][2], width_px, height_px, "brown_conrady",
            np.array(entry["distortions"]),
        )  # fmt: skip
        for name in observations.camera_ids:
            if name in (str(entry["cam_id"]), f"cam_{entry['cam_id']}"):
                lenses[name] = lens
    return replace(observations, lenses=lenses)


if __name__ == "__main__":
    print(json.dumps(bench_calibration(Path(sys.argv[1])), indent=1))
