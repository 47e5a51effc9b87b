"""Make capture/flying_pixels.npz: what the neighbours of a return say about whether it flies.

    python scripts/make_flying_weights.py FOLDER [--out capture/flying_pixels.npz]

Simulates operations into FOLDER where they are not there yet, fits the network of capture/_flying_weights.py to the
returns that the truth says fly, and prints which bound gives which recall and precision on operations that nothing was
fitted on; the bound is then chosen by hand, `FlyingPixelConfig.least_evidence`. Last come recall and precision at that
bound on operations that nothing was chosen on. Equal folders give equal weights; all of it takes twelve minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from ortwin.capture._flying_kernel import MOST_ALIKE_AROUND, REACH
from ortwin.capture._flying_weights import GATES_PER_SIDE, MOST_GATES, MOST_STEPS, STEPS_PER_GATE
from ortwin.capture.flying_pixels import FlyingPixelConfig
from ortwin.capture.noise import DepthNoise
from ortwin.capture.storage import open_recording
from ortwin.evaluation.flying_pixels import flying_pixels, judged_frames
from ortwin.evaluation.truth import read_truth

FITTED_ON = (
    ("busy", 5003), ("busy", 5018), ("busy", 5019), ("knee_replacement", 5001), ("pedicle_screw", 5002),
    ("turnover", 5008),
)  # fmt: skip
CHOSEN_ON = (("busy", 5007), ("busy", 5021), ("knee_replacement", 5005))
HELD_OUT = (("busy", 5301), ("knee_replacement", 5302), ("pedicle_screw", 5303), ("turnover", 5304))
UNITS, STEPS, BATCH, RATE, SEED = 16, 8000, 2048, 4e-3, 1
#: Where no depth differs from its neighbours by more, nothing flies.
CALM_M = 0.024
RECALLS = (0.95, 0.955, 0.96, 0.965)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Returns of which the network is asked.

    Args:
        gates: (n, 48) float32 how many gates farther each neighbour within 7x7 reads, row by row, nan = no return.
        flies: (n,) bool.
        unasked: how many more fly that the filter never asks about.
    """

    gates: np.ndarray
    flies: np.ndarray
    unasked: int


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    default = Path(__file__).resolve().parents[1] / "capture" / "flying_pixels.npz"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    fitted = [examples(simulated(arguments.folder, *play)) for play in FITTED_ON]
    network = fit(np.concatenate([each.gates for each in fitted]), np.concatenate([each.flies for each in fitted]))
    write(network, arguments.out)
    for play in CHOSEN_ON:
        print(*play, *(f"| {row}" for row in bounds(network, examples(simulated(arguments.folder, *play)))))
    for play in HELD_OUT:
        print(*play, "held out", at_bound(network, examples(simulated(arguments.folder, *play))))


def simulated(folder: Path, scenario: str, seed: int) -> Path:
    """The recording of a play, simulated where it is not there yet."""
    path = folder / f"{scenario}_{seed}.recording"
    if not path.exists():
        command = f"-m ortwin simulate {path} --scenario {scenario} --seed {seed} --seconds 4 --fps 2 --cameras 4"
        subprocess.run([sys.executable, *command.split(), "--depth-only", "--synchronous", "-q"], check=True)
    return path


def examples(path: Path) -> Examples:
    """All returns of a recording of which the network is asked; kept beside it."""
    kept = path.with_suffix(".examples.npz")
    if not kept.exists():
        frames = list(_examples(path))
        gates, flies, unasked = (list(column) for column in zip(*frames, strict=True))
        np.savez(
            kept, gates=np.concatenate(gates).astype(np.float16), flies=np.concatenate(flies), unasked=sum(unasked)
        )
    with np.load(kept) as stored:
        return Examples(stored["gates"].astype(np.float32), stored["flies"], int(stored["unasked"]))


def _examples(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    recording, truth = open_recording(path), read_truth(path)
    assert truth is not None, f"{path} has no truth"
    for frame in judged_frames(recording, truth):
        depth_m = frame.depth_m
        step_m = cv2.dilate(depth_m, np.ones((3, 3), np.uint8)) - cv2.erode(depth_m, np.ones((3, 3), np.uint8))
        seen_m = np.where(frame.judged & (step_m > CALM_M), depth_m, 0)
        flies = flying_pixels(seen_m, frame.camera, frame.scene, DepthNoise())
        asked, gates = _asked(frame.depth_raw, frame.camera.depth_unit_m)
        asked &= frame.judged
        yield gates(asked), flies[asked], int((flies & ~asked).sum())


def _asked(depth_raw: np.ndarray, unit_m: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Which returns (h, w) the filter asks its network about, and what gives the neighbours of some of them."""
    config = FlyingPixelConfig()
    own, z = depth_raw.astype(np.int32), depth_raw * unit_m
    noise = config.noise
    gate = np.maximum(config.sigmas * (noise.constant_m + noise.quadratic_per_m * z * z), config.floor_m) / unit_m
    padded, (height, width) = np.pad(own, REACH), own.shape
    offsets = [(down, right) for down in range(2 * REACH + 1) for right in range(2 * REACH + 1)]
    offsets.remove((REACH, REACH))

    def neighbour(down: int, right: int) -> np.ndarray:
        return padded[down : down + height, right : right + width]

    beside, around = np.zeros(own.shape, int), np.zeros(own.shape, int)
    for down, right in offsets:
        far = max(abs(down - REACH), abs(right - REACH))
        if far == 1:
            alike = np.abs(neighbour(down, right) - own) < gate
            around += alike
            beside += alike & ((down == REACH) | (right == REACH))

    def gates(asked: np.ndarray) -> np.ndarray:
        found = np.empty((int(asked.sum()), len(offsets)), np.float32)
        for number, offset in enumerate(offsets):
            other = neighbour(*offset)[asked]
            found[:, number] = np.where(other > 0, (other - own[asked]) / gate[asked], np.nan)
        return found

    return (own > 0) & (beside <= config.most_alike) & (around <= MOST_ALIKE_AROUND), gates


def encoded(gates: torch.Tensor) -> torch.Tensor:
    """(n, 144) what the network takes of neighbours (n, 48): how alike, on which side, and whether there is none."""
    missing = torch.isnan(gates)
    coarse = torch.floor(torch.nan_to_num(gates) * STEPS_PER_GATE).clamp(-MOST_STEPS - 1, MOST_STEPS)
    gates, there = (coarse + 0.5) / STEPS_PER_GATE, (~missing).float()
    alike = (1 - gates.abs()).clamp(min=0) * there
    side = gates.clamp(-MOST_GATES, MOST_GATES) / GATES_PER_SIDE * there
    return torch.cat([alike, side, missing.float()], dim=1)


def fit(gates: np.ndarray, flies: np.ndarray) -> torch.nn.Sequential:
    """The network; each batch is turned or mirrored, since a picture may hang any way."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    network = torch.nn.Sequential(torch.nn.Linear(144, UNITS), torch.nn.ReLU(), torch.nn.Linear(UNITS, 1))
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.003, STEPS)
    neighbours, truth, turns = torch.from_numpy(gates.astype(np.float16)), torch.from_numpy(flies), _turns()
    for step in range(STEPS):
        batch = torch.randint(len(truth), (BATCH,), generator=generator)
        evidence = network(encoded(neighbours[batch].float()[:, turns[step % len(turns)]]))[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(evidence, truth[batch].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def _turns() -> list[torch.Tensor]:
    """The eight ways to turn and mirror 7x7 neighbours, as orders of the 48 around the middle."""
    side = 2 * REACH + 1
    place = np.full(side * side, -1)
    around = np.delete(np.arange(side * side), side * side // 2)
    place[around] = np.arange(len(around))
    grid = place.reshape(side, side)
    ways = [turned for way in (grid, grid.T) for turned in (way, way[::-1], way[:, ::-1], way[::-1, ::-1])]
    return [torch.from_numpy(np.delete(way.reshape(-1), side * side // 2)) for way in ways]


def evidence_of(network: torch.nn.Sequential, some: Examples) -> np.ndarray:
    """(n,) float32 log-odds that returns fly."""
    with torch.no_grad():
        parts = torch.from_numpy(some.gates).split(50_000)
        return torch.cat([network(encoded(part))[:, 0] for part in parts]).numpy()


def at_bound(network: torch.nn.Sequential, some: Examples) -> str:
    """Recall and precision at the bound of the filter's settings."""
    called = evidence_of(network, some) > FlyingPixelConfig().least_evidence
    found = int((called & some.flies).sum())
    return f"recall {found / (some.flies.sum() + some.unasked):.4f}, precision {found / called.sum():.4f}"


def bounds(network: torch.nn.Sequential, some: Examples) -> list[str]:
    """For some recalls, the bound that gives each and the precision that it has, on returns that are asked about."""
    evidence = evidence_of(network, some)
    order = np.argsort(-evidence, kind="stable")
    found = np.cumsum(some.flies[order])
    rows = []
    for recall in RECALLS:
        last = int(np.searchsorted(found, recall * (some.flies.sum() + some.unasked)))
        if last < len(found):
            rows.append(f"recall {recall}: bound {evidence[order[last]]:.2f}, precision {found[last] / (last + 1):.4f}")
    return rows


def write(network: torch.nn.Sequential, out: Path) -> None:
    """Store the network as `flying_network` reads it."""
    first, last = network[0], network[2]
    assert isinstance(first, torch.nn.Linear) and isinstance(last, torch.nn.Linear)
    weight, bias, joined = first.weight.detach().numpy(), first.bias.detach().numpy(), last.weight.detach().numpy()[0]
    neighbours = weight.T.reshape(3, 48, UNITS).astype(np.float16)
    np.savez_compressed(out, neighbours=neighbours, bias=bias, joined=np.append(joined, last.bias.detach().numpy()))


if __name__ == "__main__":
    main()
