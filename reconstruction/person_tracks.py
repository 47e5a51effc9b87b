"""Who is who from instant to instant: tracks that foretell where a person's joints will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .skeleton import NUM_JOINTS

TRUNK = (5, 6, 11, 12)
FASTEST_M_S = 3.0


@dataclass(frozen=True, slots=True)
class PersonTrackConfig:
    """How people are followed.

    Args:
        longest_s: a track that was not seen for longer foretells nothing, and whoever comes is somebody new.
        speed_m_s: how fast, per root second, what is foretold becomes unsure.
        blend: share of a new velocity in the velocity of a track.
        min_hits: where instants are near each other, a track of fewer is a ghost.
        dense_s: instants are near each other where the next is at most so far; for so long it is known how he faced.
    """

    longest_s: float = 3.0
    speed_m_s: float = 0.8
    blend: float = 0.4
    min_hits: int = 3
    dense_s: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A person at one instant.

    Args:
        joints_m: (17, 3) as the pose prior has him; by this he is followed.
        sigma_m: (17,) standard deviation of these per axis.
        sector: direction of the pose prior in which he most likely faces.
        placed_m, placed_m2: (17, 3) and (17, 3, 3) where he is claimed to be, and the covariance.
        members: his detections: (camera, position in its list).
        views: (17,) by how many cameras each joint was seen.
    """

    joints_m: np.ndarray
    sigma_m: np.ndarray
    sector: int
    placed_m: np.ndarray
    placed_m2: np.ndarray
    members: tuple[tuple[str, int], ...]
    views: np.ndarray


@dataclass(slots=True)
class PersonTrack:
    """A person who is followed (working state): where and when he was last seen, and at which instants.

    Args:
        number: in order of birth.
        last_ns: when he was last seen.
        velocity_m_s: (3,) of the trunk.
        hits: positions of the instants at which he was seen.
        seen: what was seen of him there.
    """

    number: int
    last_ns: int
    velocity_m_s: np.ndarray = field(default_factory=lambda: np.zeros(3))
    hits: list[int] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)


def foretold(
    tracks: Sequence[PersonTrack], time_ns: int, config: PersonTrackConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where tracks are at a time.

    Args:
        tracks: k of them, each seen before.
        time_ns: when.
        config: see PersonTrackConfig.

    Returns:
        joints (k, 17, 3), deviations (k, 17), and the direction (k,) of the pose prior in which each looked, -1 for
        those who were seen too long ago.
    """
    if not tracks:
        return np.zeros((0, NUM_JOINTS, 3)), np.zeros((0, NUM_JOINTS)), np.zeros(0, dtype=np.int64)
    step_ns = np.array([time_ns - track.last_ns for track in tracks])
    step_s = step_ns * 1e-9
    ahead_s = np.minimum(step_s, 1.0)
    velocity_m_s = np.array([track.velocity_m_s for track in tracks])
    joints_m = np.array([track.seen[-1].joints_m for track in tracks])
    joints_m += (velocity_m_s * ahead_s[:, None])[:, None]
    drift_m = config.speed_m_s * np.sqrt(step_s * ahead_s)
    sigma_m = np.hypot(np.array([track.seen[-1].sigma_m for track in tracks]), drift_m[:, None])
    facing = np.array([track.seen[-1].sector for track in tracks])
    return joints_m, sigma_m, np.where(step_ns > config.dense_s * 1e9, -1, facing)


def follow(
    tracks: Sequence[PersonTrack], people: Sequence[Seen], position: int, time_ns: int, config: PersonTrackConfig
) -> None:
    """Give tracks, one by one, what was seen of them at an instant; new ones too."""
    old = [(track, person) for track, person in zip(tracks, people, strict=True) if track.hits]
    if old:
        step_s = np.array([time_ns - track.last_ns for track, _ in old]) * 1e-9
        last_m = np.array([track.seen[-1].joints_m for track, _ in old])
        off_m = np.sort((np.array([person.joints_m for _, person in old]) - last_m)[:, TRUNK], axis=1)
        middle_m = (off_m[:, 1] + off_m[:, 2]) / 2
        for (track, _), far_m, long_s in zip(old, middle_m, step_s.tolist(), strict=True):
            if 0 < long_s <= 1.0:
                speed_m_s = (far_m / long_s).clip(-FASTEST_M_S, FASTEST_M_S)
                track.velocity_m_s = (1 - config.blend) * track.velocity_m_s + config.blend * speed_m_s
            else:
                track.velocity_m_s = np.zeros(3)
    for track, person in zip(tracks, people, strict=True):
        track.last_ns = time_ns
        track.hits.append(position)
        track.seen.append(person)
