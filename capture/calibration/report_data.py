"""What a calibration says of itself: plain values that a page draws and a file keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """How well a rig explains corners that had no part in finding it, or those that had.

    Args:
        num_corners: corners seen by two cameras or more, each triangulated once.
        num_observations: their observations; none is dropped.
        reprojection_rms_px: root mean square of the distance between the observed and the reprojected pixel.
        reprojection_median_px, reprojection_p95_px: its median and 95th percentile.
        board_scale_rmse_mm: over all pairs of triangulated corners of one board, the error of their distance.
        board_scale_rmse_percent: the same relative to the mean true distance.
        board_scale_bias_percent: mean signed error of the distances; positive where the rig measures too long.
    """

    num_corners: int
    num_observations: int
    reprojection_rms_px: float
    reprojection_median_px: float
    reprojection_p95_px: float
    board_scale_rmse_mm: float
    board_scale_rmse_percent: float
    board_scale_bias_percent: float


@dataclass(frozen=True, slots=True)
class HeldOutReport:
    """A fit to every other instant, scored on the instants between.

    Args:
        num_fit_instants, num_scored_instants: how the instants were divided.
        simultaneous: of the rig as it is delivered, every corner triangulated as if all shutters had opened together.
        with_motion: of the rig with time offsets, the board's motion between the shutters taken into account.
        own_fit: `simultaneous` of a fit to the scored instants themselves: what no calibration can beat by much.
    """

    num_fit_instants: int
    num_scored_instants: int
    simultaneous: ScoreReport
    with_motion: ScoreReport
    own_fit: ScoreReport | None = None


@dataclass(frozen=True, slots=True)
class DepthReport:
    """The depth lens of one camera against the planes of the boards; one sigma beside each value.

    Args:
        num_views, num_pixels: depth images and pixels used.
        scale, bias_mm: true depth = bias + scale * measured depth.
        scale_sigma, bias_sigma_mm: their standard deviations.
        lens_shift_mm, lens_turn_deg: by how much the pose of the depth lens in the colour lens changed.
        lens_shift_sigma_mm, lens_turn_sigma_deg: its standard deviation (norm over the axes).
        rms_before_mm, rms_after_mm: distance of the depth pixels from the board planes.
    """

    num_views: int
    num_pixels: int
    scale: float
    scale_sigma: float
    bias_mm: float
    bias_sigma_mm: float
    lens_shift_mm: float
    lens_shift_sigma_mm: float
    lens_turn_deg: float
    lens_turn_sigma_deg: float
    rms_before_mm: float
    rms_after_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class ClockReport:
    """The clock of one camera as time passes; seconds from the first instant.

    Args:
        time_s, offset_ms, offset_sigma_ms: (v,) what single views of a moving board say must be added to their stamps.
        frames_s: (f,) when the camera gave a frame.
        missing_s: (m,) instants at which it gave none and another camera did.
    """

    time_s: np.ndarray
    offset_ms: np.ndarray
    offset_sigma_ms: np.ndarray
    frames_s: np.ndarray
    missing_s: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class CameraReport:
    """One camera of a calibration.

    Args:
        camera_id: its name.
        width_px, height_px: image size.
        num_views: images in which it saw the board.
        pixels_px: (n, 2) observed corners, image pixels.
        residuals_px: (n, 2) observed minus predicted.
        kept: (n,) bool, False where the corner was removed as an outlier.
        rms_px: root mean square length of the kept residuals.
        noise_px: the standard deviation per axis that the fit found for this camera's corners.
        coverage: (rows, columns) corners seen per cell of an even grid over the image.
        position_sigma_mm: one sigma per axis of the position in the camera's own axes, relative to the root camera.
        rotation_sigma_deg: the same for the rotation.
        lens_start, lens: the lens before and after, as in rig.json; `lens_start` is None where it was not given.
        lens_sigma: one sigma of each parameter of `lens`, in the order of `lens_names`; 0 where it was held fixed.
        lens_names: the names of the parameters.
        time_offset_ms, time_offset_sigma_ms: to be added to the camera's stamps to reach the root camera's clock.
        time_offset_known: whether the boards said anything of it; where False, the sigma is that of the prior.
        depth: the depth lens, where there is one and the boards covered it.
        clock: its clock over time, where several cameras were calibrated together.
    """

    camera_id: str
    width_px: int
    height_px: int
    num_views: int
    pixels_px: np.ndarray
    residuals_px: np.ndarray
    kept: np.ndarray
    rms_px: float
    noise_px: float
    coverage: np.ndarray
    position_sigma_mm: np.ndarray
    rotation_sigma_deg: np.ndarray
    lens_start: Mapping[str, Any] | None
    lens: Mapping[str, Any]
    lens_sigma: np.ndarray
    lens_names: tuple[str, ...]
    time_offset_ms: float
    time_offset_sigma_ms: float
    time_offset_known: bool
    depth: DepthReport | None = None
    clock: ClockReport | None = None


@dataclass(frozen=True, slots=True)
class PairReport:
    """Two cameras and what they saw together.

    Args:
        first_id, second_id: the cameras.
        num_instants: instants at which both saw the board.
        num_used: of these, how many gave an unambiguous pose in both.
        in_tree: whether the start of the rig went through this pair.
        baseline_m, angle_deg: how far apart they stand, and the angle between their axes.
        spread_mm, spread_deg: median deviation of the single estimates from the robust mean.
    """

    first_id: str
    second_id: str
    num_instants: int
    num_used: int
    in_tree: bool
    baseline_m: float
    angle_deg: float
    spread_mm: float
    spread_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class SigmaMap:
    """How precisely the rig can place a point, over the room, from pixels alone.

    Args:
        x_m, y_m, z_m: centres of the cells along the axes of the world.
        sigma_mm: (z, y, x) root of the summed variances of the three axes; NaN where fewer than two cameras look.
        num_cameras: (z, y, x) how many cameras look there.
        noise_px: the standard deviation of a pixel that was assumed.
    """

    x_m: np.ndarray
    y_m: np.ndarray
    z_m: np.ndarray
    sigma_mm: np.ndarray
    num_cameras: np.ndarray
    noise_px: float


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationReport:
    """Everything that a person should know of a calibration.

    Args:
        verdict: one word: "good", "usable" or "poor".
        summary: the verdict in one or two sentences.
        actions: what to film or fix next, most useful first; empty where nothing is needed.
        warnings: what a person should know.
        board: the board, as in board.toml.
        intrinsics: "fixed", "prior" or "free".
        timing: "estimated" where the rig holds for shutters that open when the time offsets say, "simultaneous" where
            it holds for frames that are taken together as their stamps pair them.
        world_frame: how the world was fixed.
        root_id: the camera that the covariances are relative to.
        num_instants, num_observations, num_removed: instants, corner observations, and outliers removed.
        reprojection_rms_px: of the fit, over the kept corners, along the length of the residual.
        board_scale_rmse_mm: of the fit: error of distances between triangulated corners.
        fit: all scores of the fit to everything, no corner dropped.
        held_out: the scores on instants that had no part in the fit; None where there are too few instants.
        cameras, pairs: one entry per camera and per pair of cameras.
        sigma_map: the predicted uncertainty over the room.
        left_out: cameras that could not be placed.
    """

    verdict: str
    summary: str
    actions: tuple[str, ...]
    warnings: tuple[str, ...]
    board: Mapping[str, Any]
    intrinsics: str
    timing: str
    world_frame: str
    root_id: str
    num_instants: int
    num_observations: int
    num_removed: int
    reprojection_rms_px: float
    board_scale_rmse_mm: float
    fit: ScoreReport
    held_out: HeldOutReport | None
    cameras: tuple[CameraReport, ...]
    pairs: tuple[PairReport, ...]
    sigma_map: SigmaMap | None = None
    left_out: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a number that is not finite becomes null."""
        return plain_value(self)


def plain_value(value: Any) -> Any:
    """A value as JSON knows it: dataclasses become objects, arrays lists, numbers that are not finite null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain_value(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_value(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return plain_value(value.tolist())
    if isinstance(value, list | tuple):
        return [plain_value(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain_value(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
