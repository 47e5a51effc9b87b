"""A library of many recordings as one: its index is opened, and one question is asked of all.

    Library("archive").query("holding(head_surgeon, drill) and not covered(patient)")

Nothing heavy is imported until a question is asked, because a first answer is to come within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..capture.errors import InputError
from .library_index import HEAD, LibraryIndex, index_sources, read_index

if TYPE_CHECKING:
    from .query_engine import QueryResult, QuerySession
    from .query_sources import QuerySources
    from .vocabulary import PredicateSpec

FOLDER = "ortwin.library"
"""Where the index of a folder lies, unless somebody says otherwise."""


class Library:
    """The twins and labels of a folder as one; whoever has it open keeps what was in force then.

    Args:
        path: a folder that was indexed, or its index.

    Raises:
        InputError: there is no index, or it is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = index_folder(Path(path))
        self.index: LibraryIndex = read_index(self.path)

    @cached_property
    def sources(self) -> QuerySources:
        """The tables, as queries read them."""
        return replace(index_sources(self.path, self.index), specs=_specs())

    def query(self, expression: str) -> QueryResult:
        """Ask all recordings at once; each row of the answer begins with the name of its recording.

        Raises:
            ConfigError: the question cannot be understood, or names what nobody knows.
            InputError: there is nothing in the library, or its files were replaced since it was opened.
        """
        if not self.index.procedures:
            raise InputError("the library holds no recording", where=str(self.path), todo="ortwin library index FOLDER")
        return self.session.run(expression)

    @cached_property
    def session(self) -> QuerySession:
        """The connection that is kept from one question to the next; for one thread at a time."""
        from .query_engine import QuerySession

        return QuerySession(self.sources)


def index_folder(path: Path) -> Path:
    """The index of a folder: what it holds under its usual name, or the folder itself where it is one."""
    return path if (path / HEAD).exists() else path / FOLDER


def _specs() -> Mapping[str, PredicateSpec]:
    """What twins measure, and what labels say beside."""
    from .label_timeline import label_specs
    from .predicate import load_predicates

    return {**label_specs(), **load_predicates()}
