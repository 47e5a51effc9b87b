"""What is known of a body before any camera looks: how people's joints lie to each other and above the floor.

A mixture of Gaussians over the 17 joints of people who stand, work, walk, reach, sit and lie, made from anthropometric
tables and joint limits by scripts/make_pose_prior.py; no recording of people went into it. Turned to all directions it
becomes what the fit takes: in each Gaussian the joints are

    x = mean + basis a + e,   a ~ N(0, I),   e_j ~ N(0, rest_var_j I)

where the last four columns of the basis turn the body within its sector and move it along x, y and z.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._mixture_kernel import tables

FILE = "pose_prior.npz"
SECTORS = 24
GROUND_SIGMA_M = 3.0
SCREEN_M = 0.07


class Mixture(NamedTuple):
    """The same Gaussians as compiled loops take them: those of one direction, and all directions.

    Args:
        mean, basis, rest: (k, 100), (k, l, 100) and (k, 60), see _mixture_kernel.tables.
        log_weight: (k,).
        turns: (s, 2) cosine and sine of each direction.
        heft, white, normal: (k, 60), (k, l, 60) and (k,) give the log density of joints y that are all seen to within
            SCREEN_M: normal - (sum of heft (y - mean)^2 - sum of squares of white (y - mean)) / 2.
    """

    mean: np.ndarray
    basis: np.ndarray
    rest: np.ndarray
    log_weight: np.ndarray
    turns: np.ndarray
    heft: np.ndarray
    white: np.ndarray
    normal: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class PosePrior:
    """A mixture of c Gaussians over joints in a world whose z axis points up, about a place on the floor.

    Args:
        mean_m: (c, 17, 3).
        basis_m: (c, 17, 3, l), the first `num_shape` columns are the body's own.
        rest_var_m2: (c, 17).
        log_weight: (c,).
        num_shape: how many columns of the basis are pose and size.
        mixture: the same, laid out for compiled loops.
    """

    mean_m: np.ndarray
    basis_m: np.ndarray
    rest_var_m2: np.ndarray
    log_weight: np.ndarray
    num_shape: int
    mixture: Mixture


@lru_cache(maxsize=4)
def load_pose_prior(floor_sigma_m: float = 0.05, rest_floor_m: float = 0.01, widening: float = 1.0) -> PosePrior:
    """The mixture in all directions.

    Args:
        floor_sigma_m: standard deviation of the height of the floor.
        rest_floor_m: least deviation of a joint from what the basis can say.
        widening: the shape's standard deviations are this much larger than the tables say.
    """
    with np.load(Path(__file__).with_name(FILE)) as data:
        weight, mean, basis, rest = (
            data[name].astype(np.float64) for name in ("weight", "mean_m", "basis_m", "rest_sigma_m")
        )
    count, joints, _, rank = basis.shape
    sector_rad = 2 * np.pi / SECTORS
    moves = np.zeros((count, joints, 3, 4))
    moves[..., 0, 0], moves[..., 1, 0] = -mean[..., 1], mean[..., 0]
    moves[..., 0] *= sector_rad / np.sqrt(12)
    for axis, sigma_m in enumerate((GROUND_SIGMA_M, GROUND_SIGMA_M, floor_sigma_m)):
        moves[..., axis, 1 + axis] = sigma_m
    moves[..., 2, 3] = floor_sigma_m
    basis = np.concatenate([widening * basis, moves], axis=-1)
    turns = np.stack([_about_z(sector_rad * sector) for sector in range(SECTORS)])
    mean_m = np.einsum("yab,kjb->ykja", turns, mean).reshape(-1, joints, 3)
    turned = np.concatenate(
        [np.einsum("yab,kjbl->ykjal", turns, basis[..., : rank + 1]),
         np.broadcast_to(basis[..., rank + 1 :], (SECTORS, *basis.shape[:3], 3))], axis=-1,
    )  # fmt: skip
    rest_var = np.maximum(rest, rest_floor_m) ** 2
    log_weight = np.log(weight / weight.sum() / SECTORS)
    turned = np.ascontiguousarray(turned.reshape(-1, *turned.shape[2:]))
    mixture = _mixture(mean_m[:count], turned[:count], rest_var, log_weight, turns)
    return PosePrior(
        mean_m, turned, np.tile(rest_var, (SECTORS, 1)), np.tile(log_weight, SECTORS), rank, mixture
    )  # fmt: skip


def _mixture(
    mean_m: np.ndarray, basis_m: np.ndarray, rest_var_m2: np.ndarray, log_weight: np.ndarray, turns: np.ndarray
) -> Mixture:
    mean, basis, rest = tables(mean_m, basis_m, rest_var_m2)
    heft = np.zeros_like(rest)
    heft.reshape(len(heft), 3, -1)[..., : mean_m.shape[1]] = 1 / (rest_var_m2 + SCREEN_M**2)[:, None]
    own = basis[..., : heft.shape[1]]
    info = np.eye(own.shape[1]) + np.einsum("kpi,ki,kqi->kpq", own, heft, own)
    factor = np.linalg.cholesky(info)
    white = np.linalg.solve(factor, own * heft[:, None])
    spread = np.log(heft, out=np.zeros_like(heft), where=heft > 0).sum(axis=1) / 2
    normal = log_weight + spread - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    facing = np.ascontiguousarray(turns[:, :2, 0])
    return Mixture(mean, basis, rest, log_weight, facing, heft, np.ascontiguousarray(white), normal)


def _about_z(angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
