"""Are the lenses plausible: angle of view, principal point, distortion, and whether depth lies on colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..camera import Intrinsics
from ..lens_check import check_lens_pose
from ..static_view import StaticView
from ..storage import StoredRecording
from .finding import Finding, Severity

VIEW_DEG = (20.0, 150.0)
OFF_CENTRE = 0.15
UNEQUAL = 0.05
FARTHEST_LENSES_M = 0.3
VERDICTS = {
    "inverse": (
        "depth edges meet colour edges {gain:.0%} better when color_from_depth is inverted",
        "the file holds depth_from_color under the name color_from_depth",
        "invert the transform and import again",
    ),
    "identity": (
        "depth edges meet colour edges {gain:.0%} better with no offset between the lenses",
        "the depth images were already registered to the colour lens",
        "give the identity as color_from_depth, and the colour lens as depth lens",
    ),
}


def check_lenses(recording: StoredRecording, views: Mapping[str, StaticView]) -> Iterator[Finding]:
    """Look at what the calibration says of each camera, and at the static view of those that have depth."""
    for name, camera in recording.cameras.items():
        findings: list[Finding] = []
        for kind, lens in (("colour", camera.color), ("depth", camera.depth)):
            if lens is not None and (kind == "depth" or recording.has_stream(name, "color")):
                findings += _lens(f"camera {name}, {kind} lens", lens)
        apart_m = float(np.linalg.norm(camera.color_from_depth.translation_m))
        if apart_m > FARTHEST_LENSES_M:
            findings.append(
                Finding(
                    "lenses",
                    Severity.FAULT,
                    f"the depth lens is {apart_m:.2f} m from the colour lens",
                    f"camera {name}",
                    "color_from_depth is in millimetres, or belongs to something else",
                    "give its translation in metres (some centimetres) and import again",
                )
            )
        if name in views and recording.has_stream(name, "color"):
            findings += _misregistration(views[name])
        yield from findings or [Finding("lenses", Severity.GOOD, _in_words(camera.color), f"camera {name}")]


def _lens(where: str, lens: Intrinsics) -> Iterator[Finding]:
    view_deg = view_angle_deg(lens)
    if not VIEW_DEG[0] <= view_deg <= VIEW_DEG[1]:
        yield Finding(
            "lenses",
            Severity.FAULT,
            f"the lens would see {view_deg:.0f} degrees across",
            where,
            "the focal length is of another resolution, or not in pixels",
            "give the intrinsics of the recorded resolution in pixels",
        )
    off = max(abs(lens.cx_px / lens.width_px - 0.5), abs(lens.cy_px / lens.height_px - 0.5))
    if off > OFF_CENTRE:
        yield Finding(
            "lenses",
            Severity.FAULT,
            f"the principal point lies {off:.0%} of the image beside its middle",
            where,
            "the intrinsics are of another resolution or of a cropped image",
            "give the intrinsics of the recorded resolution",
        )
    if abs(lens.fx_px / lens.fy_px - 1) > UNEQUAL:
        yield Finding(
            "lenses",
            Severity.WARNING,
            f"fx and fy differ by {abs(lens.fx_px / lens.fy_px - 1):.0%}",
            where,
            "the images were stretched, or the intrinsics belong to another shape of image",
            "scale images and intrinsics alike in both directions",
        )
    blind = float((lens.rays()[..., 2] == 0).mean())
    if blind > 0.001:
        yield Finding(
            "lenses",
            Severity.WARNING,
            f"the distortion folds over in {blind:.1%} of the image",
            where,
            "the coefficients were fitted to the middle of the image only, or stand in another order",
            "check the order (k1 k2 p1 p2 k3 k4 k5 k6), or calibrate with the board in the corners of the image",
        )


def _misregistration(view: StaticView) -> Iterator[Finding]:
    check = check_lens_pose(view)
    if check.verdict in VERDICTS:
        what, why, todo = VERDICTS[check.verdict]
        yield Finding("lenses", Severity.FAULT, what.format(gain=check.gain), f"camera {view.camera_id}", why, todo)


def view_angle_deg(lens: Intrinsics) -> float:
    """The horizontal angle between the outermost rays that the lens has, degrees."""
    row = lens.rays()[lens.height_px // 2].astype(np.float64)
    row = row[row[:, 2] > 0]
    if len(row) < 2:
        return 0.0
    left, right = (ray / np.linalg.norm(ray) for ray in (row[0], row[-1]))
    return float(np.degrees(np.arccos(np.clip(left @ right, -1, 1))))


def _in_words(lens: Intrinsics) -> str:
    return f"{view_angle_deg(lens):.0f} degrees across, distortion {lens.distortion_model}"
