"""Progress of a pipeline: one bar per stage, opened when the stage first speaks."""

from __future__ import annotations

from contextlib import ExitStack

from .console import Bar, Reporter


class Stages:
    """Turns (stage, done, total) into bars; use it as a context manager and hand it on as a `Progress`."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._stack = ExitStack()
        self._stage, self._bar = "", None

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        if stage != self._stage or self._bar is None:
            self._stack.close()
            self._bar: Bar | None = self._stack.enter_context(self._report.progress(total, stage))
            self._stage = stage
        self._bar(done, total)
