"""What a frame of the simulated operating room costs: of a camera that stands where it stood, and at a new place.

    python benchmarks/bench_render.py [--scenario busy] [--seconds 8]

CPU seconds of a whole camera frame (640x576 depth and 1280x720 colour, six people, noise, packets of JPEG and depth).
`place` is a frame of a camera at a place from which nothing has been drawn, as at the start of a recording or after a
bump; `start` is what a process pays once, above all the light of the resting room. Adds `render` to
benchmarks/latest.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or.simulation_config import SimulationConfig
from ortwin.datasets.simulated_or.units import UnitMaker
from ortwin.datasets.simulated_or.world import draw_world

SEED = 20_617
NUDGE_M = np.array([0.01, 0.0, 0.0])
LATEST = Path(__file__).with_name("latest.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="busy")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    figures = measure(options.scenario, options.seconds)
    latest = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    LATEST.write_text(json.dumps({**latest, "render": figures}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def measure(scenario: str, seconds: float) -> dict[str, object]:
    world = draw_world(SEED, SimulationConfig(scenario=scenario, seconds=seconds, num_cameras=4))
    shots = [shot for name in world.rig.cameras for shot in world.schedule.shots[name]]
    UnitMaker(world, False).frame(shots[0])  # compiles
    maker = UnitMaker(world, False)
    start_s = _cpu_s(lambda: maker.frame(shots[0]))
    firsts = [shot for shot in shots if shot.index == 0]
    for shot in firsts:
        maker.frame(shot)
    standing_s = [_cpu_s(lambda shot=shot: maker.frame(shot)) for shot in shots if shot.index > 0]
    place_s = []
    for step in range(1, 4):
        for shot in firsts:
            pose = world.rig[shot.camera_id].world_from_camera @ SE3(np.eye(3), step * NUDGE_M)
            place_s.append(_cpu_s(lambda shot=shot, pose=pose: maker.frame(shot, pose)))
    return {
        "scenario": scenario,
        "seed": SEED,
        "frames": len(standing_s),
        "cpu_s_per_frame": {"median": round(float(np.median(standing_s)), 3), "p90": _p90(standing_s)},
        "cpu_s_per_place": {"median": round(float(np.median(place_s)), 3), "p90": _p90(place_s)},
        "cpu_s_start": round(start_s, 2),
    }


def _p90(values_s: list[float]) -> float:
    return round(float(np.percentile(values_s, 90)), 3)


def _cpu_s(work) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


if __name__ == "__main__":
    main()
