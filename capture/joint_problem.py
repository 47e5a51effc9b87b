"""What all cameras of a rig saw of each other: the input of the joint refinement of poses and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .arrays import Covariance6, read_only
from .depth_bend import TIME_OF_FLIGHT, BendablePoints, BendPrior, turned_normals
from .depth_correction import DepthCorrection
from .features import Matches
from .geometry import SE3
from .surface_icp import Surface

SPOT_RAD = 0.05
HELD_OUT_SHARE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class JointCamera:
    """One camera of a joint refinement.

    Args:
        camera_id: its name.
        surface: static surface as read, camera frame.
        camera_from_depth: the pose of its depth lens.
        color_eye_m: (3,) where its colour lens stands, camera frame (0 where the calibration is right).
        pixel_rad: angle of a pixel of its colour lens; NaN without colour.
        bend: how wrong its depth may be, beside
        given: the correction that is known already.
    """

    camera_id: str
    surface: Surface
    camera_from_depth: SE3
    color_eye_m: np.ndarray = field(default_factory=lambda: np.zeros(3))
    pixel_rad: float = float("nan")
    bend: BendPrior = TIME_OF_FLIGHT
    given: DepthCorrection = field(default_factory=DepthCorrection)

    def __post_init__(self) -> None:
        object.__setattr__(self, "color_eye_m", read_only(np.asarray(self.color_eye_m, dtype=np.float64)))

    def bendable(self, points_m: np.ndarray, eye_m: np.ndarray | None = None) -> BendablePoints:
        """Points (n, 3) of the camera frame as what moves with the depth, along rays from an eye (None: depth lens)."""
        in_depth = self.camera_from_depth.inverse() @ points_m
        depth_m = np.maximum(in_depth[:, 2], 1e-3)
        eye_m = self.camera_from_depth.translation_m if eye_m is None else eye_m
        return BendablePoints(points_m, eye_m, in_depth[:, :2] / depth_m[:, None], depth_m)

    def normals(self, points: BendablePoints, normals: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Normals (n, 3) of the corrected surface, camera frame."""
        turn = self.camera_from_depth.rotation
        return turned_normals(points.rays, points.depth_m, normals @ turn, terms) @ turn.T


@dataclass(frozen=True, slots=True, eq=False)
class JointMatches:
    """Colour matches of two cameras, as many as were found, true and false.

    Args:
        first, second: numbers of the cameras.
        matches: the places, each in the frame of its camera.
    """

    first: int
    second: int
    matches: Matches

    def held_out(self) -> np.ndarray:
        """(n,) bool: rows that no fit may use; whole spots of the first picture, the same ones each time."""
        direction = self.matches.first_m[:, :2] / np.maximum(self.matches.first_m[:, 2:], 1e-3)
        spot = np.floor(direction / SPOT_RAD).astype(np.int64)
        mixed = (spot[:, 0] * 73_856_093) ^ (spot[:, 1] * 19_349_663) ^ (self.first * 83 + self.second)
        return (mixed * 2_654_435_761 >> 7) % 100 < 100 * HELD_OUT_SHARE

    def where(self, chosen: np.ndarray) -> JointMatches:
        """Only the chosen rows."""
        return JointMatches(self.first, self.second, self.matches.where(chosen))


@dataclass(frozen=True, slots=True, eq=False)
class RigPrior:
    """What is known of the poses beforehand, from a board for instance.

    Args:
        root_from_camera: pose by camera number.
        covariance: (6, 6) by camera number, in the tangent of each camera; those of the root are not asked for.
    """

    root_from_camera: Mapping[int, SE3]
    covariance: Mapping[int, Covariance6]


@dataclass(frozen=True, slots=True, eq=False)
class JointProblem:
    """All of it.

    Args:
        cameras: the cameras; `root` is the number of the one that keeps its place, which fixes the gauge.
        matches: colour matches by pair.
        pairs: pairs of cameras whose surfaces are compared.
        prior: what is known of the poses, or None.
    """

    cameras: Sequence[JointCamera]
    matches: Sequence[JointMatches]
    pairs: Sequence[tuple[int, int]]
    root: int = 0
    prior: RigPrior | None = None

    def training(self) -> JointProblem:
        """Without the colour matches that are held out."""
        return JointProblem(
            self.cameras, [one.where(~one.held_out()) for one in self.matches], self.pairs, self.root, self.prior
        )

    def testing(self) -> Sequence[JointMatches]:
        """The colour matches that are held out."""
        return [one.where(one.held_out()) for one in self.matches]


@dataclass(frozen=True, slots=True, eq=False)
class JointState:
    """Where the cameras stand and how their depth is bent: what a refinement starts from and ends with.

    Args:
        root_from_camera: pose by camera number.
        terms: (c, 13) terms of each depth correction (see depth_bend).
    """

    root_from_camera: Sequence[SE3]
    terms: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", read_only(np.asarray(self.terms, dtype=np.float64)))
