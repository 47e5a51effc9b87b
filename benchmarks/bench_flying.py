"""How right the filter for flying pixels is on each kind of camera, on simulated operations that nothing was fitted on.

    python benchmarks/bench_flying.py FOLDER [--presets realsense_d455,femto_bolt,azure_kinect_wfov]

Simulates into FOLDER what is not there yet. What flies is told by the noise of the sensor in question. The filter runs
as a build runs it, with gates of a time-of-flight camera, and with those of the sensor.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from ortwin.capture.flying_pixels import FlyingPixelConfig, find_flying
from ortwin.capture.noise import noise_of
from ortwin.capture.storage import open_recording
from ortwin.evaluation.flying_pixels import flying_pixels, judged_frames
from ortwin.evaluation.truth import read_truth

PLAYS = (("busy", 5401), ("knee_replacement", 5402))


def simulated(folder: Path, preset: str, scenario: str, seed: int) -> Path:
    """The recording of a play, simulated where it is not there yet."""
    path = folder / f"{preset}_{seed}.recording"
    if not path.exists():
        told = f"-m ortwin simulate {path} --scenario {scenario} --seed {seed} --preset {preset} --seconds 2 --fps 2"
        more = "--cameras 4 --depth-only --synchronous -j 1 -q"
        subprocess.run([sys.executable, *told.split(), *more.split()], check=True)
    return path


def main() -> None:
    """Print recall and precision by sensor, play and gates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--presets", default="realsense_d455,femto_bolt,azure_kinect_wfov")
    options = parser.parse_args()
    for preset in options.presets.split(","):
        noise = noise_of(preset)
        gates = {"as built": FlyingPixelConfig(), "gates of the sensor": FlyingPixelConfig(noise=noise)}
        for play in PLAYS:
            path = simulated(options.folder, preset, *play)
            truth, counts, num_judged = read_truth(path), {name: np.zeros(3, np.int64) for name in gates}, 0
            assert truth is not None, f"{path} has no truth"
            for frame in judged_frames(open_recording(path), truth):
                flies = flying_pixels(frame.depth_m, frame.camera, frame.scene, noise) & frame.judged
                num_judged += int(frame.judged.sum())
                for name, config in gates.items():
                    called = find_flying(frame.depth_raw, frame.camera.depth_unit_m, config) & frame.judged
                    counts[name] += [(called & flies).sum(), called.sum(), flies.sum()]
            for name, (both, called, flying) in counts.items():
                print(
                    f"{preset} {play[0]} {play[1]}, {name}: recall {both / flying:.4f}, precision {both / called:.4f}; "
                    f"{flying / num_judged:.4f} of {num_judged} judged returns fly",
                    flush=True,
                )


if __name__ == "__main__":
    main()
