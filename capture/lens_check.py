"""Whether depth edges lie on colour edges: a test of `color_from_depth` as a calibration file gives it.

The most common mistake in such files is the inverse: depth_from_color under the name color_from_depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import SE3
from .static_view import StaticView

JUMP_M = 0.15
MIN_EDGE_PIXELS = 300
CLEARLY_SIGMAS = 3.0
TILE_PX = 24


@dataclass(frozen=True, slots=True)
class LensCheck:
    """The outcome for one camera.

    Args:
        color_from_depth: the pose that fits best: as given, its inverse, or the identity.
        verdict: "as_given", "inverse", "identity" or "unknown" (too few edges; the pose is then as given).
        gain: how much stronger the colour edges are under the best pose than under the given one, as a share.
    """

    color_from_depth: SE3
    verdict: str
    gain: float


def check_lens_pose(view: StaticView) -> LensCheck:
    """Compare the given pose of the depth lens with the two that files confuse it with.

    The near rims of depth jumps are projected into the colour picture under each pose; the pose under which they meet
    the stronger colour edges wins, if it does so by three standard errors over image tiles.

    Args:
        view: the static surface and the picture of the empty room.
    """
    import cv2
    from scipy.ndimage import map_coordinates

    given = view.model.color_from_depth
    rims_m, tiles = _rims(view)
    if view.color_rgb is None or len(rims_m) < MIN_EDGE_PIXELS:
        return LensCheck(given, "unknown", 0.0)
    gray = cv2.GaussianBlur(cv2.cvtColor(view.color_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    strength = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    strength = np.minimum(strength, np.percentile(strength, 95))
    candidates = {"as_given": given, "inverse": given.inverse(), "identity": SE3.identity()}
    scores = {}
    for name, pose in candidates.items():
        uv = np.nan_to_num(view.model.color.project(pose @ rims_m), nan=-1.0)
        scores[name] = map_coordinates(strength, uv.T[::-1], order=1)
    best = max(scores, key=lambda name: float(scores[name].mean()))
    difference = scores[best] - scores["as_given"]
    _, tile = np.unique(tiles, return_inverse=True)
    means = np.bincount(tile, difference) / np.bincount(tile)
    weights = np.bincount(tile)
    mean = float(difference.mean())
    error = float(np.sqrt((weights**2 * (means - mean) ** 2).sum()) / weights.sum())
    if best == "as_given" or mean < CLEARLY_SIGMAS * error:
        return LensCheck(given, "as_given", 0.0)
    return LensCheck(candidates[best], best, mean / max(float(scores["as_given"].mean()), 1e-9))


def _rims(view: StaticView) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) in the depth lens frame on the near side of depth jumps, and the image tile of each."""
    lens = view.model.depth
    assert lens is not None
    depth_m = view.depth_m
    reach = max(1, round(0.0035 * lens.fx_px))
    neighbours = np.stack([np.roll(depth_m, shift, axis) for shift in (reach, -reach) for axis in (0, 1)])
    rim = (depth_m > 0) & (neighbours.max(axis=0) - depth_m > JUMP_M)
    border = 4 * reach
    rim[:border] = rim[-border:] = False
    rim[:, :border] = rim[:, -border:] = False
    row, column = np.nonzero(rim)
    points_m = lens.rays()[row, column].astype(np.float64) * depth_m[row, column][:, None]
    return points_m, (row // TILE_PX) * 10_000 + column // TILE_PX
