"""What keypoints of the ONNX estimator become in space: two real sessions of Pose2Sim, four colour cameras at 60 Hz.

    ORTWIN_TEST_DATA=... python benchmarks/bench_pose2sim.py [--every 2] [--keep DIR] [--pictures DIR]

Twice: with the calibration of Qualisys as it is, and with its cameras turned as the people whom they see say
(`ortwin lift --turn-cameras`). There is no truth in space; what is printed, by person:

instants            at how many of the instants he was there, and by how many cameras he was seen on the average
returned            share of the 17 joints that were returned
rms_px, median_px   distance of every joint, projected back, from the keypoint of each camera that saw him
rms_near_px, near   the same of those nearer than 36 px, and their share: the rest is what the detector got wrong, such
                    as arms that it guessed (the fit takes 9 px and 2 to 6 cm on the body for its noise)
limbs_worst         standard deviation of the length of arms' and legs' bones through time over their mean, the worst
rms_rig_px          rms_near_px of plain triangulation, joint by joint: no rig says better where rays meet

Pictures show real people: keep them to yourself.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from ortwin.capture.calibration.camera_files import read_rig_of
from ortwin.capture.camera import CameraRig
from ortwin.capture.files import hash_bytes
from ortwin.reconstruction.detections import LiftedInstant, LiftedPerson, Sighting
from ortwin.reconstruction.estimators import EstimatorRequest, Picture, PoseEstimator, open_estimator
from ortwin.reconstruction.keypoint_cache import KeptAnswers
from ortwin.reconstruction.lift import lift
from ortwin.reconstruction.skeleton import BONES
from ortwin.reconstruction.turned_cameras import turn_cameras

FPS = 60
NEAR_PX = 36.0
MIN_SCORE = 0.15
TRUNK = {5, 6, 11, 12}
LIMBS = [bone for bone in BONES if not set(bone) <= TRUNK]


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=2, help="take every so-manieth frame")
    parser.add_argument("--keep", type=Path, help="keep what was seen in this folder")
    parser.add_argument("--pictures", type=Path, help="draw some instants into this folder")
    options = parser.parse_args()
    data = Path(os.environ["ORTWIN_TEST_DATA"])
    estimator: PoseEstimator = open_estimator(
        "onnx", EstimatorRequest(str(data / "models" / "movenet_multipose.onnx"))
    )  # fmt: skip
    if options.keep is not None:
        estimator = KeptAnswers(estimator, options.keep)
    print(
        json.dumps(
            {name: session(data / "pose2sim" / name, estimator, options) for name in ("SinglePerson", "MultiPerson")},
            indent=1,
        )
    )


def session(folder: Path, estimator: PoseEstimator, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one session."""
    rig = read_rig_of(folder / "Calib.qca.txt")
    begin = time.process_time()
    sightings = tuple(seen(folder, rig, estimator, options.every))
    looked = time.process_time()
    instants = lift(sightings, rig)
    lifted = time.process_time()
    given = summary(sightings, instants, rig)
    rig, turns_deg = turn_cameras(sightings, instants, rig)
    instants = lift(sightings, rig)
    if options.pictures is not None:
        draw(folder, rig, sightings, instants, options.pictures)
    return {
        "s_per_picture": round((looked - begin) / (len(sightings) * len(rig.cameras)), 3),
        "ms_lift_per_instant": round(1000 * (lifted - looked) / len(sightings), 1),
        "rig_as_it_is": given, "turned_by_deg": {name: round(turn, 2) for name, turn in turns_deg.items()},
        "rig_turned": summary(sightings, instants, rig),
    }  # fmt: skip


def summary(sightings: Sequence[Sighting], instants: Sequence[LiftedInstant], rig: CameraRig) -> dict[str, Any]:
    """The figures of all people together, and of each."""
    tracks = sorted({person.track_id for instant in instants for person in instant.people})
    off_px = np.concatenate(
        [
            offs_px(sighting, person, rig, person.joints_m)
            for sighting, instant in zip(sightings, instants, strict=True)
            for person in instant.people
        ]
    )
    return {
        "people": len(tracks), "people_per_instant": sorted({len(instant.people) for instant in instants}),
        "rms_near_px": rms(off_px[off_px < NEAR_PX]), "near": round(float((off_px < NEAR_PX).mean()), 3),
        "by_person": {track: figures(track, sightings, instants, rig) for track in tracks},
    }  # fmt: skip


def frames(path: Path, every: int) -> Iterator[tuple[int, np.ndarray]]:
    """Number and image (h, w, 3), red first, of every so-manieth frame of a film."""
    with av.open(str(path)) as film:
        for number, frame in enumerate(film.decode(video=0)):
            if number % every == 0:
                yield number, frame.to_ndarray(format="rgb24")


def seen(folder: Path, rig: CameraRig, estimator: PoseEstimator, every: int) -> Iterator[Sighting]:
    """What the estimator sees, instant by instant."""
    films = {name: frames(folder / "videos" / f"{name}.mp4", every) for name in rig.cameras}
    for together in zip(*films.values(), strict=True):
        number = together[0][0]
        pictures = [
            Picture(name, image, content_key=hash_bytes(image.tobytes()))
            for name, (_, image) in zip(films, together, strict=True)
        ]
        found = estimator.estimate(pictures)
        yield Sighting(number, round(number * 1e9 / FPS), dict(zip(films, found, strict=True)))


def figures(
    track: int, sightings: Sequence[Sighting], instants: Sequence[LiftedInstant], rig: CameraRig
) -> dict[str, Any]:
    """The figures of one person."""
    mine = [
        (sighting, person)
        for sighting, instant in zip(sightings, instants, strict=True)
        for person in instant.people
        if person.track_id == track
    ]
    off_px = np.concatenate([offs_px(sighting, person, rig, person.joints_m) for sighting, person in mine])
    plain_px = np.concatenate(
        [offs_px(sighting, person, rig, triangulated(sighting, person, rig)) for sighting, person in mine]
    )
    near, plain_near = off_px[off_px < NEAR_PX], plain_px[plain_px < NEAR_PX]
    joints_m = np.stack([person.joints_m for _, person in mine])
    lengths_m = np.stack([np.linalg.norm(joints_m[:, a] - joints_m[:, b], axis=1) for a, b in LIMBS])
    return {
        "instants": len(mine), "cameras": round(float(np.mean([len(person.views) for _, person in mine])), 2),
        "returned": round(float(np.isfinite(joints_m).all(axis=-1).mean()), 3),
        "rms_px": rms(off_px), "median_px": round(float(np.median(off_px)), 1), "rms_near_px": rms(near),
        "near": round(len(near) / len(off_px), 3), "rms_rig_px": rms(plain_near),
        "limbs_worst": round(float((np.nanstd(lengths_m, axis=1) / np.nanmean(lengths_m, axis=1)).max()), 4),
    }  # fmt: skip


def offs_px(sighting: Sighting, person: LiftedPerson, rig: CameraRig, joints_m: np.ndarray) -> np.ndarray:
    """(n,) distances of joints, projected back, from the keypoints that the cameras saw."""
    found = [np.zeros(0)]
    for name, position in zip(person.views, person.detections, strict=True):
        detection, camera = sighting.cameras[name][position], rig[name]
        uv_px = camera.color.project(camera.camera_from_world.apply(joints_m))
        apart = np.linalg.norm(uv_px - detection.keypoints_px, axis=1)
        found.append(apart[(detection.scores >= MIN_SCORE) & np.isfinite(apart)])
    return np.concatenate(found)


def triangulated(sighting: Sighting, person: LiftedPerson, rig: CameraRig) -> np.ndarray:
    """(17, 3) joints where rays meet best; NaN where fewer than three cameras saw one."""
    joints_m = np.full((17, 3), np.nan)
    for joint in range(17):
        across, places = [], []
        for name, position in zip(person.views, person.detections, strict=True):
            detection, camera = sighting.cameras[name][position], rig[name]
            if detection.scores[joint] < MIN_SCORE:
                continue
            ray = camera.world_from_camera.rotation @ camera.color.back_project(detection.keypoints_px[joint], 1.0)
            ray /= np.linalg.norm(ray)
            across.append(np.eye(3) - np.outer(ray, ray))
            places.append(across[-1] @ camera.world_from_camera.translation_m)
        if len(across) >= 3:
            joints_m[joint] = np.linalg.solve(np.sum(across, axis=0), np.sum(places, axis=0))
    return joints_m


def rms(values: np.ndarray) -> float | None:
    """The root of the mean square, to a tenth."""
    return round(float(np.sqrt((values**2).mean())), 1) if len(values) else None


def draw(
    folder: Path, rig: CameraRig, sightings: Sequence[Sighting], instants: Sequence[LiftedInstant], out: Path
) -> None:
    """Four instants, all cameras: thin what was seen, thick who was lifted, a colour per person."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = {sightings[k].instant: k for k in np.linspace(0, len(sightings) - 1, 4).astype(int)}
    rows = []
    for name, camera in rig.cameras.items():
        tiles = []
        for number, image in frames(folder / "videos" / f"{name}.mp4", 1):
            if number not in chosen:
                continue
            shown = image[..., ::-1].copy()
            for detection in sightings[chosen[number]].cameras[name]:
                lines(shown, detection.keypoints_px, (255, 255, 255), 2)
            for person in instants[chosen[number]].people:
                uv_px = camera.color.project(camera.camera_from_world.apply(person.joints_m))
                lines(shown, uv_px, ((60, 60, 255), (60, 220, 60), (255, 120, 60))[person.track_id % 3], 5)
            tiles.append(cv2.resize(shown, (360, 640), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(tiles))
    cv2.imwrite(str(out / f"{folder.name}.jpg"), np.vstack(rows))


def lines(image: np.ndarray, uv_px: np.ndarray, color: tuple[int, int, int], width: int) -> None:
    """Draw the bones whose ends are known."""
    for begin, end in BONES:
        if np.isfinite(uv_px[[begin, end]]).all():
            cv2.line(image, uv_px[begin].astype(int).tolist(), uv_px[end].astype(int).tolist(), color, width)


if __name__ == "__main__":
    main()
