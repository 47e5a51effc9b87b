"""Boards in a hand before free-running cameras, with exact truth: corners are projected, nothing is rendered."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ortwin.capture.calibration.observations import NO_TIME, BoardObservations
from ortwin.capture.calibration.rotations import exp_rotation
from ortwin.capture.camera import Intrinsics
from ortwin.capture.geometry import SE3, look_at

CAMERA_IDS = ("cam_a", "cam_b", "cam_c", "cam_d")


@dataclass(frozen=True)
class SimulatedBoards:
    """Observations and the truth behind them."""

    observations: BoardObservations
    lenses: dict[str, Intrinsics]
    world_from_camera: dict[str, SE3]
    offsets_s: dict[str, float]
    noise_px: float


def true_lens(rng: np.random.Generator) -> Intrinsics:
    focal = rng.uniform(850, 950)
    return Intrinsics(
        focal, focal * rng.uniform(0.995, 1.005), 640 + rng.normal(0, 8), 360 + rng.normal(0, 8), 1280, 720,
        "brown_conrady", np.array([0.08, -0.15, 1e-3, -5e-4, 0.05]) * rng.normal(1, 0.2, 5),
    )  # fmt: skip


@pytest.fixture(scope="session")
def simulate_boards() -> Callable[..., SimulatedBoards]:
    """See `simulated`."""
    return simulated


def simulated(
    seed: int = 0, *, num_instants: int = 40, interval_s: float = 0.1, noise_px: float = 0.3, speed: float = 1.0,
    offset_sigma_s: float = 0.0, phase_s: float = 0.0, lens_error: Any = None, shape: tuple[int, int] = (5, 4),
    square_m: float = 0.08,
) -> SimulatedBoards:  # fmt: skip
    """Four cameras around a board that is waved slowly.

    Args:
        seed: of everything random.
        num_instants, interval_s: how many, and how far apart.
        noise_px: of each corner and axis.
        speed: of the hand; 0 = it moves to a new pose between instants and holds still at each.
        offset_sigma_s: of the error of each camera's stamps, the first camera's excepted.
        phase_s: shutters open up to so long before or after the instant, and are stamped so.
        lens_error: function of a true lens and a generator that gives the lens where calibration begins.
        shape, square_m: corners of the board.
    """
    rng = np.random.default_rng(seed)
    columns, rows = shape
    points_m = np.array([[x, y, 0.0] for y in range(rows) for x in range(columns)]) * square_m
    middle_m = points_m.mean(axis=0)
    angles = np.linspace(0, 2 * np.pi, len(CAMERA_IDS), endpoint=False) + rng.uniform(-0.2, 0.2, len(CAMERA_IDS))
    poses = {
        name: look_at((2.2 * np.cos(a), 2.2 * np.sin(a), rng.uniform(2.0, 2.4)), (0.0, 0.0, 0.9))
        for name, a in zip(CAMERA_IDS, angles, strict=True)
    }
    lenses = {name: true_lens(rng) for name in CAMERA_IDS}
    offsets = {name: (rng.normal(0, offset_sigma_s) if index else 0.0) for index, name in enumerate(CAMERA_IDS)}
    phases = rng.uniform(-phase_s, phase_s, len(CAMERA_IDS))
    wave = SimpleNamespace(
        rate=2 * np.pi * rng.uniform(0.08, 0.25, (6, 3)), phase=rng.uniform(0, 2 * np.pi, (6, 3)),
        size=np.array([0.3, 0.3, 0.3, 0.35, 0.35, 0.2])[:, None] * rng.uniform(0.5, 1.0, (6, 3)) / 1.5,
    )  # fmt: skip

    def board_at(time_s: float) -> SE3:
        value = (wave.size * np.sin(wave.rate * time_s + wave.phase)).sum(axis=1)
        down = np.diag([1.0, -1.0, -1.0])  # the printed side looks up
        turn = exp_rotation(value[:3] * 1.8) @ down
        return SE3(turn, value[3:] + np.array([0.0, 0.0, 0.9]) - turn @ middle_m)

    columns_of: dict[str, list] = {"camera": [], "instant": [], "point": [], "pixels_px": []}
    times_ns = np.full((num_instants, len(CAMERA_IDS)), NO_TIME, dtype=np.int64)
    for instant in range(num_instants):
        for index, name in enumerate(CAMERA_IDS):
            stamp_s = instant * interval_s + phases[index]
            moved_s = stamp_s + offsets[name] if speed else instant * 1.0
            board = board_at(moved_s * (speed or 1.0))
            seen_m = (poses[name].inverse() @ board) @ points_m
            pixels = lenses[name].project(seen_m) + rng.normal(0, noise_px, (len(points_m), 2))
            facing = poses[name].translation_m - board.translation_m
            visible = lenses[name].contains(pixels)
            if -board.rotation[:, 2] @ facing / np.linalg.norm(facing) < 0.25 or visible.sum() < 6:
                continue
            times_ns[instant, index] = round(1e9 * (100.0 + stamp_s))
            ids = np.flatnonzero(visible)
            columns_of["camera"] += [index] * len(ids)
            columns_of["instant"] += [instant] * len(ids)
            columns_of["point"] += ids.tolist()
            columns_of["pixels_px"] += pixels[ids].tolist()
    given = {name: lens if lens_error is None else lens_error(lens, rng) for name, lens in lenses.items()}
    observations = BoardObservations(
        CAMERA_IDS, SimpleNamespace(points_m=points_m), times_ns=times_ns, lenses=given,
        **{key: np.array(value) for key, value in columns_of.items()},
    )  # fmt: skip
    return SimulatedBoards(observations, lenses, poses, offsets, noise_px)
