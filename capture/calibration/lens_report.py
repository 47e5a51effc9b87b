"""What a person should know of a calibrated lens: numbers, pictures' data, and a verdict with the next action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..camera import Intrinsics
from ..rig_file import lens_to_json
from .bundle import rms_length
from .lens_calibration import LensCalibration, LensModel
from .report_build import image_coverage, uncovered
from .report_data import CameraReport, plain_value

GOOD_SHARE, USABLE_SHARE = 1 / 1000, 3 / 1000
GOOD_FOCAL, USABLE_FOCAL = 0.005, 0.02
FEW_VIEWS = 10
NOTABLE_BOW = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class LensReport:
    """A calibrated lens, said in numbers and words.

    Args:
        camera: the lens with its residuals and coverage; nothing is said of a place or a clock.
        verdict: "good", "usable" or "poor".
        summary: the verdict in one or two sentences.
        actions: what to film or fix next, most useful first.
        warnings: what a person should know.
        model: the lens model that was taken, in words.
        focal_sigma_percent: one sigma of the focal length, the larger of both axes.
        covariance: (k, k) of the lens's numbers, in the order of their names.
        held_out_rms_px: error on views that had no part in the fit, no corner dropped.
        candidates: the same of every model that was tried.
        num_views, num_seen: images that took part, and in which the board was found.
        num_removed: corners that were removed as outliers.
        bow_mm: by how much the board leaves a plane; 0 where it was taken as flat.
    """

    camera: CameraReport
    verdict: str
    summary: str
    actions: tuple[str, ...]
    warnings: tuple[str, ...]
    model: str
    focal_sigma_percent: float
    covariance: np.ndarray
    held_out_rms_px: float
    candidates: Mapping[str, float]
    num_views: int
    num_seen: int
    num_removed: int
    bow_mm: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return plain_value(self)


def lens_report(found: LensCalibration, given: Intrinsics | None = None) -> LensReport:
    """The report of a calibrated lens; `given` is the lens that was known before."""
    lens, held = found.lens, found.held_out[0]
    camera = _camera(found, given)
    focal_sigma = float(max(found.sigma[0] / lens.fx_px, found.sigma[1] / lens.fy_px))
    actions, warnings = _advice(found, camera, focal_sigma)
    share = held.rms_px / lens.width_px
    verdict = "good" if share <= GOOD_SHARE and focal_sigma <= GOOD_FOCAL else "usable"
    if not (share <= USABLE_SHARE and focal_sigma <= USABLE_FOCAL):
        verdict = "poor"
        actions.insert(0, "film the board again: sharp, tilted in all directions, near and far, and in every corner")
    summary = (
        f"{held.rms_px:.2f} px on images that had no part in the fit; focal length {lens.fx_px:.1f} px, known to "
        f"{100 * focal_sigma:.2f} % (one sigma)."
    )
    return LensReport(
        camera, verdict, summary, tuple(actions), tuple(warnings), model_name(found.model), 100 * focal_sigma,
        found.covariance, held.rms_px, {model_name(entry.model): entry.rms_px for entry in found.held_out},
        len(found.views), found.num_seen, int((~found.fit.kept).sum()), 1e3 * found.bow_m,
    )  # fmt: skip


def model_name(model: LensModel) -> str:
    """A candidate in words."""
    board = "board may bend" if model.bent_board else "board flat"
    return f"{model.distortion_model}, {model.num_distortion} coefficients, {board}"


def _advice(found: LensCalibration, camera: CameraReport, focal_sigma: float) -> tuple[list[str], list[str]]:
    actions, warnings = [], []
    if len(found.views) < FEW_VIEWS:
        actions.append(f"film more images: {len(found.views)} are few, {2 * FEW_VIEWS} are plenty")
    if focal_sigma > GOOD_FOCAL:
        actions.append("film the board tilted by 20 to 45 degrees: only tilt tells the focal length from the distance")
    actions += [f"film the board in the empty part of the image of {text}" for text in uncovered([camera])]
    drawn_m = found.fit.problem.drawn_m
    width_m = float(np.linalg.norm(np.ptp(drawn_m, axis=0)))
    if found.bow_m > NOTABLE_BOW * width_m:
        warnings.append(
            f"the board is not flat: its corners lie {1e3 * found.bow_m:.1f} mm around a plane. The lens is freed of "
            "that; for the calibration of a rig glue the board on something stiff"
        )
    if _turns_back(found.lens):
        warnings.append(
            "the distortion turns back inside the image: nothing was seen there. Where that matters film the board in "
            "the corners of the image"
        )
    return actions, warnings


def _turns_back(lens: Intrinsics) -> bool:
    right, bottom = lens.width_px - 1.0, lens.height_px - 1.0
    corners = np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])
    return not np.isfinite(lens.back_project(corners, 1.0)).all()


def _camera(found: LensCalibration, given: Intrinsics | None) -> CameraReport:
    fit, lens, nothing = found.fit, found.lens, np.full(3, np.nan)
    return CameraReport(
        found.camera_id, lens.width_px, lens.height_px, len(found.views), fit.problem.pixels_px, fit.residuals_px,
        fit.kept, rms_length(fit.residuals_px[fit.kept]), fit.problem.noise_px,
        image_coverage(fit.problem.pixels_px, lens), nothing, nothing, None if given is None else lens_to_json(given),
        lens_to_json(lens), found.sigma, found.names, float("nan"), float("nan"), False,
    )  # fmt: skip
