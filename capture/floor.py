"""Finding the floor, and with it the world: +Z up, z = 0 on the floor, nothing known about gravity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .geometry import SE3
from .plane_hypotheses import PlaneConfig, dominant_planes
from .surface_icp import Surface


@dataclass(frozen=True, slots=True)
class FloorConfig:
    """What can be a floor.

    Args:
        max_tilt_deg: largest angle between a floor's normal and the mean up direction (-y) of the cameras.
        min_camera_height_m: every camera stands at least so high above it.
        below_margin_m: points deeper below it than this, and than five standard deviations, lie below it.
        max_below_share: at most so many of all points may lie below it.
        min_area_m2: smaller floors are taken, with a warning.
        plane: how planes are found; floors may be small.
    """

    max_tilt_deg: float = 55.0
    min_camera_height_m: float = 0.4
    below_margin_m: float = 0.10
    max_below_share: float = 0.02
    min_area_m2: float = 0.5
    plane: PlaneConfig = field(default_factory=lambda: PlaneConfig(num_planes=16, min_share=0.004))


@dataclass(frozen=True, slots=True, eq=False)
class FloorFit:
    """Where the floor is.

    Args:
        world_from_reference: the world seen from the frame in which the surfaces were given.
        found: False when no plane can be the floor; up is then the mean of the cameras' and z = 0 the lowest surface.
        area_m2: size of the floor that was seen.
        residual_mm: median distance of its points from the plane; NaN when not found.
        tilt_deg: angle between its normal and the mean up direction of the cameras.
        camera_height_m: height of each camera above it.
        ceiling_angle_deg: angle between the floor and the highest large plane that looks down; NaN without one.
        warnings: what a person should know.
    """

    world_from_reference: SE3
    found: bool
    area_m2: float
    residual_mm: float
    tilt_deg: float
    camera_height_m: Mapping[str, float]
    ceiling_angle_deg: float
    warnings: tuple[str, ...]


def find_floor(
    surfaces: Mapping[str, Surface],
    reference_from_camera: Mapping[str, SE3],
    config: FloorConfig | None = None,
    center_m: np.ndarray | None = None,
) -> FloorFit:
    """The largest plane below all cameras that faces up and has almost nothing beneath it.

    A table has the floor or chairs beneath it, a ceiling faces down. x points along the wall that is most in line with
    the view of the first camera; the origin is the floor point under `center_m`.

    Args:
        surfaces: static surfaces by camera id, each in its camera's frame.
        reference_from_camera: where the cameras stand; only these are used.
        config: see FloorConfig.
        center_m: (3,) in the reference frame; None = the middle of all points.
    """
    config = config or FloorConfig()
    fused = _fuse(surfaces, reference_from_camera)
    ups = np.stack([pose.rotate(np.array([0.0, -1.0, 0.0])) for pose in reference_from_camera.values()])
    up = ups.mean(axis=0) / max(float(np.linalg.norm(ups.mean(axis=0))), 1e-9)
    eyes_m = np.stack([pose.translation_m for pose in reference_from_camera.values()])
    cell_m2 = _cell_area(fused)
    best: tuple[float, np.ndarray, float, np.ndarray] | None = None
    ceiling: tuple[float, np.ndarray] | None = None
    for plane in dominant_planes(fused, config.plane):
        normal, offset_m = plane.normal, plane.offset_m
        area_m2 = len(plane.members) * cell_m2
        tilt = np.degrees(np.arccos(np.clip(normal @ up, -1, 1)))
        if tilt > 180 - config.max_tilt_deg and area_m2 > 1.0 and (ceiling is None or area_m2 > ceiling[0]):
            ceiling = (area_m2, normal)
        heights_m = fused.points_m @ normal - offset_m
        below = heights_m < -np.maximum(config.below_margin_m, 5 * fused.sigma_m)
        if (
            tilt < config.max_tilt_deg
            and (eyes_m @ normal - offset_m).min() > config.min_camera_height_m
            and below.mean() < config.max_below_share
            and (best is None or area_m2 > best[0])
        ):
            best = (area_m2, normal, offset_m, plane.members)
    found = best is not None
    warnings: list[str] = []
    area_m2, residual_mm, ceiling_angle_deg = 0.0, float("nan"), float("nan")
    if best is None:
        normal = up if ceiling is None else -ceiling[1]
        offset_m = float(np.percentile(fused.points_m @ normal, 0.5))
        source = "the ceiling" if ceiling is not None else "the cameras' own up direction"
        warnings.append(f"no floor was seen; up was taken from {source}, z = 0 is the lowest surface")
    else:
        area_m2, normal, offset_m, members = best
        residual_mm = float(np.median(np.abs(fused.points_m[members] @ normal - offset_m))) * 1e3
        if area_m2 < config.min_area_m2:
            warnings.append(f"only {area_m2:.2f} m2 of floor was seen; its tilt may be off")
        if ceiling is not None:
            ceiling_angle_deg = float(np.degrees(np.arccos(np.clip(-normal @ ceiling[1], -1, 1))))
            if ceiling_angle_deg > 5:
                warnings.append(f"floor and ceiling differ by {ceiling_angle_deg:.1f} deg; the depth may be bent")
    tilt_deg = float(np.degrees(np.arccos(np.clip(normal @ up, -1, 1))))
    center_m = np.asarray(fused.points_m.mean(axis=0) if center_m is None else center_m)
    ahead = next(iter(reference_from_camera.values())).rotate(np.array([0.0, 0.0, 1.0]))
    rotation = _axes(normal, fused, ahead)
    origin_m = center_m - normal * (center_m @ normal - offset_m)
    world_from_reference = SE3(rotation, -rotation @ origin_m)
    heights = {name: float(pose.translation_m @ normal - offset_m) for name, pose in reference_from_camera.items()}
    return FloorFit(
        world_from_reference, found, area_m2, residual_mm, tilt_deg, heights, ceiling_angle_deg, tuple(warnings)
    )


def _fuse(surfaces: Mapping[str, Surface], reference_from_camera: Mapping[str, SE3]) -> Surface:
    parts = [(surfaces[name], pose) for name, pose in reference_from_camera.items()]
    return Surface(
        np.concatenate([pose @ surface.points_m for surface, pose in parts]),
        np.concatenate([pose.rotate(surface.normals) for surface, pose in parts]),
        np.concatenate([surface.sigma_m for surface, _ in parts]),
    )


def _cell_area(surface: Surface) -> float:
    """Area for which one point stands: the squared typical distance to the nearest neighbour in the own surface."""
    from scipy.spatial import KDTree

    sample = surface.points_m[:: max(1, len(surface.points_m) // 2000)]
    distance_m = KDTree(surface.points_m).query(sample, k=5)[0]
    return float(np.pi * np.median(distance_m[:, 4]) ** 2 / 5)


def _axes(up: np.ndarray, fused: Surface, ahead: np.ndarray) -> np.ndarray:
    """(3, 3) world from reference: z up, x horizontal along the walls' common direction nearest to `ahead`."""
    level = ahead - up * (up @ ahead)
    if np.linalg.norm(level) < 1e-3:
        level = np.eye(3)[int(np.argmin(np.abs(up)))]
        level = level - up * (up @ level)
    x = level / np.linalg.norm(level)
    y = np.cross(up, x)
    walls = fused.normals[np.abs(fused.normals @ up) < 0.3]
    # Walls meet at right angles, so four times the heading is the same for all of them.
    phase = np.exp(4j * np.arctan2(walls @ y, walls @ x)).sum() if len(walls) else 1.0
    turn = float(np.angle(phase)) / 4
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return np.stack([x, y, up])
