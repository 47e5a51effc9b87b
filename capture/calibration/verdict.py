"""A calibration in words: how good it is, and what to film or fix next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .report_build import uncovered
from .report_data import CameraReport, HeldOutReport, PairReport, ScoreReport

GOOD_SHARE, USABLE_SHARE = 1 / 1000, 3 / 1000
GOOD_SIGMA_MM, USABLE_SIGMA_MM = 5.0, 20.0
FEW_INSTANTS = 10
LATE_SIGMAS = 4.0
LATE_MS = 10.0


class Verdict(NamedTuple):
    """See CalibrationReport."""

    verdict: str
    summary: str
    actions: tuple[str, ...]
    warnings: tuple[str, ...]


def judge(
    cameras: Sequence[CameraReport], pairs: Sequence[PairReport], fit: ScoreReport, held_out: HeldOutReport | None,
    timing: str, groups: Sequence[Sequence[str]],
) -> Verdict:  # fmt: skip
    """The verdict on a calibration.

    A held-out error of a thousandth of the image width is good: it is about a pixel of a common camera, and what a
    board in the hand allows.

    Args:
        cameras, pairs: their reports.
        fit, held_out: the scores.
        timing: see CalibrationReport.
        groups: ids of connected cameras; the first group is the one that was calibrated.
    """
    width = float(np.median([camera.width_px for camera in cameras]))
    measured = held_out.with_motion if held_out is not None and timing == "estimated" else None
    measured = measured or (held_out.simultaneous if held_out is not None else fit)
    share = measured.reprojection_rms_px / width
    sigma_mm = max(float(np.max(camera.position_sigma_mm)) for camera in cameras)
    actions = [film_next(groups[0], group, pairs) for group in groups[1:]]
    warnings = _late(cameras, timing)
    for pair in pairs:
        if pair.in_tree and pair.num_used < FEW_INSTANTS:
            actions.append(
                f"film the board where {pair.first_id} and {pair.second_id} both see it: only {pair.num_used} "
                "instants join them"
            )
    actions += [f"film the board in the empty part of the image of {text}" for text in uncovered(cameras)]
    unknown = [camera.camera_id for camera in cameras if not camera.time_offset_known]
    if unknown and any(np.isfinite(camera.time_offset_sigma_ms) for camera in cameras):
        warnings.append(
            f"the boards say nothing of the time offset of {', '.join(unknown)}: they hardly moved, or were far apart "
            "in time"
        )
    if held_out is None:
        warnings.append("there are too few instants to hold some out: the errors are those of the fit itself")
    verdict = "good" if share <= GOOD_SHARE and sigma_mm <= GOOD_SIGMA_MM else "usable"
    if not (share <= USABLE_SHARE and sigma_mm <= USABLE_SIGMA_MM):
        verdict = "poor"
        actions.insert(0, "film the board again: slower, nearer, tilted in all directions, and sharp in every camera")
    if len(groups) > 1:
        verdict = "poor"
    which = "on instants that had no part in the fit" if held_out is not None else "of the fit"
    summary = (
        f"{measured.reprojection_rms_px:.2f} px and {measured.board_scale_rmse_mm:.2f} mm {which}; "
        f"camera positions known to {sigma_mm:.1f} mm (one sigma)."
    )
    return Verdict(verdict, summary, tuple(actions), tuple(warnings))


def film_next(placed: Sequence[str], group: Sequence[str], pairs: Sequence[PairReport]) -> str:
    """What to film so that a group of cameras is joined to those that are placed."""
    between = [
        pair for pair in pairs if (pair.first_id in placed and pair.second_id in group)
        or (pair.second_id in placed and pair.first_id in group)
    ]  # fmt: skip
    best = max(between, key=lambda pair: pair.num_instants)
    why = (
        f"{best.num_instants} common instants gave no pose that is sure; hold the board nearer and tilted"
        if best.num_instants else "no instant shows the board to both"
    )  # fmt: skip
    joined = " and ".join(group) if len(group) > 1 else group[0]
    return (
        f"{joined} cannot be joined to {', '.join(placed)}: film the board where {best.first_id} and "
        f"{best.second_id} both see it ({why})"
    )


def _late(cameras: Sequence[CameraReport], timing: str) -> list[str]:
    said = []
    for camera in cameras:
        offset_ms = camera.time_offset_ms
        if not camera.time_offset_known or abs(offset_ms) < max(LATE_MS, LATE_SIGMAS * camera.time_offset_sigma_ms):
            continue
        clock = "late" if offset_ms < 0 else "early"
        text = f"the stamps of {camera.camera_id} are {abs(offset_ms):.0f} ms too {clock}"
        if timing == "simultaneous":
            text += (
                "; the rig suits frames that are taken together as their stamps pair them; where other frames are "
                "paired, or clocks corrected, calibrate with --timing estimated"
            )
        said.append(text)
    return said
