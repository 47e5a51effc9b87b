"""Builds relation intervals from pair features that come window by window, in memory that does not grow with time.

What a window needs of the past is carried over its border: per predicate and pair, whether the relation held when last
seen and the run that is under way. Sums of evidence are kept as whole multiples of 2^-20, which makes every result
exactly independent of where the recording is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..capture.errors import ConfigError, InputError, nearest_name
from ..reconstruction.threads import in_ranges
from .derivation import Derivation
from .graph import TruthState
from .hysteresis import FALSE, TRUE, Run, find_runs, hold, lasting, minimum_instants
from .pair_features import PairFeatures
from .predicate import Predicate, deriving_function, load_predicates, measuring_function
from .run_sums import FRACTION, RunSums, number_of_runs, sums_of_runs
from .timeline import Interval
from .vocabulary import TRACK, PredicateSpec, symmetric_order

NEVER_NS = -(2**62)
#: With fewer measures than so many, starting threads costs more than they save.
WORTH_THREADS = 2**14


@dataclass(frozen=True, slots=True)
class GraphConfig:
    """How relations are derived.

    Args:
        predicates: which to build, or None for all that are known.
        bound_sigmas: an unseen thing may stand this many standard deviations from where it is predicted,
        unseen_speed_m_s: or may have moved this fast since both things were last seen, whichever is farther.
    """

    predicates: tuple[str, ...] | None = None
    bound_sigmas: float = 2.0
    unseen_speed_m_s: float = 1.4

    def looked_for(self) -> tuple[str, ...]:
        """The predicates that a graph of this config can hold."""
        return tuple(_chosen(load_predicates(), self.predicates))


class _Key(NamedTuple):
    predicate: str
    subject_id: str
    object_id: str


@dataclass(slots=True)
class _Column:
    """What is carried for one predicate of one pair; `num_instants` is up to where (a pair left out was absent)."""

    held: int = FALSE
    num_instants: int = 0
    runs: list[Run] = field(default_factory=list)


class GraphBuilder:
    """Turns pair features into relation intervals, streaming.

        builder = GraphBuilder(GraphConfig(), frame_interval_ns)
        for window in windows:
            builder.push(compute_pair_features(window))
        intervals = builder.finish()

    Args:
        config: how.
        frame_interval_ns: the time between two instants; minimum durations count in instants of it.

    Raises:
        ConfigError: a predicate of the config is not known, or the interval is not positive.
    """

    def __init__(self, config: GraphConfig, frame_interval_ns: int) -> None:
        if frame_interval_ns <= 0:
            raise ConfigError(f"a frame interval must be positive, got {frame_interval_ns} ns")
        self._config = config
        self._frame_interval_ns = frame_interval_ns
        self._specs = _chosen(load_predicates(), config.predicates)
        self._measures: dict[str, Predicate] = {
            name: measuring_function(spec) for name, spec in self._specs.items() if spec.function
        }
        self._derive = {name: deriving_function(spec) for name, spec in self._specs.items() if spec.derive}
        self._ready: set[str] = set()
        self._columns: dict[_Key, _Column] = {}
        self._last_seen_ns: dict[tuple[str, str], int] = {}
        self._under_way: list[Run] = []
        self._num_instants = 0
        self._first_ns = self._last_ns = 0

    def push(self, features: PairFeatures) -> None:
        """Takes the next window.

        Raises:
            InputError: it does not lie after the one before.
            ConfigError: a predicate returns arrays of the wrong shape.
        """
        times_ns = features.times_ns
        if not len(times_ns):
            return
        if self._num_instants and times_ns[0] <= self._last_ns:
            raise InputError("windows must be pushed in order of time", where=f"at {times_ns[0]} ns")
        if not self._num_instants:
            self._first_ns = int(times_ns[0])
        before, self._under_way = self._under_way, []
        reach_m = self._reach(features)
        asked: list[_Asked] = []
        for name, measure in self._measures.items():
            pairs = np.flatnonzero(_candidates(features, self._specs[name]))
            if len(pairs):
                self._ready.add(name)
                asked.append(self._asked(self._specs[name], measure, features.select(pairs), reach_m[:, pairs]))
        for columns, found in zip((each.columns for each in asked), _told_by_threads(asked), strict=True):
            self._store_runs(columns, found, features.times_ns)
        for run in before:
            if run.end_index == self._num_instants:
                run.end_ns = int(times_ns[0])
        self._num_instants += len(times_ns)
        self._last_ns = int(times_ns[-1])

    @property
    def measured(self) -> frozenset[str]:
        """The predicates for which the windows so far had what they need; of others the graph says nothing.

        Where nobody has joints, or no tool is known, nobody can tell who holds what: such relations are neither false
        nor unknown but not measured.
        """
        told = {name for name, spec in self._specs.items() if spec.event_of in self._ready}
        return frozenset(self._ready | told)

    def finish(self, end_ns: int | None = None) -> tuple[Interval, ...]:
        """All intervals and events, in their one order. `end_ns` is by default one frame after the last instant."""
        if end_ns is None:
            end_ns = self._last_ns + self._frame_interval_ns
        for run in self._under_way:
            run.end_ns = end_ns
        intervals: list[Interval] = []
        for key, column in self._columns.items():
            spec = self._specs[key.predicate]
            minimum, bridged = (
                minimum_instants(seconds, self._frame_interval_ns) for seconds in (spec.minimum_s, spec.bridged_s)
            )
            intervals += [_interval(key, run) for run in lasting(column.runs, minimum, self._num_instants, bridged)]
        for name, derive in self._derive.items():
            length_ns = minimum_instants(self._specs[name].minimum_s, self._frame_interval_ns) * self._frame_interval_ns
            intervals = derive(intervals, Derivation(self._first_ns, end_ns, length_ns))
        return tuple(sorted(intervals, key=lambda row: row.order))

    def _reach(self, features: PairFeatures) -> np.ndarray:
        """(T, P) how far an unseen pair may be from where it is predicted, metres; 0 where it is seen."""
        ids = [entity.node_id for entity in features.entities]
        pairs = zip(features.subject_index.tolist(), features.object_index.tolist(), strict=True)
        keys = [(ids[a], ids[b]) for a, b in pairs]
        before = np.array([self._last_seen_ns.get(key, NEVER_NS) for key in keys], dtype=np.int64)
        seen_ns = np.where(features.observed, features.times_ns[:, None], NEVER_NS)
        seen_ns = np.maximum(np.maximum.accumulate(seen_ns, axis=0), before)
        self._last_seen_ns.update(zip(keys, seen_ns[-1].tolist(), strict=True))
        # What was never seen yet is carried back from where it will be seen in a moment; its spread says how far.
        unseen_s = np.where(seen_ns == NEVER_NS, 0.0, (features.times_ns[:, None] - seen_ns) * 1e-9)
        spread_m = self._config.bound_sigmas * np.nan_to_num(features.gap_sigma_m)
        reach_m = np.maximum(spread_m, self._config.unseen_speed_m_s * unseen_s)
        return np.where(features.observed, 0.0, reach_m)

    def _asked(self, spec: PredicateSpec, measure: Predicate, features: PairFeatures, reach_m: np.ndarray) -> _Asked:
        columns = self._columns_of(spec, features)
        held = np.array([column.held if column.num_instants == self._num_instants else FALSE for column in columns])
        return _Asked(spec, measure, features, reach_m, columns, held)

    def _columns_of(self, spec: PredicateSpec, features: PairFeatures) -> list[_Column]:
        ids = [entity.node_id for entity in features.entities]
        pairs = zip(features.subject_index.tolist(), features.object_index.tolist(), strict=True)
        return [self._columns.setdefault(_Key(spec.name, ids[a], ids[b]), _Column()) for a, b in pairs]

    def _store_runs(self, columns: list[_Column], told: _Told, times_ns: np.ndarray) -> None:
        num_times = len(times_ns)
        for column, holds in zip(columns, told.held.tolist(), strict=True):
            column.held, column.num_instants = holds, self._num_instants + num_times
        begins_ns, ends_ns = times_ns[told.begin], times_ns[np.minimum(told.end, num_times - 1)]
        numbers = zip(
            told.state.tolist(), told.column.tolist(), told.begin.tolist(), told.end.tolist(), begins_ns.tolist(),
            ends_ns.tolist(), told.num_seen.tolist(), told.score_sum.tolist(), strict=True,
        )  # fmt: skip
        for number, (state, column, first, last, begin_ns, end_ns, num_seen, total) in enumerate(numbers):
            # Of what is unknown nothing measured is told, and many runs are.
            each_sum = told.sums.items() if state == TRUE else ()
            run = Run(
                state, self._num_instants + first, self._num_instants + last, begin_ns, end_ns, last - first, num_seen,
                total, {name: entry for name, each in each_sum if (entry := each.row(number))[0]},
            )  # fmt: skip
            runs = columns[column].runs
            if first == 0 and runs and runs[-1].end_index == self._num_instants and runs[-1].state == run.state:
                run = runs.pop().joined(run)
            runs.append(run)
            if last == num_times:
                self._under_way.append(run)


class _Asked(NamedTuple):
    """A predicate and the pairs that it may join, with what is carried for them."""

    spec: PredicateSpec
    measure: Predicate
    features: PairFeatures
    reach_m: np.ndarray
    columns: list[_Column]
    held: np.ndarray


class _Told(NamedTuple):
    """What holds at the end, and the R runs of a predicate in a window, by column and time; `sums` by measure."""

    held: np.ndarray
    state: np.ndarray
    column: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    num_seen: np.ndarray
    score_sum: np.ndarray
    sums: Mapping[str, RunSums]


def _told_by_threads(asked: list[_Asked]) -> list[_Told]:
    """Each predicate by itself, so that it does not matter which thread tells it, nor when."""
    told: dict[int, _Told] = {}

    def tell(first: int, last: int) -> None:
        told.update({number: _tell(asked[number]) for number in range(first, last)})

    alone = sum(each.reach_m.size for each in asked) < WORTH_THREADS
    in_ranges(tell, len(asked), num_threads=1 if alone else 0, size=1)
    return [told[number] for number in range(len(asked))]


def _tell(asked: _Asked) -> _Told:
    spec, measure, features, reach_m, _, held = asked
    score, evidence = _measured(spec, measure, features)
    low, high = score.copy(), score.copy()
    hidden = np.flatnonzero((features.present & ~features.observed).any(axis=0))
    if len(hidden):
        some, reach_m = features.select(hidden), reach_m[:, hidden]
        low[:, hidden] = _measured(spec, measure, some.tightened(reach_m))[0]
        high[:, hidden] = _measured(spec, measure, some.loosened(reach_m))[0]
    states, held = hold(score, low, high, features.present, features.observed, held)
    place, begin, end = find_runs(states)
    return _Told(
        held, states[begin, place], place, begin, end, number_of_runs(features.observed, place, begin, end),
        sums_of_runs(np.where(np.isnan(score), 0.5, score), place, begin, end).total,
        {name: sums_of_runs(values, place, begin, end) for name, values in evidence.items()},
    )  # fmt: skip


def _chosen(known: Mapping[str, PredicateSpec], names: tuple[str, ...] | None) -> dict[str, PredicateSpec]:
    if names is None:
        return dict(known)
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown predicate '{name}'{nearest_name(name, known)}", where="graph.predicates")
    needed, before = set(names), set()
    while needed != before:
        before = set(needed)
        needed |= {source for name in before for source in known[name].told_from}
    return {name: spec for name, spec in known.items() if name in needed}


def _candidates(features: PairFeatures, spec: PredicateSpec) -> np.ndarray:
    """(P,) which pairs the predicate may join; of a symmetric predicate's two pairs of moving things, one."""
    layers = np.array([entity.layer for entity in features.entities])
    ranks = [symmetric_order(entity.node_id, entity.label) for entity in features.entities]
    subject, other = features.subject_index, features.object_index
    fits = np.isin(layers[subject], list(spec.domain)) & np.isin(layers[other], list(spec.range))
    if spec.with_tools and not features.has_tips:
        return np.zeros_like(fits)
    for wanted, index in ((spec.subjects, subject), (spec.objects, other)):
        if wanted:
            belongs = np.array([not wanted.isdisjoint(groups) for groups in features.groups()], dtype=bool)
            fits &= belongs[index]
    if spec.symmetric:
        pairs = zip(subject.tolist(), other.tolist(), strict=True)
        fits &= np.array([layers[b] != TRACK or ranks[a] < ranks[b] for a, b in pairs], dtype=bool)
    return fits


def _measured(
    spec: PredicateSpec, measure: Predicate, features: PairFeatures
) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    score, evidence = measure(features)
    shape = features.present.shape
    wrong = [name for name, array in {"score": score, **evidence}.items() if np.shape(array) != shape]
    if wrong:
        raise ConfigError(f"the predicate '{spec.name}' gives {', '.join(wrong)} of a shape other than {shape}")
    return np.asarray(score, dtype=np.float64), evidence


def _interval(key: _Key, run: Run) -> Interval:
    evidence = {"observed_share": run.num_observed / run.num_instants}
    if run.state == TRUE:
        for name, (number, total, least) in run.sums.items():
            evidence[name] = total / number / FRACTION
            if name == "gap_m":
                evidence["gap_min_m"] = least / FRACTION
    state = TruthState.TRUE if run.state == TRUE else TruthState.UNKNOWN
    return Interval(
        key.subject_id, key.predicate, key.object_id, run.begin_ns, run.end_ns, state,
        _single(run.score_sum / run.num_instants / FRACTION),
        {name: _single(value) for name, value in evidence.items()},
    )  # fmt: skip


def _single(value: float) -> float:
    return float(np.float32(value))
