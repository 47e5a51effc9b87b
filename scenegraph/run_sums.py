"""Sums of measures over runs of instants, as whole numbers, so that they do not depend on where a recording is cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FRACTION = 2**20
LARGEST_MEASURE = 1e6
NO_VALUE = 2**62


def _whole(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, -LARGEST_MEASURE, LARGEST_MEASURE) * FRACTION).astype(np.int64)


class RunSums(NamedTuple):
    """Of the finite values of each run, as whole multiples of 1 / FRACTION: how many, their sum, and the least."""

    number: list[int]
    total: np.ndarray
    least: list[int]

    def row(self, run: int) -> tuple[int, int, int]:
        """Those of one run; the least is 0 of none."""
        number = self.number[run]
        return number, int(self.total[run]), self.least[run] if number else 0


def sums_of_runs(values: np.ndarray, column: np.ndarray, begin: np.ndarray, end: np.ndarray) -> RunSums:
    """Over the instants [begin, end) of some columns of values (T, C)."""
    finite = np.isfinite(values)
    wholes = np.where(finite, _whole(np.where(finite, values, 0.0)), NO_VALUE)
    nothing = np.zeros((1, values.shape[1]), np.int64)
    total = np.concatenate([nothing, np.cumsum(np.where(finite, wholes, 0), axis=0)])
    by_column = np.concatenate([wholes.T, np.full((values.shape[1], 1), NO_VALUE)], axis=1)
    edges = np.stack([begin, end], axis=1) + (column * by_column.shape[1])[:, None]
    least = np.minimum.reduceat(by_column.ravel(), edges.ravel())[::2] if len(column) else np.zeros(0, np.int64)
    return RunSums(
        number_of_runs(finite, column, begin, end).tolist(), total[end, column] - total[begin, column], least.tolist()
    )  # fmt: skip


def number_of_runs(mask: np.ndarray, column: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(R,) how often a mask (T, C) is set within each run."""
    count = np.concatenate([np.zeros((1, mask.shape[1]), np.int64), np.cumsum(mask, axis=0)])
    return count[end, column] - count[begin, column]
