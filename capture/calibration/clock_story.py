"""What boards and stamps say of each camera's clock as time passes: offsets, and frames that are missing.

A view of a moving board that comes late shows it farther along its way. The residual along that way, divided by how
fast the image of the board moved, is by how much the stamp of this one frame is off beside the offset that was found.
All else of the rig stays as it was fitted with one offset for each camera, so that a drift shows flatter than it is (by
half, in simulations): enough to see it, too little to state it. `ortwin sync` measures drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .bundle_problem import OFFSET, linearise
from .observations import NO_TIME
from .report_data import ClockReport
from .rig_fit import RigFit

if TYPE_CHECKING:
    from .observations import BoardObservations

#: A view tells a time that is known this well; a board that hardly moves tells none.
MOST_SIGMA_S = 0.020


def clock_reports(observations: BoardObservations, timed: RigFit) -> dict[str, ClockReport]:
    """The story of each placed camera's clock, by camera id.

    Args:
        observations: what was seen, with the stamps of all frames.
        timed: the fit that found the time offsets.
    """
    problem, state = timed.result.problem, timed.result.state
    linear, kept, view = linearise(problem, state), timed.result.kept, problem.view
    weight = np.where(kept, problem.sigma_px**-2.0, 0.0)
    late = linear.by_camera[:, :, OFFSET]
    count = len(problem.view_camera)
    pull = np.bincount(view, weight * np.einsum("nk,nk->n", late, linear.residuals_px), count)
    alone = np.bincount(view, weight * (late**2).sum(axis=1), count)
    # The board of an instant moved towards each of its views, so it has to be free while one of them is judged.
    by_board = linear.by_board @ linear.placement.by_node[view, 1]
    boards = np.zeros((problem.num_instants, 6, 6))
    np.add.at(boards, problem.view_instant[view], weight[:, None, None] * (by_board.transpose(0, 2, 1) @ by_board))
    shared = np.zeros((count, 6))
    np.add.at(shared, view, weight[:, None] * np.einsum("nkb,nk->nb", by_board, late))
    taken = np.einsum("vb,vbc,vc->v", shared, np.linalg.pinv(boards, hermitian=True)[problem.view_instant], shared)
    with np.errstate(divide="ignore", invalid="ignore"):
        extra_s, sigma_s = pull / (alone - taken), 1.0 / np.sqrt(np.maximum(alone - taken, 0.0))
    told = np.isfinite(extra_s) & (sigma_s < MOST_SIGMA_S)
    reports = {}
    for index, camera in enumerate(timed.bundle.cameras):
        mine = told & (problem.view_camera == index)
        time_s = problem.times_s[problem.view_instant[mine]]
        offset_s = state.offsets_s[index] + extra_s[mine]
        frames_s, missing_s = _frames(observations, int(camera))
        reports[observations.camera_ids[int(camera)]] = ClockReport(
            time_s, 1e3 * offset_s, 1e3 * sigma_s[mine], frames_s, missing_s
        )
    return reports


def _frames(observations: BoardObservations, camera: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds at which a camera gave a frame, and those of instants at which it gave none and another camera did."""
    times_ns = observations.times_ns
    there = times_ns != NO_TIME
    if not there.any():
        return np.zeros(0), np.zeros(0)
    begin_ns = int(times_ns[there].min())
    elapsed_s = np.where(there, (times_ns - np.where(there, begin_ns, NO_TIME)) * 1e-9, np.nan)
    instants = there.any(axis=1)
    when_s = np.nanmedian(elapsed_s[instants], axis=1)
    return elapsed_s[there[:, camera], camera], when_s[~there[instants, camera]]
