"""From files to calibrated lenses, and lenses into the files where they are looked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..camera import Intrinsics
from ..errors import InputError, OrtwinError, QualityError
from ..files import canonical_json, write_atomic
from ..rig_file import lens_to_json
from .board import read_board
from .camera_file import CameraFile
from .camera_files import write_cameras
from .lens_calibration import LensCalibration, LensConfig, calibrate_lens
from .lens_report import LensReport, lens_report
from .sources import read_observations

READING_SHARE = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class LensesFound:
    """The lenses of a source.

    Args:
        lenses, reports: by camera id.
        failed: why the lens of a camera was not found, by camera id.
    """

    lenses: Mapping[str, LensCalibration]
    reports: Mapping[str, LensReport]
    failed: dict[str, str]


def calibrate_lenses(
    source: Path, board_file: Path, *, camera_id: str | None = None,
    model: Literal["auto", "brown_conrady", "fisheye"] = "auto", progress: Callable[[str, float], None] | None = None,
) -> LensesFound:  # fmt: skip
    """Find the lens of every camera of a source, each for itself.

    Args:
        source: a folder of photos, a video, or what `read_observations` takes.
        board_file: board.toml.
        camera_id: this camera alone.
        model: see LensConfig.
        progress: called with the name of the step and the share that is done.

    Raises:
        InputError, QualityError: see `read_observations` and `calibrate_lens`; of several cameras only where all fail.
    """
    told = progress or (lambda step, share: None)
    told("looking for the board", 0.0)
    observations = read_observations(
        source, read_board(board_file), lambda done, count: told("looking for the board", READING_SHARE * done / count),
        only=camera_id,
    )  # fmt: skip
    lenses, reports, failed = {}, {}, {}
    error: OrtwinError | None = None
    for index, name in enumerate(observations.camera_ids):
        told(f"lens of {name}", READING_SHARE + (1 - READING_SHARE) * index / len(observations.camera_ids))
        try:
            lenses[name] = calibrate_lens(observations, name, LensConfig(model=model))
            reports[name] = lens_report(lenses[name], observations.lenses.get(name))
        except (InputError, QualityError) as found:
            error, failed[name] = found, f"{found.what}: {found.todo}"
    if error is not None and not lenses:
        raise error
    told("done", 1.0)
    return LensesFound(lenses, reports, failed)


def write_lenses(path: Path, lenses: Mapping[str, Intrinsics]) -> None:
    """Write lenses: into a calibration.json (any .json), of which everything else stays, or another camera file.

    Raises:
        InputError: what stands at the place is no calibration.json, or the format cannot say what the lenses are.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        write_cameras(path, CameraFile(lenses, {}))
        return
    value: Any = {"cameras": {}}
    if path.exists():
        try:
            value = json.loads(path.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError("the file to be amended cannot be read", where=str(path), why=str(error)) from error
        if not isinstance(value, dict) or not isinstance(value.get("cameras"), dict):
            raise InputError("this is no calibration.json", where=str(path), todo="give another name with --out")
    for name, lens in lenses.items():
        value["cameras"].setdefault(name, {})["color"] = lens_to_json(lens)
    write_atomic(path, canonical_json(value))
