"""Settings: frozen dataclasses to and from plain values, with every unknown key refused by name."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .errors import ConfigError, InputError, nearest_name

Config = TypeVar("Config")


def config_to_json(config: Any) -> dict[str, Any]:
    """Every setting with its value, nested as the dataclasses are."""
    return dataclasses.asdict(config)


def config_from_mapping(kind: type[Config], values: Mapping[str, Any], where: str = "") -> Config:
    """A config dataclass from nested values; what is left out keeps its default.

    Raises:
        ConfigError: a key is unknown (the nearest one is named) or a value has the wrong type.
    """
    import pydantic

    _refuse_unknown(kind, values, where, ())
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"the setting {key} is wrong: {first['msg']}", where=where) from error


def _refuse_unknown(kind: type, values: Mapping[str, Any], where: str, path: tuple[str, ...]) -> None:
    types = typing.get_type_hints(kind)
    for key, value in values.items():
        if key not in types:
            name = ".".join((*path, key))
            raise ConfigError(
                f"unknown setting '{name}'{nearest_name(key, types)}", where=where, todo="ortwin config show"
            )
        if dataclasses.is_dataclass(types[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(
                    f"the setting {'.'.join((*path, key))} is a group and needs keys of its own", where=where
                )
            _refuse_unknown(typing.cast(type, types[key]), value, where, (*path, key))


def load_config(kind: type[Config], file: Path | None, overrides: Sequence[str] = ()) -> Config:
    """A config from a TOML file and overrides of the form `stage.key=value` (values in TOML's spelling).

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is not TOML, or it or an override names an unknown key.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(Path(file).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError("the settings cannot be read", where=str(file), why=error.strerror or "") from error
        except ValueError as error:
            raise ConfigError("the settings are not TOML", where=str(file), why=str(error)) from error
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"an override reads stage.key=value, got '{override}'")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        group = values
        *parents, last = key.strip().split(".")
        for parent in parents:
            group = group.setdefault(parent, {})
        group[last] = value
    return config_from_mapping(kind, values, str(file) if file else "--set")
