"""Model files: kept in one folder with their cards, and used only while their SHA-256 is the one on the card.

A network in ONNX is arithmetic and nothing else; a pickle (.pt, .pth, .pkl, .ckpt) is a program that runs when it is
opened. So pickles are refused, whatever they are called.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path

from ..capture.errors import ConfigError, InputError, nearest_name
from ..capture.files import canonical_json, require_writable, write_atomic
from .model_cards import ModelCard, find_family, known_card

INDEX = "models.json"
SCHEMA_VERSION = 1
LARGEST_BYTES = 1 << 30
PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy", ".npz"}
ARCHIVES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def default_folder() -> Path:
    """Where models are kept: ORTWIN_MODELS, or `ortwin/models` among the user's data."""
    named = os.environ.get("ORTWIN_MODELS")
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "ortwin" / "models"


def add_model(
    path: Path, folder: Path | None = None, *, name: str | None = None, sha256: str | None = None,
    family: str | None = None, input_px: tuple[int, int] | None = None, licence: str = "",
) -> ModelCard:  # fmt: skip
    """Take a model file into the folder.

    Args:
        path: the file.
        folder: the folder; None = `default_folder()`.
        name: what to call it; None = as its card or its file is called.
        sha256: what its publisher says its SHA-256 is; needed, with `family`, for a file that ortwin does not know.
        family, input_px, licence: see ModelCard.

    Raises:
        InputError: it cannot be read, is a pickle, or has another SHA-256.
        ConfigError: it is not known and not declared, or its name is no plain word.
    """
    data = _read(Path(path))
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and sha256.strip().lower() != found:
        raise InputError(
            "this is not the file that its SHA-256 names", where=str(path), why=f"it has {found}",
            todo="get it again from its publisher",
        )  # fmt: skip
    card = known_card(found)
    if card is None:
        if sha256 is None or family is None:
            raise ConfigError(
                "ortwin does not know this model", where=str(path), why=f"its SHA-256 is {found}",
                todo="compare that with what its publisher says, then give --sha256 and --family",
            )  # fmt: skip
        find_family(family)
        card = ModelCard(Path(path).stem, found, family, input_px, licence)
    card = dataclasses.replace(card, name=card.name if name is None else name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", card.name):
        raise ConfigError(f"a model cannot be called '{card.name}'", todo="use letters, digits, '-', '_' and '.'")
    folder = folder or default_folder()
    require_writable(folder, folder=True)
    others = [other for other in list_models(folder) if other.name != card.name]
    write_atomic(_file(folder, card), data)
    cards = sorted([*others, card], key=lambda each: each.name)
    index = {"schema_version": SCHEMA_VERSION, "models": [dataclasses.asdict(each) for each in cards]}
    write_atomic(folder / INDEX, canonical_json(index))
    return card


def list_models(folder: Path | None = None) -> list[ModelCard]:
    """The cards of the models of a folder, by name; none where there is no folder.

    Raises:
        InputError: the list in the folder is damaged.
    """
    path = (folder or default_folder()) / INDEX
    if not path.is_file():
        return []
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {value['schema_version']}")
        return [
            ModelCard(
                str(row["name"]), str(row["sha256"]), str(row["family"]),
                None if row["input_px"] is None else (int(row["input_px"][0]), int(row["input_px"][1])),
                str(row["licence"]),
            )
            for row in value["models"]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            "the list of models cannot be read", where=str(path), why=str(error), todo="remove it and add them again"
        ) from error


def load_model(wanted: str | None, folder: Path | None = None) -> tuple[ModelCard, bytes]:
    """A model's card and its content, whose hash is the one on the card.

    Args:
        wanted: a name of the folder, or the path of a file that ortwin knows or that is in the folder too; None = the
            only model of the folder that finds people.
        folder: the folder; None = `default_folder()`.

    Raises:
        InputError: there is no such model, or it is not what its card says.
    """
    folder = folder or default_folder()
    cards = list_models(folder)
    if wanted is None:
        card = _only_one(cards, folder)
    else:
        card = next((card for card in cards if card.name == wanted), None)
        if card is None:
            return _load_path(Path(wanted), cards, folder)
    data = _read(_file(folder, card))
    found = hashlib.sha256(data).hexdigest()
    if found != card.sha256:
        raise InputError(
            f"the model {card.name} was changed", where=str(_file(folder, card)),
            why=f"its SHA-256 is {found}, the card says {card.sha256}", todo="add it again",
        )  # fmt: skip
    return card, data


def _only_one(cards: list[ModelCard], folder: Path) -> ModelCard:
    finders = [card for card in cards if card.finds]
    if len(finders) == 1:
        return finders[0]
    if not finders:
        raise InputError("there is no model that finds people", where=str(folder), todo="ortwin models add FILE.onnx")
    raise ConfigError(
        "there are several models", where=str(folder), todo=f"name one of {', '.join(card.name for card in finders)}"
    )


def _load_path(path: Path, cards: list[ModelCard], folder: Path) -> tuple[ModelCard, bytes]:
    if not path.is_file():
        raise InputError(
            f"there is no model '{path}'{nearest_name(str(path), [card.name for card in cards])}", where=str(folder),
            todo="ortwin models list, or ortwin models add FILE.onnx",
        )  # fmt: skip
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    card = known_card(found) or next((card for card in cards if card.sha256 == found), None)
    if card is None:
        raise InputError(
            "ortwin does not know this model", where=str(path), why=f"its SHA-256 is {found}",
            todo=f"ortwin models add {path} --sha256 HASH --family FAMILY",
        )  # fmt: skip
    return card, data


def _file(folder: Path, card: ModelCard) -> Path:
    return folder / f"{card.sha256}.onnx"


def _read(path: Path) -> bytes:
    if path.suffix.lower() in PICKLES:
        raise _refused(path)
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise InputError(
                "the model file is too large", where=str(path), why=f"{size / 1e9:.1f} GB, at most 1.1 are read"
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError("the model cannot be read", where=str(path), why=error.strerror or "") from error
    if data.startswith(ARCHIVES):
        raise _refused(path)
    return data


def _refused(path: Path) -> InputError:
    return InputError(
        "this is a pickle or an archive, not ONNX", where=str(path), why="opening it could run any program",
        todo="get the model as an .onnx file",
    )  # fmt: skip
