"""Clock offsets that boards told, put into the clocks of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..board_clocks import BoardClocks, board_clocks
from ..clock import ClockModel
from ..errors import InputError
from .bundle_problem import OFFSET
from .report_data import CalibrationReport

if TYPE_CHECKING:
    from ..storage import StoredRecording
    from .rig_calibration import RigCalibration


def known_offsets_ms(report: CalibrationReport) -> dict[str, float]:
    """What boards told of clocks, by camera id; cameras of which they told nothing are absent."""
    return {camera.camera_id: camera.time_offset_ms for camera in report.cameras if camera.time_offset_known}


def corrected_clocks(clocks: Mapping[str, ClockModel], offsets_ms: Mapping[str, float]) -> dict[str, ClockModel]:
    """Clocks, each moved by the time offset that boards told.

    Clocks from host stamps cannot know that one camera's frames always take longer to arrive; a moving board can.

    Args:
        clocks: of the recording that was calibrated, by camera id.
        offsets_ms: to be added to rig times, by camera id; a camera without one keeps its clock.

    Raises:
        InputError: an offset is of a camera that the recording lacks.
    """
    strangers = sorted(set(offsets_ms) - set(clocks))
    if strangers:
        raise InputError("the calibration is of another recording", where=f"camera {strangers[0]}")
    moved = {name: clocks[name].moved(round(offset_ms * 1e6)) for name, offset_ms in offsets_ms.items()}
    return {**clocks, **moved}


def told_by_board(
    found: RigCalibration, clocks: Mapping[str, ClockModel], recording: StoredRecording
) -> BoardClocks | None:
    """What the board told of the clocks, to be joined with other sources later; None where of less than two.

    Args:
        found: the calibration of the recording.
        clocks: put right by it.
        recording: that was calibrated.
    """
    known = known_offsets_ms(found.report)
    root = found.report.root_id
    names = (root, *sorted(name for name in known if name != root))
    if len(names) < 2 or root not in known:
        return None
    begin_ns = min(int(recording.timestamps_ns(name)[0]) for name in names)
    at_ns = begin_ns + round(1e9 * _middle_s(found.report))
    device_ns = {name: recording.device_ns(name) for name in names}
    return board_clocks(clocks, device_ns, names, at_ns, _covariance(found, names))


def _middle_s(report: CalibrationReport) -> float:
    """When the views were taken that told most, s from the first instant."""
    stories = [camera.clock for camera in report.cameras if camera.clock is not None and len(camera.clock.time_s)]
    if not stories:
        return 0.0
    time_s = np.concatenate([story.time_s for story in stories])
    weight = np.concatenate([story.offset_sigma_ms for story in stories]) ** -2.0
    return float((weight * time_s).sum() / weight.sum())


def _covariance(found: RigCalibration, names: tuple[str, ...]) -> np.ndarray:
    """(c, c) of the time offsets against the root camera, s^2; without what they share if the fit did not hold them."""
    sigma_s = {camera.camera_id: 1e-3 * camera.time_offset_sigma_ms for camera in found.report.cameras}
    whole = np.diag([0.0 if name == found.report.root_id else sigma_s[name] ** 2 for name in names])
    if found.fit.timing != "estimated":
        return whole
    index = {camera.camera_id: number for number, camera in enumerate(found.report.cameras)}
    columns = np.array([found.fit.result.covariance.columns[index[name]][OFFSET] for name in names])
    free = np.flatnonzero(columns >= 0)
    whole[np.ix_(free, free)] = found.fit.result.covariance.camera[np.ix_(columns[free], columns[free])]
    return whole
