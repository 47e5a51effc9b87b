"""How believable a relative pose is: surfaces that coincide speak for it, surfaces in seen-through air against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import SE3
from .static_view import StaticView
from .surface_icp import Surface, is_held_out


@dataclass(frozen=True, slots=True)
class AgreementConfig:
    """What speaks for and against a pose.

    Args:
        distance_m: surfaces nearer than this coincide, in proportion; farther ones that face the same way stand apart.
        reach_m: largest distance of a pair.
        max_angle_deg: largest angle between the normals of a pair.
        air_margin_m: how far in front of the other camera's surface a point may lie, beside four standard deviations
            and `air_margin_share` of the range, until it hangs in air that the camera has looked through.
        air_margin_share: depth error that a sensor may have beyond its noise, as a share of the range.
    """

    distance_m: float = 0.04
    reach_m: float = 0.15
    max_angle_deg: float = 45.0
    air_margin_m: float = 0.05
    air_margin_share: float = 0.03


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two surfaces agree under a pose, as shares of all points that were asked.

    Args:
        coincide: soft share: each point counts 1 on the other surface, falling to 0 at `distance_m` from it.
        apart: soft share that stands beside a surface which faces the same way, as double walls do: 0 at `distance_m`,
            rising to 1 at twice that.
        paired: share nearer than `distance_m`.
        in_air: share that hangs in air through which the other camera has looked.

    """

    coincide: float
    apart: float
    paired: float
    in_air: float

    @property
    def score(self) -> float:
        """What speaks for the pose less what speaks against it."""
        return self.coincide - self.apart - self.in_air


def agreement(
    views: tuple[StaticView, StaticView],
    surfaces: tuple[Surface, Surface],
    first_from_second: SE3,
    config: AgreementConfig | None = None,
    held_out_tile_m: float | None = None,
) -> Agreement:
    """Score a pose on two surfaces, both ways.

    Args:
        views: the views; what they look through is asked of them.
        surfaces: the same, thinned, each in the frame of its camera.
        first_from_second: the pose.
        config: see AgreementConfig.
    """
    config = config or AgreementConfig()
    first, second = surfaces
    sums, count = np.zeros(4), 0
    for mine, theirs, their_view, pose in (
        (second, first, views[0], first_from_second),
        (first, second, views[1], first_from_second.inverse()),
    ):
        if not len(mine.points_m) or not len(theirs.points_m):
            continue
        moved_m = pose @ mine.points_m
        if held_out_tile_m is not None:
            chosen = is_held_out(moved_m if mine is second else mine.points_m, held_out_tile_m)
            mine, moved_m = mine.part(chosen), moved_m[chosen]
        gain = _coincidence(moved_m, pose.rotate(mine.normals), theirs, config)
        in_air = in_seen_air(moved_m, mine.sigma_m, their_view, config) & (gain == 0)
        sums += np.maximum(gain, 0).sum(), np.maximum(-gain, 0).sum(), (gain > 0).sum(), in_air.sum()
        count += len(mine.points_m)
    return Agreement(*(sums / max(count, 1)).tolist())


def in_seen_air(points_m: np.ndarray, sigma_m: np.ndarray, view: StaticView, config: AgreementConfig) -> np.ndarray:
    """(n,) bool: points (n, 3) in the camera frame of a view that hang clearly in front of what it saw there.

    A point whose surroundings in the picture hold anything as near as itself is not counted: rims are never sharp.
    """
    from scipy.ndimage import minimum_filter

    depth_lens = view.model.depth
    assert depth_lens is not None
    reach = max(1, round(0.006 * depth_lens.fx_px))
    nearest_m = minimum_filter(np.where(view.depth_m > 0, view.depth_m, 0.0), size=2 * reach + 1)
    in_depth_m = view.model.color_from_depth.inverse() @ points_m
    uv = depth_lens.project(in_depth_m)
    inside = depth_lens.contains(uv)
    column, row = np.where(inside[:, None], uv, 0).round().astype(int).T
    surface_m = nearest_m[np.minimum(row, view.depth_m.shape[0] - 1), np.minimum(column, view.depth_m.shape[1] - 1)]
    margin_m = config.air_margin_m + 4 * sigma_m + config.air_margin_share * in_depth_m[:, 2]
    return inside & (surface_m > 0) & (in_depth_m[:, 2] < surface_m - margin_m)


def _coincidence(moved_m: np.ndarray, normals: np.ndarray, theirs: Surface, config: AgreementConfig) -> np.ndarray:
    """(n,) in [-1, 1]: 1 on their surface, negative beside one that faces the same way, 0 where there is none."""
    from scipy.spatial import KDTree

    distance_m, nearest = KDTree(theirs.points_m).query(moved_m, distance_upper_bound=config.reach_m)
    gain = np.zeros(len(moved_m))
    near = np.flatnonzero(np.isfinite(distance_m))
    partner = np.asarray(nearest)[near]
    aligned = np.einsum("nc,nc->n", normals[near], theirs.normals[partner]) > np.cos(np.radians(config.max_angle_deg))
    off_m = np.abs(np.einsum("nc,nc->n", moved_m[near] - theirs.points_m[partner], theirs.normals[partner]))
    gain[near] = np.where(aligned, np.maximum(-1.0, 1.0 - off_m / config.distance_m), 0.0)
    return gain
