"""How right the roles are: who was called what, instant by instant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ..scenegraph.vocabulary import ROLES
from .identities import ground_encounters, pair_instants
from .people import has_joints, pair_people
from .rows import PeopleRows, TrackRows
from .sampling import is_there
from .tracks import GATE_M, sample_tracks, true_centres
from .truth import Truth


@dataclass(frozen=True, slots=True)
class RoleScores:
    """The roles against truth, shares in [0, 1].

    Args:
        accuracy: of the person instants that were found, those that bear the true role; a person without a role is
            wrong. None where nobody was found.
        accuracy_of_all: of all true person instants, found or not.
        by_role: accuracy among the found ones, by true role; None where nobody of that role was found.
        confusion: how often each true role was called what, in found person instants ("" = not said).
    """

    accuracy: float | None
    accuracy_of_all: float
    by_role: dict[str, float | None]
    confusion: dict[str, dict[str, int]]


def score_roles(people: PeopleRows | None, tracks: TrackRows | None, truth: Truth) -> RoleScores | None:
    """Score roles, said with skeletons or as labels of tracks; None where neither says any, or the truth has none."""
    if not truth.people:
        return None
    if people is not None and any(people.role):
        paired = pair_people(people, truth)
        assert paired is not None
        there = has_joints(paired.true_m)
        return _score(paired.names, paired.pairs, paired.role, there, truth)
    if tracks is None or not truth.tracks or not set(tracks.label.tolist()) & set(ROLES):
        return None
    sampled = sample_tracks(tracks, truth.times_ns, truth.step_ns)
    true_m = true_centres(truth)
    pairs = pair_instants(ground_encounters(true_m, sampled.center_m), GATE_M)
    names = [name for name in truth.tracks if name in truth.people]
    rows = [list(truth.tracks).index(name) for name in names]
    said = [label if label in ROLES else "" for label in sampled.labels]
    role = np.repeat(np.array(said, dtype=object)[:, None], len(truth.times_ns), axis=1)
    return _score(names, pairs[rows], role, is_there(true_m[rows]), truth)


def _score(names: list[str], pairs: np.ndarray, role: np.ndarray, there: np.ndarray, truth: Truth) -> RoleScores | None:
    people = truth.people or {}
    confusion: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    num_all = 0
    for i, name in enumerate(names):
        true = people[name].role
        if not true:
            continue
        num_all += int(there[i].sum())
        called = confusion[true]
        for t in np.flatnonzero((pairs[i] >= 0) & there[i]):
            called[str(role[pairs[i, t], t])] += 1
    if not num_all:
        return None
    right = {true: called.get(true, 0) for true, called in confusion.items()}
    found = {true: sum(called.values()) for true, called in confusion.items()}
    return RoleScores(
        sum(right.values()) / sum(found.values()) if sum(found.values()) else None,
        sum(right.values()) / num_all,
        {true: right[true] / found[true] if found[true] else None for true in sorted(confusion)},
        {true: dict(sorted(called.items())) for true, called in sorted(confusion.items())},
    )
