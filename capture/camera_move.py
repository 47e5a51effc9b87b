"""Cameras that were moved during a recording: what was found of each move, and the pose that holds from then on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Covariance6, read_only
from .geometry import SE3


@dataclass(frozen=True, slots=True, eq=False)
class CameraMove:
    """One move of one camera, as seen in its own pictures.

    Args:
        camera_id: which camera.
        time_ns: when it was moved, rig clock: the first frame that was taken from the new place.
        before_from_after: the pose of its (colour) lens after the move in the frame of the lens before; None where the
            two places have too little in common to say.
        covariance: (6, 6) of `before_from_after`, tangent order of SE3.exp (rad, then m), of a small motion applied
            from the left; infinite on the diagonal where the pose is None.
        sudden: True for a bump, False where the camera sank so slowly that no moment can be named; `time_ns` then is
            the time at which the move has grown large enough to report.
    """

    camera_id: str
    time_ns: int
    before_from_after: SE3 | None
    covariance: Covariance6
    sudden: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(np.asarray(self.covariance, dtype=np.float64)))

    @property
    def angle_deg(self) -> float:
        """By how much the camera was turned; NaN where that is not known."""
        return float("nan") if self.before_from_after is None else float(np.degrees(self.before_from_after.angle_rad()))

    @property
    def shift_mm(self) -> float:
        """By how much the lens was shifted; NaN where that is not known."""
        return float("nan") if self.before_from_after is None else 1e3 * self.before_from_after.distance_m()

    def in_words(self) -> str:
        """What happened to the camera, for a person."""
        if self.before_from_after is None:
            return "it was moved so far that its new place cannot be told from the old one"
        verb = "it was bumped" if self.sudden else "it has sunk or drifted"
        return f"{verb}: turned by {self.angle_deg:.1f} deg, shifted by {self.shift_mm:.0f} mm"

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not known is None."""
        known = self.before_from_after is not None
        return {
            "camera_id": self.camera_id,
            "time_ns": self.time_ns,
            "angle_deg": self.angle_deg if known else None,
            "shift_mm": self.shift_mm if known else None,
            "sigma_deg": float(np.degrees(np.sqrt(np.trace(self.covariance[:3, :3])))) if known else None,
            "sigma_mm": 1e3 * float(np.sqrt(np.trace(self.covariance[3:, 3:]))) if known else None,
            "sudden": self.sudden,
        }


@dataclass(frozen=True, slots=True, eq=False)
class PoseFrom:
    """The pose of a camera from a moment on, until the next one of the same camera.

    Args:
        camera_id: which camera.
        from_ns: the first moment at which the pose holds, rig clock.
        world_from_camera: pose of the colour lens.
        covariance: (6, 6) of it, or None where nobody said.
    """

    camera_id: str
    from_ns: int
    world_from_camera: SE3
    covariance: Covariance6 | None = None

    def __post_init__(self) -> None:
        if self.covariance is not None:
            object.__setattr__(self, "covariance", read_only(np.asarray(self.covariance, dtype=np.float64)))
