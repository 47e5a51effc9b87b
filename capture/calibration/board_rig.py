"""From files to a calibrated rig: read the board and what was filmed, calibrate, and add what depth has to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..camera import CameraModel, CameraRig, Intrinsics
from ..depth_correction import DepthCorrection
from ..errors import InputError
from ..storage import StoredRecording, open_recording
from .board import read_board
from .camera_files import read_cameras, read_rig_of
from .depth_terms import BoardView, DepthTerms, depth_terms
from .observations import NO_TIME, BoardObservations
from .report_data import plain_value
from .rig_calibration import CalibrationConfig, RigCalibration, calibrate_rig
from .sources import read_observations

DEPTH_VIEWS = 40
NEAREST_NS = 5_000_000
READING_SHARE = 0.6


def calibrate_source(
    source: Path, board_file: Path, config: CalibrationConfig | None = None, *, start_file: Path | None = None,
    lens_file: Path | None = None, progress: Callable[[str, float], None] | None = None,
) -> RigCalibration:  # fmt: skip
    """Calibrate the rig that filmed a board.

    Args:
        source: a recording, a plain folder, or a folder of videos; see sources.
        board_file: board.toml.
        config: see CalibrationConfig.
        start_file: a rig whose world and lenses are kept as the start: rig.json, or a file of another program.
        lens_file: lenses to begin with, in place of those of the source: calibration.json, or another camera file.
        progress: called with the name of the step and the share that is done.

    Raises:
        InputError, QualityError: see `read_observations` and `calibrate_rig`.
    """
    config, told = config or CalibrationConfig(), progress or (lambda step, share: None)
    board = read_board(board_file)
    told("looking for the board", 0.0)
    observations = read_observations(source, board)
    if lens_file is not None:
        observations = replace(observations, lenses={**observations.lenses, **_lenses(lens_file, observations)})
    recording = open_recording(source) if (source / "recording.json").exists() else None
    models = {} if recording is None else recording.cameras
    if recording is not None and config.timing == "auto":  # a recording has clocks that can be put right
        config = replace(config, timing="estimated")
    start = None if start_file is None else read_rig_of(start_file, models or None)
    found = calibrate_rig(
        observations, config, models=models, start=start, board=_board_values(board),
        progress=lambda step, share: told(step, READING_SHARE + (1 - READING_SHARE) * share),
    )  # fmt: skip
    if recording is None:
        return found
    terms = {
        name: term for name, model in models.items()
        if name in found.rig.cameras and (term := _depth(recording, observations, found, name, model)) is not None
    }  # fmt: skip
    return with_depth(found, terms)


def _lenses(path: Path, observations: BoardObservations) -> dict[str, Intrinsics]:
    """The lenses of a file, for the images that were seen."""
    lenses = {name: lens for name, lens in read_cameras(path).lenses.items() if name in observations.camera_ids}
    if not lenses:
        raise InputError(
            "the file has no lens of a camera that filmed", where=str(path),
            todo=f"the cameras are {', '.join(observations.camera_ids)}; `ortwin rig convert --name` gives other names",
        )  # fmt: skip
    for name, lens in lenses.items():
        size = observations.sizes_px.get(name, (lens.width_px, lens.height_px))
        if size != (lens.width_px, lens.height_px):
            raise InputError(
                f"the lens is for {lens.width_px}x{lens.height_px} images, these have {size[0]}x{size[1]}",
                where=f"{path}, camera {name}", todo="give the lens of these images: `ortwin calibrate-lens`",
            )  # fmt: skip
    return lenses


def with_depth(found: RigCalibration, terms: Mapping[str, DepthTerms]) -> RigCalibration:
    """The calibration with the corrections of depth lenses in rig and report."""
    cameras = {
        name: camera if name not in terms else replace(
            camera, color_from_depth=terms[name].color_from_depth, depth_correction=_correction(terms[name])
        ) for name, camera in found.rig.cameras.items()
    }  # fmt: skip
    rig = CameraRig(cameras, found.rig.world_frame, found.rig.covariance, found.rig.calibrated_ns)
    reports = tuple(
        replace(camera, depth=terms[camera.camera_id].report) if camera.camera_id in terms else camera
        for camera in found.report.cameras
    )
    return replace(found, rig=rig, report=replace(found.report, cameras=reports))


def _depth(
    recording: StoredRecording, observations: BoardObservations, found: RigCalibration, name: str, model: CameraModel
) -> DepthTerms | None:
    """What the boards say of one camera's depth lens."""
    if model.depth is None or not recording.has_stream(name, "depth"):
        return None
    number = observations.camera_ids.index(name)
    stamps_ns = recording.timestamps_ns(name)
    instants = [instant for camera, instant in sorted(found.color_from_board) if camera == number]
    views = []
    for instant in instants[:: max(1, len(instants) // DEPTH_VIEWS)]:
        time_ns = int(observations.times_ns[instant, number])
        position = int(np.argmin(np.abs(stamps_ns - time_ns)))
        if time_ns == NO_TIME or abs(int(stamps_ns[position]) - time_ns) > NEAREST_NS:
            continue
        depth_m = recording.frame(name, position, color=False, corrected=False).depth_m
        if depth_m is not None:
            views.append(BoardView(depth_m, found.color_from_board[number, instant]))
    return depth_terms(found.rig[name], observations.board.points_m, views)


def _correction(terms: DepthTerms) -> DepthCorrection:
    return DepthCorrection(terms.bias_m, terms.scale, covariance=terms.covariance[np.ix_([1, 0], [1, 0])])


def _board_values(board: Any) -> dict[str, Any]:
    values = asdict(board) if is_dataclass(board) and not isinstance(board, type) else {}
    return {key: plain_value(value) for key, value in values.items() if key != "points_m"}
