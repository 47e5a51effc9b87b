"""Addresses that take an open viewer to a moment of a twin."""

from __future__ import annotations

from ..facade import Twin
from .folder import APPLICATION, playback_key


def jump_link(twin: Twin, time_ns: int) -> str:
    """The address of an instant, rig clock: given to a Rerun viewer that plays the twin, it sets the time there.

    Its time is that of the timeline "time", which counts from the first instant.
    """
    seconds = (time_ns - int(twin.times_ns[0])) / 1_000_000_000
    return f"about:recording?app_id={APPLICATION}&recording_id={playback_key(twin)}#when=time@{seconds:.9f}s"
