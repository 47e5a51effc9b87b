"""Who is who from instant to instant: tracks that foretell where a person's joints will be."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .pose_fit import BodyFit
from .pose_prior import SECTORS

TRUNK = (5, 6, 11, 12)


@dataclass(frozen=True, slots=True)
class PersonTrackConfig:
    """How people are followed.

    Args:
        longest_s: a track that was not seen for longer foretells nothing, and whoever comes is somebody new.
        speed_m_s: how fast, per root second, what is foretold becomes unsure.
        blend: share of a new velocity in the velocity of a track.
        min_hits: where instants are near each other, a track of fewer is a ghost.
        dense_s: instants are near each other where the next is at most so far.
        turn_sectors: within that time a person turns by at most so many of the directions of the pose prior.
    """

    longest_s: float = 3.0
    speed_m_s: float = 0.8
    blend: float = 0.4
    min_hits: int = 3
    dense_s: float = 0.5
    turn_sectors: int = 2


@dataclass(slots=True)
class PersonTrack:
    """A person who is followed (working state): where and when he was last seen, and at which instants.

    Args:
        number: in order of birth.
        last_ns: when he was last seen.
        joints_m, sigma_m: (17, 3) and (17,) where.
        velocity_m_s: (3,) of the trunk.
        hits: positions of the instants at which he was seen.
        fits: what was fitted there.
        placed: where he is claimed to have been there.
        members: the detections of each: (camera, position in its list).
        seen: (17,) by how many cameras each joint was seen there.
    """

    number: int
    last_ns: int
    joints_m: np.ndarray
    sigma_m: np.ndarray
    velocity_m_s: np.ndarray = field(default_factory=lambda: np.zeros(3))
    hits: list[int] = field(default_factory=list)
    fits: list[BodyFit] = field(default_factory=list)
    placed: list[BodyFit] = field(default_factory=list)
    members: list[tuple[tuple[str, int], ...]] = field(default_factory=list)
    seen: list[np.ndarray] = field(default_factory=list)

    def foretell(self, time_ns: int, config: PersonTrackConfig) -> tuple[np.ndarray, np.ndarray]:
        """Joints (17, 3) and deviations (17,) at a time."""
        step_s = (time_ns - self.last_ns) * 1e-9
        sigma_m = np.hypot(self.sigma_m, config.speed_m_s * np.sqrt(step_s * min(step_s, 1.0)))
        return self.joints_m + self.velocity_m_s * min(step_s, 1.0), sigma_m

    def faces(self, time_ns: int, config: PersonTrackConfig) -> list[int] | None:
        """The directions in which he may face at a time, or None for all: he was seen too long ago."""
        if not self.fits or time_ns - self.last_ns > config.dense_s * 1e9:
            return None
        middle, reach = self.fits[-1].sector, config.turn_sectors
        return [(middle + step) % SECTORS for step in range(-reach, reach + 1)]

    def see(
        self, position: int, time_ns: int, fit: BodyFit, placed: BodyFit, members: tuple[tuple[str, int], ...],
        seen: np.ndarray, config: PersonTrackConfig,
    ) -> None:  # fmt: skip
        """Take in what was fitted at an instant."""
        step_s = (time_ns - self.last_ns) * 1e-9
        if self.hits and 0 < step_s <= 1.0:
            moved = np.median((fit.joints_m - self.joints_m)[list(TRUNK)], axis=0) / step_s
            self.velocity_m_s = (1 - config.blend) * self.velocity_m_s + config.blend * np.clip(moved, -3.0, 3.0)
        else:
            self.velocity_m_s = np.zeros(3)
        self.last_ns, self.joints_m = time_ns, fit.joints_m
        self.sigma_m = np.sqrt(np.trace(fit.covariance_m2, axis1=1, axis2=2) / 3)
        self.hits.append(position)
        self.fits.append(fit)
        self.placed.append(placed)
        self.members.append(members)
        self.seen.append(seen)
