"""Fitting a parametric body to a track: one shape for all of it, a pose for each instant.

The energies of body_losses.py are brought down together by gradient descent (Adam; Kingma and Ba 2015) over batches of
instants, coarse to fine: the trunk's joints place the body (Kabsch 1976), all joints bend it, then the measured surface
and free space refine it. Shape and clothes come from instants spread over the whole track and hold for every one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .body_descent import Descent
from .body_evidence import BodyEvidence
from .body_limits import joint_limits
from .body_losses import BodyNoise, FreeSpaceTerm, JointTerm, MotionTerm, PoseTerm, SurfaceTerm
from .body_model import BodyModel
from .body_pose import BodyParameters, BodyPoser, turned_by

if TYPE_CHECKING:
    import torch

TRUNK = (5, 6, 11, 12)
WIDENING = 10.0

ExtraTerm = Callable[["torch.Tensor", np.ndarray], "torch.Tensor"]
"""(vertices (t, n, 3) of all of the model's skin in clothes, numbers (t,) of the instants) -> energy; see
render_terms.py."""


@dataclass(frozen=True, slots=True)
class BodyFitConfig:
    """How bodies are fitted.

    Args:
        noise: how far evidence may be off.
        window: instants that are fitted at once; neighbouring windows share `overlap` of them.
        overlap: see there; more than 2, for accelerations.
        shape_instants: from so many instants, spread over the track, shape and clothes are found.
        joint_rounds, shape_rounds, pose_rounds: steps of descent with joints alone, for the shape, and for each window.
        match_every: after so many steps points look for their nearest skin anew.
        first_reach_m, last_reach_m: how near that must be, at the begin and at the end.
        most_points: of one instant.
    """

    noise: BodyNoise = field(default_factory=BodyNoise)
    window: int = 64
    overlap: int = 8
    shape_instants: int = 32
    joint_rounds: int = 120
    shape_rounds: int = 70
    pose_rounds: int = 40
    match_every: int = 8
    first_reach_m: float = 0.15
    last_reach_m: float = 0.07
    most_points: int = 320


@dataclass(frozen=True, slots=True, eq=False)
class BodyForm:
    """What of a body holds for its whole track: its shape (k,), and how far clothes stand off at each bone (b,)."""

    shape: np.ndarray
    clothing_m: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class BodyFit:
    """A fitted track.

    Args:
        model_name: which model.
        times_ns: (t,).
        body: the parameters.
        joints_m: (t, 17, 3) joints of the body, world.
        surface_m: (t,) median distance of the measured points to the clothes, of those within reach; NaN = no points.
        num_points: (t,) measured points within reach.
        free_share: (t,) share of the skin that stands more than 3 cm in space that a camera saw to be free.
    """

    model_name: str
    times_ns: np.ndarray
    body: BodyParameters
    joints_m: np.ndarray
    surface_m: np.ndarray
    num_points: np.ndarray
    free_share: np.ndarray


def fit_body(
    evidence: BodyEvidence, model: BodyModel, config: BodyFitConfig | None = None, extra: Sequence[ExtraTerm] = ()
) -> BodyFit:
    """Fit one body to one track.

    Args:
        evidence: what was measured of it.
        model: the family of bodies.
        config: the settings.
        extra: further terms, such as those of render_terms.py; they join where surfaces do.
    """
    config = config or BodyFitConfig()
    chosen = spread_instants(evidence, config.shape_instants)
    form = fit_form(evidence.at(chosen), model, config, extra, chosen)
    return fit_poses(evidence, model, form, config, extra)


def fit_form(
    evidence: BodyEvidence, model: BodyModel, config: BodyFitConfig, extra: Sequence[ExtraTerm] = (),
    rows: np.ndarray | None = None,
) -> BodyForm:  # fmt: skip
    """What a body looks like at any instant, from a few that are spread over its track.

    Args:
        evidence: of these instants.
        model, config, extra: as in `fit_body`.
        rows: (t,) the numbers by which the further terms know the instants; 0, 1, ... if None.
    """
    root, root_m = place_trunks(evidence, model)
    rows = np.arange(len(root)) if rows is None else rows
    solver = _Solver(BodyPoser(model), evidence, rows, root, config, extra)
    start = _Unknowns.start(model, root_m, config.noise)
    solver.descend(start, config.joint_rounds, surfaces=False)
    solver.descend(start, config.shape_rounds, surfaces=True)
    return BodyForm(start.shape.detach().numpy(), _clothing_m(start.clothing.detach(), config.noise).numpy())


def fit_poses(
    evidence: BodyEvidence, model: BodyModel, form: BodyForm, config: BodyFitConfig, extra: Sequence[ExtraTerm] = ()
) -> BodyFit:
    """How a body of known form stands at each instant.

    Args:
        evidence, model, config, extra: as in `fit_body`.
        form: what it looks like.
    """
    import torch

    poser = BodyPoser(model)
    root, root_m = place_trunks(evidence, model)
    shape, share = torch.from_numpy(form.shape.copy()), form.clothing_m / config.noise.thickest_m
    clothing = torch.logit(torch.from_numpy(share.astype(np.float32)), eps=1e-4)
    parts: list[tuple[np.ndarray, _Unknowns, _Solver]] = []
    for rows, kept in windows(len(evidence.times_ns), config.window, config.overlap):
        solver = _Solver(poser, evidence.at(rows), rows, root[rows], config, extra)
        pose = _Unknowns(shape, clothing, *_Unknowns.start(model, root_m[rows], config.noise)[2:])
        solver.descend(pose, config.joint_rounds, surfaces=False, poses_only=True)
        solver.descend(pose, config.pose_rounds, surfaces=True, poses_only=True)
        parts.append((kept, pose, solver))
    with torch.no_grad():
        found = [solver.result(pose, kept) for kept, pose, solver in parts]
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    body = BodyParameters(form.shape, form.clothing_m, columns[0], columns[1])
    return BodyFit(model.name, np.asarray(evidence.times_ns), body, *columns[2:])


def place_trunks(evidence: BodyEvidence, model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """World from body at rest at each instant, rotation (t, 3, 3) and pelvis (t, 3), from shoulders and hips.

    Where fewer than three of them are known, the trunk stands as at the nearest instant with three, and moves with
    whatever joints are known.
    """
    rest_m, joints_m = model.joints_m[list(TRUNK)].astype(np.float64), evidence.joints_m[:, TRUNK]
    known = np.asarray(np.isfinite(joints_m).all(axis=2))
    good = known.sum(axis=1) >= 3
    rotation, pelvis_m = np.tile(np.eye(3), (len(good), 1, 1)), np.full((len(good), 3), np.nan)
    for row in np.flatnonzero(good):
        rest, seen = rest_m[known[row]], joints_m[row, known[row]]
        turn = kabsch(rest - rest.mean(axis=0), seen - seen.mean(axis=0))
        rotation[row] = turn
        pelvis_m[row] = seen.mean(axis=0) + turn @ (model.bones_m[0] - rest.mean(axis=0))
    if not good.any():
        rest_m = model.joints_m.astype(np.float64)
        return rotation, _nearest_known(np.nanmean(evidence.joints_m - rest_m, axis=1) + model.bones_m[0])
    nearest = np.flatnonzero(good)[np.abs(np.arange(len(good))[:, None] - np.flatnonzero(good)).argmin(axis=1)]
    shift_m = evidence.joints_m - evidence.joints_m[nearest]
    shared = np.asarray(np.isfinite(shift_m).all(axis=2))
    moved_m = np.where(shared[..., None], shift_m, 0.0).sum(axis=1) / np.maximum(shared.sum(axis=1), 1)[:, None]
    return rotation[nearest], np.where(good[:, None], pelvis_m, pelvis_m[nearest] + moved_m)


def kabsch(rest_m: np.ndarray, seen_m: np.ndarray) -> np.ndarray:
    """(3, 3) the rotation that brings points (n, 3) about their middle nearest to others (n, 3) about theirs."""
    u, _, vt = np.linalg.svd(seen_m.T @ rest_m)
    return u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt


def spread_instants(evidence: BodyEvidence, most: int) -> np.ndarray:
    """Instants (k,), at most so many, spread over those at which much of the body was measured."""
    joints = np.isfinite(evidence.joints_m).all(axis=2).sum(axis=1)
    points = np.array([len(own) for own in evidence.points_m])
    seen = joints / 17 + np.minimum(points / 300, 1.0)
    good = np.flatnonzero((seen >= np.median(seen)) & (joints >= 3))
    good = good if len(good) else np.flatnonzero(joints >= 3)
    return good[np.unique(np.linspace(0, len(good) - 1, min(most, len(good))).round().astype(int))]


def windows(count: int, size: int, overlap: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Instants (w,) to be fitted together, and which of the window (bool) are kept; every instant is kept once."""
    step = max(size - overlap, 1)
    begins = list(range(0, max(count - overlap, 1), step))
    for begin in begins:
        rows = np.arange(begin, min(begin + size, count))
        low = 0 if begin == 0 else begin + overlap // 2
        high = count if begin == begins[-1] else begin + step + overlap // 2
        yield rows, (rows >= low) & (rows < high)


class _Unknowns(tuple):
    """Shape (k,), clothing (b,) before its squashing, root (t, 3) and turns (t, b, 3)."""

    shape = property(lambda self: self[0])
    clothing = property(lambda self: self[1])
    root_m = property(lambda self: self[2])
    turns_rad = property(lambda self: self[3])

    def __new__(cls, *parts: torch.Tensor) -> _Unknowns:
        return super().__new__(cls, parts)

    @classmethod
    def start(cls, model: BodyModel, root_m: np.ndarray, noise: BodyNoise) -> _Unknowns:
        import torch

        bones, share = len(model.bone_names), noise.clothing_m / noise.thickest_m
        return cls(
            torch.zeros(model.num_shapes), torch.full((bones,), float(np.log(share / (1 - share)))),
            torch.from_numpy(root_m.astype(np.float32)), torch.zeros(len(root_m), bones, 3),
        )  # fmt: skip


class _Solver:
    """The energies of some instants, and the descent on them."""

    def __init__(
        self, poser: BodyPoser, evidence: BodyEvidence, rows: np.ndarray, root: np.ndarray, config: BodyFitConfig,
        extra: Sequence[ExtraTerm],
    ) -> None:  # fmt: skip
        import torch

        noise = config.noise
        self.poser, self.config, self.extra, self.rows = poser, config, extra, rows
        self.root = torch.from_numpy(root.astype(np.float32))
        self.joint_term = JointTerm(evidence, noise)
        self.surface_term = SurfaceTerm(evidence, noise, config.most_points)
        self.free_term = FreeSpaceTerm(evidence, noise)
        self.pose_term = PoseTerm(joint_limits(poser.model), noise)
        self.motion_term = MotionTerm(np.asarray(evidence.times_ns), noise)
        self.whole = BodyPoser(poser.model, np.arange(len(poser.model.vertices_m))) if extra else None

    def descend(self, unknowns: _Unknowns, rounds: int, *, surfaces: bool, poses_only: bool = False) -> None:
        """Change the unknowns in place so that the energy falls."""
        config = self.config
        paces = (0.08, 0.08, 0.01, 0.04) if surfaces else (0.1, 0.0, 0.02, 0.1)
        free = [(unknown, pace) for unknown, pace in zip(unknowns, paces, strict=True) if pace]
        free = free[-2:] if poses_only else free
        for unknown, _ in free:
            unknown.requires_grad_(True)
        descent = Descent(free, rounds)
        for done in range(rounds):
            again, left = surfaces and done % config.match_every == 0, 1 - done / rounds
            reach_m = config.last_reach_m + (config.first_reach_m - config.last_reach_m) * left if again else None
            descent.step(self._energy(unknowns, surfaces, reach_m, 1.0 if surfaces else 1.0 + WIDENING * left**2))
        for unknown, _ in free:
            unknown.requires_grad_(False)

    def _energy(self, unknowns: _Unknowns, surfaces: bool, reach_m: float | None, widening: float) -> torch.Tensor:
        noise = self.config.noise
        bones = self._bones(unknowns)
        joints = self.poser.joints(unknowns.shape, bones)
        energy = (
            self.joint_term(joints, widening).sum()
            + self.pose_term(unknowns.turns_rad).sum()
            + self.motion_term(joints)
        )
        energy = energy + 0.5 * (unknowns.shape**2).sum()
        if not surfaces:
            return energy
        off_m = _clothing_m(unknowns.clothing, noise)
        energy = energy + 0.5 * (((off_m - noise.clothing_m) / noise.clothing_sigma_m) ** 2).sum()
        vertices, normals = self.poser.skin(unknowns.shape, bones)
        if reach_m is not None:
            self.surface_term.match(vertices, normals, reach_m)
        energy = energy + self.surface_term(vertices, normals, self.poser.weights @ off_m).sum()
        energy = energy + self.free_term(vertices).sum()
        if self.whole is not None:
            skin, out = self.whole.skin(unknowns.shape, bones)
            clothed = skin + (self.whole.weights @ off_m)[:, None] * out
            energy = energy + sum(term(clothed, self.rows) for term in self.extra)
        return energy

    def _bones(self, unknowns: _Unknowns) -> tuple[torch.Tensor, torch.Tensor]:
        turns = turned_by(unknowns.turns_rad)
        return self.poser.bones(unknowns.shape, unknowns.root_m, self._from_root(turns))

    def _from_root(self, turns: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.cat([(self.root @ turns[:, 0])[:, None], turns[:, 1:]], dim=1)

    def result(self, unknowns: _Unknowns, kept: np.ndarray) -> tuple[np.ndarray, ...]:
        """Root, turns, joints and scores of the kept instants."""
        from scipy.spatial.transform import Rotation

        bones = self._bones(unknowns)
        vertices, normals = self.poser.skin(unknowns.shape, bones)
        clothing = self.poser.weights @ _clothing_m(unknowns.clothing, self.config.noise)
        self.surface_term.match(vertices, normals, self.config.last_reach_m)
        off_m = self.surface_term.off_m(vertices, normals, clothing).abs().numpy()
        used = self.surface_term.weight.numpy() > 0
        middle = np.array([np.median(own[ok]) if ok.any() else np.nan for own, ok in zip(off_m, used, strict=True)])
        free = (self.free_term.depth_in_free_m(vertices).numpy() > 0.03).mean(axis=1)
        turns = unknowns.turns_rad.numpy().astype(np.float64)
        turns[:, 0] = Rotation.from_matrix(self._from_root(turned_by(unknowns.turns_rad))[:, 0].numpy()).as_rotvec()
        joints = self.poser.joints(unknowns.shape, bones).numpy()
        whole = (unknowns.root_m.numpy(), turns.astype(np.float32), joints, middle, used.sum(axis=1), free)
        return tuple(column[kept] for column in whole)


def _clothing_m(squashed: torch.Tensor, noise: BodyNoise) -> torch.Tensor:
    """How far clothes stand off (b,), within [0, thickest]."""
    return noise.thickest_m * squashed.sigmoid()


def _nearest_known(places_m: np.ndarray) -> np.ndarray:
    """Places (t, 3) with those of the nearest known instant where NaN."""
    good = np.flatnonzero(np.isfinite(places_m).all(axis=1))
    return places_m[good[np.abs(np.arange(len(places_m))[:, None] - good).argmin(axis=1)]]
