"""How right the skeletons are: MPJPE, PCP3D, recall at 500 mm, and identities on the ground plane.

At each true instant skeletons are paired with people by the mean distance of the joints that both have, within 500 mm
(as in VoxelPose, Tu et al. 2020), a pair of before being kept. IDF1 and HOTA look at the ground plane alone: the
distance there of the means of the joints that both have, within 0.5 m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hota import HotaScores, score_hota
from .identities import Encounters, assign_identities, count_switches, pair_instants, score_identities
from .joints import COCO_17
from .rows import PeopleRows
from .sampling import Blend, by_track, is_there
from .tracks import paired_offset_m
from .truth import Truth

GATE_M = 0.5
ALPHA = 0.5

_SIDES = ("left", "right")
LIMBS: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "head": ((("left_ear", "right_ear"), ("left_shoulder", "right_shoulder")),),
    "torso": ((("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),),
    **{
        part: tuple(((f"{side}_{begin}",), (f"{side}_{end}",)) for side in _SIDES)
        for part, begin, end in (
            ("upper_arms", "shoulder", "elbow"), ("lower_arms", "elbow", "wrist"),
            ("upper_legs", "hip", "knee"), ("lower_legs", "knee", "ankle"),
        )
    },
}  # fmt: skip
"""The ten limbs of PCP3D by kind: each from the middle of some joints to the middle of others."""


@dataclass(frozen=True, slots=True)
class PersonScores:
    """One true person: recall in [0, 1], mean joint error in mm (None: never found), and what identities he had."""

    recall: float
    mpjpe_mm: float | None
    num_identities: int
    num_switches: int
    track_id: str | None


@dataclass(frozen=True, slots=True)
class PeopleScores:
    """The skeletons against truth.

    Args:
        mpjpe_mm: mean distance of the joints of all pairs (no alignment), millimetres; None without pairs.
        mpjpe_seen_mm: over the joints that at least one camera saw.
        mpjpe_by_joint_mm: per joint of COCO-17.
        joint_recall: share in [0, 1] of the true joints of paired people that the skeleton has.
        pcp3d: share in [0, 1] of all true limbs, those of people who were not found too, with
            (|s - s'| + |e - e'|) / 2 <= 0.5 times their length (percentage of correct parts, alpha 0.5; Burenius et
            al. 2013).
        pcp3d_by_limb: the same by kind of limb.
        recall, precision: shares of true and of claimed person instants paired within 500 mm mean joint distance.
        recall_seen: share of the true person instants with a joint that at least one camera saw.
        num_switches, num_ghosts: identity changes, and identities that stand for nobody, of these pairs.
        idf1, mota: on the ground plane within 0.5 m (identities.py).
        hota: on the ground plane (hota.py).
        people: per true person.
    """

    mpjpe_mm: float | None
    mpjpe_seen_mm: float | None
    mpjpe_by_joint_mm: dict[str, float | None]
    joint_recall: float | None
    pcp3d: float | None
    pcp3d_by_limb: dict[str, float | None]
    recall: float | None
    recall_seen: float | None
    precision: float | None
    num_switches: int
    num_ghosts: int
    idf1: float | None
    mota: float | None
    hota: HotaScores | None
    people: dict[str, PersonScores]


@dataclass(frozen=True, slots=True, eq=False)
class PairedPeople:
    """Skeletons at the true instants, and who was paired with whom.

    Args:
        names, track_ids: (n,) true people, (k,) identities of the twin.
        true_m: (n, t, 17, 3); seen: (n, t, 17) whether any camera saw the joint.
        claimed_m: (k, t, 17, 3); sigma_m: (k, t, 17); role: (k, t) of str.
        pairs: (n, t) the identity paired with each person, -1 = none.
        encounters, ground: distances by joints, and on the ground plane.
    """

    names: list[str]
    track_ids: list[str]
    true_m: np.ndarray
    seen: np.ndarray
    claimed_m: np.ndarray
    sigma_m: np.ndarray
    role: np.ndarray
    pairs: np.ndarray
    encounters: Encounters
    ground: Encounters


def pair_people(rows: PeopleRows, truth: Truth, gate_m: float = GATE_M) -> PairedPeople | None:
    """Bring skeletons to the true instants and pair them; None where the truth has no people."""
    if not truth.people:
        return None
    ids, joints, sigmas, roles = [], [], [], []
    for name, mine in by_track(rows.track_id, rows.time_ns):
        blend = Blend.at(rows.time_ns[mine], truth.times_ns, truth.step_ns)
        ids.append(name)
        joints.append(blend.of(rows.joints_m[mine]))
        sigmas.append(blend.of(rows.sigma_m[mine]))
        roles.append(blend.nearest(rows.role[mine], ""))
    shape = (len(ids), len(truth.times_ns))
    claimed_m = np.reshape(joints, (*shape, len(COCO_17), 3))
    true_m = np.stack([person.joints_m for person in truth.people.values()])
    there = has_joints(true_m), has_joints(claimed_m)

    def apart(t: int, people: np.ndarray, claims: np.ndarray) -> np.ndarray:
        return _mean(np.linalg.norm(true_m[people, None, t] - claimed_m[None, claims, t], axis=-1))

    def apart_on_the_ground(t: int, people: np.ndarray, claims: np.ndarray) -> np.ndarray:
        offset = true_m[people, None, t] - claimed_m[None, claims, t]
        return np.hypot(_mean(offset[..., 0]), _mean(offset[..., 1]))

    encounters = Encounters.between(*there, apart)
    ground = Encounters.between(*there, apart_on_the_ground)
    return PairedPeople(
        list(truth.people), ids, true_m, np.stack([person.num_views > 0 for person in truth.people.values()]),
        claimed_m, np.reshape(sigmas, (*shape, len(COCO_17))), np.reshape(np.array(roles, dtype=object), shape),
        pair_instants(encounters, gate_m), encounters, ground,
    )  # fmt: skip


def has_joints(joints_m: np.ndarray) -> np.ndarray:
    """(...) bool, whether skeletons (..., 17, 3) have any joint."""
    return np.asarray(is_there(joints_m).any(axis=-1))


def match_people(rows: PeopleRows | None, truth: Truth) -> dict[str, str]:
    """The true name of each identity that stands for someone, one to one (the IDF1 pairing, by joints)."""
    paired = None if rows is None else pair_people(rows, truth)
    if paired is None:
        return {}
    chosen, _ = assign_identities(paired.encounters, GATE_M)
    return {paired.track_ids[k]: paired.names[i] for i, k in chosen.items()}


def score_people(rows: PeopleRows, truth: Truth, gate_m: float = GATE_M) -> PeopleScores | None:
    """Score skeletons; None where the truth has no people.

    Args:
        rows: the twin's skeletons.
        truth: what is true.
        gate_m: largest mean joint distance of a pair, and largest distance on the ground plane, metres.
    """
    paired = pair_people(rows, truth, gate_m)
    if paired is None:
        return None
    error_m = np.linalg.norm(paired_offset_m(paired.pairs, paired.true_m, paired.claimed_m), axis=-1)
    has_pair = (paired.pairs >= 0)[..., None]
    true_joints = is_there(paired.true_m)
    num_wanted = int((true_joints & has_pair).sum())
    seen = paired.seen & true_joints
    identities = score_identities(paired.encounters, paired.pairs, gate_m)
    on_ground = score_identities(paired.ground, pair_instants(paired.ground, gate_m), gate_m)
    chosen, _ = assign_identities(paired.encounters, gate_m)
    limbs = _limbs_right(paired)
    return PeopleScores(
        mpjpe_mm=_mean_mm(error_m),
        mpjpe_seen_mm=_mean_mm(error_m[seen]),
        mpjpe_by_joint_mm={name: _mean_mm(error_m[..., j]) for j, name in enumerate(COCO_17)},
        joint_recall=int(np.isfinite(error_m).sum()) / num_wanted if num_wanted else None,
        pcp3d=_share(np.concatenate([right.ravel() for right in limbs.values()])),
        pcp3d_by_limb={name: _share(right) for name, right in limbs.items()},
        recall=identities.recall,
        recall_seen=_share(np.where(seen.any(axis=-1), paired.pairs >= 0, np.nan)),
        precision=identities.precision,
        num_switches=identities.num_switches, num_ghosts=identities.num_ghosts,
        idf1=on_ground.idf1, mota=on_ground.mota,
        hota=score_hota(paired.ground),
        people={
            name: _person(paired, i, error_m[i], true_joints[i], chosen.get(i)) for i, name in enumerate(paired.names)
        },
    )  # fmt: skip


def _person(
    paired: PairedPeople, i: int, error_m: np.ndarray, true_joints: np.ndarray, chosen: int | None
) -> PersonScores:
    found = paired.pairs[i][paired.pairs[i] >= 0]
    return PersonScores(
        len(found) / max(int(true_joints.any(axis=-1).sum()), 1), _mean_mm(error_m), len(set(found.tolist())),
        count_switches(paired.pairs[i]), None if chosen is None else paired.track_ids[chosen],
    )  # fmt: skip


def _limbs_right(paired: PairedPeople) -> dict[str, np.ndarray]:
    """Per kind of limb, (..., n, t) 1 where it is right, 0 where it is not, NaN where the truth has none."""
    offset = paired_offset_m(paired.pairs, paired.true_m, paired.claimed_m)
    place = {name: j for j, name in enumerate(COCO_17)}
    result = {}
    for kind, limbs in LIMBS.items():
        right = []
        for begin, end in limbs:
            ends = [[place[name] for name in names] for names in (begin, end)]
            first_m, second_m = (paired.true_m[:, :, joints].mean(axis=2) for joints in ends)
            length_m = np.linalg.norm(first_m - second_m, axis=-1)
            error_m = sum(np.linalg.norm(offset[:, :, joints].mean(axis=2), axis=-1) for joints in ends) / 2
            right.append(np.where(np.isfinite(length_m), error_m <= ALPHA * length_m, np.nan))
        result[kind] = np.stack(right)
    return result


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is finite, infinite where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(axis=-1)
    return np.where(count > 0, np.where(finite, values, 0.0).sum(axis=-1) / np.maximum(count, 1), np.inf)


def _mean_mm(error_m: np.ndarray) -> float | None:
    finite = error_m[np.isfinite(error_m)]
    return 1000 * float(finite.mean()) if len(finite) else None


def _share(right: np.ndarray) -> float | None:
    known = right[np.isfinite(right)]
    return float(known.mean()) if len(known) else None
