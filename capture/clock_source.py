"""What clocks are found from."""

from __future__ import annotations

from enum import StrEnum

WORDS = {"host": "stamps of the host", "content": "what moves", "board": "boards"}


class ClockSource(StrEnum):
    """Stamps of the host, what the cameras see, or all there is, boards that were waved before too."""

    HOST = "host"
    CONTENT = "content"
    BOTH = "both"
