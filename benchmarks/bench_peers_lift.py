"""`ortwin lift` beside Pose2Sim's association and triangulation, on the same keypoints of a simulated operation.

    make bench-peers

Pose2Sim lives in an environment of its own, build/peers; the two sides exchange JSON files and share no code. Keypoints
are those of bench_lift.py (busy, five people, four cameras). Seconds are CPU time of one thread, the least of three
runs on both sides, compiled loops loaded. Pose2Sim's two steps read and write a file per camera and instant, and what
that takes cannot be told apart. Its triangulation fills gaps; it follows people but smooths nothing. So three ratios:

times_faster                  `lift` whole, files read and written, against both steps: file to file
times_faster_in_memory        `lift` whole, matching, fitting, following, smoothing and bones, from keypoints in memory
times_faster_like_with_like   matching and fitting of `lift` alone, in memory

Errors are over the joints that both give, people and claims paired per instant by least mean error, below 0.5 m.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from bench_lift import GATE_M, STEP_S, ring, watch
from ortwin.capture.camera import CameraRig
from ortwin.datasets.simulated_or.cameras import table_center_m
from ortwin.datasets.simulated_or.moments import is_person
from ortwin.datasets.simulated_or.scenarios import ScenarioConfig, play
from ortwin.reconstruction import lift as lift_module
from ortwin.reconstruction.detections import Sighting
from ortwin.reconstruction.keypoint_io import read_keypoints, write_keypoints, write_people
from ortwin.reconstruction.lift import lift
from scipy.optimize import linear_sum_assignment

SEED, SECONDS, PEOPLE, RUNS = 8203, 10.0, 5, 3
ASKED = Path(__file__).with_name("peers_lift.py")
RESULT = Path(__file__).with_name("peers_lift.json")


def main() -> None:
    python = Path(sys.argv[1])
    performance = play("busy", ScenarioConfig(seconds=20.0, seed=SEED))
    people = [actor for actor in performance.actors.values() if is_person(actor)][:PEOPLE]
    times_s = np.arange(0, SECONDS, STEP_S)
    true_m = np.array([[person.joints_m(float(time_s)) for person in people] for time_s in times_s])
    rig = ring(table_center_m(performance.room))
    sightings = watch(rig, true_m, times_s, np.random.default_rng(SEED))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, theirs = ortwin_lift(sightings, rig, folder), pose2sim(python, sightings, rig, folder)
    joints = theirs.pop("joints")
    found = {"ortwin": ours, "pose2sim": theirs}
    for side in found.values():
        side |= errors(side.pop("people"), true_m, joints)
    ratio = theirs["ms_per_instant"] / ours["ms_per_instant_with_files"]
    ratios = {
        "times_faster": round(ratio, 1),
        "times_faster_in_memory": round(theirs["ms_per_instant"] / ours["ms_per_instant"], 1),
        "times_faster_like_with_like": round(theirs["ms_per_instant"] / ours["matching_and_fitting_ms_per_instant"], 1),
    }
    document = {"seed": SEED, "instants": len(times_s), "people": PEOPLE, **ratios, **found}
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document))
    if ratio < 1 or ours["mean_mm"] > theirs["mean_mm"]:
        sys.exit("slower or worse than the reference")


def ortwin_lift(sightings: list[Sighting], rig: CameraRig, folder: Path) -> dict[str, Any]:
    """Our side."""
    write_keypoints(folder / "keypoints.jsonl", sightings)
    instants = lift(sightings, rig)  # compiled loops are loaded once

    def whole() -> None:
        write_people(folder / "people.jsonl", lift(read_keypoints(folder / "keypoints.jsonl", rig).sightings, rig))

    lifted_s = least_s(lambda: lift(sightings, rig))
    whole_s = least_s(whole)
    spent_s: list[float] = []
    with timed(lift_module, ("glances_of", "claims_of"), spent_s):
        parts_s = least_s(lambda: lift(sightings, rig), lambda: sum(spent_s))
    return {
        "matching_and_fitting_ms_per_instant": round(1000 * parts_s / len(sightings), 2),
        "ms_per_instant": round(1000 * lifted_s / len(sightings), 2),
        "ms_per_instant_with_files": round(1000 * whole_s / len(sightings), 2),
        "people": [[person.joints_m for person in instant.people] for instant in instants],
    }


def least_s(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """The least that a few runs took by a clock."""
    taken_s = []
    for _ in range(RUNS):
        begin_s = clock()
        work()
        taken_s.append(clock() - begin_s)
    return min(taken_s)


@contextmanager
def timed(module: ModuleType, names: Sequence[str], spent_s: list[float]) -> Iterator[None]:
    """Let functions of a module add the CPU seconds of each call to a list."""
    kept = {name: getattr(module, name) for name in names}

    def wrapped(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*values: Any) -> Any:
            begin_s = time.process_time()
            result = work(*values)
            spent_s.append(time.process_time() - begin_s)
            return result

        return run

    try:
        for name, work in kept.items():
            setattr(module, name, wrapped(work))
        yield
    finally:
        for name, work in kept.items():
            setattr(module, name, work)


def pose2sim(python: Path, sightings: list[Sighting], rig: CameraRig, folder: Path) -> dict[str, Any]:
    """Their side."""
    cameras, keypoints = {}, {}
    for name, camera in rig.cameras.items():
        pose, lens = camera.camera_from_world, camera.color
        cameras[name] = {
            "size": [float(lens.width_px), float(lens.height_px)],
            "matrix": [[lens.fx_px, 0.0, lens.cx_px], [0.0, lens.fy_px, lens.cy_px], [0.0, 0.0, 1.0]],
            "rotation_vector": cv2.Rodrigues(pose.rotation)[0].ravel().tolist(),
            "translation_m": pose.translation_m.tolist(),
        }
        keypoints[name] = [
            [np.nan_to_num(np.column_stack([one.keypoints_px, one.scores])).ravel().tolist() for one in seen]
            for seen in (sighting.cameras[name] for sighting in sightings)
        ]
    asked, answered = folder / "asked.json", folder / "answered.json"
    asked.write_text(
        json.dumps({"cameras": cameras, "keypoints": keypoints, "fps": round(1 / STEP_S), "instants": len(sightings)})
    )
    done = subprocess.run([python, ASKED, asked, answered], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Pose2Sim gave up:\n{done.stderr[-2000:]}")
    answer = json.loads(answered.read_text())
    people_m = np.array(answer["people"])
    return {
        "version": answer["version"], "joints": answer["joints"],
        **{
            f"{step}_ms_per_instant": round(1000 * answer[f"{step}_s"] / len(sightings), 1)
            for step in ("association", "triangulation")
        },
        "ms_per_instant": round(1000 * (answer["association_s"] + answer["triangulation_s"]) / len(sightings), 1),
        "people": [
            [joints_m for joints_m in people_m[:, k] if np.isfinite(joints_m).any()] for k in range(len(sightings))
        ],
    }  # fmt: skip


def errors(claims: list[list[np.ndarray]], true_m: np.ndarray, joints: list[int]) -> dict[str, float]:
    """Mean and median joint error of those who are found, their share, and the share of joints that are given."""
    off_m, found, given = [], 0, 0
    for people, truth in zip(claims, true_m[:, :, joints], strict=True):
        if not people:
            continue
        apart = np.linalg.norm(np.array(people)[:, None, joints] - truth[None], axis=-1)
        middle = np.where(np.isfinite(apart).any(-1), np.nanmean(apart, axis=-1), 1e3)
        for row, column in zip(*linear_sum_assignment(middle), strict=True):
            if middle[row, column] < GATE_M:
                known = apart[row, column][np.isfinite(apart[row, column])]
                off_m += known.tolist()
                found, given = found + 1, given + len(known)
    return {
        "mean_mm": round(1000 * float(np.mean(off_m)), 1), "median_mm": round(1000 * float(np.median(off_m)), 1),
        "recall": round(found / true_m[:, :, 0, 0].size, 3),
        "joints_given": round(given / max(found, 1) / len(joints), 3),
    }  # fmt: skip


if __name__ == "__main__":
    main()
