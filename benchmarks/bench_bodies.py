"""What bodies cost and how right they are: a simulated person's track, fitted from noisy joints and measured surface.

    python benchmarks/bench_bodies.py [--instants 96] [--seed 41]

Truth is a body of the same family, of drawn shape, that walks on the spot, dressed 12 mm thick. Joints are off by 3 cm
per axis, one in ten is missing; 500 surface points an instant are off by 4 mm. One thread, time of the processor; two
tracks run side by side on two cores.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from ortwin.evaluation.surfaces import distance_to_surface_m
from ortwin.reconstruction.body_evidence import BodyEvidence
from ortwin.reconstruction.body_fit import fit_body
from ortwin.reconstruction.body_model import anny_adult
from ortwin.reconstruction.body_pose import BodyParameters, pose_meshes, rest_normals

JOINT_SIGMA_M, POINT_SIGMA_M, CLOTHING_M, NUM_POINTS = 0.03, 0.004, 0.012, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instants", type=int, default=96)
    parser.add_argument("--seed", type=int, default=41)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    evidence, joints_m, surfaces_m = walker(asked.instants, np.random.default_rng(asked.seed))
    model = anny_adult()
    fit_body(evidence.at(np.arange(4)), model)
    begin_s = time.process_time()
    fit = fit_body(evidence, model)
    spent_s = time.process_time() - begin_s
    meshes_m, _ = pose_meshes(model, fit.body)
    rows = range(0, asked.instants, 12)
    off_m = [np.median(distance_to_surface_m(meshes_m[row], surfaces_m[row], model.faces)) for row in rows]
    figures = {
        "instants": asked.instants,
        "seed": asked.seed,
        "body_instants_per_core_second": round(asked.instants / spent_s, 1),
        "joints_in_mm": round(1e3 * float(np.nanmean(np.linalg.norm(evidence.joints_m - joints_m, axis=2))), 1),
        "joints_out_mm": round(1e3 * float(np.linalg.norm(fit.joints_m - joints_m, axis=2).mean()), 1),
        "surface_median_mm": round(1e3 * float(np.mean(off_m)), 1),
    }
    print(json.dumps({"bodies": figures}, indent=2))


def walker(count: int, rng: np.random.Generator) -> tuple[BodyEvidence, np.ndarray, np.ndarray]:
    """What is measured of somebody who walks on the spot, the true joints (t, 17, 3) and clothed surfaces (t, n, 3)."""
    model, times_ns = anny_adult(), 100_000_000 * np.arange(count)
    swing = np.sin(2 * np.pi * 0.8 * times_ns * 1e-9)
    turns_rad = np.zeros((count, len(model.bone_names), 3), np.float32)
    turns_rad[:, 0, 2] = 0.3 + 0.05 * times_ns * 1e-9
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turns_rad[:, model.bone(f"{side}_thigh"), 1] = -0.4 * sign * swing
        turns_rad[:, model.bone(f"{side}_shin"), 1] = 0.3 + 0.3 * sign * swing
        turns_rad[:, model.bone(f"{side}_upper_arm"), 0] = -0.4 * sign
        turns_rad[:, model.bone(f"{side}_forearm"), 1] = -0.5
    root_m = np.tile([0.0, 0.0, model.bones_m[0, 2]], (count, 1)).astype(np.float32)
    clothing_m = np.full(len(model.bone_names), CLOTHING_M, np.float32)
    body = BodyParameters(rng.normal(0, 1, model.num_shapes).astype(np.float32), clothing_m, root_m, turns_rad)
    surfaces_m, joints_m = pose_meshes(model, body)
    out = rest_normals(model)
    seen = [rng.choice(np.flatnonzero(out[:, 0] > 0.0), NUM_POINTS, replace=False) for _ in times_ns]
    points = tuple(
        s[rows] + rng.normal(0, POINT_SIGMA_M, (NUM_POINTS, 3)) for s, rows in zip(surfaces_m, seen, strict=True)
    )
    skin_m, _ = pose_meshes(model, body, clothed=False)
    normals = tuple(
        ((s - k) / CLOTHING_M)[rows].astype(np.float64) for s, k, rows in zip(surfaces_m, skin_m, seen, strict=True)
    )
    noisy_m = joints_m + rng.normal(0, JOINT_SIGMA_M, joints_m.shape)
    noisy_m[rng.random(noisy_m.shape[:2]) < 0.1] = np.nan
    covariance_m2 = np.broadcast_to(JOINT_SIGMA_M**2 * np.eye(3), (*noisy_m.shape, 3)).copy()
    return BodyEvidence(times_ns, noisy_m, covariance_m2, points, normals), joints_m, surfaces_m


if __name__ == "__main__":
    main()
