"""How a verb speaks: the answer on stdout, the conversation on stderr, and one JSON document where it is asked for."""

from __future__ import annotations

import json
import logging
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ..capture.errors import OrtwinError

QUIET_SECONDS_BETWEEN_LINES = 30.0
WIDTH_WITHOUT_TERMINAL = 160


class Reporter:
    """The voice of one verb.

    Args:
        verb: its name, for the log.
        as_json: print one JSON document at the end and nothing else on stdout.
        quiet: only the answer, warnings and errors.
        verbosity: 0 warnings of the library, 1 what it does, 2 everything.
        no_color: plain text; the environment variable NO_COLOR does the same.
        log_file: append log records here, one JSON object a line.
    """

    def __init__(
        self, verb: str, *, as_json: bool = False, quiet: bool = False, verbosity: int = 0, no_color: bool = False,
        log_file: Path | None = None,
    ) -> None:  # fmt: skip
        self.verb, self.as_json, self.quiet, self.verbosity = verb, as_json, quiet, verbosity
        self._no_color, self._log_file = no_color, log_file
        self._document: dict[str, Any] = {}
        self._warnings: list[str] = []
        self._next: list[str] = []
        self._bars: Progress | None = None
        self._handlers: list[logging.Handler] = []

    def __enter__(self) -> Reporter:
        if self.verbosity or self._log_file:
            self._start_logging()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._bars is not None:
            self._bars.stop()
        if kind is None:
            self._finish()
        for handler in self._handlers:
            logging.getLogger("ortwin").removeHandler(handler)
            handler.close()

    def say(self, text: str) -> None:
        """One line of conversation (stderr; silent with -q)."""
        logging.getLogger("ortwin.cli").debug(text)
        if not self.quiet:
            self._stderr.print(text, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something the user must know (stderr, also with -q; kept in the JSON document as `warnings`)."""
        self._warnings.append(text)
        self._stderr.print(f"warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    def result(self, document: Mapping[str, Any], *, show: bool = True) -> None:
        """The answer: with --json the document itself, else its entries, a line each and a table per list of rows.

        Args:
            document: what --json prints; numpy values and paths are welcome, NaN becomes null.
            show: False where the verb has already shown a person the same with `table` or `answer`.
        """
        self._document.update(document)
        if show and not self.as_json:
            self._show(document)

    def answer(self, text: str) -> None:
        """One line of the answer (stdout; nothing with --json)."""
        if not self.as_json:
            self._stdout.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
        """A table of the answer (stdout; nothing with --json). Numbers are aligned to the right."""
        if self.as_json:
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        cells = [[_cell(value) for value in row] for row in rows]
        drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for position, name in enumerate(columns):
            numeric = bool(cells) and all(_is_number(row[position]) for row in cells)
            drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in cells:
            drawn.add_row(*(Text(cell) for cell in row))
        self._stdout.print(drawn)

    def next(self, *command: str | Path) -> None:
        """What the user may do now: one command line, given whole or as words (which are quoted as a shell needs)."""
        words = [str(word) for word in command]
        self._next.append(words[0] if len(words) == 1 else shlex.join(words))

    @contextmanager
    def progress(self, total: int | None, label: str) -> Iterator[Bar]:
        """A bar with rate and remaining time on a terminal, a line every 30 s elsewhere; yields a `Bar`."""
        if self.quiet or not self._stderr.is_terminal:
            yield Bar(total, label, say=None if self.quiet else self.say)
            return
        bars = self._terminal_bars()
        task = bars.add_task(label, total=total)
        try:
            yield Bar(total, label, update=lambda bar: bars.update(task, **bar.state()))
        finally:
            bars.remove_task(task)

    def error(self, error: OrtwinError) -> None:
        """An error as a person reads it (stderr), and with --json as the one document on stdout."""
        if self.as_json:
            print(json.dumps({"error": describe_error(error)}, ensure_ascii=False, indent=2))
            sys.stdout.flush()
        style = "yellow" if error.exit_code == 130 else "bold red"
        self._stderr.print("error: " if error.exit_code != 130 else "", style=style, end="")
        self._stderr.print(error.describe(), markup=False, highlight=False, soft_wrap=True)

    @property
    def _stdout(self) -> Console:
        return _console(sys.stdout, self._no_color)

    @property
    def _stderr(self) -> Console:
        return self._bars.console if self._bars is not None else _console(sys.stderr, self._no_color)

    def _finish(self) -> None:
        if self.as_json:
            extra = {"warnings": self._warnings, "next": self._next}
            document = {**self._document, **{name: value for name, value in extra.items() if value}}
            print(json.dumps(plain(document), ensure_ascii=False, indent=2, allow_nan=False))
        elif not self.quiet:
            for command in self._next:
                self._stderr.print(f"next: {command}", style="dim", markup=False, highlight=False, soft_wrap=True)

    def _show(self, document: Mapping[str, Any], indent: str = "") -> None:
        for name, value in document.items():
            title = str(name).replace("_", " ")
            if isinstance(value, Mapping) and value:
                self.answer(f"{indent}{title}:")
                self._show(value, indent + "  ")
            elif isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
                columns = list(dict.fromkeys(key for row in value for key in row))
                self.table(columns, [[row.get(key) for key in columns] for row in value], title=title)
            else:
                self.answer(f"{indent}{title}: {_cell(value)}")

    def _terminal_bars(self) -> Progress:
        if self._bars is None:
            from rich import progress

            self._bars = progress.Progress(
                progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn(),
                _rate_column(), progress.TimeRemainingColumn(), console=self._stderr, transient=True,
            )  # fmt: skip
            self._bars.start()
        return self._bars

    def _start_logging(self) -> None:
        logger = logging.getLogger("ortwin")
        logger.setLevel(logging.INFO if self.verbosity == 1 else logging.DEBUG)
        if self.verbosity:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            self._handlers.append(handler)
        if self._log_file is not None:
            handler = logging.FileHandler(self._log_file, encoding="utf-8")
            handler.setFormatter(_JsonLines(self.verb))
            self._handlers.append(handler)
        for handler in self._handlers:
            logger.addHandler(handler)


class Bar:
    """How far a piece of work has come. Call it with what is done so far."""

    def __init__(
        self, total: int | None, label: str, *, say: Callable[[str], None] | None = None,
        update: Callable[[Bar], None] | None = None,
    ) -> None:  # fmt: skip
        self.total, self.label, self.done = total, label, 0
        self._say, self._update = say, update
        self._begun_s = self._spoken_s = time.monotonic()

    def __call__(self, done: int, total: int | None = None, label: str | None = None) -> None:
        """Set how many units are done, of how many where that was not known before, and what is being done now."""
        self.done, self.total, self.label = done, self.total if total is None else total, label or self.label
        if self._update is not None:
            self._update(self)
        now_s = time.monotonic()
        if self._say is not None and now_s - self._spoken_s >= QUIET_SECONDS_BETWEEN_LINES:
            self._spoken_s = now_s
            self._say(self.describe(now_s - self._begun_s))

    def state(self) -> dict[str, Any]:
        """What a drawn bar shows, in the words of rich."""
        return {"completed": self.done, "total": self.total, "description": self.label}

    def describe(self, elapsed_s: float) -> str:
        """One line such as "cam_1: 340 of 1200 (28 %), 12.1 /s, 71 s left"."""
        rate = self.done / max(elapsed_s, 1e-9)
        if not self.total:
            return f"{self.label}: {self.done}, {rate:.3g} /s"
        left = f", {(self.total - self.done) / rate:.0f} s left" if rate > 0 else ""
        return f"{self.label}: {self.done} of {self.total} ({100 * self.done / self.total:.0f} %), {rate:.3g} /s{left}"


def describe_error(error: OrtwinError) -> dict[str, Any]:
    """The error as --json prints it."""
    return {
        "kind": type(error).__name__, "what": error.what, "where": error.where, "why": error.why, "do": error.todo,
        "exit_code": int(error.exit_code),
    }  # fmt: skip


def plain(value: Any) -> Any:
    """The same value in JSON's own types: arrays to lists, paths to text, numbers that are not finite to null."""
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


def _cell(value: object) -> str:
    value = plain(value)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.1f}"
    if isinstance(value, list):
        return ", ".join(_cell(entry) for entry in value) or "none"
    return str(value) or "-"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "-"
    return True


def _console(stream: Any, no_color: bool) -> Console:
    from rich.console import Console

    console = Console(file=stream, no_color=True if no_color else None)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    return console


def _rate_column() -> Any:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units per second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3g} /s" if task.speed else "")

    return Rate()


class _JsonLines(logging.Formatter):
    """Log records as JSON objects, one a line."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self._verb = verb

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time_s": round(record.created, 3), "verb": self._verb, "level": record.levelname, "from": record.name,
            "message": record.getMessage(),
        }  # fmt: skip
        return json.dumps(entry, ensure_ascii=False)
