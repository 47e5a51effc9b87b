"""How right moved cameras are found and put in their new place, on simulated operations in which cameras are bumped.

    python benchmarks/bench_watch.py FOLDER [--presets realsense_d455,azure_kinect_nfov]
    python benchmarks/bench_watch.py FOLDER --register

Simulates into FOLDER what is not there yet. The first form bumps each of four cameras by one degree, six plays a
sensor, and compares each move with the true one. The second bumps one camera of four, with colour, three plays a
sensor, lets `ortwin register --watch` place the rig without a board, and compares all poses after the bump
with the true ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ortwin.capture.geometry import SE3
from ortwin.capture.rig_file import read_rig
from ortwin.capture.rig_watch import watch_rig
from ortwin.capture.storage import StoredRecording, open_recording
from ortwin.evaluation.calibration import score_calibration
from ortwin.evaluation.truth import read_truth

WATCHED = (
    ("knee_replacement", 411), ("busy", 412), ("turnover", 413), ("pedicle_screw", 421), ("busy", 422),
    ("knee_replacement", 423),
)  # fmt: skip
REGISTERED = {
    "azure_kinect_nfov": (("knee_replacement", 431), ("busy", 434), ("pedicle_screw", 435)),
    "realsense_d455": (("busy", 432), ("knee_replacement", 433), ("turnover", 436)),
}
WATCH_OPTIONS = "--seconds 14 --fps 4 --scale 0.3 --depth-only --faults num_bumps=4,bump_deg=1,bump_m=0"
REGISTER_OPTIONS = "--seconds 14 --fps 3 --scale 0.5 --faults num_bumps=1,bump_deg=1,bump_m=0"


def simulated(folder: Path, preset: str, scenario: str, seed: int, options: str) -> Path:
    """The recording of a play, simulated where it is not there yet."""
    path = folder / f"{preset}_{seed}.recording"
    if not path.exists():
        told = f"-m ortwin simulate {path} --scenario {scenario} --seed {seed} --preset {preset} {options} -j 1 -q"
        subprocess.run([sys.executable, *told.split()], check=True)
    return path


def bumps(path: Path) -> dict[str, tuple[int, SE3]]:
    """By camera the true time of its bump, ns, and its pose before and after: after in the frame of before."""
    before, faults = (json.loads((path / "truth" / name).read_bytes()) for name in ("rig.json", "faults.json"))
    return {
        bump["camera_id"]: (bump["rig_ns"], pose(before[bump["camera_id"]]).inverse() @ pose(bump))
        for bump in ({**entry, **entry["world_from_camera"]} for entry in faults["bumps"])
    }


def pose(entry: dict[str, Any]) -> SE3:
    """world_from_camera of an entry of truth/rig.json."""
    return SE3(np.array(entry["rotation"]), np.array(entry["translation_m"]))


def true_ns(recording: StoredRecording, name: str, time_ns: int) -> int:
    """The true time of the frame that the recording's clocks have at a time."""
    truth = read_truth(recording.path)
    assert truth is not None and truth.clocks is not None
    position = int(np.argmin(np.abs(recording.timestamps_ns(name) - time_ns)))
    return truth.clocks[name].rig_ns_of(int(recording.device_ns(name)[position]))


def watched(path: Path) -> list[dict[str, float]]:
    """A row for each bump; `found` counts the moves of its camera, of which one is right."""
    recording, rows = open_recording(path), []
    moves = watch_rig(recording)
    for name, (bump_ns, true) in bumps(path).items():
        mine = [move for move in moves if move.camera_id == name]
        row = {"found": len(mine), "late_s": np.nan, "deg": np.nan, "mm": np.nan, "square": np.nan}
        for move in mine[:1]:
            assert move.before_from_after is not None
            error = (move.before_from_after @ true.inverse()).log()
            row |= {
                "late_s": 1e-9 * (true_ns(recording, name, move.time_ns) - bump_ns),
                "deg": float(np.degrees(np.linalg.norm(error[:3]))),
                "mm": float(1e3 * np.linalg.norm(error[3:])),
                "square": float(error @ np.linalg.solve(move.covariance, error)) / 6,
            }
        rows.append(row)
        print(path.name, name, json.dumps({key: round(value, 3) for key, value in row.items()}), flush=True)
    return rows


def registered(path: Path) -> dict[str, float]:
    """The errors of the bumped camera and of the worst one, after the bump, when nobody knew where any stood."""
    out = path.with_suffix(".rig.json")
    told = f"-m ortwin register {path} --watch --dry-run --out {out} -q"
    subprocess.run([sys.executable, *told.split()], check=True)
    recording = open_recording(path)
    name, (_, true) = next(iter(bumps(path).items()))
    after_ns = recording.span_ns[1]
    found = {n: c.world_from_camera for n, c in read_rig(out, recording.cameras).at(after_ns).cameras.items()}
    truth = {n: pose(entry) for n, entry in json.loads((path / "truth" / "rig.json").read_bytes()).items()}
    truth[name] = truth[name] @ true
    scores = score_calibration(found, truth)
    assert scores is not None
    row = {
        "bumped_mm": scores.cameras[name].position_mm, "bumped_deg": scores.cameras[name].rotation_deg,
        "worst_mm": scores.worst_position_mm, "worst_deg": scores.worst_rotation_deg,
    }  # fmt: skip
    print(path.name, name, json.dumps({key: round(value, 3) for key, value in row.items()}), flush=True)
    return row


def main() -> None:
    """Print a row a bump, and the summary of each sensor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--presets", default="realsense_d455,azure_kinect_nfov")
    parser.add_argument("--register", action="store_true")
    options = parser.parse_args()
    for preset in options.presets.split(","):
        if options.register:
            rows = [
                registered(simulated(options.folder, preset, *play, REGISTER_OPTIONS)) for play in REGISTERED[preset]
            ]
            print(preset, {key: [round(row[key], 3) for row in rows] for key in rows[0]})
            continue
        rows = [row for play in WATCHED for row in watched(simulated(options.folder, preset, *play, WATCH_OPTIONS))]
        told = {
            key: (float(np.nanmedian([row[key] for row in rows])), float(np.nanmax([row[key] for row in rows])))
            for key in ("late_s", "deg", "mm")
        }
        once = sum(row["found"] == 1 for row in rows)
        anees = float(np.nanmean([row["square"] for row in rows]))
        print(preset, f"{once} of {len(rows)} found once; median and worst {told}; ANEES {anees:.2f}")


if __name__ == "__main__":
    main()
