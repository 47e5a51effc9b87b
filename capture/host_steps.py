"""Steps of the host's own clock, which all cameras show at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .arrays import Times
from .clock_faults import ClockFinding, screen_stamps

NO_TIME = np.iinfo(np.int64).min
WINDOW = 20
LEAST_STEP_NS = 30_000_000
TOGETHER_NS = 1_000_000_000


def host_steps(stamps: Mapping[str, tuple[Times, Times]]) -> list[ClockFinding]:
    """When the clock of the host was set (by NTP, by a person), and by how much; needs two cameras.

    At such a moment the delays of all cameras change at once by one amount, though their own clocks go on evenly, and
    stay so. The host's stalls do not: what waits comes back to the old delay.

    Args:
        stamps: by camera, (t,) device and (t,) host stamps in stored order.
    """
    if len(stamps) < 2:
        return []
    seen = {name: _changes(*pair) for name, pair in stamps.items()}
    first, others = next(iter(seen.values())), list(seen.values())[1:]
    steps = []
    for at_ns, size_ns in first:
        matching = [
            [size for at, size in other if abs(at - at_ns) < TOGETHER_NS + abs(size_ns) and
             abs(size - size_ns) < LEAST_STEP_NS]
            for other in others
        ]  # fmt: skip
        if all(matching):
            size = int(np.median([size_ns, *(sizes[0] for sizes in matching)]))
            steps.append(ClockFinding("", "host_step", -1, at_ns, size, 1, "taken out of the stamps of the host"))
    return steps


def without_host_steps(
    stamps: Mapping[str, tuple[Times, Times]], steps: Sequence[ClockFinding]
) -> dict[str, tuple[Times, Times]]:
    """The stamps as they would be if the host's clock had not been set."""
    straight = {}
    for name, (device_ns, host_ns) in stamps.items():
        host_ns = host_ns.copy()
        for step in steps:
            for at_ns, size_ns, position in _placed(device_ns, host_ns):
                if abs(at_ns - step.time_ns) < TOGETHER_NS + abs(step.size_ns) and (
                    abs(size_ns - step.size_ns) < LEAST_STEP_NS
                ):
                    later = host_ns[position:]
                    later[later != NO_TIME] -= step.size_ns  # one size for all: what is left of it is common
                    break
        straight[name] = (device_ns, host_ns)
    return straight


def _changes(device_ns: Times, host_ns: Times) -> list[tuple[int, int]]:
    return [(at_ns, size_ns) for at_ns, size_ns, _ in _placed(device_ns, host_ns)]


def _placed(device_ns: Times, host_ns: Times) -> list[tuple[int, int, int]]:
    """Host time, size and position of each change of the least delay that came and stayed within a frame."""
    kept = screen_stamps("", device_ns).kept
    kept = kept[host_ns[kept] != NO_TIME]
    if len(kept) < 2 * WINDOW:
        return []
    late_ns = host_ns[kept] - device_ns[kept]
    late_ns = (late_ns - late_ns[0]).astype(np.float64)
    least = np.lib.stride_tricks.sliding_window_view(late_ns, WINDOW).min(axis=1)
    change = least[WINDOW:] - least[:-WINDOW]  # at frame k + WINDOW: the least of those from it less those before it
    here = np.diff(late_ns)[WINDOW - 1 : WINDOW - 1 + len(change)]
    found = []
    for k in np.flatnonzero((np.abs(change) > LEAST_STEP_NS) & (np.abs(here - change) < LEAST_STEP_NS)).tolist():
        position = int(kept[k + WINDOW])
        if not found or position - found[-1][2] > WINDOW:
            found.append((int(host_ns[kept[k + WINDOW - 1]]), round(float(change[k])), position))
    return found
