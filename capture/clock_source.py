"""What clocks are found from."""

from __future__ import annotations

from enum import StrEnum


class ClockSource(StrEnum):
    """Stamps of the host, what the cameras see, or both."""

    HOST = "host"
    CONTENT = "content"
    BOTH = "both"
