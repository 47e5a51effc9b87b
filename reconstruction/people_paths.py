"""Which of the followed heads are one person, and the tracks that people then have.

A head that is lost and found again a moment later is linked to itself: ends and beginnings of what was followed are
assigned to each other over the whole recording (Hungarian method), by how far apart they are for the time between
them. Each person becomes one raw track, whose box at an instant is that of the sighting in which his surface lies, or,
where others share that, that of his joints. Sightings that are people are then no tracks of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .people_stage import RawBody
from .track_smoothing import RawTrack

Row = tuple[int, RawBody]
NO_MATCH = 1e6
EARS = [3, 4]


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """What becomes a person.

    Args:
        longest_s: a head that is found again later is somebody new.
        reach_m, reach_m_s: it is found again so near, and so much farther per second.
        height_m: and its height differs by no more.
        min_hits, min_s: who was seen at fewer instants, or for a shorter time, is nobody.
        replaced_share: a sighting is a person where it holds one at this share of its instants.
        halo_m: the surface lies so far beyond the joints.
    """

    longest_s: float = 4.0
    reach_m: float = 0.5
    reach_m_s: float = 1.2
    height_m: float = 0.25
    min_hits: int = 5
    min_s: float = 0.5
    replaced_share: float = 0.5
    halo_m: float = 0.1


def with_people(
    raw: Sequence[RawTrack], rows: Sequence[Row], config: LinkConfig | None = None
) -> tuple[list[RawTrack], list[Row]]:
    """The raw tracks with those of people, and the bodies under the numbers of these.

    Args:
        raw: what the tracker followed.
        rows: (time_ns, body), by the number of the head.
        config: see LinkConfig.
    """
    config = config or LinkConfig()
    people = link(rows, config)
    if not people:
        return list(raw), []
    times_ns = np.unique(np.concatenate([track.times_ns for track in raw]))
    place = {
        (int(time_ns), track.number): (track, k)
        for track in raw for k, time_ns in enumerate(track.times_ns) if track.measured[k]
    }  # fmt: skip
    holders: dict[tuple[int, int], int] = {}
    for person in people:
        for time_ns, body in person:
            holders[time_ns, body.source] = holders.get((time_ns, body.source), 0) + 1
    shared = {key for key, count in holders.items() if count > 1}
    first = max(track.number for track in raw) + 1
    kept = [
        track for track in raw
        if sum((int(time_ns), track.number) in holders for time_ns in track.times_ns[track.measured])
        < config.replaced_share * max(int(track.measured.sum()), 1)
    ]  # fmt: skip
    tracks = [_track(first + k, person, times_ns, place, shared, config) for k, person in enumerate(people)]
    bodies = [(time_ns, replace(body, number=first + k)) for k, person in enumerate(people) for time_ns, body in person]
    return [*kept, *tracks], sorted(bodies, key=lambda row: (row[0], row[1].number))


def link(rows: Sequence[Row], config: LinkConfig) -> list[list[Row]]:
    """The bodies of each person in order of time; people in the order of their first."""
    from scipy.optimize import linear_sum_assignment

    by_number: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row[0]):
        by_number.setdefault(row[1].number, []).append(row)
    pieces = list(by_number.values())
    if not pieces:
        return []
    cost = np.array([[_apart(a, b, config) for b in pieces] for a in pieces])
    after = {a: b for a, b in zip(*linear_sum_assignment(cost), strict=True) if cost[a, b] < NO_MATCH}
    people = []
    for start in sorted(set(range(len(pieces))) - set(after.values())):
        person, at = list(pieces[start]), start
        while at in after:
            at = after[at]
            person += pieces[at]
        if len(person) >= config.min_hits and person[-1][0] - person[0][0] >= config.min_s * 1e9:
            people.append(person)
    return sorted(people, key=lambda person: (person[0][0], person[0][1].number))


def _apart(a: Sequence[Row], b: Sequence[Row], config: LinkConfig) -> float:
    """How unlikely it is that b goes on where a ends; in [0, 1], or NO_MATCH."""
    gap_s = (b[0][0] - a[-1][0]) * 1e-9
    if not 0 < gap_s <= config.longest_s:
        return NO_MATCH
    ears_m = [np.mean([body.joints_m[EARS].mean(axis=0) for _, body in part], axis=0) for part in (a[-2:], b[:2])]
    away_m = float(np.linalg.norm(ears_m[1][:2] - ears_m[0][:2]))
    share = away_m / (config.reach_m + config.reach_m_s * gap_s)
    return share if share <= 1 and abs(ears_m[1][2] - ears_m[0][2]) <= config.height_m else NO_MATCH


def _track(
    number: int,
    person: Sequence[Row],
    times_ns: np.ndarray,
    place: dict[tuple[int, int], tuple[RawTrack, int]],
    shared: set[tuple[int, int]],
    config: LinkConfig,
) -> RawTrack:
    """The raw track of a person; between instants at which he was seen nothing is measured."""
    known_ns = np.array([time_ns for time_ns, _ in person], np.int64)
    at_ns = np.union1d(times_ns[(times_ns >= known_ns[0]) & (times_ns <= known_ns[-1])], known_ns)
    boxes, area_m2, points, sources = [], [], [], []
    for time_ns, body in person:
        found = place.get((time_ns, body.source))
        if found is None or (time_ns, body.source) in shared:
            low_m, high_m = body.joints_m.min(axis=0) - config.halo_m, body.joints_m.max(axis=0) + config.halo_m
            boxes.append(((low_m + high_m) / 2, high_m - low_m))
        else:
            boxes.append((found[0].center_m[found[1]], found[0].extent_m[found[1]]))
        area_m2.append(0.0 if found is None else found[0].area_m2[found[1]])
        points.append(0 if found is None else found[0].num_points[found[1]])
        sources.append(-1 if found is None else body.source)
    row = np.searchsorted(known_ns, at_ns).clip(0, len(known_ns) - 1)
    measured = known_ns[row] == at_ns
    box_m = np.array(boxes)[row]
    return RawTrack(
        number, at_ns, measured, box_m[:, 0], box_m[:, 1], np.where(measured, np.array(area_m2)[row], 0.0),
        measured.copy(), np.where(measured, np.array(points)[row], 0).astype(np.int32),
        np.where(measured, np.array(sources)[row], -1).astype(np.int32), "person",
    )  # fmt: skip
