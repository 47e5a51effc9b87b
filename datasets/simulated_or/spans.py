"""From what is measured at each instant to the spans over which a relation holds: docs/predicates.md, first part."""

from __future__ import annotations

import itertools

import numpy as np

Span = tuple[int, int]
"""Half-open, numbers of instants."""


def least_instants(minimum_s: float, step_s: float) -> int:
    """How many instants a minimum duration is."""
    return max(1, round(minimum_s / step_s))


def hysteresis(enter: np.ndarray, stay: np.ndarray) -> np.ndarray:
    """(t,) bool: true from each instant at which `enter` holds to the first at which `stay` does not."""
    number = np.arange(len(enter))
    entered = np.maximum.accumulate(np.where(enter, number, -1))
    broken = np.maximum.accumulate(np.where(stay | enter, -1, number))
    return entered > broken


def settle(holds: np.ndarray, least: int) -> np.ndarray:
    """(t,) bool: first bridges interruptions shorter than the minimum, then drops runs shorter than it."""
    return without_short(bridged(holds, least), least)


def bridged(mask: np.ndarray, least: int) -> np.ndarray:
    """(t,) bool: true also in interruptions shorter than a number of instants."""
    mask = mask.copy()
    for (_, end), (begin, _) in itertools.pairwise(runs(mask)):
        if begin - end < least:
            mask[end:begin] = True
    return mask


def without_short(mask: np.ndarray, least: int, keep_at_ends: bool = False) -> np.ndarray:
    """(t,) bool: drops runs shorter than a number of instants, those at either end of the recording too or not."""
    mask = mask.copy()
    for begin, end in runs(mask):
        at_end = begin == 0 or end == len(mask)
        if end - begin < least and not (keep_at_ends and at_end):
            mask[begin:end] = False
    return mask


def with_scraps(unknown: np.ndarray, holds: np.ndarray, least: int) -> np.ndarray:
    """(t,) bool: an unknown mask, with what of a relation is left beside it and lasts fewer instants than the least."""
    whole = unknown.copy()
    for begin, end in runs(holds & ~unknown):
        if end - begin < least and unknown[max(begin - 1, 0) : end + 1].any():
            whole[begin:end] = True
    return whole


def runs(mask: np.ndarray) -> list[Span]:
    """Half-open spans [begin, end) in which a mask (t,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in zip(edges[0::2], edges[1::2], strict=True)]


def unseen_for(seen: np.ndarray) -> np.ndarray:
    """(t,) instants since a mask was last true, 0 where it is; infinite before the first time."""
    number = np.arange(len(seen))
    last = np.maximum.accumulate(np.where(seen, number, -1))
    return np.where(last >= 0, (number - last).astype(np.float64), np.inf)


def instants_of(begin_s: float, end_s: float, times_ns: np.ndarray) -> Span:
    """The instants in a half-open span of rig time: those at or after its begin and before its end."""
    first, last = np.searchsorted(times_ns, np.rint(np.clip([begin_s, end_s], -9e9, 9e9) * 1e9).astype(np.int64))
    return int(first), int(last)
