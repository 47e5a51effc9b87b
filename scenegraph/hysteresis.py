"""From scores to states: hysteresis, what is unknown, and how long a state must last to count.

Nothing here knows what a score means. Columns are (predicate, pair) combinations; all run through the same few array
operations.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .predicate import ENTER_SCORE, EXIT_SCORE

FALSE, TRUE, UNKNOWN = 0, 1, 2


def hold(
    score: np.ndarray, low: np.ndarray, high: np.ndarray, present: np.ndarray, observed: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The state of each column at each instant.

    A seen pair switches on at ENTER_SCORE and off below EXIT_SCORE. A pair that is there but not seen keeps its last
    state as long as no score that it could have contradicts it, and is unknown otherwise; seeing it again resumes from
    that last state, but what was false and may have begun unseen is unknown until its score tells. An absent pair is
    false.

    Args:
        score: (T, C), NaN where nothing can be said.
        low, high: (T, C) the worst and best score that an unseen pair could have.
        present, observed: (T, C) bool.
        held: (C,) TRUE where the relation held when last seen, before this window, UNKNOWN where it did not and may
            have begun since, else FALSE.

    Returns:
        (T, C) int8 of FALSE, TRUE, UNKNOWN, and the new `held`.
    """
    told = present & observed & ~np.isnan(score)
    enters = told & (score >= ENTER_SCORE)
    settles = enters | ~present | (told & (score < EXIT_SCORE))
    last = np.maximum.accumulate(np.where(settles, np.arange(len(score))[:, None], -1), axis=0)
    holding = np.where(last >= 0, np.take_along_axis(enters, np.maximum(last, 0), axis=0), held == TRUE)
    unseen = present & ~told
    begun = np.where(unseen & ~holding & ~(high < ENTER_SCORE), np.arange(len(score))[:, None], -1)
    doubtful = ~holding & ((np.maximum.accumulate(begun, axis=0) > last) | ((last < 0) & (held == UNKNOWN)))
    contradicted = np.where(holding, ~(low >= EXIT_SCORE), ~(high < np.where(doubtful, EXIT_SCORE, ENTER_SCORE)))
    state = np.where(holding, TRUE, FALSE).astype(np.int8)
    state[(unseen & contradicted) | (told & doubtful)] = UNKNOWN
    now = np.where(holding, TRUE, np.where(doubtful, UNKNOWN, FALSE)).astype(np.int8)
    return state, now[-1] if len(score) else held


@dataclass(slots=True)
class Run:
    """A stretch of instants in one state, TRUE or UNKNOWN, with sums of what was measured.

    Sums are whole numbers (see graph_builder), so that they do not depend on where the recording was cut.

    Args:
        state: TRUE or UNKNOWN.
        begin_index, end_index: instants of the recording, half-open.
        begin_ns, end_ns: their times; `end_ns` is the time of the first instant after the run.
        num_instants, num_observed: how many were summed, and how many of them were seen.
        score_sum: sum of the scores.
        sums: (number, sum, smallest) per evidence column.
    """

    state: int
    begin_index: int
    end_index: int
    begin_ns: int
    end_ns: int
    num_instants: int = 0
    num_observed: int = 0
    score_sum: int = 0
    sums: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Instants from begin to end."""
        return self.end_index - self.begin_index

    def joined(self, later: Run) -> Run:
        """This run up to the end of a later one, with the sums of both."""
        sums = dict(self.sums)
        for name, (number, total, least) in later.sums.items():
            if name in sums:
                before = sums[name]
                number, total, least = before[0] + number, before[1] + total, min(before[2], least)
            sums[name] = (number, total, least)
        return Run(
            self.state, self.begin_index, later.end_index, self.begin_ns, later.end_ns,
            self.num_instants + later.num_instants, self.num_observed + later.num_observed,
            self.score_sum + later.score_sum, sums,
        )  # fmt: skip


def find_runs(state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(columns, begins, ends) of all stretches of a state (T, C) that are not FALSE, half-open, by column and time."""
    padded = np.zeros((state.shape[1], len(state) + 2), dtype=state.dtype)
    padded[:, 1:-1] = state.T
    changes = padded[:, 1:] != padded[:, :-1]
    columns, begins = np.nonzero(changes & (padded[:, 1:] != FALSE))
    _, ends = np.nonzero(changes & (padded[:, :-1] != FALSE))
    return columns, begins, ends


def minimum_instants(minimum_s: float, frame_interval_ns: int) -> int:
    """How many instants a minimum duration is."""
    return max(1, round(minimum_s * 1e9 / frame_interval_ns))


def lasting(runs: Sequence[Run], minimum: int, num_instants: int, bridged: int = 0) -> list[Run]:
    """The runs of one column that count, in order of time.

    First, true runs with less than `minimum` (or `bridged`, if that is more) instants between them become one; over
    more than `minimum`, runs shorter than half of it bridge nothing and are left out, lest a few moments far from each
    other become one. Then true runs shorter than `minimum` are dropped. What is unknown, with the dropped true runs
    that touch it, stays unknown if it lasts as long, or if it reaches the first or the last of the recording's
    `num_instants`, beyond which nobody knows either.
    """
    held = _held(runs, minimum, max(minimum, bridged))
    doubtful: list[Run] = []
    for run in _outside(runs, held):
        if doubtful and doubtful[-1].end_index == run.begin_index:
            joined = doubtful.pop().joined(run)
            run = replace(joined, state=max(joined.state, run.state))
        doubtful.append(run)
    at_edge = [run.begin_index == 0 or run.end_index == num_instants for run in doubtful]
    doubtful = [
        run
        for run, edge in zip(doubtful, at_edge, strict=True)
        if run.state == UNKNOWN and (edge or run.length >= minimum)
    ]
    return sorted([*held, *doubtful], key=lambda run: run.begin_index)


def _held(runs: Sequence[Run], minimum: int, bridged: int) -> list[Run]:
    held: list[Run] = []
    for run in runs:
        if run.state != TRUE or (bridged > minimum and 2 * run.length < minimum):
            continue
        if held and run.begin_index - held[-1].end_index < bridged:
            run = held.pop().joined(run)
        held.append(run)
    return [run for run in held if run.length >= minimum]


def _outside(runs: Sequence[Run], held: Sequence[Run]) -> list[Run]:
    begins = [run.begin_index for run in held]
    places = [bisect.bisect_right(begins, run.begin_index) - 1 for run in runs]
    return [
        run for run, place in zip(runs, places, strict=True) if place < 0 or held[place].end_index <= run.begin_index
    ]
