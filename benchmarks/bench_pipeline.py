"""One run of the pipeline in figures: start-up, decoding, the memory floor, each stage in ms of CPU per camera frame.

    python benchmarks/bench_pipeline.py [--seconds 60] [--cameras 4] [--keep FOLDER]

Writes benchmarks/latest.json beside itself.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scene import repeat_scene, simulate_scene

SEED = 31


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--keep", type=Path, help="simulate into this folder, and use it again next time")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="ortwin-bench-"))
    try:
        figures = measure(folder, options.seconds, options.cameras)
    finally:
        if options.keep is None:
            shutil.rmtree(folder)
    Path(__file__).with_name("latest.json").write_text(json.dumps(figures, indent=1) + "\n")
    show(figures)


def measure(folder: Path, seconds: float, cameras: int) -> dict[str, float]:
    from ortwin.capture.storage import open_recording

    folder.mkdir(parents=True, exist_ok=True)
    scene = simulate_scene(folder / f"scene-{cameras}.recording", SEED, cameras, scale=1.0)
    path = repeat_scene(scene, seconds, folder / f"{seconds:g}s-{cameras}.recording")
    recording = open_recording(path)
    frames = sum(len(recording.timestamps_ns(name)) for name in recording.cameras)
    figures = {"seconds": seconds, "cameras": cameras, "camera_frames": frames, **start_up(), **floors(recording)}
    return {**figures, **stages(path, folder / "bench.twin", frames)}


def start_up() -> dict[str, float]:
    """Wall seconds of the shortest of five starts."""

    def best(*command: str) -> float:
        times = []
        for _ in range(5):
            began_s = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            times.append(time.perf_counter() - began_s)
        return min(times)

    bare_s = best("-c", "pass")
    return {"import_s": best("-c", "import ortwin") - bare_s, "help_s": best("-m", "ortwin", "--help")}


def floors(recording) -> dict[str, float]:
    """What no stage can go below: decoding a frame, and copying its bytes once (ms of CPU per camera frame)."""
    name = next(iter(recording.cameras))
    positions = range(min(40, len(recording.timestamps_ns(name))))

    def per_frame_ms(work) -> float:
        work(0)
        began_s = time.process_time()
        for position in positions:
            work(position)
        return (time.process_time() - began_s) / len(positions) * 1e3

    frame_bytes = recording.depth_raw(name, 0).nbytes + recording.color_rgb(name, 0).nbytes
    bytes_per_s = max(_copy_rate() for _ in range(3))
    return {
        "decode_depth_ms": per_frame_ms(lambda position: recording.depth_raw(name, position)),
        "decode_color_ms": per_frame_ms(lambda position: recording.color_rgb(name, position)),
        "copy_ms": frame_bytes / bytes_per_s * 1e3,
        "copy_gb_per_s": bytes_per_s / 1e9,
    }


def _copy_rate() -> float:
    """Bytes a second of one core copying a block that no cache holds."""
    source, target = np.ones(1 << 28, np.uint8), np.zeros(1 << 28, np.uint8)
    began_s = time.perf_counter()
    np.copyto(target, source)
    return len(source) / (time.perf_counter() - began_s)


def stages(recording_path: Path, out: Path, frames: int) -> dict[str, float]:
    """CPU per camera frame of each stage, ms, in a process of its own; a first, short build warms the kernels up."""
    command = [sys.executable, __file__, "--stages-of", str(recording_path), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    costs = {f"{stage}_ms": cpu_s / frames * 1e3 for stage, cpu_s in found["stages_s"].items()}
    total_ms = sum(costs.values())
    return {**costs, "build_ms": total_ms, "peak_mb": found["peak_mb"], "tracks": found["tracks"]}


def build_and_time(recording_path: Path, out: Path) -> None:
    """Build once and print CPU seconds by stage and the peak memory as JSON."""
    from ortwin.capture.storage import open_recording
    from ortwin.twin import build_twin

    recording = open_recording(recording_path)
    marks: list[tuple[str, float]] = [("start_up", time.process_time())]

    def mark(stage: str, done: int, total: int) -> None:
        if marks[-1][0] != stage:
            marks.append((stage, time.process_time()))

    twin = build_twin(recording, out, fresh=True, progress=mark).twin
    marks.append(("end", time.process_time()))
    costs: dict[str, float] = {}
    for (stage, began_s), (_, ended_s) in itertools.pairwise(marks):
        if stage != "start_up":
            costs[stage] = costs.get(stage, 0.0) + ended_s - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tracks = len(np.unique(twin.tracks["track_id"].to_pylist()))
    print(json.dumps({"stages_s": costs, "peak_mb": peak_mb, "tracks": tracks}))


def show(figures: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "against the floor", title="ortwin on this machine")
    floor_ms = figures["decode_depth_ms"] + figures["copy_ms"]
    for name, value in figures.items():
        ratio = f"{value / floor_ms:.1f} x" if name.endswith("_ms") else ""
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value), ratio)
    Console().print(table)
    print("floor: decoding one depth image and copying one frame's bytes once; target for build_ms: 33")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if len(sys.argv) == 4 and sys.argv[1] == "--stages-of":
        build_and_time(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
