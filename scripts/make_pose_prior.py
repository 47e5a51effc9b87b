"""Make reconstruction/pose_prior.npz: how the joints of people in an operating room lie, from anthropometry alone.

    python scripts/make_pose_prior.py [--out reconstruction/pose_prior.npz]

Draws stick figures and describes them by a mixture of Gaussians. Lengths are shares of stature (Drillis and Contini
1966, as in Winter, Biomechanics and Motor Control of Human Movement); statures are those of adults in shoes; poses are
drawn from joint limits and from what people do at work: they stand and work with their hands before them, stand idle,
walk, reach, bend, sit, and lie. No recording of people goes in. The frame of a figure: +x where the pelvis faces, +y to
its left, +z up, origin on the floor below the middle of the hips.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

SEED = 1
NUM_FIGURES = 8000
RANK = 14
STATURE_M, STATURE_SIGMA_M = 1.72, 0.095
LENGTH_SIGMA = 0.04
# What people do: share of the mixture, and how many Gaussians describe it.
DOINGS: dict[str, tuple[float, int]] = {
    "work": (0.50, 6), "idle": (0.18, 2), "walk": (0.10, 2), "reach": (0.12, 4), "sit": (0.05, 1), "lie": (0.05, 2),
}  # fmt: skip


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1] / "reconstruction" / "pose_prior.npz"
    parser.add_argument("--out", type=Path, default=default)
    made = mixture(np.random.default_rng(SEED))
    np.savez_compressed(
        parser.parse_args().out, weight=made["weight"], mean_m=made["mean_m"], basis_m=made["basis_m"],
        rest_sigma_m=made["rest_sigma_m"],
    )  # fmt: skip


def mixture(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The mixture: weight (k,), mean_m (k, 17, 3), basis_m (k, 17, 3, r), rest_sigma_m (k, 17)."""
    parts = []
    for doing, (share, count) in DOINGS.items():
        figures_m = draw(doing, NUM_FIGURES, rng)
        labels = clustered(figures_m.reshape(len(figures_m), -1), count, rng)
        parts += [(share * float((labels == k).mean()), *gaussian(figures_m[labels == k])) for k in range(count)]
    weight, mean_m, basis_m, rest_sigma_m = (np.array(column) for column in zip(*parts, strict=True))
    return {
        "weight": weight, "mean_m": mean_m.astype(np.float32), "basis_m": basis_m.astype(np.float32),
        "rest_sigma_m": rest_sigma_m.astype(np.float32),
    }  # fmt: skip


def gaussian(figures_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (17, 3), main directions (17, 3, r) scaled by their deviation, and what is left by joint (17,)."""
    flat = figures_m.reshape(len(figures_m), -1)
    mean = flat.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    basis = vectors[:, ::-1][:, :RANK] * np.sqrt(values[::-1][:RANK])
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(RANK)])
    left = np.maximum(flat.var(axis=0) - (basis**2).sum(axis=1), 0.0).reshape(17, 3).mean(axis=1)
    return mean.reshape(17, 3), basis.reshape(17, 3, RANK), np.sqrt(left)


def clustered(points: np.ndarray, count: int, rng: np.random.Generator, rounds: int = 40) -> np.ndarray:
    """(n,) which of `count` means each point is nearest to (Lloyd's algorithm)."""
    means = points[rng.choice(len(points), count, replace=False)]
    labels = np.zeros(len(points), dtype=int)
    for _ in range(rounds):
        labels = ((points[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
        means = np.stack([points[labels == k].mean(axis=0) for k in range(count)])
    return labels


def draw(doing: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 17, 3) figures that do one thing."""
    stature = np.clip(rng.normal(STATURE_M, STATURE_SIGMA_M, n), 1.45, 2.05)

    def length(share: float) -> np.ndarray:
        return share * stature * np.exp(rng.normal(0.0, LENGTH_SIGMA, n))

    def degrees(mean: float, sigma: float) -> np.ndarray:
        return np.deg2rad(rng.normal(mean, sigma, n))

    hips_m = length(0.520) * (1 - np.abs(rng.normal(0, 0.025, n)))
    lean = {
        "work": lambda: np.abs(degrees(14, 14)), "reach": lambda: degrees(15, 20), "idle": lambda: degrees(4, 5),
        "walk": lambda: degrees(5, 5), "sit": lambda: degrees(8, 14), "lie": lambda: degrees(0, 5),
    }[doing]()  # fmt: skip
    if doing == "sit":
        hips_m = np.clip(rng.normal(0.56, 0.09, n), 0.38, 0.8)
    trunk = turned(lean, degrees(0, 5), degrees(0, 14))
    hips = np.stack([np.zeros(n), np.zeros(n), hips_m], axis=-1)
    chest = hips + along(trunk, 0, 0, length(0.290))
    half_hip, half_shoulder = length(0.080), length(0.106)
    joints = np.empty((n, 17, 3))
    for joint, sign in ((11, 1), (12, -1)):
        joints[:, joint] = hips + along(None, 0, sign * half_hip, 0)
    ahead = {"work": 0.03, "reach": 0.03}.get(doing, 0.0)
    for joint, sign in ((5, 1), (6, -1)):
        shrug = rng.normal(0, 0.018, (n, 2))
        joints[:, joint] = chest + along(trunk, ahead + shrug[:, 0], sign * half_shoulder, shrug[:, 1])
    joints[:, :5] = face(doing, chest, trunk, lean, length, degrees)
    for sign in (1, -1):
        arm(doing, joints, sign, stature, length, degrees, rng)
        leg(doing, joints, sign, hips_m, length, degrees, rng)
    return lying(joints, rng) if doing == "lie" else joints


def face(
    doing: str, chest: np.ndarray, trunk: np.ndarray, lean: np.ndarray,
    length: Callable[[float], np.ndarray], degrees: Callable[[float, float], np.ndarray],
) -> np.ndarray:  # fmt: skip
    """(n, 5, 3) nose, eyes and ears: the head looks down at work, and follows the trunk by a half otherwise."""
    down = {"work": 32.0, "reach": 15.0, "sit": 18.0}.get(doing, 6.0)
    head = turned(degrees(down, 16) + lean * 0.25, degrees(0, 7), degrees(0, 28))
    neck = chest + along(trunk, 0, 0, length(0.048))
    ears_up, wide = length(0.070), length(0.043)
    middle = neck + along(trunk, 0, 0, 0.5 * ears_up) + along(head, 0.01, 0, 0.5 * ears_up)
    out = length(0.055)
    return np.stack(
        [
            middle + along(head, out + 0.02, 0, -0.012), middle + along(head, out, 0.40 * wide, 0.022),
            middle + along(head, out, -0.40 * wide, 0.022), middle + along(head, 0, wide, 0.0),
            middle + along(head, 0, -wide, 0.0),
        ],
        axis=1,
    )  # fmt: skip


def arm(
    doing: str, joints: np.ndarray, sign: int, stature: np.ndarray, length: Callable[[float], np.ndarray],
    degrees: Callable[[float, float], np.ndarray], rng: np.random.Generator,
) -> None:  # fmt: skip
    """Elbow and wrist of one side: hanging, or led by where the hand works."""
    n = len(joints)
    shoulder, elbow, wrist = (5, 7, 9) if sign > 0 else (6, 8, 10)
    upper, fore = length(0.172), length(0.150)
    tall = stature / STATURE_M
    swing = {"walk": 22.0, "lie": 10.0}.get(doing, 12.0)
    out, forward, bend = np.abs(degrees(10, 9)), degrees(2, swing), np.abs(degrees(22, 22))
    hang = np.stack([np.sin(forward), sign * np.sin(out), -np.cos(forward) * np.cos(out)], axis=-1)
    fore_hang = np.stack([np.sin(forward + bend), sign * np.sin(out) * 0.4, -np.cos(forward + bend)], axis=-1)
    joints[:, elbow] = joints[:, shoulder] + upper[:, None] * unit(hang)
    joints[:, wrist] = joints[:, elbow] + fore[:, None] * unit(fore_hang)
    if doing not in ("work", "reach", "sit"):
        return
    low, high = {"work": (0.85, 1.32), "reach": (0.6, 1.85), "sit": (0.6, 1.2)}[doing]
    goal = np.stack(
        [
            rng.uniform(0.18, 0.62 if doing == "work" else 0.75, n),
            sign * rng.normal(0.13, 0.12 if doing == "work" else 0.25, n), rng.uniform(low, high, n) * tall,
        ],
        axis=-1,
    )  # fmt: skip
    busy = rng.random(n) < {"work": 0.85, "reach": 0.75, "sit": 0.7}[doing]
    side = unit(np.stack([rng.normal(-0.25, 0.25, n), sign * rng.normal(0.65, 0.3, n), -np.ones(n)], axis=-1))
    bent, end = two_bones(joints[:, shoulder], goal, upper, fore, side)
    joints[busy, elbow], joints[busy, wrist] = bent[busy], end[busy]


def leg(
    doing: str, joints: np.ndarray, sign: int, hips_m: np.ndarray, length: Callable[[float], np.ndarray],
    degrees: Callable[[float, float], np.ndarray], rng: np.random.Generator,
) -> None:  # fmt: skip
    """Knee and ankle of one side: feet on the floor below the hips, or before a seat."""
    n = len(joints)
    hip, knee, ankle = (11, 13, 15) if sign > 0 else (12, 14, 16)
    thigh, shank = length(0.245), length(0.246)
    ahead = {"walk": rng.normal(0, 0.22, n), "sit": rng.normal(0.40, 0.12, n)}.get(doing, rng.normal(-0.02, 0.07, n))
    lift = np.abs(rng.normal(0, 0.05, n)) if doing == "walk" else 0.0
    foot = np.stack([ahead, sign * np.abs(rng.normal(0.12, 0.045, n)), length(0.050) + lift], axis=-1)
    front = unit(np.stack([np.ones(n), sign * np.tan(degrees(12, 8)), np.zeros(n)], axis=-1))
    joints[:, knee], joints[:, ankle] = two_bones(joints[:, hip], foot, thigh, shank, front)


def lying(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The figures on a table: on the back, the belly or a side; their head points to +x."""
    n = len(joints)
    flat = joints - joints[:, 11:13].mean(axis=1, keepdims=True)
    roll = np.deg2rad(rng.choice([0.0, 0.0, 0.0, 180.0, 90.0, -90.0], n) + rng.normal(0, 8, n))
    about_self = turned(np.zeros(n), np.zeros(n), roll)
    down = turned(np.full(n, np.pi / 2), np.zeros(n), np.zeros(n))
    back = turned(np.zeros(n), np.zeros(n), np.full(n, np.pi))
    flat = np.einsum("nab,nbc,ncd,njd->nja", down, about_self, back, flat)
    return flat + np.stack([np.zeros(n), np.zeros(n), rng.normal(0.95, 0.12, n)], axis=-1)[:, None]


def two_bones(
    begin: np.ndarray, goal: np.ndarray, first_m: np.ndarray, second_m: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and end (n, 3) of two bones that reach for a goal and bend towards a side."""
    way = goal - begin
    far = np.clip(np.linalg.norm(way, axis=1), np.abs(first_m - second_m) + 0.05, (first_m + second_m) * 0.995)
    way = unit(way)
    share = (first_m**2 - second_m**2 + far**2) / (2 * far)
    off = np.sqrt(np.maximum(first_m**2 - share**2, 0.0))
    across = unit(side - way * (side * way).sum(axis=1, keepdims=True))
    return begin + way * share[:, None] + across * off[:, None], begin + way * far[:, None]


def turned(forward: np.ndarray, sideways: np.ndarray, about: np.ndarray) -> np.ndarray:
    """(n, 3, 3) rotations: turned about z (to the left), bent to the left, then bent forward; radians."""
    zero, one = np.zeros(len(forward)), np.ones(len(forward))

    def matrix(rows: list[list[np.ndarray]]) -> np.ndarray:
        return np.moveaxis(np.array(rows), -1, 0)

    c, s = np.cos(forward), np.sin(forward)
    bend = matrix([[c, zero, s], [zero, one, zero], [-s, zero, c]])
    c, s = np.cos(sideways), np.sin(sideways)
    tilt = matrix([[one, zero, zero], [zero, c, s], [zero, -s, c]])
    c, s = np.cos(about), np.sin(about)
    return bend @ tilt @ matrix([[c, -s, zero], [s, c, zero], [zero, zero, one]])


def along(rotation: np.ndarray | None, x: object, y: object, z: object) -> np.ndarray:
    """(n, 3) a step in a turned frame."""
    step = np.stack(np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (x, y, z))), axis=-1)
    return step if rotation is None else np.einsum("nab,...b->na" if step.ndim == 1 else "nab,nb->na", rotation, step)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions with length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


if __name__ == "__main__":
    main()
