"""A thing that is being followed: its state, and the motion model that carries it from instant to instant."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

HEAD_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """How things are followed.

    Args:
        acceleration_m_s2: standard deviation of the acceleration that the motion model allows.
        first_speed_m_s: standard deviation of a new thing's speed.
        position_sigma_m: standard deviation of a cluster's centre.
        gate: largest squared Mahalanobis distance (2 degrees of freedom) of a match.
        fastest_m_s, slack_m: a thing whose place is empty and a new thing that it can have reached at this speed, give
            or take the slack, are the same; this is what carries identities through low frame rates.
        shape_half_life_s: a rigid thing remembers its size: what is hidden of it is still there, and is forgotten by
            half in this time.
        fragment_area_m2, fragment_reach_m: what nobody expected, shows less surface and is nearer to another cluster
            is a part of that (an arm whose elbow is hidden).
        top_sigma_m: how much the height of a thing's top varies; a mild part of the cost.
        coast_s: a hidden thing is carried on for so long, one outside all views for a tenth of it.
        confirm_hits: a track with fewer measurements is noise.
    """

    acceleration_m_s2: float = 2.5
    first_speed_m_s: float = 2.0
    position_sigma_m: float = 0.07
    gate: float = 16.0
    fastest_m_s: float = 4.0
    slack_m: float = 0.3
    shape_half_life_s: float = 20.0
    fragment_area_m2: float = 0.15
    fragment_reach_m: float = 0.25
    top_sigma_m: float = 0.35
    coast_s: float = 4.0
    confirm_hits: int = 3


@dataclass(slots=True)
class Follower:
    """A thing that is being followed (mutable working state of the tracker).

    Args:
        number: its raw number, in the order of birth.
        mean: (4,) x, y, vx, vy; metres and metres per second, world.
        covariance: (4, 4).
        center_z_m: height of its centre.
        extent_m: (3,) smoothed box.
        hits, misses_ns: measurements so far; time since the last one.
        heads: how many of them showed a head; a thing without one is rigid.
        shape_m: (3,) remembered box, which forgets slowly what it does not see.
    """

    number: int
    mean: np.ndarray
    covariance: np.ndarray
    center_z_m: float
    extent_m: np.ndarray
    hits: int = 1
    misses_ns: int = 0
    heads: int = 0
    shape_m: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @property
    def is_rigid(self) -> bool:
        """Whether it is a thing and not a person."""
        return self.heads < HEAD_SHARE * self.hits

    def to_json(self) -> dict[str, Any]:
        """The follower as JSON values that restore it exactly."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Follower:
        """The inverse of `to_json`."""
        arrays = {
            name: np.array(value[name], dtype=np.float64) for name in ("mean", "covariance", "extent_m", "shape_m")
        }
        return cls(**{**value, **arrays})


def motion_model(step_s: float, acceleration_m_s2: float) -> tuple[np.ndarray, np.ndarray]:
    """Transition and process noise (4, 4) of constant velocity with white acceleration (Bar-Shalom et al. 2001)."""
    transition = np.eye(4)
    transition[0, 2] = transition[1, 3] = step_s
    drive = np.array([[step_s**2 / 2, 0], [0, step_s**2 / 2], [step_s, 0], [0, step_s]])
    return transition, drive @ drive.T * acceleration_m_s2**2


def corrected(
    mean: np.ndarray, covariance: np.ndarray, measured_m: np.ndarray, config: TrackingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The Kalman update of a state (4,) by a measured place (2,).

    A surprise beyond the gate means that the motion model was wrong: its doubt is widened by the surprise first, so
    that the state follows the measurement.
    """
    noise = np.eye(2) * config.position_sigma_m**2
    surprise = measured_m - mean[:2]
    if surprise @ np.linalg.solve(covariance[:2, :2] + noise, surprise) > config.gate:
        covariance = covariance + np.diag(np.concatenate([surprise**2, np.full(2, config.first_speed_m_s**2)]))
    gain = covariance[:, :2] @ np.linalg.inv(covariance[:2, :2] + noise)
    mean = mean + gain @ surprise
    covariance = covariance - gain @ covariance[:2]
    return mean, (covariance + covariance.T) / 2
