"""Simulate, build, evaluate: one fixed play of an operating room, and how right and how costly each stage is on it.

    python benchmarks/bench_scores.py [--seconds 30] [--scenario knee_replacement] [--scale 0.5]

Adds `scores` to benchmarks/latest.json. The seed is used nowhere else, neither in tests nor in examples.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED = 20_611
LATEST = Path(__file__).with_name("latest.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="knee_replacement")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--scale", type=float, default=0.5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ortwin-bench-"))
    try:
        figures = measure(folder, options)
    finally:
        shutil.rmtree(folder)
    latest = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    LATEST.write_text(json.dumps({**latest, "scores": figures}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    recording, twin = folder / "case.recording", folder / "case.twin"
    play = ["--scenario", options.scenario, "--seconds", options.seconds, "--cameras", options.cameras]
    rig = ["--scale", options.scale, "--seed", SEED, "--faults", "realistic", "-j", 1]
    print(f"simulating {options.seconds:g} s of {options.scenario} ...", flush=True)
    simulate_s, simulated = ortwin("simulate", recording, *play, *rig)
    build_s, built = ortwin("build", recording, twin, "--room", recording / "truth" / "room.toml")
    evaluate_s, scores = ortwin("evaluate", twin, "--truth", recording)
    frames = int(simulated["frames"])
    scores.pop("next", None)
    relations = scores.get("relations") or {}
    for name in ("missed", "wrong", "names"):
        relations.pop(name, None)
    costs = {"simulate": simulate_s, "build": build_s, "evaluate": evaluate_s}
    return {
        "scenario": options.scenario,
        "seed": SEED,
        "seconds": options.seconds,
        "scale": options.scale,
        "camera_frames": frames,
        "cpu_ms_per_camera_frame": {name: round(cpu_s / frames * 1e3, 2) for name, cpu_s in costs.items()},
        "tracks": len(built["tracks"]),
        "evaluation": scores,
    }


def ortwin(*words: object) -> tuple[float, dict]:
    """CPU seconds (start-up included) and the answer of one command; 7, done with gaps, is an answer too."""
    command = [sys.executable, "-m", "ortwin", *map(str, words), "--json"]
    before = os.times()
    began_s = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 7):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    after = os.times()
    print(f"{words[0]}: {time.perf_counter() - began_s:.0f} s", flush=True)
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu_s, json.loads(done.stdout)


if __name__ == "__main__":
    main()
