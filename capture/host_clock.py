"""A clock for cameras that nobody has synchronized: device stamps against those of the one host that received them.

A host stamp is late by the way from the camera, and by what waits on it; nothing is ever early. So the true line lies
under all points (device time, host minus device), and the least waiting points touch it: the edge of their lower convex
hull above which the points lie lowest in sum (Moon, Skelly and Towsley 1999). Queues can therefore not bend it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import Times
from .clock import ClockModel

MOST_DRIFT_PPM = 500.0
JUMP_NS = 200_000_000
SHORTEST_NS = 10_000_000_000
SAME_CLOCK_NS = 10_000_000


def clocks_from_host(stamps: Mapping[str, tuple[Times, Times]]) -> dict[str, ClockModel]:
    """A clock for every camera, or none at all.

    None where a camera has no host stamps, and none where all are as far from the host: then one clock stamps them all
    (they are triggered together), and what it says is better than when the host heard of it.

    Args:
        stamps: by camera id, device and host stamps as in `clock_from_host`.
    """
    found = {name: clock_from_host(device_ns, host_ns) for name, (device_ns, host_ns) in stamps.items()}
    clocks = {name: clock for name, clock in found.items() if clock is not None}
    if len(clocks) < len(stamps) or len(clocks) < 2:
        return {}
    at_ns = [int(device_ns[0]) for device_ns, _ in stamps.values()]
    apart_ns = [clock.rig_ns_of(time_ns) - time_ns for clock, time_ns in zip(clocks.values(), at_ns, strict=True)]
    return clocks if max(apart_ns) - min(apart_ns) > SAME_CLOCK_NS else {}


def clock_from_host(device_ns: Times, host_ns: Times) -> ClockModel | None:
    """The clock whose rig time is the host's, up to the least delay; None where there are no host stamps.

    Args:
        device_ns: (t,) int64 stamps of the camera.
        host_ns: (t,) int64 stamps of the host for the same frames, NO_TIME (the least int64) where it gave none.
    """
    known = host_ns != np.iinfo(np.int64).min
    if not known.any():
        return None
    device_ns, host_ns = device_ns[known], host_ns[known]
    reference_ns = int(device_ns.min())
    at, late = device_ns - reference_ns, host_ns - device_ns
    # A camera clock that jumped has points far below the others; they are another clock's.
    same = late > np.median(late) - JUMP_NS - MOST_DRIFT_PPM * 1e-6 * float(np.ptp(at))
    at, late = at[same], late[same]
    if np.ptp(at) < SHORTEST_NS:
        return ClockModel(int(late.min()), 0.0, reference_ns)
    base = int(late.min())
    begin, end = _edge(at, late - base)
    slope = (late[end] - late[begin]) / (at[end] - at[begin])
    slope = float(np.clip(slope, -MOST_DRIFT_PPM * 1e-6, MOST_DRIFT_PPM * 1e-6))
    offset_ns = int(np.floor((late - base - slope * at).min())) + base
    return ClockModel(offset_ns, slope * 1e6, reference_ns)


def _edge(at: np.ndarray, late: np.ndarray) -> tuple[int, int]:
    """The two points (of (t,) times and delays) between which the lower hull passes under the mean time."""
    order = np.lexsort((late, at))
    hull: list[int] = []
    for point in order.tolist():
        if hull and at[hull[-1]] == at[point]:
            continue
        while len(hull) > 1 and _turns_down(at, late, hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    middle = float(at.mean())
    k = int(np.clip(np.searchsorted(at[hull], middle), 1, len(hull) - 1))
    return hull[k - 1], hull[k]


def _turns_down(at: np.ndarray, late: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether the middle one of three points lies on or above the line of the others; exact, in whole numbers."""
    one, two = int(at[b]) - int(at[a]), int(at[c]) - int(at[a])
    return (int(late[b]) - int(late[a])) * two >= (int(late[c]) - int(late[a])) * one
