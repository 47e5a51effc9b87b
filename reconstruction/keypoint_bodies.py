"""Bodies from other people's keypoints, under the names of the tracks that depth follows.

Keypoints are lifted (lift.py); each person who comes of it is whoever of the tracks stands where he stands at most of
his instants. Whom no track follows gets a track of his own, whose box is that of his joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..capture.camera import CameraRig
from ..capture.errors import InputError
from ..capture.files import hash_bytes
from .body_paths import BodyPath
from .detections import LiftedPerson, Sighting
from .lift import LiftConfig, lift
from .skeleton import NUM_JOINTS
from .state import Track
from .track_smoothing import TrackPath

TRUNK = [5, 6, 11, 12]
SAME_M = 0.5
HALO_M = 0.12


def hash_sightings(sightings: Sequence[Sighting]) -> str:
    """What identifies keypoints: equal ones have equal hashes."""
    words = [
        repr((sighting.instant, sighting.time_ns, name, found.keypoints_px.tolist(), found.scores.tolist())).encode()
        for sighting in sightings for name in sorted(sighting.cameras) for found in sighting.cameras[name]
    ]  # fmt: skip
    return hash_bytes(b"\n".join(words))


def bodies_of_keypoints(
    sightings: Sequence[Sighting],
    rig: CameraRig,
    paths: Sequence[TrackPath],
    times_ns: np.ndarray,
    config: LiftConfig | None = None,
) -> tuple[list[TrackPath], list[BodyPath]]:
    """The tracks, with those added whom keypoints alone show, and the bodies of people.

    Args:
        sightings: keypoints; each belongs to the instant that is nearest in time.
        rig: where the cameras stand.
        paths: the tracks of what moves.
        times_ns: (t,) the instants of the twin.
        config: of the lifting.

    Raises:
        InputError: a sighting has no time.
    """
    untimed = [sighting.instant for sighting in sightings if sighting.time_ns is None]
    if untimed:
        raise InputError(
            "keypoints without a time cannot be laid beside a recording", where=f"instant {untimed[0]}",
            todo="give each line its time_ns, rig clock",
        )  # fmt: skip
    people: dict[int, dict[int, LiftedPerson]] = {}
    for instant in lift(sightings, rig, config):
        row = _nearest(times_ns, instant.time_ns or 0)
        for person in instant.people if row is not None else ():
            people.setdefault(person.track_id, {})[int(times_ns[row or 0])] = person
    bodies = [_body(f"lifted_{number}", found) for number, found in sorted(people.items())]
    return _named(bodies, list(paths))


def _nearest(times_ns: np.ndarray, time_ns: int) -> int | None:
    """The instant nearest to a time, None where it is farther than half a step."""
    row = int(np.abs(times_ns - time_ns).argmin())
    half_ns = float(np.median(np.diff(times_ns))) / 2 if len(times_ns) > 1 else 0.0
    return row if abs(int(times_ns[row]) - time_ns) <= half_ns else None


def _body(name: str, found: dict[int, LiftedPerson]) -> BodyPath:
    at = sorted(found)
    people = [found[time_ns] for time_ns in at]
    predicted = np.stack([person.predicted for person in people])
    views = np.array([len(person.views) for person in people], np.uint8)
    return BodyPath(
        name, np.array(at, np.int64), np.stack([person.joints_m for person in people]),
        np.stack([person.covariance_m2 for person in people]),
        np.where(predicted, np.uint8(0), views[:, None]), predicted,
    )  # fmt: skip


def _named(bodies: Sequence[BodyPath], paths: list[TrackPath]) -> tuple[list[TrackPath], list[BodyPath]]:
    """Bodies under the names of tracks, the longest agreement first; nobody has two bodies at one instant."""
    people = [path for path in paths if path.track.label == "person"]
    votes = sorted((-_agreement(body, path), b, p) for b, body in enumerate(bodies) for p, path in enumerate(people))
    taken: dict[str, set[int]] = {}
    home: dict[int, str] = {}
    for vote, b, p in votes:
        times, name = set(bodies[b].times_ns.tolist()), people[p].track.track_id
        if -vote * 2 > len(times) and b not in home and not times & taken.get(name, set()):
            home[b] = name
            taken.setdefault(name, set()).update(times)
    count, number = len(people), max((path.number for path in paths), default=-1)
    named: dict[str, list[BodyPath]] = {}
    for b, body in enumerate(bodies):
        if b not in home:
            count, number = count + 1, number + 1
            home[b] = f"person_{count}"
            paths.append(_path(body, home[b], number))
        named.setdefault(home[b], []).append(body)
    return paths, [_joined(name, parts) for name, parts in sorted(named.items())]


def _agreement(body: BodyPath, path: TrackPath) -> int:
    """At how many instants a body stands where a track is."""
    _, mine, theirs = np.intersect1d(body.times_ns, path.times_ns, return_indices=True)
    if not len(mine):
        return 0
    trunk_m = _mean(body.joints_m[mine][:, TRUNK, :2])
    return int((np.linalg.norm(trunk_m - path.center_m[theirs, :2], axis=1) < SAME_M).sum())


def _mean(joints_m: np.ndarray) -> np.ndarray:
    """(t, d) the mean of joints (t, j, d) that are known; NaN where none is."""
    known = np.isfinite(joints_m).all(axis=-1, keepdims=True)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, joints_m, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _path(body: BodyPath, name: str, number: int) -> TrackPath:
    """The track of somebody whom keypoints alone show."""
    known = np.asarray(np.isfinite(body.joints_m).all(axis=-1))
    place_m = np.where(known[..., None], body.joints_m, np.nan)
    low_m, high_m = np.nanmin(place_m, axis=1) - HALO_M, np.nanmax(place_m, axis=1) + HALO_M
    center_m = (low_m + high_m) / 2
    times_s = (body.times_ns - body.times_ns[0]) * 1e-9
    velocity = np.gradient(center_m, times_s, axis=0) if len(times_s) > 1 else np.zeros_like(center_m)
    variance_m2 = np.trace(body.covariance_m2, axis1=2, axis2=3) / (3 * NUM_JOINTS)
    track = Track(name, "person", int(body.times_ns[0]), int(body.times_ns[-1]))
    return TrackPath(
        track, number, body.times_ns, center_m, high_m - low_m, velocity, np.sqrt(variance_m2.mean(axis=1)),
        np.asarray(body.predicted.all(axis=1)), np.zeros(len(times_s), np.int32),
    )  # fmt: skip


def _joined(name: str, parts: Sequence[BodyPath]) -> BodyPath:
    times_ns = np.concatenate([part.times_ns for part in parts])
    order = np.argsort(times_ns, kind="stable")

    def column(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(values)[order]

    return BodyPath(
        name, times_ns[order], column([part.joints_m for part in parts]),
        column([part.covariance_m2 for part in parts]),
        column([part.num_views for part in parts]), column([part.predicted for part in parts]),
    )  # fmt: skip
