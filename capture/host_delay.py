"""The constant part of the way to the host: stamps never show it, boards and what moves do.

A frame that takes 30 ms to the host at least looks, by stamps alone, like one of a clock that is 30 ms ahead. Where all
cameras need as long, nothing comes of it; a longer cable, another model or a longer exposure makes a difference, by
which the clocks of cameras then lie apart. A board in motion (`ortwin calibrate --clocks`) or what moves before two
cameras (`ortwin sync --from both`) tells it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import Times
from .clock import ClockModel

SAME_DELAY_MS = 0.1


def told_delays_ms(
    stored: Mapping[str, ClockModel], host: Mapping[str, ClockModel], device_ns: Mapping[str, Times]
) -> dict[str, float] | None:
    """By how much longer a camera's frames need to the host than the median camera's, as stored clocks know it.

    Args:
        stored: the clocks of a recording, by camera.
        host: those that its host stamps alone tell.
        device_ns: (t,) stamps by camera, in stored order.

    Returns:
        Milliseconds by camera of both; None where the stored clocks say no more than host stamps do.
    """
    names = [name for name in stored if name in host and len(device_ns.get(name, ()))]
    if len(names) < 2:
        return None
    later_ns = np.array([
        np.median(host[name].frames_ns(device_ns[name]) - stored[name].frames_ns(device_ns[name])) for name in names
    ])  # fmt: skip
    delay_ms = (later_ns - np.median(later_ns)) * 1e-6
    return None if np.ptp(delay_ms) < SAME_DELAY_MS else dict(zip(names, delay_ms.tolist(), strict=True))
