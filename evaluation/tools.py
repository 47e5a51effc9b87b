"""How right the tools are: ADD and ADD-S with their areas under the curve, tip error, and time to re-acquisition.

Tools are paired with claims of the same label, instant by instant, by the distance of their origins within 0.5 m, a
pair of before being kept. ADD is the mean distance of the points of the model under the two poses, ADD-S the mean
distance of each point to the nearest one (Hinterstoisser et al. 2012; for shapes that look alike from several sides).
The area under the accuracy curve runs from 0 to 10 cm (PoseCNN, Xiang et al. 2018): the mean over all true instants
of max(0, 1 - error / 10 cm), where an instant without a claim counts 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .identities import Encounters, count_switches, pair_instants
from .rows import ToolRows
from .sampling import Blend, by_track, is_there
from .surfaces import sample_surface
from .truth import ToolTruth, Truth

GATE_M = 0.5
AUC_LIMIT_M = 0.1
NUM_MODEL_POINTS = 1000
LOST = "lost"


@dataclass(frozen=True, slots=True)
class ToolScores:
    """One tool, or all of them together.

    Args:
        recall: share in [0, 1] of the true instants with a claim paired; `recall_seen` of those at which at least one
            camera saw the tool.
        add_mm, add_s_mm: mean over the paired instants, millimetres; None where the truth has no model of it.
        add_auc, add_s_auc: areas under the accuracy curve in [0, 1].
        within_5_cm_5_deg: share of the true instants with a pose within both.
        tip_mm, tip_p95_mm: distance of the working points, mean and 95th percentile, millimetres.
        reacquisition_s: seconds from the moment at which a camera sees the tool again after none did to the first
            claim within 10 cm (ADD; distance of the origins where there is no model), a mean over all such moments.
        num_reappearances, num_never_reacquired: such moments, and those after which no claim came before the tool was
            hidden again or the recording ended (these are not in the mean).
        num_switches: identity changes.
        num_ghosts: of all tools together only: identities that were never paired.
    """

    recall: float | None
    recall_seen: float | None
    add_mm: float | None
    add_s_mm: float | None
    add_auc: float | None
    add_s_auc: float | None
    within_5_cm_5_deg: float | None
    tip_mm: float | None
    tip_p95_mm: float | None
    reacquisition_s: float | None
    num_reappearances: int
    num_never_reacquired: int
    num_switches: int
    num_ghosts: int = 0
    tools: dict[str, ToolScores] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    """One tool at its true instants, (t,): NaN without a pair, and (t,) what was there and seen."""

    origin_m: np.ndarray
    turn_deg: np.ndarray
    add_m: np.ndarray | None
    add_s_m: np.ndarray | None
    tip_m: np.ndarray | None
    paired: np.ndarray
    there: np.ndarray
    seen: np.ndarray
    waits_s: list[float]
    num_reappearances: int
    num_switches: int


def score_tools(rows: ToolRows, truth: Truth, gate_m: float = GATE_M) -> ToolScores | None:
    """Score tool poses; None where the truth has no tools.

    Args:
        rows: the twin's poses.
        truth: what is true, with the shapes of the tools where ADD is wanted.
        gate_m: largest distance of the origins of a pair, metres.
    """
    if not truth.tools:
        return None
    true = list(truth.tools.values())
    labels, rotation, place_m = _sample(rows, truth)
    true_m = np.stack([tool.translation_m for tool in true])
    same = np.array([[tool.label == label for label in labels] for tool in true]).reshape(len(true), len(labels))

    def apart(t: int, tools: np.ndarray, claims: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(true_m[tools, None, t] - place_m[None, claims, t], axis=-1)
        return np.where(same[np.ix_(tools, claims)], distance, np.inf)

    pairs = pair_instants(Encounters.between(is_there(true_m), is_there(place_m), apart), gate_m)
    errors = {tool.tool_id: _errors(tool, pairs[i], rotation, place_m, truth) for i, tool in enumerate(true)}
    num_ghosts = len(labels) - len(set(pairs[pairs >= 0].tolist()))
    return _summary(list(errors.values()), num_ghosts, {name: _summary([one]) for name, one in errors.items()})


def _sample(rows: ToolRows, truth: Truth) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Labels (k,), rotations (k, t, 3, 3) and places (k, t, 3) at the true instants."""
    claimed = rows.status != LOST
    time_ns, tool_id = rows.time_ns[claimed], rows.tool_id[claimed]
    labels, rotations, places = [], [], []
    for _, mine in by_track(tool_id, time_ns):
        blend = Blend.at(time_ns[mine], truth.times_ns, truth.step_ns)
        labels.append(str(rows.label[claimed][mine[0]]))
        rotations.append(blend.of_rotations(rows.rotation[claimed][mine]))
        places.append(blend.of(rows.translation_m[claimed][mine]))
    shape = (len(labels), len(truth.times_ns), 3)
    return labels, np.reshape(rotations, (*shape, 3)), np.reshape(places, shape)


def _errors(tool: ToolTruth, pairs: np.ndarray, rotation: np.ndarray, place_m: np.ndarray, truth: Truth) -> _Errors:
    instants = np.flatnonzero(pairs >= 0)
    num = len(pairs)
    ours = rotation[pairs[instants], instants], place_m[pairs[instants], instants]
    real = tool.rotation[instants], tool.translation_m[instants]
    origin_m, turn_deg = np.full(num, np.nan), np.full(num, np.nan)
    origin_m[instants] = np.linalg.norm(ours[1] - real[1], axis=1)
    trace = np.einsum("nij,nij->n", ours[0], real[0])
    turn_deg[instants] = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    add_m = add_s_m = tip_m = None
    shape, tip = truth.tool_shape(tool.tool_id, tool.label), truth.tip_m(tool.tool_id, tool.label)
    if shape is not None:
        model_m = sample_surface(*shape, NUM_MODEL_POINTS)
        add_m, add_s_m = np.full(num, np.nan), np.full(num, np.nan)
        for t, *poses in zip(instants, *ours, *real, strict=True):
            add_m[t], add_s_m[t] = add_errors_m(model_m, *poses)
    if tip is not None:
        tip_m = np.full(num, np.nan)
        tip_m[instants] = np.linalg.norm(ours[0] @ tip + ours[1] - real[0] @ tip - real[1], axis=1)
    seen = tool.num_views > 0
    near = np.nan_to_num(origin_m if add_m is None else add_m, nan=np.inf) <= AUC_LIMIT_M
    waits_s, num_reappearances = reacquisitions_s(seen, near, truth.times_ns)
    there = is_there(tool.translation_m)
    return _Errors(
        origin_m, turn_deg, add_m, add_s_m, tip_m, pairs >= 0, there, seen & there, waits_s, num_reappearances,
        count_switches(pairs),
    )  # fmt: skip


def add_errors_m(
    model_m: np.ndarray, rotation: np.ndarray, place_m: np.ndarray, true_rotation: np.ndarray, true_place_m: np.ndarray
) -> tuple[float, float]:
    """ADD and ADD-S, metres, of a pose against the true one, over model points (n, 3)."""
    from scipy.spatial import KDTree

    ours, real = model_m @ rotation.T + place_m, model_m @ true_rotation.T + true_place_m
    return float(np.linalg.norm(ours - real, axis=1).mean()), float(KDTree(ours).query(real)[0].mean())


def reacquisitions_s(seen: np.ndarray, near: np.ndarray, times_ns: np.ndarray) -> tuple[list[float], int]:
    """Seconds from each reappearance to the first good claim, for those that got one, and the number of reappearances.

    Args:
        seen: (t,) whether any camera sees the tool; a reappearance begins where it does again after it did not.
        near: (t,) whether a good claim stands.
        times_ns: (t,) the instants.
    """
    begins = [t for t in range(1, len(seen)) if seen[t] and not seen[t - 1] and seen[:t].any()]
    waits_s = []
    for begin in begins:
        hidden = np.flatnonzero(~seen[begin:])
        end = begin + (int(hidden[0]) if len(hidden) else len(seen) - begin)
        good = np.flatnonzero(near[begin:end])
        if len(good):
            waits_s.append(float(times_ns[begin + good[0]] - times_ns[begin]) * 1e-9)
    return waits_s, len(begins)


def area_under_curve(error_m: np.ndarray, there: np.ndarray) -> float | None:
    """The area under the accuracy curve up to 10 cm; errors (t,) of which those `there` (t,) count, NaN as a miss."""
    if not there.any():
        return None
    return float(np.maximum(0.0, 1 - np.nan_to_num(error_m[there], nan=np.inf) / AUC_LIMIT_M).mean())


def _summary(errors: list[_Errors], num_ghosts: int = 0, tools: dict[str, ToolScores] | None = None) -> ToolScores:
    there, seen, paired = (np.concatenate([getattr(e, key) for e in errors]) for key in ("there", "seen", "paired"))
    origin_m, turn_deg = (np.concatenate([getattr(e, key) for e in errors]) for key in ("origin_m", "turn_deg"))
    modelled = [e for e in errors if e.add_m is not None]
    tips_m = np.concatenate([np.zeros(0), *(e.tip_m for e in errors if e.tip_m is not None)])
    tips_m = tips_m[np.isfinite(tips_m)]
    means: dict[str, float | None] = {}
    for key in ("add", "add_s"):
        error_m = np.concatenate([np.zeros(0), *(getattr(e, f"{key}_m") for e in modelled)])
        found = error_m[np.isfinite(error_m)]
        means[f"{key}_mm"] = 1000 * float(found.mean()) if len(found) else None
        where = np.concatenate([np.zeros(0, bool), *(e.there for e in modelled)])
        means[f"{key}_auc"] = area_under_curve(error_m, where) if len(where) else None
    waits_s = [wait for e in errors for wait in e.waits_s]
    num_reappearances = sum(e.num_reappearances for e in errors)
    return ToolScores(
        recall=float(paired[there].mean()) if there.any() else None,
        recall_seen=float(paired[seen].mean()) if seen.any() else None,
        **means,
        within_5_cm_5_deg=float(((origin_m <= 0.05) & (turn_deg <= 5))[there].mean()) if there.any() else None,
        tip_mm=1000 * float(tips_m.mean()) if len(tips_m) else None,
        tip_p95_mm=1000 * float(np.percentile(tips_m, 95)) if len(tips_m) else None,
        reacquisition_s=float(np.mean(waits_s)) if waits_s else None,
        num_reappearances=num_reappearances,
        num_never_reacquired=num_reappearances - len(waits_s),
        num_switches=sum(e.num_switches for e in errors),
        num_ghosts=num_ghosts,
        tools=tools or {},
    )
