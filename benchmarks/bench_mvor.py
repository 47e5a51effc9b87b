"""How well `ortwin lift` does in a real operating room: MVOR (Srivastav et al. 2018), detectors' keypoints in.

    ORTWIN_TEST_DATA=... python benchmarks/bench_mvor.py [--detector rtpose]

Two scores, both without any training on 3D truth.

given: one person per instant, his views already known. Joints relative to the middle of the shoulders; the error is
the mean over shoulders, elbows, wrists (each the mean of left and right) and the middle of the hips, then over
instants, by the number of cameras that saw him. A joint that is not returned counts as lying at the middle of the
shoulders. Beside it the answers of a published learned method (MV3DReg) and of plain weighted triangulation.

full: whole frames, absolute places. People and claims of an instant are paired one to one so that the sum of median
joint errors is least (Hungarian); a pair counts below 0.5 m. Recall over all true people, claims per true person, and
the share of true shoulders, elbows, wrists and hips within 10 and 20 cm, those of people who were not found too.

Seconds are CPU time of one thread, reading and writing apart.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ortwin.capture.camera import CameraRig
from ortwin.capture.rig_file import read_rig
from ortwin.reconstruction.detections import Sighting
from ortwin.reconstruction.keypoint_io import read_keypoints
from ortwin.reconstruction.lift import LiftConfig, lift
from ortwin.reconstruction.matching import MatchConfig, group
from ortwin.reconstruction.pose_fit import FitConfig, View, view_of
from scipy.optimize import linear_sum_assignment

UPPER = slice(5, 13)
TRUE_ORDER = (2, 3, 6, 7, 8, 9, 4, 5)  # shoulders, elbows, wrists, hips of MVOR's head, neck, shoulders, hips, ...
GATE_M = 0.5
People = list[list[np.ndarray]]


def main() -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="rtpose", choices=("rtpose", "openpose"))
    options = parser.parse_args()
    folder = Path(os.environ["ORTWIN_TEST_DATA"]) / "mvor_days12"
    print(json.dumps({"given": given(folder), options.detector: full(folder, options.detector)}, indent=1))


def given(folder: Path) -> dict[str, Any]:
    """The scores of lift/given, centimetres."""
    sightings, rig = _input(folder / "lift" / "given")
    rows = [json.loads(line) for line in (folder / "lift" / "given" / "truth.jsonl").read_text().splitlines()]
    true_m = {row["instant"]: _joints(row["truth_m"]) for row in rows}
    views = {row["instant"]: row["views"] for row in rows}
    published = {row["instant"]: _joints(row["published_m"]) for row in rows if row["published_m"] is not None}
    people, ms = _timed(lambda: _lifted(sightings, rig), len(sightings))
    ours = {s.instant: found[0] for s, found in zip(sightings, people, strict=True) if found}
    plain = {s.instant: _triangulated(list(_views(s, rig))) for s in sightings}
    answers = {"ortwin": ours, "published": published, "triangulation": plain}
    return {
        "ms_per_instant": ms,
        **{name: {n: _relative_cm(answer, true_m, views, n) for n in (3, 2, 1)} for name, answer in answers.items()},
    }


def full(folder: Path, detector: str) -> dict[str, Any]:
    """The scores of whole frames."""
    sightings, rig = _input(folder / "lift" / detector)
    true_m = _true_people(folder, len(sightings))
    people, ms = _timed(lambda: _lifted(sightings, rig), len(sightings))
    plain = []
    for sighting in sightings:
        views = list(_views(sighting, rig))
        groups = group(views, MatchConfig())
        plain.append([_triangulated([views[k] for k in found]) for found, _ in groups if len(found) > 1])
    return {"ms_per_instant": ms, "ortwin": _paired(people, true_m), "triangulation": _paired(plain, true_m)}


def _input(folder: Path) -> tuple[tuple[Sighting, ...], CameraRig]:
    rig = read_rig(folder / "rig.json")
    return read_keypoints(folder / "keypoints.jsonl", rig).sightings, rig


def _lifted(sightings: Sequence[Sighting], rig: CameraRig) -> People:
    return [[person.joints_m for person in found.people] for found in lift(sightings, rig, LiftConfig())]


def _timed(work: Callable[[], People], count: int) -> tuple[People, float]:
    work()  # compiled loops are loaded once
    begin = time.process_time()
    result = work()
    return result, round(1000 * (time.process_time() - begin) / count, 2)


def _views(sighting: Sighting, rig: CameraRig) -> list[View]:
    return [view_of(rig[name], one, FitConfig()) for name, found in sighting.cameras.items() for one in found]


def _triangulated(views: Sequence[View]) -> np.ndarray:
    """(17, 3) joints by linear triangulation weighted by score; NaN where fewer than two cameras saw one."""
    joints_m = np.full((17, 3), np.nan)
    for joint in range(17):
        rows = []
        for view in (view for view in views if view.seen[joint]):
            for axis in range(2):
                row = np.append(view.rotation[axis], view.translation_m[axis])
                row = row - view.uv[joint, axis] * np.append(view.rotation[2], view.translation_m[2])
                rows.append(view.score[joint] * row)
        if len(rows) >= 4:
            point = np.linalg.svd(np.array(rows))[2][-1]
            joints_m[joint] = point[:3] / point[3]
    return joints_m


def _relative_cm(
    answers: dict[int, np.ndarray], true_m: dict[int, np.ndarray], views: dict[int, int], count: int
) -> dict[str, float]:
    errors = []
    for instant, truth in true_m.items():
        if views[instant] != count:
            continue
        answer = answers.get(instant, np.full((17, 3), np.nan))
        relative = answer - answer[5:7].mean(axis=0)
        off = np.where(np.isfinite(relative), relative, 0.0) - truth
        apart = np.linalg.norm(off, axis=1)
        hips = np.linalg.norm(off[11:13].mean(axis=0))
        errors.append([apart[5:7].mean(), apart[7:9].mean(), apart[9:11].mean(), hips])
    shoulder, elbow, wrist, hip = (100 * np.nanmean(np.array(errors), axis=0)).tolist()
    parts = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hip": hip}
    return {"mean": round(float(np.mean(list(parts.values()))), 2), **{k: round(v, 2) for k, v in parts.items()}}


def _true_people(folder: Path, count: int) -> People:
    value = json.loads((folder / "camma_mvor_2018_days12.json").read_text())
    room_from_first = np.array(value["cameras_info"]["camParams"]["firstCamToRoomRef"]).reshape(4, 4)
    first = read_rig(folder / "lift" / "rtpose" / "rig.json")["cam_1"].world_from_camera
    assert np.allclose(room_from_first[:3, :3], first.rotation)
    place = {entry["id"]: k for k, entry in enumerate(value["multiview_images"])}
    people: People = [[] for _ in range(count)]
    for row in value["annotations3D"]:
        joints_m = np.array(row["keypoints3D"]).reshape(-1, 4)[list(TRUE_ORDER), :3] / 1000
        people[place[row["image_ids"]]].append(first.apply(joints_m))
    return people


def _paired(people: People, true_m: People) -> dict[str, float]:
    num_true, num_claims = sum(map(len, true_m)), sum(map(len, people))
    apart = []
    for claims, truths in zip(people, true_m, strict=True):
        if not claims or not truths:
            continue
        off = np.linalg.norm(np.array(truths)[:, None] - np.array(claims)[None, :, UPPER], axis=-1)
        off = np.where(np.isfinite(off), off, np.inf)
        middle = np.minimum(np.median(off, axis=-1), 1e3)
        apart += [off[i, j] for i, j in zip(*linear_sum_assignment(middle), strict=True) if middle[i, j] < GATE_M]
    found = np.array(apart)
    return {
        "recall": round(len(found) / num_true, 3), "claims_per_person": round(num_claims / num_true, 3),
        "within_10_cm": round(float((found < 0.1).sum()) / (8 * num_true), 3),
        "within_20_cm": round(float((found < 0.2).sum()) / (8 * num_true), 3),
        "median_cm": round(100 * float(np.median(np.median(found, axis=1))), 1),
    }  # fmt: skip


def _joints(rows: list[list[float] | None]) -> np.ndarray:
    return np.array([[np.nan] * 3 if row is None else row for row in rows], dtype=np.float64)


if __name__ == "__main__":
    main()
