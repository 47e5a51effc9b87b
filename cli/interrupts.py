"""How a run ends before its time: signals, and what a verb has left behind then."""

from __future__ import annotations

import signal
from contextlib import suppress
from types import FrameType
from typing import Any

from ..capture.errors import OrtwinError

AFTER_INTERRUPT = {
    "build": "what is finished is kept; start the same command again to go on",
    "simulate": "start the same command again: it goes on where it stopped, and small_room begins anew",
    "import": "nothing was kept; start the same command again",
    "register": "the recording is as it was; start the same command again",
    "record": "what was recorded until then is kept and can be opened",
    "bodies": "what is finished is kept; start the same command again to go on",
    "surfaces": "what is finished is kept; start the same command again to go on",
    "label": "the twin is as it was; start the same command again",
}


class Interrupted(OrtwinError):
    """The user, or the machine, asked us to stop; says what that means for the verb."""

    exit_code = 130

    def __init__(self, verb: str | None = None) -> None:
        super().__init__("interrupted", todo=AFTER_INTERRUPT.get(verb or "", "start the same command again"))


class Signals:
    """Makes SIGTERM end a run as Ctrl-C does, and remembers that either came, however the interrupt is passed on."""

    def __init__(self) -> None:
        self.arrived = False
        self._previous: dict[signal.Signals, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:
                with suppress(ValueError):  # only the main thread may set handlers
                    self._previous[number] = signal.signal(number, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.arrived = True
        raise KeyboardInterrupt

    def restore(self) -> None:
        """Undo it."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def began_as_interrupt(error: BaseException | None) -> bool:
    """Whether an interrupt lies at the bottom of an error: compiled modules turn one into an ImportError."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
