"""Boards that a refinement has not seen: a rig fitted to every other instant, scored on the instants between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .camera import CameraModel, CameraRig
from .errors import InputError
from .geometry import SE3

if TYPE_CHECKING:
    from .calibration.observations import BoardObservations
    from .calibration.rig_calibration import CalibrationConfig, RigCalibration

FEWEST_INSTANTS = 12


@dataclass(frozen=True, slots=True, eq=False)
class BoardHoldOut:
    """A board session in two halves.

    Args:
        rig: fitted to all instants: what a refinement begins with when it is done in earnest.
        half_rig: fitted to every other instant: what it begins with when it is judged.
        observations: all that was seen.
        half: the fit behind `half_rig`.
        held_out: the instants that it did not see.
    """

    rig: CameraRig
    half_rig: CameraRig
    observations: BoardObservations
    half: RigCalibration
    held_out: np.ndarray

    def error_px(self, root_from_camera: Mapping[str, SE3]) -> float:
        """Reprojection error of the held-out corners, root mean square, pixels; corners are triangulated.

        Args:
            root_from_camera: poses by camera id, in any frame; cameras that are not named stay as `half_rig` has them.
        """
        from .calibration.rig_fit import score_fit

        fit = self.half.fit
        names = [self.observations.camera_ids[int(camera)] for camera in fit.bundle.cameras]
        rotation, position_m = np.array(fit.result.state.rotation), np.array(fit.result.state.position_m)
        anchor = next((k for k, name in enumerate(names) if name in root_from_camera), None)
        if anchor is not None:
            anchor_from_world = fit.result.state.camera_from_world(anchor)
            for k, name in enumerate(names):
                if name in root_from_camera:
                    from_anchor = root_from_camera[name].inverse() @ root_from_camera[names[anchor]]
                    pose = from_anchor @ anchor_from_world
                    rotation[k], position_m[k] = pose.rotation, pose.translation_m
        state = replace(fit.result.state, rotation=rotation, position_m=position_m)
        moved = replace(fit, result=replace(fit.result, state=state))
        motion = fit.timing == "estimated"
        return score_fit(self.observations, moved, self.held_out, motion=motion).reprojection_rms_px


def hold_out_boards(
    observations: BoardObservations,
    models: Mapping[str, CameraModel],
    config: CalibrationConfig | None = None,
    start: CameraRig | None = None,
) -> BoardHoldOut:
    """Calibrate twice: with all instants, and with every other one.

    Args:
        observations: what was seen of the board.
        models: the cameras as built.
        config: how to calibrate.
        start: a rig whose world and lenses are kept as the start.

    Raises:
        InputError, QualityError: too few instants to hold any out; see also `calibrate_rig`.
    """
    from .calibration.rig_calibration import calibrate_rig

    instants = np.unique(observations.instant)
    if len(instants) < FEWEST_INSTANTS:
        raise InputError(
            f"the board was seen at {len(instants)} instants only", why="half of them are held out to judge a fit",
            todo=f"film at least {FEWEST_INSTANTS} instants with the board in view of two cameras",
        )  # fmt: skip
    whole = calibrate_rig(observations, config, models=models, start=start)
    half = calibrate_rig(observations.at(instants[::2]), config, models=models, start=whole.rig)
    return BoardHoldOut(whole.rig, half.rig, observations, half, instants[1::2])
