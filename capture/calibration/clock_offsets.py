"""Clock offsets that boards told, put into the clocks of a recording."""

from __future__ import annotations

from collections.abc import Mapping

from ..clock import ClockModel
from ..errors import InputError
from .report_data import CalibrationReport


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
