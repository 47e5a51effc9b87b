"""How right clocks are that `ortwin sync` finds: free-running cameras, drift, jumps, gaps, drops, over many seeds.

    python benchmarks/bench_clocks.py [--seeds 10] [--seconds 600] [--scenario knee_replacement]

Stamps are those of the simulated operating room. What the cameras see is the depth of its moving people before a wall
(bodies of discs along the limbs, no occlusion by furniture), at the true time of each exposure, on a small image:
rendering ten minutes of depth for many seeds would take hours, and only the share of pixels that change is wanted.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from ortwin.capture.camera import Camera, CameraRig
from ortwin.capture.clock import ClockModel
from ortwin.capture.clock_evidence import host_evidence
from ortwin.capture.clock_join import join_clocks, joined_clocks
from ortwin.capture.content_evidence import told_by_energies
from ortwin.capture.content_sync import content_clocks
from ortwin.capture.motion_energy import LEAST_SIGMA_M, SIGMA_SHARE_PER_M, MotionEnergy, moved_share
from ortwin.capture.sync_clocks import host_report
from ortwin.datasets.simulated_or.clocks import CameraClock, ClockConfig, draw_clocks
from ortwin.datasets.simulated_or.faults import FaultConfig, Schedule, schedule
from ortwin.datasets.simulated_or.performance import Performance
from ortwin.datasets.simulated_or.simulation_config import SimulationConfig
from ortwin.datasets.simulated_or.world import draw_world
from scipy.interpolate import CubicSpline

LIMBS = (
    (5, 7),
    (7, 9),
    (6, 8),
    (8, 10),
    (5, 6),
    (5, 11),
    (6, 12),
    (11, 13),
    (13, 15),
    (12, 14),
    (14, 16),
    (0, 5),
    (0, 6),
)
RADIUS_M, WIDTH_PX, HEIGHT_PX, FPS = 0.13, 64, 56, 10.0
WALL_M = 5.0
STEP_S = 1 / 5


def joints_of(performance: Performance, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (t,) s and joints (t, p, 17, 3) of everybody; NaN while somebody is away."""
    people: list[Any] = [actor for actor in performance.actors.values() if hasattr(actor, "joints_m")]
    times = np.arange(-0.5, seconds + 0.5, STEP_S)
    joints = np.full((len(times), len(people), 17, 3), np.nan)
    for k, time_s in enumerate(np.clip(times, 0, seconds - 1e-3).tolist()):
        for p, person in enumerate(people):
            if performance.present(person.name, time_s):
                joints[k, p] = person.joints_m(time_s)
    return times, joints


def walkers(seed: int, seconds: float, people: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Times and joints as `joints_of`, of people who stand, turn and step about a table and swing their arms."""
    rng = np.random.default_rng([seed, 11])
    times = np.arange(-0.5, seconds + 0.5, STEP_S)
    body = np.array(
        [(0, 0, 1.65), (0, 0, 1.68), (0, 0, 1.68), (0, 0.08, 1.65), (0, -0.08, 1.65), (0, 0.2, 1.4), (0, -0.2, 1.4),
         (0, 0.25, 1.15), (0, -0.25, 1.15), (0.25, 0.2, 1.05), (0.25, -0.2, 1.05), (0, 0.12, 0.95), (0, -0.12, 0.95),
         (0, 0.12, 0.5), (0, -0.12, 0.5), (0, 0.12, 0.05), (0, -0.12, 0.05)]
    )  # fmt: skip

    def wander(hz: float, size: float) -> np.ndarray:
        knots = np.arange(-2.0, seconds + 4.0, 1.0 / hz)
        return CubicSpline(knots, rng.normal(size=len(knots)) * size)(times)

    joints = np.empty((len(times), people, 17, 3))
    for p in range(people):
        turn = wander(0.3, 0.7)
        place = np.stack([wander(0.15, 0.7), wander(0.15, 0.7), 0 * times], axis=1)
        local = np.repeat(body[None], len(times), axis=0)
        for wrist, elbow in ((9, 7), (10, 8)):
            reach = np.stack([wander(1.2, 0.12), wander(1.2, 0.12), wander(1.2, 0.12)], axis=1)
            local[:, wrist] += reach
            local[:, elbow] += reach / 2
        spin = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], axis=1).reshape(-1, 2, 2)
        local[..., :2] = np.einsum("tij,tkj->tki", spin, local[..., :2])
        joints[:, p] = local + place[:, None]
    return times, joints


def depth_of(camera: Camera, joints_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(h, w) small depth image, m, of people at joints (p, 17, 3) before a wall, with noise."""
    lens = camera.depth or camera.color
    ends = joints_m[np.isfinite(joints_m).all(axis=(1, 2))]
    image = np.full((HEIGHT_PX, WIDTH_PX), WALL_M)
    if len(ends):
        points = np.concatenate(
            [ends[:, a] * (1 - s) + ends[:, b] * s for a, b in LIMBS for s in (0.0, 0.33, 0.67, 1.0)]
        )
        local = camera.world_from_camera.inverse().apply(points)
        local = local[local[:, 2] > 0.3]
        local = local[np.argsort(-local[:, 2])]
        scale = WIDTH_PX / lens.width_px
        u = (lens.fx_px * local[:, 0] / local[:, 2] + lens.cx_px) * scale
        v = (lens.fy_px * local[:, 1] / local[:, 2] + lens.cy_px) * HEIGHT_PX / lens.height_px
        radius = lens.fx_px * RADIUS_M / local[:, 2] * scale
        rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
        inside = np.logical_and.reduce([u > -9, u < WIDTH_PX + 9, v > -9, v < HEIGHT_PX + 9])
        for x, y, r, z in zip(u[inside], v[inside], radius[inside], local[inside, 2], strict=True):
            part = slice(max(int(y - r), 0), int(y + r) + 2), slice(max(int(x - r), 0), int(x + r) + 2)
            near = np.less((rows[part] - y) ** 2 + (columns[part] - x) ** 2, r * r)
            image[part] = np.where(near, z, image[part])
    sigma = (LEAST_SIGMA_M + SIGMA_SHARE_PER_M * image**2) / 2
    return image + sigma * rng.normal(size=image.shape)


def energies(rig: CameraRig, plan: Schedule, times: np.ndarray, joints: np.ndarray) -> dict[str, MotionEnergy]:
    """What each camera sees in each delivered frame."""
    flat = np.nan_to_num(joints.reshape(len(times), -1))
    spline, there = CubicSpline(times, flat), np.asarray(np.isfinite(joints).all(axis=(2, 3)))
    found = {}
    for number, name in enumerate(rig.cameras):
        rng = np.random.default_rng([number, 3])
        rig_s = np.array([shot.rig_ns for shot in plan.shots[name] if shot.delivered]) * 1e-9
        poses = spline(rig_s).reshape(len(rig_s), *joints.shape[1:])
        k = np.searchsorted(times, rig_s)
        poses[~(there[k] & there[k - 1])] = np.nan
        before, moved = depth_of(rig[name], poses[0], rng), [np.nan]
        for pose in poses[1:]:
            image = depth_of(rig[name], pose, rng)
            moved.append(moved_share(before, image, depth=True))
            before = image
        found[name] = MotionEnergy(name, np.arange(len(moved)), np.array(moved))
    return found


def score(clocks: dict[str, ClockModel], plan: Schedule, truth: dict[str, CameraClock]) -> dict[str, float | bool]:
    """Errors between cameras: p95 over frames and pairs, ms, of the offset, and the worst drift, ppm."""
    grid_ns = np.arange(5, round(plan_seconds(plan)) - 5) * 1_000_000_000
    errors, drifts, monotonic = [], [], True
    for name, clock in clocks.items():
        shots = [shot for shot in plan.shots[name] if shot.delivered]
        rig_ns = np.array([shot.rig_ns for shot in shots])
        found_ns = clock.frames_ns(np.array([shot.device_ns for shot in shots]))
        monotonic &= bool((np.diff(found_ns) > 0).all())
        good = np.array([shot.state == "ok" for shot in shots])
        errors.append(np.interp(grid_ns, rig_ns[good], (found_ns - rig_ns)[good] * 1e-6))
        pieces = clock.pieces or (clock,)
        drifts.append(pieces[0].drift_ppm - truth[name].drift_ppm)
    pairs = np.concatenate([np.abs(a - b) for k, a in enumerate(errors) for b in errors[:k]])
    drift = np.array(drifts)
    return {
        "p95_ms": float(np.percentile(pairs, 95)), "drift_ppm": float(np.abs(drift - np.median(drift)).max()),
        "monotonic": monotonic, "cameras": len(clocks),
    }  # fmt: skip


def plan_seconds(plan: Schedule) -> float:
    """The length of a plan, s."""
    return max(shots[-1].rig_ns for shots in plan.shots.values()) * 1e-9


def jumps_found(findings: object, plan: Schedule) -> tuple[int, int, int]:
    """How many jumps were found within a frame, how many there were, and how many were found where none was."""
    assert isinstance(findings, list | tuple)
    found = [(f.camera_id, f.position) for f in findings if f.kind in ("jump", "restart")]
    true = []
    for jump in plan.clock_jumps:
        shots = [shot for shot in plan.shots[jump.camera_id] if shot.delivered]
        true.append((jump.camera_id, next(k for k, shot in enumerate(shots) if shot.rig_ns >= jump.rig_ns)))
    hit = sum(any(name == n and abs(k - position) <= 1 for n, position in found) for name, k in true)
    return hit, len(true), len(found) - hit


def main() -> None:
    """Run all seeds, print a line each and a summary as JSON."""
    parser = argparse.ArgumentParser(description="How right clocks are that ortwin sync finds.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--scenario", default="knee_replacement")
    parser.add_argument("--host-only", action="store_true", help="stamps only: no content")
    parser.add_argument("--walkers", action="store_true", help="simple figures instead of the people of the scenario")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/ortwin_bench_clocks.npz"))
    options = parser.parse_args()
    config = SimulationConfig(scenario=options.scenario, seconds=options.seconds, fps=FPS, num_cameras=4)
    world = draw_world(5, config)
    if options.walkers or options.host_only:
        times, joints = walkers(5, options.seconds)
    elif options.cache.exists():
        times, joints = (np.load(options.cache)[key] for key in ("times", "joints"))
    else:
        times, joints = joints_of(world.performance, options.seconds)
        np.savez(options.cache, times=times, joints=joints)
    rows = []
    for seed in range(options.seeds):
        rng = np.random.default_rng([seed, 1])
        clocks = draw_clocks(rng, world.rig.cameras, ClockConfig(drift_ppm=60.0, uptime_s=3600.0))
        plan = schedule(
            world.rig, options.seconds, FPS, clocks,
            FaultConfig(drop_share=0.1, num_gaps=1, gap_s=0.7, num_clock_jumps=1, num_stalls=1), seed,
        )  # fmt: skip
        stamps = {
            name: (
                np.array([s.device_ns for s in shots if s.delivered]),
                np.array([s.host_ns for s in shots if s.delivered]),
            )
            for name, shots in plan.shots.items()
        }
        # Ways to the host are of equal length in the first row; they cannot be seen in stamps.
        alike = {n: (d, h - clocks[n].host_delay_ns) for n, (d, h) in stamps.items()}
        started = time.process_time()
        report = host_report(alike)
        row: dict[str, Any] = {"seed": seed, "host_alike": score(dict(report.clocks), plan, clocks)}
        row["host_jumps"] = jumps_found(report.findings, plan)
        row["host_cpu_s"] = time.process_time() - started
        report = host_report(stamps)
        row["host_unlike"] = score(dict(report.clocks), plan, clocks)
        if options.host_only:
            rows.append(row)
            continue
        seen = energies(world.rig, plan, times, joints)
        started = time.process_time()
        base_ns = min(int(clock.frames_ns(stamps[name][0])[0]) for name, clock in report.clocks.items())
        told = told_by_energies(report.clocks, stamps, seen, base_ns)
        if told is not None:
            joint = join_clocks([host_evidence(report.clocks, stamps, base_ns), told])
            row["both"] = score(joined_clocks(report.clocks, joint, stamps, base_ns), plan, clocks)
            sigma_ms = 1e3 * np.sqrt(np.diag(joint.covariance)[: len(joint.camera_ids)])
            row["both_sigma_ms"] = dict(zip(joint.camera_ids, sigma_ms.tolist(), strict=True))
        found, findings, fit = content_clocks(stamps, seen)
        row["content_cpu_s"] = time.process_time() - started
        if fit is not None:
            row["content"] = score(found, plan, clocks)
            row["content_jumps"] = jumps_found(findings, plan)
            row["content_sigma_ms"] = float(1e3 * np.sqrt(np.diag(fit.covariance)[: len(fit.names)]).max())
        rows.append(row)
        print(json.dumps(row), flush=True)
    print(json.dumps({"seeds": options.seeds, "summary": summary(rows)}, indent=1))


def summary(rows: list[dict]) -> dict[str, object]:
    """Worst and median of each figure over the seeds."""
    told: dict[str, object] = {}
    for key in ("host_alike", "host_unlike", "both", "content"):
        some = [row[key] for row in rows if key in row]
        if some:
            told[key] = {
                what: [float(np.median([s[what] for s in some])), float(max(s[what] for s in some))]
                for what in ("p95_ms", "drift_ppm")
            } | {"monotonic": all(s["monotonic"] for s in some), "linked": sum(s["cameras"] for s in some)}
    for key in ("host_jumps", "content_jumps"):
        told[key] = np.sum([row[key] for row in rows if key in row], axis=0).tolist()
    return told


if __name__ == "__main__":
    main()
