"""Lenses and rigs in the files of other programs, in and out: which formats there are, and how each is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..camera import CameraModel, CameraRig
from ..errors import ConfigError, InputError, nearest_name
from ..files import canonical_json, write_atomic
from ..plain_calibration import read_calibration
from ..rig_file import check_camera_id, lens_to_json, pose_to_json, read_rig, read_rig_json, rig_from_json, write_rig
from .camera_file import CameraFile, file_of_rig
from .camera_file_opencv import read_opencv, write_opencv
from .camera_file_qualisys import read_qualisys, write_qualisys
from .camera_file_toml import read_toml_cameras, write_caliscope
from .camera_file_tum import read_tum, write_tum

OPENCV_ENDINGS = (".yml", ".yaml", ".xml")


class CameraFormat(NamedTuple):
    """A format.

    Args:
        read: of one file.
        write: of a target.
        per_camera: the files of a folder hold one camera each.
    """

    read: Callable[[Path], CameraFile]
    write: Callable[[Path, CameraFile], None]
    per_camera: bool = False


def read_cameras(path: Path, name: str | None = None) -> CameraFile:
    """Read a file, or a folder with one file per camera.

    Args:
        path: rig.json, calibration.json, a TOML of Caliscope or Pose2Sim, a YAML or XML of OpenCV, a Calib.qca.txt of
            Qualisys, a camera0X.json, or a folder of either of the last but one or the last.
        name: the format, where it is not to be guessed.

    Raises:
        InputError: the file cannot be read, or is of none of these formats.
        ConfigError: there is no format of that name.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("there is no such file", where=str(path))
    files = _files(path) if path.is_dir() else [path]
    chosen = FORMATS[_known(name)] if name is not None else FORMATS[_guess(files[0])]
    found = [chosen.read(file) for file in files] if path.is_dir() and chosen.per_camera else [chosen.read(files[0])]
    together = CameraFile(
        {key: lens for part in found for key, lens in part.lenses.items()},
        {key: pose for part in found for key, pose in part.world_from_camera.items()},
        {key: entry for part in found for key, entry in part.depth.items()},
        tuple(dict.fromkeys(note for part in found for note in part.notes)),
    )
    for key in together.lenses:
        check_camera_id(key, str(path))
    return together


def read_rig_of(
    path: Path, models: Mapping[str, CameraModel] | None = None, *, name: str | None = None,
    names: Mapping[str, str] | None = None,
) -> CameraRig:  # fmt: skip
    """A rig from rig.json or from a file of another program.

    Args:
        path, name: see `read_cameras`.
        models: the cameras of the recording that it is meant for.
        names: new camera ids by those of the file.

    Raises:
        InputError: see `read_rig` and `read_cameras`.
    """
    path = Path(path)
    if not path.exists() or (path.is_file() and (name or _guess(path)) == "ortwin"):
        return (
            rig_from_json(_renamed(read_rig_json(path), names), models, str(path)) if names else read_rig(path, models)
        )
    return read_cameras(path, name).renamed(names or {}).rig(models, str(path))


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(value, dict):
        return value
    for key in names:
        if key not in value:
            raise InputError(f"the rig has no camera '{key}'{nearest_name(key, value)}", todo=", ".join(value))
    return {names.get(key, key): entry for key, entry in value.items()}


def write_cameras(path: Path, cameras: CameraFile, name: str | None = None) -> str:
    """Write a file, or a folder with one file per camera; returns the name of the format.

    Args:
        path: the target.
        cameras: what to write.
        name: the format; None = by the name of the target.

    Raises:
        InputError: the format cannot say what the cameras are.
        ConfigError: no format goes by that name.
    """
    path = Path(path)
    name = _known(name) if name is not None else _guess_target(path)
    chosen = FORMATS[name]
    if name == "opencv" and path.suffix.lower() not in OPENCV_ENDINGS:
        path.mkdir(parents=True, exist_ok=True)
        for key, lens in cameras.lenses.items():
            one = {key: cameras.world_from_camera[key]} if key in cameras.world_from_camera else {}
            chosen.write(path / f"{key}.yml", CameraFile({key: lens}, one))
    else:
        chosen.write(path, cameras)
    return name


def _files(folder: Path) -> list[Path]:
    """The camera files of a folder: of the first format that it has."""
    for pattern in ("camera*.json", "*.yml", "*.yaml", "*.xml", "*.qca.txt", "camera_array.toml", "*.toml"):
        files = sorted(file for file in folder.glob(pattern) if file.is_file())
        if files:
            return files
    raise InputError(
        "the folder holds no file of cameras", where=str(folder), todo="give the file itself; " + ", ".join(FORMATS)
    )


def _known(name: str) -> str:
    if name not in FORMATS:
        raise ConfigError(f"unknown format '{name}'{nearest_name(name, FORMATS)}", todo=", ".join(FORMATS))
    return name


def _guess(path: Path) -> str:
    """The format of a file, by its ending and what it says."""
    ending = path.suffix.lower()
    if ending == ".toml":
        return "caliscope"
    if ending in (".yml", ".yaml"):
        return "opencv"
    if ending in (".xml", ".txt"):
        return "opencv" if b"<opencv_storage" in _head(path) else "qualisys"
    if ending == ".json":
        try:
            value = json.loads(path.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            return "ortwin"
        if isinstance(value, dict):
            return "tum" if "value0" in value else "calibration" if "cameras" in value else "ortwin"
        return "ortwin"
    raise InputError(
        "the format of the file is not known", where=str(path),
        todo=f"say it with --from: {', '.join(FORMATS)}",
    )  # fmt: skip


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _guess_target(path: Path) -> str:
    ending = path.suffix.lower()
    if path.name.lower().endswith(".qca.txt"):
        return "qualisys"
    if ending == ".toml":
        return "caliscope"
    if ending in OPENCV_ENDINGS:
        return "opencv"
    if ending == ".json":
        return "calibration" if path.name == "calibration.json" else "ortwin"
    raise ConfigError(
        "the name of the target does not say its format", where=str(path),
        todo=f"say it with --to: {', '.join(FORMATS)}; or end the name with .json, .toml, .yml or .qca.txt",
    )  # fmt: skip


def _read_ortwin(path: Path) -> CameraFile:
    return file_of_rig(read_rig(path))


def _write_ortwin(path: Path, cameras: CameraFile) -> None:
    write_rig(path, cameras.rig(where=str(path)))


def _read_plain(path: Path) -> CameraFile:
    found = read_calibration(path.parent, path.name)
    return CameraFile(
        {name: model.color for name, model in found.models.items()},
        {name: camera.world_from_camera for name, camera in found.placed.items()},
        {
            name: (model.depth, model.color_from_depth)
            for name, model in found.models.items() if model.depth is not None
        },
    )  # fmt: skip


def _write_plain(path: Path, cameras: CameraFile) -> None:
    entries: dict[str, Any] = {}
    for name, lens in cameras.lenses.items():
        entries[name] = {"color": lens_to_json(lens)}
        if name in cameras.depth:
            depth, color_from_depth = cameras.depth[name]
            entries[name] |= {"depth": lens_to_json(depth), "color_from_depth": pose_to_json(color_from_depth)}
        if name in cameras.world_from_camera:
            entries[name]["world_from_color"] = pose_to_json(cameras.world_from_camera[name])
    write_atomic(path, canonical_json({"cameras": entries}))


FORMATS: dict[str, CameraFormat] = {
    "ortwin": CameraFormat(_read_ortwin, _write_ortwin),
    "calibration": CameraFormat(_read_plain, _write_plain),
    "caliscope": CameraFormat(read_toml_cameras, write_caliscope),
    "opencv": CameraFormat(read_opencv, write_opencv, per_camera=True),
    "qualisys": CameraFormat(read_qualisys, write_qualisys),
    "tum": CameraFormat(read_tum, write_tum, per_camera=True),
}
