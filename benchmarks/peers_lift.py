"""Pose2Sim's association and triangulation of keypoints, asked by bench_peers_lift.py in an environment of its own.

    python peers_lift.py ASKED.json ANSWERED.json

ASKED holds the cameras, instants per second and keypoints by camera and instant. The answer is the joints of each
person, not a number where there are none, the seconds that association and triangulation took, reading and writing
their files included (the least of three runs), and the version. Settings are those of Pose2Sim's own
demo of several people.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from importlib import import_module, metadata
from pathlib import Path

import numpy as np

JOINTS = {"Nose": 0, "LShoulder": 5, "RShoulder": 6, "LElbow": 7, "RElbow": 8, "LWrist": 9, "RWrist": 10, "LHip": 11,
          "RHip": 12, "LKnee": 13, "RKnee": 14, "LAnkle": 15, "RAnkle": 16}  # fmt: skip
RUNS = 3


def main() -> None:
    associate_all = import_module("Pose2Sim.personAssociation").associate_all
    triangulate_all = import_module("Pose2Sim.triangulation").triangulate_all
    asked = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, asked)
        os.chdir(folder)
        seconds = [math.inf, math.inf]
        for _ in range(RUNS):
            for number, step in enumerate((associate_all, triangulate_all)):
                begin = time.process_time()
                step(settings(folder, asked))
                seconds[number] = min(seconds[number], time.process_time() - begin)
        people = [read_trc(path, asked["instants"]) for path in sorted((folder / "pose-3d").glob("*.trc"))]
    answer = {
        "version": metadata.version("pose2sim"), "association_s": seconds[0], "triangulation_s": seconds[1],
        "people": people, "joints": sorted(JOINTS.values()),
    }  # fmt: skip
    Path(sys.argv[2]).write_text(json.dumps(answer))


def settings(folder: Path, asked: dict) -> dict:
    """What Pose2Sim's functions read of a Config.toml."""
    return {
        "project": {"project_dir": str(folder), "multi_person": True, "frame_rate": asked["fps"], "frame_range": "all"},
        "pose": {"pose_model": "COCO_17", "vid_img_extension": "mp4"},
        "personAssociation": {
            "likelihood_threshold_association": 0.3,
            "single_person": {"likelihood_threshold_association": 0.3, "reproj_error_threshold_association": 20,
                              "tracked_keypoint": "Neck"},
            "multi_person": {"reconstruction_error_threshold": 0.1, "min_affinity": 0.2},
        },
        "triangulation": {
            "reproj_error_threshold_triangulation": 15, "likelihood_threshold_triangulation": 0.3,
            "min_cameras_for_triangulation": 2, "interp_if_gap_smaller_than": 20, "interpolation": "linear",
            "fill_large_gaps_with": "nan", "make_c3d": False, "show_interp_indices": False, "max_distance_m": 1.0,
        },
    }  # fmt: skip


def write_project(folder: Path, asked: dict) -> None:
    """The calibration and keypoints as Pose2Sim reads them."""
    (folder / "calibration").mkdir()
    (folder / "Config.toml").write_text("")
    parts = []
    for name, camera in asked["cameras"].items():
        parts.append("\n".join([
            f"[{name}]", f'name = "{name}"', f"size = {camera['size']}", f"matrix = {camera['matrix']}",
            "distortions = [0.0, 0.0, 0.0, 0.0]", f"rotation = {camera['rotation_vector']}",
            f"translation = {camera['translation_m']}", "fisheye = false", "",
        ]))  # fmt: skip
    (folder / "calibration" / "Calib.toml").write_text("\n".join(parts))
    for name, instants in asked["keypoints"].items():
        place = folder / "pose" / f"{name}_json"
        place.mkdir(parents=True)
        for number, people in enumerate(instants):
            found = [{"person_id": [-1], "pose_keypoints_2d": values} for values in people]
            (place / f"{name}_{number:06d}.json").write_text(json.dumps({"version": 1.3, "people": found}))


def read_trc(path: Path, instants: int) -> list:
    """(instants, 17, 3) of one person; Pose2Sim writes (y, z, x)."""
    lines = path.read_text().splitlines()
    names = [name for name in lines[3].split("\t")[2:] if name]
    joints = np.full((instants, 17, 3), np.nan)
    for line in lines[5:]:
        words = line.split("\t")
        if len(words) < 3:
            continue
        values = np.array([float(word) if word.strip() else np.nan for word in words[2 : 2 + 3 * len(names)]])
        for name, (y, z, x) in zip(names, values.reshape(-1, 3), strict=True):
            if name in JOINTS:
                joints[int(words[0]), JOINTS[name]] = x, y, z
    return joints.tolist()


if __name__ == "__main__":
    main()
