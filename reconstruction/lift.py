"""From multi-view keypoints to people in space: match, fit, follow, smooth.

Every stage has a file of its own (matching, pose_fit, person_tracks, person_smoothing); this one is their order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..capture.camera import CameraRig
from .bones import BoneConfig, hold_bones, learn_bones
from .detections import LiftedInstant, LiftedPerson, Sighting
from .free_joints import freed
from .matching import MatchConfig, group
from .person_smoothing import SmoothingConfig, smooth_path
from .person_tracks import PersonTrack, PersonTrackConfig
from .pose_fit import BodyFit, FitConfig, fit_body, views_of
from .pose_prior import PosePrior, load_pose_prior
from .skeleton import NUM_JOINTS

UPPER = slice(5, 13)


@dataclass(frozen=True, slots=True)
class LiftConfig:
    """How keypoints become people.

    Args:
        fit, match, tracks, smoothing, bones: of the stages.
        min_joints: a person whom one camera saw is claimed only with this many joints.
        same_m: two people whose trunks are nearer than this are one; the one whom fewer joints show is dropped.
        person_sigma_m: a track is claimed if at one instant at least its shoulders, elbows, wrists and hips were surer
            than this on the average; so a person whom one camera saw is claimed where his picture is nearly complete.
            Of a detector that never gives some of the 17 joints less is asked, by the root of their share.
        given_share: a joint is given by a detector if it comes at least at this share of the most frequent one.
        claimed_sigma_m: a joint that is less sure than this is not claimed.
    """

    fit: FitConfig = field(default_factory=FitConfig)
    match: MatchConfig = field(default_factory=MatchConfig)
    tracks: PersonTrackConfig = field(default_factory=PersonTrackConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    bones: BoneConfig = field(default_factory=BoneConfig)
    min_joints: int = 4
    same_m: float = 0.25
    person_sigma_m: float = 0.08
    given_share: float = 0.02
    claimed_sigma_m: float = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A person of one instant before it is known who he is.

    Args:
        fit: as the prior has him; by this he is followed.
        placed: where he is claimed to be.
        members: his detections: (camera, position in its list).
        seen: (17,) by how many cameras each joint was seen.
        track: his track, if one fits.
    """

    fit: BodyFit
    placed: BodyFit
    members: tuple[tuple[str, int], ...]
    seen: np.ndarray
    track: PersonTrack | None


def lift(
    sightings: Sequence[Sighting],
    rig: CameraRig,
    config: LiftConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[LiftedInstant, ...]:
    """People in space, with identities, from the keypoints of several cameras.

    Instants are taken in the order of their time; those without one stand for themselves. Where instants are near each
    other people are followed, smoothed and carried through short gaps; where they are not, each is lifted for itself.

    Args:
        sightings: what the cameras saw.
        rig: where they stand; +z is up and the floor is near z = 0.
        config: see LiftConfig.
        progress: called with instants done and their number.

    Returns:
        One LiftedInstant per sighting, in the same order.
    """
    config = config or LiftConfig()
    prior = load_pose_prior()
    order = sorted(range(len(sightings)), key=lambda k: (sightings[k].time_ns is None, sightings[k].time_ns or 0, k))
    alive: list[PersonTrack] = []
    tracks: list[PersonTrack] = []
    times_ns = [sightings[position].time_ns for position in order]
    near = _near_another(times_ns, config.smoothing.longest_step_s)
    for done, position in enumerate(order):
        sighting = sightings[position]
        time_ns = sighting.time_ns
        alive = [] if time_ns is None else [
            track for track in alive if time_ns - track.last_ns <= config.tracks.longest_s * 1e9
        ]  # fmt: skip
        for claim in claims_of(sighting, rig, prior, alive, config, near[done]):
            track = claim.track
            if track is None:
                sigma_m = np.zeros(NUM_JOINTS)
                track = PersonTrack(len(tracks) + 1, time_ns or 0, claim.fit.joints_m, sigma_m)
                tracks.append(track)
                alive.append(track)
            track.see(done, time_ns or 0, claim.fit, claim.placed, claim.members, claim.seen, config.tracks)
        if progress is not None:
            progress(done + 1, len(order))
    surest_m = config.person_sigma_m * np.sqrt(NUM_JOINTS / _num_given(sightings, config.given_share))
    people = _people(_real(tracks, times_ns, surest_m, config.tracks), times_ns, config)
    found: list[LiftedInstant | None] = [None] * len(sightings)
    for done, position in enumerate(order):
        found[position] = LiftedInstant(sightings[position].instant, times_ns[done], tuple(people[done]))
    return tuple(instant for instant in found if instant is not None)


def claims_of(
    sighting: Sighting, rig: CameraRig, prior: PosePrior, alive: Sequence[PersonTrack], config: LiftConfig,
    near_others: bool = False,
) -> list[Claim]:  # fmt: skip
    """The people of one instant, surest first.

    Args:
        sighting: what the cameras saw.
        rig: where they stand.
        prior: what is known of bodies.
        alive: who is followed.
        config: see LiftConfig.
        near_others: whether instants before or after are so near that noise will be smoothed away, and only what the
            prior takes for granted would stay; then joints that several cameras see are not held to it.
    """
    named = [
        ((name, index), view)
        for name in sorted(sighting.cameras)
        for index, view in enumerate(views_of(rig[name], sighting.cameras[name], config.fit))
        if view.seen.any()
    ]
    views = [view for _, view in named]
    foretold = None
    if alive and sighting.time_ns is not None:
        told = [track.foretell(sighting.time_ns, config.tracks) for track in alive]
        foretold = np.stack([joints_m for joints_m, _ in told]), np.stack([sigma_m for _, sigma_m in told])
    claims = []
    for members, bound in group(views, config.match, foretold):
        if len(members) == 1 and bound is None and views[members[0]].seen.sum() < config.min_joints:
            continue
        track = None if bound is None else alive[bound]
        sectors = None if track is None else track.faces(sighting.time_ns or 0, config.tracks)
        mine = [views[k] for k in members]
        fit = fit_body(mine, prior, config.fit, sectors)
        if fit is not None:
            seen = np.sum([views[k].seen for k in members], axis=0)
            placed = freed(mine, fit, config.fit) if near_others and len(mine) > 1 else fit
            claims.append(Claim(fit, placed, tuple(named[k][0] for k in members), seen, track))
    claims.sort(key=lambda claim: (-int(claim.seen.sum()), claim.members))
    return _without_doubles(claims, config)


def _near_another(times_ns: Sequence[int | None], step_s: float) -> list[bool]:
    """Whether the instant before or after is at most so far, by instant."""
    pairs = itertools.pairwise(times_ns)
    steps = [before is not None and after is not None and after - before <= step_s * 1e9 for before, after in pairs]
    return [before or after for before, after in zip([False, *steps], [*steps, False], strict=True)]


def _without_doubles(claims: Sequence[Claim], config: LiftConfig) -> list[Claim]:
    kept: list[Claim] = []
    for claim in claims:
        trunk = claim.fit.joints_m[UPPER].mean(axis=0)
        near = [
            other for other in kept if np.linalg.norm(other.fit.joints_m[UPPER].mean(axis=0) - trunk) < config.same_m
        ]
        if not near:
            kept.append(claim)
    return kept


def _num_given(sightings: Sequence[Sighting], share: float) -> int:
    """How many of the joints the detector gives at all."""
    often = np.zeros(NUM_JOINTS, dtype=np.int64)
    for sighting in sightings:
        for found in sighting.cameras.values():
            for detection in found:
                often += detection.seen
    return max(int((often > share * often.max()).sum()), 1)


def _real(
    tracks: Sequence[PersonTrack], times_ns: Sequence[int | None], surest_m: float, config: PersonTrackConfig
) -> list[PersonTrack]:
    """The tracks that are no ghosts and were once well seen, numbered anew in order of appearance."""
    real = [
        track for track in tracks
        if min(_unsure_m(fit) for fit in track.fits) <= surest_m
        and (len(track.hits) >= config.min_hits or not _dense(track, times_ns, config))
    ]  # fmt: skip
    return [replace(track, number=number) for number, track in enumerate(real, 1)]


def _unsure_m(fit: BodyFit) -> float:
    """Mean standard deviation of shoulders, elbows, wrists and hips."""
    return float(np.sqrt(np.trace(fit.covariance_m2[UPPER], axis1=1, axis2=2) / 3).mean())


def _dense(track: PersonTrack, times_ns: Sequence[int | None], config: PersonTrackConfig) -> bool:
    """Whether so many instants are near those of a track that a real person would have been seen more often."""
    at = [times_ns[hit] for hit in track.hits]
    near = [
        time_ns for time_ns in times_ns
        if time_ns is not None and any(t is not None and abs(t - time_ns) <= config.dense_s * 1e9 for t in at)
    ]  # fmt: skip
    return len(near) > config.min_hits


def _people(
    tracks: Sequence[PersonTrack], times_ns: Sequence[int | None], config: LiftConfig
) -> list[list[LiftedPerson]]:
    people: list[list[LiftedPerson]] = [[] for _ in times_ns]
    for track in tracks:
        if times_ns[track.hits[0]] is None:
            instants = np.array(track.hits)
        else:
            instants = np.arange(track.hits[0], track.hits[-1] + 1)
        at = np.array([times_ns[k] or 0 for k in instants.tolist()], dtype=np.int64)
        rows = np.asarray(np.searchsorted(instants, track.hits), dtype=np.int64)
        joints_m, covariance_m2 = np.zeros((len(at), NUM_JOINTS, 3)), np.zeros((len(at), NUM_JOINTS, 3, 3))
        measured = np.zeros(len(at), dtype=bool)
        measured[rows] = True
        joints_m[rows] = np.stack([fit.joints_m for fit in track.placed])
        covariance_m2[rows] = np.stack([fit.covariance_m2 for fit in track.placed])
        joints_m, covariance_m2 = smooth_path(at, joints_m, covariance_m2, measured, config.smoothing)
        if len(at) > 1 and at[1] > at[0]:
            lengths = learn_bones(joints_m[rows], covariance_m2[rows], np.stack(track.seen), config.bones)
            joints_m, covariance_m2 = hold_bones(joints_m, covariance_m2, lengths, config.bones)
        number = dict(zip(rows.tolist(), range(len(rows)), strict=True))
        before = rows[np.maximum(np.searchsorted(rows, np.arange(len(at)), side="right") - 1, 0)]
        after = rows[np.minimum(np.searchsorted(rows, np.arange(len(at))), len(rows) - 1)]
        longest_ns = min(config.smoothing.longest_gap_s, config.smoothing.longest_step_s) * 1e9
        gap_ns: np.ndarray = np.take(at, after) - np.take(at, before)
        for row, instant in enumerate(instants.tolist()):
            hit = number.get(row)
            if hit is None and gap_ns[row] > longest_ns:
                continue
            seen = np.zeros(NUM_JOINTS, dtype=bool) if hit is None else track.seen[hit] > 0
            members = () if hit is None else track.members[hit]
            people[instant].append(_person(track.number, joints_m[row], covariance_m2[row], seen, members, config))
    return people


def _person(
    number: int, joints_m: np.ndarray, covariance_m2: np.ndarray, seen: np.ndarray,
    members: tuple[tuple[str, int], ...], config: LiftConfig,
) -> LiftedPerson:  # fmt: skip
    sigma_m = np.sqrt(np.trace(covariance_m2, axis1=1, axis2=2) / 3)
    claimed = np.where((sigma_m <= config.claimed_sigma_m)[:, None], joints_m, np.nan)
    return LiftedPerson(
        number, claimed, covariance_m2, ~seen, tuple(name for name, _ in members), tuple(k for _, k in members)
    )
