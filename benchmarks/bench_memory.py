"""Peak memory of a build over the length of the recording: a long one must not need more than a short one.

python benchmarks/bench_memory.py [--minutes 2 10]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from scene import repeat_scene, simulate_scene

SEED = 37
SCALE = 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 10.0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ortwin-bench-") as name:
        folder = Path(name)
        scene = simulate_scene(folder / "scene.recording", SEED, num_cameras=3, scale=SCALE)
        peaks_mb = {
            minutes: peak_mb(
                repeat_scene(scene, minutes * 60, folder / f"{minutes:g}.recording"), folder / "bench.twin"
            )
            for minutes in options.minutes
        }
    for minutes, peak in peaks_mb.items():
        print(f"{minutes:g} min: peak {peak:.0f} MB")
    print(f"longest against shortest: {peaks_mb[max(peaks_mb)] / peaks_mb[min(peaks_mb)]:.3f} (limit 1.10)")


def peak_mb(recording: Path, out: Path) -> float:
    """Peak resident memory of a build in a process of its own, MB."""
    script = Path(__file__).with_name("bench_pipeline.py")
    command = [sys.executable, str(script), "--stages-of", str(recording), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])["peak_mb"]


if __name__ == "__main__":
    main()
