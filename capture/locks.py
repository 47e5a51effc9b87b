"""A lock that one process holds while it writes a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ConfigError


@contextmanager
def held_alone(lock: Path, error: ConfigError) -> Iterator[None]:
    """Holds a lock file; the system lets go when the process ends, however it ends.

    Raises:
        ConfigError: the error given, where another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # no such lock on this system
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            raise error from taken
        yield
