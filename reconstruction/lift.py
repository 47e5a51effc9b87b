"""From multi-view keypoints to people in space: match, fit, follow, smooth.

Every stage has a file of its own (matching, pose_fit, person_tracks, person_smoothing); this one is their order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..capture.camera import CameraRig
from . import _people_kernel as kernel
from .bones import BoneConfig, hold_bones, learn_bones
from .detections import LiftedInstant, LiftedPerson, Sighting
from .glances import INSTANTS, Glances, glances_of
from .matching import MatchConfig, group_rays
from .person_smoothing import SmoothingConfig, smooth_path
from .person_tracks import PersonTrack, PersonTrackConfig, Seen, follow, foretold
from .pose_fit import FitConfig, setting_of
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
    often = np.zeros(NUM_JOINTS, dtype=np.int64)
    for begin in range(0, len(order), INSTANTS):
        glances = glances_of([sightings[k] for k in order[begin : begin + INSTANTS]], rig, config.fit)
        often += (glances.table.score > 0).sum(axis=0)
        for done in range(begin, min(begin + INSTANTS, len(order))):
            time_ns = times_ns[done]
            alive = [] if time_ns is None else [
                track for track in alive if time_ns - track.last_ns <= config.tracks.longest_s * 1e9
            ]  # fmt: skip
            claims = claims_of(glances, done - begin, time_ns, prior, alive, config, near[done])
            new = [track is None for track, _ in claims]
            mine = [track or PersonTrack(0, time_ns or 0) for track, _ in claims]
            for track in itertools.compress(mine, new):
                tracks.append(track)
                alive.append(track)
            follow(mine, [person for _, person in claims], done, time_ns or 0, config.tracks)
            if progress is not None:
                progress(done + 1, len(order))
    num_given = max(int((often > config.given_share * often.max(initial=0)).sum()), 1)
    surest_m = config.person_sigma_m * np.sqrt(NUM_JOINTS / num_given)
    people = _people(_real(tracks, times_ns, surest_m, config.tracks), times_ns, config)
    found: list[LiftedInstant | None] = [None] * len(sightings)
    for done, position in enumerate(order):
        found[position] = LiftedInstant(sightings[position].instant, times_ns[done], tuple(people[done]))
    return tuple(instant for instant in found if instant is not None)


def claims_of(
    glances: Glances, instant: int, time_ns: int | None, prior: PosePrior, alive: Sequence[PersonTrack],
    config: LiftConfig, near_others: bool = False,
) -> list[tuple[PersonTrack | None, Seen]]:  # fmt: skip
    """The people of one instant, surest first, each with the track that he is, if any.

    Args:
        glances: what the cameras saw.
        instant: which of its instants.
        time_ns: when, if that is known.
        prior: what is known of bodies.
        alive: who is followed.
        config: see LiftConfig.
        near_others: whether instants before or after are so near that noise will be smoothed away, and only what the
            prior takes for granted would stay; then joints that several cameras see are not held to it.
    """
    begin, table = glances.first[instant], glances.table
    joints_m, sigma_m, facing = foretold(alive if time_ns is not None else (), time_ns or 0, config.tracks)
    rows, bound = [], []
    for members, track in group_rays(glances.rays(instant), joints_m, sigma_m, config.match):
        if len(members) > 1 or track is not None or (table.score[begin + members[0]] > 0).sum() >= config.min_joints:
            rows.append([begin + member for member in members])
            bound.append(-1 if track is None else track)
    if not rows:
        return []
    followed = np.array(bound)
    known = followed >= 0
    told_m, doubt_m = np.zeros((len(rows), NUM_JOINTS, 3)), np.ones((len(rows), NUM_JOINTS))
    told_m[known], doubt_m[known] = joints_m[followed[known]], sigma_m[followed[known]]
    turn = np.full(len(rows), -1)
    turn[known] = facing[followed[known]]
    first, members = np.cumsum([0, *map(len, rows)]), np.concatenate(rows)
    _, fits_m, spreads_m2, turns, placed_m, placed_m2 = kernel.fit_people(
        first, members, turn, told_m, doubt_m, table, prior.mixture, setting_of(config.fit, near_others)
    )
    sigmas_m = np.sqrt(np.trace(spreads_m2, axis1=2, axis2=3) / 3)
    seen = np.add.reduceat(table.score[members] > 0, first[:-1], axis=0, dtype=np.int64)
    names = [tuple(glances.names[row] for row in mine) for mine in rows]
    counts = seen.sum(axis=1).tolist()
    order = sorted(range(len(rows)), key=lambda n: (-counts[n], names[n]))
    trunks_m = fits_m[:, UPPER].mean(axis=1)[order]
    return [
        (
            alive[bound[n]] if bound[n] >= 0 else None,
            Seen(fits_m[n], sigmas_m[n], int(turns[n]), placed_m[n], placed_m2[n], names[n], seen[n]),
        )
        for n, keep in zip(order, _without_doubles(trunks_m, config.same_m), strict=True)
        if keep
    ]


def _near_another(times_ns: Sequence[int | None], step_s: float) -> list[bool]:
    """Whether the instant before or after is at most so far, by instant."""
    pairs = itertools.pairwise(times_ns)
    steps = [before is not None and after is not None and after - before <= step_s * 1e9 for before, after in pairs]
    return [before or after for before, after in zip([False, *steps], [*steps, False], strict=True)]


def _without_doubles(trunks_m: np.ndarray, same_m: float) -> list[bool]:
    """Which of (n, 3) trunks are none of those before."""
    near = np.linalg.norm(trunks_m[:, None] - trunks_m, axis=-1) < same_m
    kept: list[bool] = []
    for row in near.tolist():
        kept.append(not any(one and other for one, other in zip(kept, row, strict=False)))
    return kept


def _real(
    tracks: Sequence[PersonTrack], times_ns: Sequence[int | None], surest_m: float, config: PersonTrackConfig
) -> list[PersonTrack]:
    """The tracks that are no ghosts and were once well seen, numbered anew in order of appearance."""
    real = [
        track for track in tracks
        if min(float(person.sigma_m[UPPER].mean()) for person in track.seen) <= surest_m
        and (len(track.hits) >= config.min_hits or not _dense(track, times_ns, config))
    ]  # fmt: skip
    return [replace(track, number=number) for number, track in enumerate(real, 1)]


def _dense(track: PersonTrack, times_ns: Sequence[int | None], config: PersonTrackConfig) -> bool:
    """Whether so many instants are near those of a track that a real person would have been seen more often."""
    known = np.array([time_ns for time_ns in times_ns if time_ns is not None], dtype=np.int64)
    near = np.zeros(len(known), dtype=bool)
    for time_ns in (times_ns[hit] for hit in track.hits):
        if time_ns is not None:
            near |= np.abs(known - time_ns) <= config.dense_s * 1e9
    return int(near.sum()) > config.min_hits


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
        joints_m[rows] = np.stack([person.placed_m for person in track.seen])
        covariance_m2[rows] = np.stack([person.placed_m2 for person in track.seen])
        views = np.stack([person.views for person in track.seen])
        joints_m, covariance_m2 = smooth_path(at, joints_m, covariance_m2, measured, config.smoothing)
        if len(at) > 1 and at[1] > at[0]:
            lengths = learn_bones(joints_m[rows], covariance_m2[rows], views, config.bones)
            joints_m, covariance_m2 = hold_bones(joints_m, covariance_m2, lengths, config.bones)
        sigma_m = np.sqrt(np.trace(covariance_m2, axis1=2, axis2=3) / 3)
        joints_m[sigma_m > config.claimed_sigma_m] = np.nan
        unseen = np.ones((len(at), NUM_JOINTS), dtype=bool)
        unseen[rows] = views == 0
        number = dict(zip(rows.tolist(), range(len(rows)), strict=True))
        before = rows[np.maximum(np.searchsorted(rows, np.arange(len(at)), side="right") - 1, 0)]
        after = rows[np.minimum(np.searchsorted(rows, np.arange(len(at))), len(rows) - 1)]
        longest_ns = min(config.smoothing.longest_gap_s, config.smoothing.longest_step_s) * 1e9
        gap_ns: np.ndarray = np.take(at, after) - np.take(at, before)
        for row, instant in enumerate(instants.tolist()):
            hit = number.get(row)
            if hit is None and gap_ns[row] > longest_ns:
                continue
            cameras, places = zip(*track.seen[hit].members, strict=True) if hit is not None else ((), ())
            people[instant].append(
                LiftedPerson(track.number, joints_m[row], covariance_m2[row], unseen[row], cameras, places)
            )
    return people
