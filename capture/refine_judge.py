"""Whether a refined rig stands: held-out colour matches, the agreement of surfaces, and held-out boards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .agreement import AgreementConfig, agreement
from .depth_correction import DepthCorrection
from .geometry import SE3
from .joint_problem import JointProblem, JointState
from .joint_refine import JointConfig
from .joint_rows import epipolar_px
from .link import CameraEvidence, PairResult
from .static_view import StaticView
from .surface_icp import IcpConfig, Surface


@dataclass(frozen=True, slots=True)
class RefineConfig:
    """How a rig is refined and judged.

    Args:
        joint: the fit.
        grid_m: grid of the surfaces that are fitted.
        max_depth_m: depth as read beyond this takes no part.
        coarse_grid_m: grid of the surfaces that are judged.
        truncate_px: a held-out match farther from its line counts as much as one at this distance.
        least_gain: a sensor of unknown kind is taken for one that bends depth much only if surfaces then agree better
            by this share.
        most_loss: by this share surfaces may agree less after a refinement that colour likes.
        worth_m: corrections below this (root mean square) are not written; time-of-flight sensors promise no less.
        fewest_held_out: with fewer held-out colour matches near their lines, surfaces judge alone.
    """

    joint: JointConfig = field(default_factory=JointConfig)
    grid_m: float = 0.04
    max_depth_m: float = 6.0
    coarse_grid_m: float = 0.05
    truncate_px: float = 3.0
    least_gain: float = 0.05
    most_loss: float = 0.05
    worth_m: float = 0.010
    fewest_held_out: int = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rig stands before what it was not fitted to.

    Args:
        colour_px: mean distance of held-out matches from their epipolar lines, cut at `truncate_px`; NaN without.
        surfaces: mean agreement of the surfaces of linked pairs (see Agreement.score).
        board_px: error of held-out board corners, root mean square; NaN without a board.
    """

    colour_px: float
    surfaces: float
    board_px: float = float("nan")

    def to_json(self) -> dict[str, float | None]:
        """Plain values; None where it was not measured."""
        values = {"colour_px": self.colour_px, "surfaces": self.surfaces, "board_px": self.board_px}
        return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Measures how a rig stands before what no fit has seen.

    Args:
        names: the cameras, in the order of the problem.
        evidence: what each brings.
        pairs: those that are linked are judged.
        config: see RefineConfig.
        board_px: error of held-out board corners under poses by camera id, or None.
    """

    names: Sequence[str]
    evidence: Mapping[str, CameraEvidence]
    pairs: Sequence[PairResult]
    config: RefineConfig
    board_px: Callable[[Mapping[str, SE3]], float] | None

    def standing(self, problem: JointProblem, state: JointState, corrections: Sequence[DepthCorrection]) -> Standing:
        """How a state stands, with these corrections of depth (one for each camera)."""
        errors = self._held_out_px(problem, state)
        views = [self.evidence[name].view.corrected(c) for name, c in zip(self.names, corrections, strict=True)]
        poses = dict(zip(self.names, state.root_from_camera, strict=True))
        return Standing(
            float(np.minimum(errors, self.config.truncate_px).mean()) if len(errors) else float("nan"),
            self._surfaces(dict(zip(self.names, views, strict=True)), poses),
            float("nan") if self.board_px is None else self.board_px(poses),
        )

    def num_held_out(self, problem: JointProblem, *states: JointState) -> int:
        """Held-out matches that lie near their lines in either state: the others are mistakes."""
        if not problem.matches:
            return 0
        nearest = np.min([self._held_out_px(problem, state) for state in states], axis=0)
        return int((nearest < self.config.truncate_px).sum())

    def doubt(self, before: Standing, after: Standing, num_held_out: int) -> str:
        """Why the outcome is not to be believed, or an empty string."""
        if after.board_px > before.board_px:
            return (
                f"held-out board corners would err by {after.board_px:.3f} px instead of {before.board_px:.3f} px: "
                "the depth of a camera may be wrong, or something moved since the board was filmed"
            )
        seen = num_held_out >= self.config.fewest_held_out
        if seen and after.colour_px > before.colour_px:
            return (
                f"held-out colour matches would lie {after.colour_px:.3f} px from their lines instead of "
                f"{before.colour_px:.3f} px"
            )
        if after.surfaces < before.surfaces - (self.config.most_loss * abs(before.surfaces) if seen else 0.0):
            return f"surfaces would agree less: {after.surfaces:.3f} instead of {before.surfaces:.3f}"
        return ""

    def _held_out_px(self, problem: JointProblem, state: JointState) -> np.ndarray:
        parts = [epipolar_px(pair, list(problem.cameras), state) for pair in problem.testing() if len(pair.matches)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _surfaces(self, views: Mapping[str, StaticView], poses: Mapping[str, SE3]) -> float:
        coarse = IcpConfig(grid_m=self.config.coarse_grid_m)
        surfaces = {name: Surface.of(view, coarse) for name, view in views.items()}
        scores = [
            agreement(
                (views[pair.first_id], views[pair.second_id]), (surfaces[pair.first_id], surfaces[pair.second_id]),
                poses[pair.first_id].inverse() @ poses[pair.second_id], AgreementConfig(),
            ).score
            for pair in self.pairs if pair.linked and {pair.first_id, pair.second_id} <= set(self.names)
        ]  # fmt: skip
        return float(np.mean(scores)) if scores else 0.0
