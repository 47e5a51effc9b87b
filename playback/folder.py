"""The playback folder of a twin: whose .rrd files lie in it, and how they were drawn."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..capture.files import canonical_json, hash_bytes
from ..capture.segments import MANIFEST
from ..facade import Twin
from ..scenegraph.streams import FOLDER as STREAMS

APPLICATION = "ortwin"
KEY_FILE = "playback.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class PlaybackConfig:
    """How a twin is drawn.

    Args:
        trail_s: length of the path that is drawn behind a moving thing.
        max_surface_points: largest number of surface points per thing and instant.
        surface_cell_m: measured meshes keep one vertex per cell of this edge.
        image_width_px: largest width of the cameras' background pictures.
    """

    trail_s: float = 5.0
    max_surface_points: int = 4000
    surface_cell_m: float = 0.015
    image_width_px: int = 640


def playback_key(twin: Twin) -> str:
    """What a twin's playback was made from: its content, what was added to it, and how it is drawn."""
    manifest = twin.path / STREAMS / MANIFEST
    streams = hash_bytes(manifest.read_bytes()) if manifest.exists() else ""
    bodies = None if twin.meshes is None else twin.archive.facts("bodies", 0)
    surfaces = None if twin.surfaces is None else twin.archive.facts("surfaces", 0)
    made_from = {
        "head": twin.archive.head, "format": FORMAT_VERSION, "streams": streams, "bodies": bodies,
        "surfaces": surfaces,
    }  # fmt: skip
    return hash_bytes(canonical_json(made_from))[:16]


def key_text(twin: Twin, files: Iterable[Path], *, shows_people: bool) -> bytes:
    """What is written beside the files, once all are there."""
    names = [path.name for path in files]
    return canonical_json({"key": playback_key(twin), "files": names, "shows_people": shows_people})


def existing_playback(twin: Twin, folder: Path | None = None) -> list[Path]:
    """The .rrd files of this very twin that are there already and show nobody's picture, or none."""
    folder = folder or twin.path / "playback"
    said = _read(folder)
    files = [folder / name for name in said.get("files", [])]
    fits = said.get("key") == playback_key(twin) and not said.get("shows_people", True)
    return files if fits and all(file.exists() for file in files) else []


def remove_playback(folder: Path) -> None:
    """Remove the files that an earlier run wrote into a folder, and nothing else."""
    for name in [KEY_FILE, *_read(folder).get("files", [])]:
        (folder / Path(name).name).unlink(missing_ok=True)


def _read(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / KEY_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
