"""The errors that a person may see: each says what, where, why, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OrtwinError(Exception):
    """The base of every error that ortwin raises on purpose.

    Args:
        what: what went wrong, one sentence.
        where: file, camera, frame or time at which it went wrong.
        why: the likely cause.
        todo: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", todo: str = "") -> None:
        self.what, self.where, self.why, self.todo = what, where, why, todo
        super().__init__(self.describe())

    def describe(self) -> str:
        """The whole message, one line per part that is known."""
        parts = (("where", self.where), ("why", self.why), ("do", self.todo))
        return "\n".join([self.what, *(f"  {name}: {text}" for name, text in parts if text)])


class ConfigError(OrtwinError):
    """A request that cannot be carried out as written."""

    exit_code = 2


class MissingExtraError(ConfigError):
    """An optional package is needed and absent."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"the package {package} is not installed",
            why=f"it belongs to the optional extra '{extra}'",
            todo=f"pip install 'ortwin[{extra}]'",
        )


class InputError(OrtwinError):
    """An input is unreadable, damaged or contradicts itself."""

    exit_code = 3


class QualityError(OrtwinError):
    """The work finished, and the result did not pass its own check."""

    exit_code = 4


class ResourceError(OrtwinError):
    """Disk or memory does not suffice."""

    exit_code = 5


class PrivacyError(OrtwinError):
    """The privacy gate refused."""

    exit_code = 6


def nearest_name(name: str, known: Iterable[str]) -> str:
    """A hint such as " (did you mean 'build'?)", or an empty string when nothing is near; capitals do not count."""
    by_lower = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[near[0]]}'?)" if near else ""
