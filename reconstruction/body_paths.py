"""The bodies of tracks: what was laid into single instants, smoothed along the path of everyone who is a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .people_stage import RawBody
from .person_smoothing import SmoothingConfig, smooth_path
from .skeleton import NUM_JOINTS
from .track_smoothing import TrackPath


@dataclass(frozen=True, slots=True, eq=False)
class BodyPath:
    """The body of one person through the instants at which something is known of it.

    Args:
        track_id: whose.
        times_ns: (t,) int64 rig clock.
        joints_m: (t, 17, 3) world.
        covariance_m2: (t, 17, 3, 3).
        num_views: (t, 17) uint8, how many cameras saw where the joint is; 0 = nobody could see it.
        predicted: (t, 17) bool, the body's shape or the motion speaks and no camera.
    """

    track_id: str
    times_ns: np.ndarray
    joints_m: np.ndarray
    covariance_m2: np.ndarray
    num_views: np.ndarray
    predicted: np.ndarray


def smooth_bodies(
    paths: Sequence[TrackPath], bodies: Sequence[tuple[int, RawBody]], config: SmoothingConfig
) -> list[BodyPath]:
    """The bodies of all people, in the order of their tracks.

    Args:
        paths: all tracks.
        bodies: (time_ns, body) of single instants; those of numbers that are no people are passed over.
        config: see SmoothingConfig; gaps up to its longest are filled.
    """
    own: dict[int, list[tuple[int, RawBody]]] = {}
    for time_ns, body in sorted(bodies, key=lambda item: item[0]):
        own.setdefault(body.number, []).append((time_ns, body))
    return [
        smooth_body(path.track.track_id, path.times_ns, own[path.number], config)
        for path in paths if path.track.label == "person" and path.number in own
    ]  # fmt: skip


def smooth_body(
    track_id: str, times_ns: np.ndarray, bodies: Sequence[tuple[int, RawBody]], config: SmoothingConfig
) -> BodyPath:
    """One body, smoothed, with the instants in short gaps filled.

    Args:
        track_id: whose.
        times_ns: (t,) instants of the track.
        bodies: (time_ns, body) in order of time, at least one; those outside the track are passed over.
        config: see SmoothingConfig.
    """
    known_ns = np.array([time_ns for time_ns, _ in bodies], np.int64)
    at = times_ns[(times_ns >= known_ns[0]) & (times_ns <= known_ns[-1])]
    at = np.union1d(at, known_ns)
    rows = np.searchsorted(at, known_ns)
    joints_m = np.zeros((len(at), NUM_JOINTS, 3))
    covariance_m2 = np.zeros((len(at), NUM_JOINTS, 3, 3))
    num_views, measured = np.zeros((len(at), NUM_JOINTS), np.uint8), np.zeros(len(at), bool)
    joints_m[rows] = np.stack([body.joints_m for _, body in bodies])
    covariance_m2[rows] = np.stack([body.covariance_m2 for _, body in bodies])
    num_views[rows] = np.stack([body.num_views for _, body in bodies])
    measured[rows] = True
    joints_m, covariance_m2 = smooth_path(at, joints_m, covariance_m2, measured, config)
    before = known_ns[np.maximum(np.searchsorted(known_ns, at, side="right") - 1, 0)]
    after = known_ns[np.minimum(np.searchsorted(known_ns, at), len(known_ns) - 1)]
    kept = measured | (after - before <= min(config.longest_gap_s, config.longest_step_s) * 1e9)
    return BodyPath(track_id, at[kept], joints_m[kept], covariance_m2[kept], num_views[kept], (num_views == 0)[kept])
