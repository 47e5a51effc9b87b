"""Streams as rows that any picture can draw: what a viewer is told between two times, gaps included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class StreamRows:
    """A stream as it is drawn.

    Args:
        name, unit: the unit is empty for words.
        times_ns: (n,) int64, rig clock, ascending: each sample, and each moment from which nothing is known.
        numbers: (n,) float64, NaN from where nothing is known; None for words.
        words: n of them, "unknown" from where nothing is known; None for numbers.
    """

    name: str
    unit: str
    times_ns: np.ndarray
    numbers: np.ndarray | None = None
    words: tuple[str, ...] | None = None

    @property
    def title(self) -> str:
        """Its name with its unit: "spo2 (%)"."""
        return f"{self.name} ({self.unit})" if self.unit and self.unit != "1" else self.name

    def between(self, begin_ns: int, end_ns: int) -> StreamRows:
        """The rows of [begin_ns, end_ns)."""
        there = (self.times_ns >= begin_ns) & (self.times_ns < end_ns)
        words = None if self.words is None else tuple(np.array(self.words, dtype=object)[there])
        numbers = None if self.numbers is None else self.numbers[there]
        return StreamRows(self.name, self.unit, self.times_ns[there], numbers, words)


def stream_rows(streams: pa.Table, begin_ns: int, end_ns: int) -> Iterator[StreamRows]:
    """Every stream of a twin as it is drawn from its first instant to its last; see streams.py for the table.

    What was sampled before `begin_ns` and still holds then is told at `begin_ns`.
    """
    names = streams["name"].to_numpy(zero_copy_only=False)
    for name in dict.fromkeys(names.tolist()):
        own = streams.filter(names == name)
        times = own["time_ns"].to_numpy()
        following = np.append(times[1:], end_ns)
        ages = own["max_age_ns"].to_numpy(zero_copy_only=False)
        last = np.where(np.isnan(ages), following, times + np.nan_to_num(ages).astype(np.int64))
        expires = (last < following) & (last < end_ns)
        told = np.argsort(np.concatenate([times, last[expires]]), kind="stable")
        when = np.maximum(np.concatenate([times, last[expires]])[told], begin_ns)
        kept = (np.append(when[1:], end_ns) > when) & (when < end_ns)  # of several before the first instant, the last
        unit = own["unit"][0].as_py() or ""
        if unit:  # numbers have one, words have none
            values = own["value"].to_numpy(zero_copy_only=False).astype(np.float64)
            numbers = np.concatenate([values, np.full(expires.sum(), np.nan)])[told][kept]
            yield StreamRows(name, unit, when[kept], numbers=numbers)
        else:
            words = [word or "unknown" for word in own["text"].to_pylist()] + ["unknown"] * int(expires.sum())
            yield StreamRows(name, unit, when[kept], words=tuple(np.array(words, dtype=object)[told][kept]))
