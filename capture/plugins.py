"""What other packages offer under an entry-point group, beside what is built in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module, metadata
from typing import Any, Protocol

from .errors import ConfigError, nearest_name


class EntryPoint(Protocol):
    """What a package offers under a name, as `importlib.metadata` tells it."""

    name: str
    value: str

    def load(self) -> Any:
        """The thing itself."""
        ...


def plugin_names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """The names that there are, those of installed packages among them, in order."""
    return sorted({*built_in, *(entry.name for entry in metadata.entry_points(group=group))})


def find_plugin(name: str, kind: str, group: str, built_in: Mapping[str, str], package: str | None) -> Any:
    """What stands under a name.

    Args:
        name: what is looked for.
        kind: what such a thing is called, for messages ("device").
        group: the entry-point group.
        built_in: "module:attribute" by name, relative to `package`; these come first.
        package: the package from which built-in modules are named.

    Raises:
        ConfigError: nobody has it; names the nearest one. Or the package that offers it cannot be loaded.
    """
    if name in built_in:
        module, _, attribute = built_in[name].partition(":")
        return getattr(import_module(module, package), attribute)
    for entry in metadata.entry_points(group=group, name=name):
        return load_plugin(entry, kind)
    known = plugin_names(group, built_in)
    raise ConfigError(f"unknown {kind} '{name}'{nearest_name(name, known)}", todo=f"use one of {', '.join(known)}")


def installed_plugins(kind: str, group: str) -> Iterator[tuple[str, Any]]:
    """Everything that installed packages offer under a group, in the order of its names: where it stands, and it.

    Raises:
        ConfigError: one of them cannot be loaded.
    """
    for entry in sorted(metadata.entry_points(group=group), key=lambda entry: entry.name):
        yield where_of(entry), load_plugin(entry, kind)


def load_plugin(entry: EntryPoint, kind: str) -> Any:
    """What an entry point stands for.

    Raises:
        ConfigError: the package that offers it cannot be loaded.
    """
    try:
        return entry.load()
    except Exception as error:
        raise ConfigError(
            f"the {kind} '{entry.name}' cannot be loaded", where=where_of(entry), why=str(error),
            todo="repair or uninstall the package that offers it",
        ) from error  # fmt: skip


def where_of(entry: EntryPoint) -> str:
    """An entry point as its package wrote it."""
    return f"entry point {entry.name} = {entry.value}"
