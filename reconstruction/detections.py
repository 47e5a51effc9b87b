"""What 2D detectors saw of people at one instant, camera by camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64

from ..capture.arrays import read_only
from .skeleton import NUM_JOINTS

Keypoints = Float64[np.ndarray, "17 2"]
JointScores = Float64[np.ndarray, "17"]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One person as one camera saw him.

    Args:
        keypoints_px: (17, 2) COCO-17 in order, pixels of the camera as it is (distorted); NaN = not seen.
        scores: (17,) in [0, 1], 0 = not seen.
        score: of the whole person, in the detector's own scale.
        depth_m: (17,) depth of the joint along the optical axis, NaN = not known; of a camera that measures depth.
        depth_sigma_m: (17,) its standard deviation.
    """

    keypoints_px: Keypoints
    scores: JointScores
    score: float = 1.0
    depth_m: JointScores | None = None
    depth_sigma_m: JointScores | None = None

    def __post_init__(self) -> None:
        for name in ("keypoints_px", "scores", "depth_m", "depth_sigma_m"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(np.asarray(value, dtype=np.float64)))

    @property
    def seen(self) -> np.ndarray:
        """(17,) bool: which joints were seen."""
        return (self.scores > 0) & np.isfinite(self.keypoints_px).all(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """All detections of one instant.

    Args:
        instant: its number, as the file has it.
        time_ns: when, rig clock; None where nobody knows: such an instant has neither before nor after.
        cameras: detections by camera; a camera that is absent was not there, an empty one saw nobody.
    """

    instant: int
    time_ns: int | None
    cameras: Mapping[str, tuple[Detection, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", MappingProxyType(dict(self.cameras)))


@dataclass(frozen=True, slots=True, eq=False)
class LiftedPerson:
    """One person in space at one instant.

    Args:
        track_id: who, from 1.
        joints_m: (17, 3) world; NaN = not claimed.
        covariance_m2: (17, 3, 3).
        predicted: (17,) bool, no camera saw the joint at this instant: the body's shape or the motion speaks.
        views: the cameras that saw him; empty in a gap that the motion fills.
        detections: position of the detection in each of these cameras' lists.
    """

    track_id: int
    joints_m: np.ndarray
    covariance_m2: np.ndarray
    predicted: np.ndarray
    views: tuple[str, ...] = ()
    detections: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("joints_m", "covariance_m2", "predicted"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name))))

    @property
    def sigma_m(self) -> np.ndarray:
        """(17,) standard deviation per axis, metres."""
        return np.sqrt(np.trace(self.covariance_m2, axis1=1, axis2=2) / 3)


@dataclass(frozen=True, slots=True, eq=False)
class LiftedInstant:
    """The people of one instant."""

    instant: int
    time_ns: int | None
    people: tuple[LiftedPerson, ...]


def no_keypoints() -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and scores of a detection in which nothing was seen."""
    return np.full((NUM_JOINTS, 2), np.nan), np.zeros(NUM_JOINTS)
