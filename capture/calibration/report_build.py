"""From a fitted rig to what its report says of each camera and each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..camera import Intrinsics
from ..rig_file import lens_to_json
from .bundle import rms_length
from .bundle_problem import LENS, OFFSET
from .clock_story import clock_reports
from .lens_jacobian import lens_names
from .report_data import CameraReport, ClockReport, DepthReport, PairReport
from .rig_fit import RigFit

if TYPE_CHECKING:
    from .observations import BoardObservations

COVERAGE_SHAPE = (6, 8)
KNOWN_SHARE = 0.5


def camera_reports(
    observations: BoardObservations, fit: RigFit, timed: RigFit, given: Mapping[str, Intrinsics | None],
    depth: Mapping[str, DepthReport],
) -> tuple[CameraReport, ...]:  # fmt: skip
    """One report per placed camera.

    Args:
        observations: what was seen.
        fit: the rig as it is delivered.
        timed: the fit that found the time offsets (the same, where these are part of the rig).
        given: the lens of each camera before, None where there was none.
        depth: what the boards said of depth lenses, by camera id.
    """
    clocks = clock_reports(observations, timed)
    count = len(fit.bundle.cameras)
    return tuple(_camera(observations, fit, timed, index, given, depth, clocks) for index in range(count))


def _camera(
    observations: BoardObservations, fit: RigFit, timed: RigFit, index: int, given: Mapping[str, Intrinsics | None],
    depth: Mapping[str, DepthReport], clocks: Mapping[str, ClockReport],
) -> CameraReport:  # fmt: skip
    name = observations.camera_ids[int(fit.bundle.cameras[index])]
    lens, result = fit.lenses[index], fit.result
    mine = result.problem.camera == index
    pixels, residuals, kept = result.problem.pixels_px[mine], result.residuals_px[mine], result.kept[mine]
    sigma = np.sqrt(np.diagonal(result.covariance.of_camera(index)))
    names = lens_names(lens)
    offset_s, offset_sigma_s, known = time_offset(timed, int(fit.bundle.cameras[index]))
    start = given.get(name)
    return CameraReport(
        camera_id=name,
        width_px=lens.width_px,
        height_px=lens.height_px,
        num_views=int((result.problem.view_camera == index).sum()),
        pixels_px=pixels,
        residuals_px=residuals,
        kept=kept,
        rms_px=rms_length(residuals[kept]),
        noise_px=float(result.problem.noise_px[index]),
        coverage=image_coverage(pixels, lens),
        position_sigma_mm=1e3 * sigma[3:6],
        rotation_sigma_deg=np.degrees(sigma[:3]),
        lens_start=None if start is None else lens_to_json(start),
        lens=lens_to_json(lens),
        lens_sigma=sigma[LENS][: len(names)],
        lens_names=names,
        time_offset_ms=1e3 * offset_s,
        time_offset_sigma_ms=1e3 * offset_sigma_s,
        time_offset_known=known,
        depth=depth.get(name),
        clock=clocks.get(name),
    )


def time_offset(fit: RigFit, camera: int) -> tuple[float, float, bool]:
    """Offset and sigma in seconds of a camera's stamps, and whether the boards said anything of it.

    The root camera's clock is the one that the others are compared with: its offset is zero and known.
    """
    found = np.flatnonzero(fit.bundle.cameras == camera)
    prior_s = float(fit.result.problem.offset_sigma_s.max(initial=0.0))
    if camera == fit.start.tree.root:
        return 0.0, 0.0, True
    if not len(found) or fit.result.problem.offset_sigma_s[found[0]] == 0:
        return 0.0, prior_s if prior_s > 0 else float("nan"), False
    index = int(found[0])
    sigma_s = float(np.sqrt(fit.result.covariance.of_camera(index)[OFFSET, OFFSET]))
    if sigma_s > KNOWN_SHARE * fit.result.problem.offset_sigma_s[index]:
        return 0.0, float(fit.result.problem.offset_sigma_s[index]), False
    return float(fit.result.state.offsets_s[index]), sigma_s, True


def pair_reports(observations: BoardObservations, fit: RigFit) -> tuple[PairReport, ...]:
    """One report per pair of cameras; where both are placed, baseline and angle are those of the rig."""
    placed, edges = fit.world_from_camera, set(fit.start.tree.edges)
    reports = []
    for pair in fit.start.pairs:
        relative = pair.first_from_second
        if pair.first in placed and pair.second in placed:
            relative = placed[pair.first].inverse() @ placed[pair.second]
        known = pair.num_used > 0 or (pair.first in placed and pair.second in placed)
        reports.append(
            PairReport(
                observations.camera_ids[pair.first], observations.camera_ids[pair.second],
                pair.num_instants, pair.num_used, (pair.first, pair.second) in edges,
                relative.distance_m() if known else float("nan"),
                float(np.degrees(np.arccos(np.clip(relative.rotation[2, 2], -1, 1)))) if known else float("nan"),
                1e3 * pair.spread_m, float(np.degrees(pair.spread_rad)),
            )
        )  # fmt: skip
    return tuple(reports)


def image_coverage(pixels: np.ndarray, lens: Intrinsics) -> np.ndarray:
    """How many of some pixels (n, 2) lie in each cell of an even grid over the image."""
    rows, columns = COVERAGE_SHAPE
    edges = np.linspace(-0.5, lens.height_px - 0.5, rows + 1), np.linspace(-0.5, lens.width_px - 0.5, columns + 1)
    return np.histogram2d(pixels[:, 1], pixels[:, 0], bins=edges)[0].astype(int)


def uncovered(reports: Sequence[CameraReport]) -> list[str]:
    """For each camera whose image has large parts without a corner, where these are."""
    said = []
    for report in reports:
        empty = report.coverage == 0
        if empty.mean() <= 0.5:
            continue
        rows, columns = empty.mean(axis=1), empty.mean(axis=0)
        third = len(rows) // 3, len(columns) // 3
        places = {
            "top": rows[: third[0]].mean(), "bottom": rows[-third[0] :].mean(),
            "left": columns[: third[1]].mean(), "right": columns[-third[1] :].mean(),
        }  # fmt: skip
        worst = max(places, key=lambda place: places[place])
        said.append(f"{report.camera_id}: {100 * empty.mean():.0f} % of the image saw no corner, mostly the {worst}")
    return said
