"""The ray test: does a camera see a thing, is something in the way, or does it look elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..capture.arrays import PointList, RawDepthImage
from ..capture.camera import Camera
from .state import Visibility


@dataclass(frozen=True, slots=True)
class VisibilityConfig:
    """How a ray is judged.

    Args:
        tolerance_m: an observed depth within this of the expected one is the thing itself.
        inside_share: less than this share of the thing inside the image is outside the view.
        through_share: when at least this share of the judged rays reach beyond the thing, it is not there.
        min_points: a camera with so many measured points of the thing sees it.
    """

    tolerance_m: float = 0.15
    inside_share: float = 0.2
    through_share: float = 0.6
    min_points: int = 5


@dataclass(frozen=True, slots=True)
class RayVerdict:
    """What one camera says about an expected thing: the visibility, and whether it looked through its place."""

    visibility: Visibility
    looked_through: bool


def ray_test(
    camera: Camera, depth_raw: RawDepthImage | None, points_m: PointList, config: VisibilityConfig | None = None
) -> RayVerdict:
    """Ask one camera about a thing that is expected at some points.

    A ray that ends before the thing is blocked, one that ends at it sees it, one that ends behind it looks through;
    rays without return say nothing.

    Args:
        camera: where it stands.
        depth_raw: (h, w) uint16 counts of this instant, or None when the camera gave no frame.
        points_m: (n, 3) expected surface, world.
        config: see VisibilityConfig.
    """
    config = config or VisibilityConfig()
    if depth_raw is None or camera.depth is None or len(points_m) == 0:
        return RayVerdict(Visibility.OUTSIDE, False)
    local_m = camera.world_from_depth.inverse() @ np.asarray(points_m, dtype=np.float64)
    uv_px = camera.depth.project(local_m)
    inside = camera.depth.contains(uv_px)
    if inside.mean() < config.inside_share:
        return RayVerdict(Visibility.OUTSIDE, False)
    columns, rows = np.rint(uv_px[inside]).astype(int).T
    observed_m = depth_raw[rows, columns] * camera.depth_unit_m
    margin_m = (observed_m - local_m[inside, 2])[observed_m > 0]
    if len(margin_m) == 0:
        return RayVerdict(Visibility.HIDDEN, False)
    seen = np.abs(margin_m) <= config.tolerance_m
    if seen.mean() > 0.5:
        return RayVerdict(Visibility.SEEN, False)
    through = margin_m > config.tolerance_m
    return RayVerdict(Visibility.HIDDEN, bool(through.mean() >= config.through_share))
