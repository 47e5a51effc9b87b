"""Refining a relative pose on static surfaces: robust point-to-plane, with colour matches as a second witness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import read_only
from .features import Matches
from .geometry import SE3
from .overlap import grid_mean
from .static_view import StaticView

FIRST_MATCH = np.int64(1) << 62  # matches are clusters of their own, numbered apart from the tiles


@dataclass(frozen=True, slots=True)
class IcpConfig:
    """How two surfaces are brought together.

    Args:
        grid_m: edge of the cells to which both surfaces are thinned.
        max_depth_m: farther depth is left out, where enough is nearer.
        distances_m: largest distance of a pair, from the first round to the last.
        rounds: pairings per distance.
        max_angle_deg: largest angle between the normals of a pair.
        color_weight: weight of one colour match against one surface pair.
        color_sigma_rad: angle by which a true colour match may be seen beside its place.
        tile_m: edge of the tiles by which fit and score are kept apart, and within which errors count as one.
    """

    grid_m: float = 0.03
    max_depth_m: float = 5.0
    distances_m: tuple[float, ...] = (0.40, 0.25, 0.15, 0.10, 0.06)
    rounds: int = 12
    max_angle_deg: float = 45.0
    color_weight: float = 5.0
    color_sigma_rad: float = 0.005
    tile_m: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A thinned static surface: what ICP and its scores work on, in the camera frame.

    Args:
        points_m: (n, 3) float64.
        normals: (n, 3) float64, towards the camera.
        sigma_m: (n,) float64 standard deviation of the range.
    """

    points_m: np.ndarray
    normals: np.ndarray
    sigma_m: np.ndarray

    def __post_init__(self) -> None:
        for name in ("points_m", "normals", "sigma_m"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @classmethod
    def of(cls, view: StaticView, config: IcpConfig, grid_m: float | None = None) -> Surface:
        """The surface of a view, thinned to a grid (None = that of the config)."""
        near = view.points_m[:, 2] < config.max_depth_m
        if near.sum() < 0.2 * len(near):
            near[:] = True
        columns = np.concatenate([view.points_m, view.normals, view.sigma_m[:, None]], axis=1)[near]
        cells = np.floor(columns[:, :3] / (grid_m or config.grid_m)).astype(np.int64)
        mean = grid_mean(columns, cells)
        normals = mean[:, 3:6] / np.maximum(np.linalg.norm(mean[:, 3:6], axis=1, keepdims=True), 1e-9)
        return cls(mean[:, :3], normals, mean[:, 6])

    def part(self, chosen: np.ndarray) -> Surface:
        """Only the chosen points."""
        return Surface(self.points_m[chosen], self.normals[chosen], self.sigma_m[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class IcpResult:
    """A refined pose.

    Args:
        first_from_second: the pose of the second camera in the frame of the first.
        information: (6, 6) of a small motion of the second camera, in the first's frame (rad, then m); it is discounted
            for errors that neighbouring points share.
        residual_sigma_m: robust standard deviation of the pairs along their normals.
        num_pairs: surface pairs of the last round.
    """

    first_from_second: SE3
    information: np.ndarray
    residual_sigma_m: float
    num_pairs: int


def is_held_out(points_m: np.ndarray, tile_m: float) -> np.ndarray:
    """(n,) bool: the tiles that are for scoring only, every other one as on a checkerboard.

    Args:
        points_m: (n, 3) in the frame of the first camera of a pair, whichever camera saw them.
        tile_m: edge of a tile.

    """
    return np.floor(points_m / tile_m).astype(np.int64).sum(axis=-1) % 2 == 1


def refine(
    first: Surface,
    second: Surface,
    start: SE3,
    matches: Matches | None = None,
    config: IcpConfig | None = None,
    *,
    spare_held_out: bool = False,
) -> IcpResult:
    """Iterated closest points, point to plane (Chen and Medioni 1991), in both directions, robust (Geman-McClure).

    Args:
        first, second: surfaces, each in the frame of its camera.
        start: first_from_second to begin with.
        matches: colour matches that are kept in sight: each pulls by the angle at which it is seen beside its place.
        config: see IcpConfig.
    """
    from scipy.spatial import KDTree

    config = config or IcpConfig()
    trees = KDTree(first.points_m), KDTree(second.points_m)
    pose = start
    rows = Rows.none()
    for max_distance_m in config.distances_m:
        for _ in range(config.rounds):
            rows = _surface_rows(first, second, trees, pose, max_distance_m, config, spare_held_out)
            if matches is not None and len(matches):
                rows = rows.beside(_color_rows(matches, pose, config))
            if len(rows.residual) < 6:
                break
            step = rows.step()
            pose = SE3.exp(step) @ pose
            if np.linalg.norm(step[:3]) < 1e-5 and np.linalg.norm(step[3:]) < 1e-5:
                break
    surface = rows.kind == 0
    spread = 1.4826 * float(np.median(np.abs(rows.residual[surface]))) if surface.any() else float("inf")
    return IcpResult(pose, rows.information(), spread, int(surface.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Linearised residuals: residual + jacobian @ step, with weights, and the tile to which each belongs."""

    residual: np.ndarray
    jacobian: np.ndarray
    weight: np.ndarray
    tile: np.ndarray
    kind: np.ndarray

    @classmethod
    def none(cls) -> Rows:
        """No rows at all."""
        return cls(np.zeros(0), np.zeros((0, 6)), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def beside(self, other: Rows) -> Rows:
        """Both, one after the other."""
        return Rows(
            np.concatenate([self.residual, other.residual]),
            np.concatenate([self.jacobian, other.jacobian]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.tile, other.tile]),
            np.concatenate([self.kind, other.kind]),
        )

    def normal_matrix(self) -> np.ndarray:
        """(6, 6), slightly damped, so that an unobservable direction stays where it is."""
        matrix = (self.jacobian * self.weight[:, None]).T @ self.jacobian
        return matrix + 1e-6 * np.trace(matrix) / 6 * np.eye(6)

    def step(self) -> np.ndarray:
        """The (6,) Gauss-Newton step."""
        return -np.linalg.solve(self.normal_matrix(), self.jacobian.T @ (self.weight * self.residual))

    def information(self) -> np.ndarray:
        """(6, 6) inverse of the cluster-robust covariance (Liang and Zeger 1986), a tile being a cluster.

        The errors of depth cameras are smooth over the picture; taking each point as a witness of its own would promise
        micrometres.
        """
        if len(self.residual) < 6:
            return np.zeros((6, 6))
        scores = self.jacobian * (self.weight * self.residual)[:, None]
        _, tile = np.unique(self.tile, return_inverse=True)
        sums = np.stack([np.bincount(tile, scores[:, axis]) for axis in range(6)], axis=1)
        bread = np.linalg.inv(self.normal_matrix())
        covariance = bread @ (sums.T @ sums) @ bread + np.diag([1e-10] * 3 + [1e-10] * 3)
        return np.linalg.inv(covariance)


def _surface_rows(
    first: Surface, second: Surface, trees: tuple, pose: SE3, max_distance_m: float, config: IcpConfig, spare: bool
) -> Rows:
    """Rows of both directions, linearised for a small motion of the second camera in the frame of the first."""
    moved_m, moved_normals = pose @ second.points_m, pose.rotate(second.normals)
    back_m = pose.inverse() @ first.points_m
    cosine = np.cos(np.radians(config.max_angle_deg))
    blocks: list[Rows] = []
    for direction, (query_m, tree) in enumerate(((moved_m, trees[0]), (back_m, trees[1]))):
        distance_m, nearest = tree.query(query_m, distance_upper_bound=max_distance_m)
        i = np.nonzero(np.isfinite(distance_m))[0]
        j = nearest[i]
        at_first, at_second = (j, i) if direction == 0 else (i, j)
        aligned = np.einsum("nc,nc->n", first.normals[at_first], moved_normals[at_second]) > cosine
        if spare:
            aligned &= ~is_held_out(first.points_m[at_first], config.tile_m)
        at_first, at_second = at_first[aligned], at_second[aligned]
        p, q = first.points_m[at_first], moved_m[at_second]
        normal = first.normals[at_first] if direction == 0 else moved_normals[at_second]
        residual = np.einsum("nc,nc->n", q - p, normal)
        # In the second direction the plane moves with the camera; to first order the row is the same.
        jacobian = np.concatenate([np.cross(q, normal), normal], axis=1)
        sigma_m = np.hypot(first.sigma_m[at_first], second.sigma_m[at_second])
        weight = _kernel(residual, sigma_m, max_distance_m)
        tiles = np.floor(p / config.tile_m).astype(np.int64)
        tile = tiles @ np.array([1 << 40, 1 << 20, 1])
        blocks.append(Rows(residual, jacobian, weight, tile, np.zeros(len(residual), np.int64)))
    # A tile is one cluster whichever way it was paired.
    names = ("residual", "jacobian", "weight", "tile", "kind")
    return Rows(*(np.concatenate([getattr(block, name) for block in blocks]) for name in names))


def _kernel(residual: np.ndarray, sigma_m: np.ndarray, max_distance_m: float) -> np.ndarray:
    """Weights: inverse variance, times Geman-McClure whose width shrinks with the pairing distance."""
    width = np.maximum(1.5 * sigma_m, max_distance_m / 3)
    return (1.0 / (1.0 + (residual / width) ** 2) ** 2) / (sigma_m**2 + 0.005**2)


def _color_rows(matches: Matches, pose: SE3, config: IcpConfig) -> Rows:
    """Rows of the angles at which matches are seen beside their places, in the first camera."""
    moved = pose @ matches.second_m
    z = np.maximum(moved[:, 2], 0.1)
    residual = moved[:, :2] / z[:, None] - matches.first_m[:, :2] / matches.first_m[:, 2:]
    projection = np.zeros((len(z), 2, 3))
    projection[:, 0, 0] = projection[:, 1, 1] = 1 / z
    projection[:, :, 2] = -moved[:, :2] / z[:, None] ** 2
    twist = np.zeros((len(z), 3, 6))
    twist[:, :, :3] = -_skew(moved)
    twist[:, :, 3:] = np.eye(3)
    jacobian = projection @ twist
    size = np.linalg.norm(residual, axis=1)
    weight = config.color_weight / (1.0 + (size / (3 * config.color_sigma_rad)) ** 2) ** 2 / config.color_sigma_rad**2
    count = len(z)
    return Rows(
        residual.ravel(), jacobian.reshape(-1, 6), np.repeat(weight, 2), np.repeat(FIRST_MATCH + np.arange(count), 2),
        np.ones(2 * count, np.int64),
    )  # fmt: skip


def _skew(vectors: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape[:-1], 3, 3)
