"""What the clock of a camera can be, seen from the host: how fast it may run, and when two clocks are one."""

from __future__ import annotations

MOST_DRIFT_PPM = 500.0
"""No quartz runs faster or slower than this."""
SAME_CLOCK_NS = 10_000_000
"""Cameras that are as far from the host, to this, are triggered together and stamped by one clock."""
