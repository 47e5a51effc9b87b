"""How right `ortwin lift` is on simulated operations, whose joints are known: noisy true keypoints in, people out.

    python benchmarks/bench_lift.py [--play busy] [--seed 22] [--seconds 20] [--people 5]

--people takes only the first so many, as if nobody else were there; so the cost of five people is measured.

Four cameras of 1280x720 hang 2.5 m high around the operating table and see every joint within their pictures, through
people and furniture. Keypoints have 6 px noise; 5 % of the joints are missing, 2 % of the people have left and right
exchanged, and per person and picture there is a ghost in 2 % of the cases.

ms_per_instant      CPU time of matching, fitting, following, smoothing and holding the bones, keypoints to people, the
                    least of three runs
mpjpe_mm, recall    people and claims are paired by least mean joint error, below 0.5 m
claims              per true person
idf1                share of the pairs under one number per person, twice, over people and claims together
nees                squared error over its claimed variance, per axis: mean and median (1 and 0.79 where calibrated)
limbs_worst         standard deviation of a limb bone's length over its mean, the worst of all people
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.datasets.simulated_or.cameras import table_center_m
from ortwin.datasets.simulated_or.moments import is_person
from ortwin.datasets.simulated_or.scenarios import ScenarioConfig, play
from ortwin.reconstruction.detections import Detection, LiftedInstant, Sighting
from ortwin.reconstruction.lift import lift
from ortwin.reconstruction.skeleton import BONES, OTHER_SIDE
from scipy.optimize import linear_sum_assignment

STEP_S = 0.1
NOISE_PX, MISSING, SWAPPED, GHOSTS = 6.0, 0.05, 0.02, 0.02
GATE_M = 0.5
RUNS = 3
AROUND_M = ((-2.6, -2.4), (2.7, -2.3), (2.5, 2.6), (-2.6, 2.4))
TRUNK = {5, 6, 11, 12}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--play", default="busy")
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--people", type=int, default=None, help="take only the first so many")
    options = parser.parse_args()
    performance = play(options.play, ScenarioConfig(seconds=options.seconds, seed=options.seed))
    people = [actor for actor in performance.actors.values() if is_person(actor)][: options.people]
    times_s = np.arange(0, options.seconds, STEP_S)
    true_m = np.array([[person.joints_m(float(time_s)) for person in people] for time_s in times_s])
    rig = ring(table_center_m(performance.room))
    sightings = watch(rig, true_m, times_s, np.random.default_rng(options.seed))
    instants = lift(sightings, rig)  # compiled loops are loaded once
    taken_s = []
    for _ in range(RUNS):
        begin_s = time.process_time()
        lift(sightings, rig)
        taken_s.append(time.process_time() - begin_s)
    ms = 1000 * min(taken_s) / len(sightings)
    figures = {"play": options.play, "seed": options.seed, "people": len(people), "ms_per_instant": round(ms, 2)}
    print(json.dumps({**figures, **scores(instants, true_m)}))


def ring(middle_m: np.ndarray) -> CameraRig:
    """Four cameras around a place."""
    lens = Intrinsics(600.0, 600.0, 640.0, 360.0, 1280, 720)
    cameras = {}
    for number, (x_m, y_m) in enumerate(AROUND_M, 1):
        eye_m = (middle_m[0] + x_m, middle_m[1] + y_m, 2.5)
        pose = look_at(eye_m, (middle_m[0], middle_m[1], 1.0))
        cameras[f"cam_{number}"] = Camera(f"cam_{number}", lens, None, SE3.identity(), 0.001, pose)
    return CameraRig(cameras)


def watch(rig: CameraRig, true_m: np.ndarray, times_s: np.ndarray, rng: np.random.Generator) -> list[Sighting]:
    """What a detector with known faults sees of (t, p, 17, 3) joints."""
    sightings = []
    for number, (time_s, people_m) in enumerate(zip(times_s, true_m, strict=True)):
        cameras = {}
        for name, camera in rig.cameras.items():
            found = [one for joints_m in people_m if (one := detection(camera, joints_m, rng)) is not None]
            for joints_m in people_m[rng.random(len(people_m)) < GHOSTS]:
                ghost = detection(camera, joints_m + np.array([*rng.uniform(-1, 1, 2), 0.0]), rng)
                found += [] if ghost is None else [ghost]
            cameras[name] = tuple(found)
        sightings.append(Sighting(number, round(float(time_s) * 1e9), cameras))
    return sightings


def detection(camera: Camera, joints_m: np.ndarray, rng: np.random.Generator) -> Detection | None:
    """One person as a detector with known faults sees him."""
    local_m = camera.camera_from_world.apply(joints_m)
    uv_px = camera.color.project(local_m) + rng.normal(0, NOISE_PX, (17, 2))
    seen = camera.color.contains(uv_px) & (local_m[:, 2] > 0.3) & (rng.random(17) > MISSING)
    if rng.random() < SWAPPED:
        uv_px, seen = uv_px[list(OTHER_SIDE)], seen[list(OTHER_SIDE)]
    return Detection(np.where(seen[:, None], uv_px, np.nan), 0.8 * seen) if seen.sum() > 3 else None


def scores(instants: Sequence[LiftedInstant], true_m: np.ndarray) -> dict[str, Any]:
    """The figures."""
    off_m, squared, claims, pairs = [], [], 0, np.zeros((true_m.shape[1], 1000), dtype=np.int64)
    tracks: dict[int, list[np.ndarray]] = {}
    for instant, people_m in zip(instants, true_m, strict=True):
        claims += len(instant.people)
        for person in instant.people:
            tracks.setdefault(person.track_id, []).append(person.joints_m)
        if not instant.people:
            continue
        claimed_m = np.stack([person.joints_m for person in instant.people])
        apart_m = np.nanmean(np.linalg.norm(claimed_m[:, None] - people_m[None], axis=-1), axis=-1)
        for row, column in zip(*linear_sum_assignment(apart_m), strict=True):
            if apart_m[row, column] >= GATE_M:
                continue
            person = instant.people[row]
            off = person.joints_m - people_m[column]
            known = np.isfinite(off).all(axis=1)
            off_m += np.linalg.norm(off[known], axis=1).tolist()
            squared += [
                one @ np.linalg.solve(spread, one) / 3
                for one, spread in zip(off[known], person.covariance_m2[known], strict=True)
            ]
            pairs[column, person.track_id] += 1
    count = true_m.shape[0] * true_m.shape[1]
    rows, columns = linear_sum_assignment(-pairs)
    limbs = [bone for bone in BONES if not set(bone) <= TRUNK]
    vary = [
        np.nanstd(length_m) / np.nanmean(length_m)
        for joints_m in map(np.stack, (path for path in tracks.values() if len(path) >= 20))
        for begin, end in limbs
        for length_m in [np.linalg.norm(joints_m[:, begin] - joints_m[:, end], axis=1)]
    ]
    return {
        "mpjpe_mm": round(1000 * float(np.mean(off_m)), 1), "recall": round(int(pairs.sum()) / count, 3),
        "claims": round(claims / count, 3), "idf1": round(2 * int(pairs[rows, columns].sum()) / (count + claims), 3),
        "nees": [round(float(np.mean(squared)), 2), round(float(np.median(squared)), 2)],
        "limbs_worst": round(float(np.max(vary)), 4),
    }  # fmt: skip


if __name__ == "__main__":
    main()
