"""The patient: a body that lies on the table, below whatever covers it, and goes where the table goes.

What cameras see of a draped patient lies above the body and never below it (one-sided distance to an upper envelope);
the mattress carries the body from below. So the body is one that fits under the surface, fills it where it bulges,
and rests. It has one shape; its pose is locked for as long as the surface does not change, after the stationarity of
Patient4D (arXiv 2603.17178). The head end is found by trying both; which side is up is told by feet and head
(patient_side.py), because a body on its face fills a drape nearly as well as one on its back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..capture.geometry import SE3
from .body_descent import Descent
from .body_limits import joint_limits
from .body_losses import BodyNoise, PoseTerm
from .body_model import BodyModel
from .body_pose import BodyParameters, BodyPoser, turned_by
from .patient_field import PatientConfig, SurfaceField
from .patient_side import face_up_probability
from .patient_surface import CELL_M, TableGlance, TableSurface, largest_bulge, table_surfaces

if TYPE_CHECKING:
    import torch

# How somebody lies who is laid down for surgery: arms beside the body, feet dropped; bend, side and twist, radians.
LYING_RAD = {
    "upper_arm": (0.1, -0.45, 0.0), "forearm": (0.1, 0.0, 0.0), "foot": (0.45, 0.0, 0.0), "thigh": (0.0, -0.05, 0.0),
}  # fmt: skip
LYING_SPREAD_RAD = {"upper_arm": 0.35, "forearm": 0.4, "thigh": 0.2, "shin": 0.25, "foot": 0.4, "clavicle": 0.15}
WIDENING = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class PatientFit:
    """A fitted patient, in the frame of the table: he goes where it goes.

    Args:
        model_name: which model.
        begins_ns: (e,) when each pose begins; it holds until the next.
        body: the parameters, one instant per pose, table frame.
        joints_m: (e, 17, 3) table frame.
        head_end: +1 where the head lies towards the table's +x, else -1.
        face_up: whether the patient is taken to lie on the back.
        face_up_probability: how sure that is; 1 or 0 where it was given.
        margin: how much worse the head at the other end explains the surface, as a difference of log-likelihoods;
            infinite where that was not tried.
        bare: (e, s) of each sample of the model's skin 1 where it is bare, 0 where something covers it, NaN where
            nobody saw it or nobody can tell.
    """

    model_name: str
    begins_ns: np.ndarray
    body: BodyParameters
    joints_m: np.ndarray
    head_end: int
    face_up: bool
    face_up_probability: float
    margin: float
    bare: np.ndarray

    def at(self, time_ns: int, world_from_table: SE3) -> tuple[BodyParameters, np.ndarray]:
        """The body (one instant) and its joints (17, 3) in the world, at a moment and where the table stands then."""
        from scipy.spatial.transform import Rotation

        pose = max(int(np.searchsorted(self.begins_ns, time_ns, side="right")) - 1, 0)
        turns_rad = self.body.turns_rad[pose : pose + 1].copy()
        root = world_from_table.rotation @ Rotation.from_rotvec(turns_rad[0, 0]).as_matrix()
        turns_rad[0, 0] = Rotation.from_matrix(root).as_rotvec()
        root_m = (world_from_table @ self.body.root_m[pose].astype(np.float64))[None]
        body = BodyParameters(self.body.shape, self.body.clothing_m, root_m, turns_rad)
        return body, world_from_table @ self.joints_m[pose].astype(np.float64)


def fit_patient(
    glances: Sequence[TableGlance], extent_m: np.ndarray, model: BodyModel, config: PatientConfig | None = None,
    *, head_end: int | None = None, face_up: bool | None = None,
) -> PatientFit | None:  # fmt: skip
    """Find the body that lies on a table; None where nothing as large as a body does.

    Args:
        glances: what was seen of the table, in the order of time.
        extent_m: (3,) length, width and height of the table, from `table_frame`.
        model: the family of bodies.
        config: the settings.
        head_end, face_up: as in PatientFit, where they are known; None = to be found.
    """
    config = config or PatientConfig()
    surfaces = [one for one in table_surfaces(glances, extent_m, config.window) if holds_a_body(one)]
    if not surfaces:
        return None
    best = max(surfaces, key=_bareness)
    trials = []
    for end in (1, -1) if head_end is None else (head_end,):
        probability = face_up_probability(surfaces, end, config.side) if face_up is None else float(face_up)
        trial = _Lying(model, [best], extent_m, end, probability >= 0.5, config)
        trials.append((trial.descend(config.trial_rounds), probability, trial))
    trials.sort(key=lambda one: one[0])
    _, probability, trial = trials[0]
    found = _Lying(model, surfaces, extent_m, trial.head_end, trial.face_up, config)
    found.start_as(trial)
    found.descend(config.rounds)
    return found.result(probability, trials[1][0] - trials[0][0] if len(trials) > 1 else float(np.inf))


def holds_a_body(surface: TableSurface) -> bool:
    """Whether what lies on the table is as long and as large as a body."""
    high = largest_bulge(surface)
    return bool(high.sum() * CELL_M**2 > 0.25 and np.ptp(np.flatnonzero(high.any(axis=1))) * CELL_M > 1.1)


def _bareness(surface: TableSurface) -> float:
    """The share in [0, 1] of what lies on the table that no cloth covers; 0 where nobody can tell."""
    return 0.0 if surface.drape is None else float((~surface.drape)[largest_bulge(surface)].mean())


class _Lying:
    """One way to lie: its unknowns, and how well they explain the surfaces."""

    def __init__(
        self, model: BodyModel, surfaces: list[TableSurface], extent_m: np.ndarray, head_end: int, face_up: bool,
        config: PatientConfig,
    ) -> None:  # fmt: skip
        import torch

        self.model, self.config, self.surfaces = model, config, surfaces
        self.head_end, self.face_up = head_end, face_up
        self.poser, self.limits = BodyPoser(model), joint_limits(model)
        self.root = torch.from_numpy(_root(head_end, face_up).astype(np.float32))
        mean_rad, spread_rad = _lying(model, face_up)
        self.mean, self.spread = torch.from_numpy(mean_rad), torch.from_numpy(spread_rad)
        self.pose_term = PoseTerm(self.limits, BodyNoise())
        self.fields = [SurfaceField(surface, config) for surface in surfaces]
        self.shape = torch.zeros(model.num_shapes)
        self.mattress = torch.zeros(1)
        above_m = model.vertices_m[:, 2].max() - model.bones_m[0, 2]
        end_m = self.fields[0].end_m(head_end)
        # A pose for all stretches, and how each departs from it.
        self.common_m = torch.tensor([[end_m - head_end * above_m, self.fields[0].middle_m, 0.11]])
        self.common_turns = self.mean[None].clone()
        self.own_m, self.own_turns = torch.zeros(len(surfaces), 3), torch.zeros(len(surfaces), *mean_rad.shape)

    @property
    def root_m(self) -> torch.Tensor:
        """(e, 3) where the pelvis is, in each stretch."""
        return self.common_m + self.own_m

    @property
    def turns(self) -> torch.Tensor:
        """(e, b, 3) rotation vectors of the bones, in each stretch."""
        return self.common_turns + self.own_turns

    def start_as(self, other: _Lying) -> None:
        """Begin where another fit of one surface ended."""
        self.shape, self.mattress = other.shape.clone(), other.mattress.clone()
        self.common_m, self.common_turns = other.common_m.clone(), other.common_turns.clone()

    def descend(self, rounds: int) -> float:
        """Change the unknowns so that the energy falls; returns what is left."""
        paces = [(self.shape, 0.08), (self.mattress, 0.003), (self.common_m, 0.012), (self.common_turns, 0.03)]
        if len(self.fields) > 1:
            paces += [(self.own_m, 0.0005), (self.own_turns, 0.005)]
        for unknown, _ in paces:
            unknown.requires_grad_(True)
        descent = Descent(paces, rounds)
        for done in range(rounds):
            descent.step(self._energy(again=done % 5 == 0, widening=1.0 + WIDENING * (1 - done / rounds) ** 2))
        for unknown, _ in paces:
            unknown.requires_grad_(False)
        return float(self._energy(again=True, widening=1.0))

    def _energy(self, *, again: bool, widening: float) -> torch.Tensor:
        config = self.config
        vertices, normals, _ = self._posed()
        energy = 0.5 * (self.shape**2).sum() + 0.5 * ((self.mattress / config.mattress_sigma_m) ** 2).sum()
        turns = self.turns
        energy = energy + self.pose_term(turns).sum()
        energy = energy + 0.5 * (((turns - self.mean) / self.spread) ** 2).sum()
        share = min(1.0, config.num_samples / vertices.shape[1])
        below = (self.mattress - config.sink_m - vertices[..., 2]).clamp_min(0.0)
        energy = energy + 0.5 * share * ((below / config.mattress_m) ** 2).sum()
        # Weight: what nothing holds up goes down until the mattress does.
        energy = energy + share * ((vertices[..., 2] - self.mattress) / 0.25).sum()
        for row, field in enumerate(self.fields):
            energy = energy + field(vertices[row], normals[row], again, widening)
        if len(self.fields) > 1:
            turned, moved = self.own_turns.square().sum(dim=2), self.own_m.square().sum(dim=1)
            for squared, usual in ((turned, config.locked_rad), (moved, config.locked_m)):
                energy = energy + ((squared + 1e-8).sqrt() / usual).sum()
        return energy

    def _posed(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        vertices, normals = self.poser.skin(self.shape, bones := self._bones())
        return vertices, normals, self.poser.joints(self.shape, bones)

    def _bones(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.poser.bones(self.shape, self.root_m, self._turns())

    def _turns(self) -> torch.Tensor:
        import torch

        turns = turned_by(self.turns)
        return torch.cat([(self.root @ turns[:, 0])[:, None], turns[:, 1:]], dim=1)

    def result(self, probability: float, margin: float) -> PatientFit:
        """What was found."""
        from scipy.spatial.transform import Rotation

        vertices, normals, joints = (part.numpy() for part in self._posed())
        turns_rad = self.turns.numpy().copy()
        turns_rad[:, 0] = Rotation.from_matrix(self._turns()[:, 0].numpy()).as_rotvec()
        bare = np.stack([f.bare(v, n) for f, v, n in zip(self.fields, vertices, normals, strict=True)])
        body = BodyParameters(
            self.shape.numpy(), np.zeros(len(self.model.bone_names), np.float32), self.root_m.numpy(), turns_rad
        )
        begins_ns = np.array([surface.first_ns for surface in self.surfaces])
        return PatientFit(
            self.model.name, begins_ns, body, joints, self.head_end, self.face_up, probability, margin, bare
        )


def _root(head_end: int, face_up: bool) -> np.ndarray:
    """(3, 3) table from body at rest: where its front, left and up go."""
    up = np.array([float(head_end), 0.0, 0.0])
    front = np.array([0.0, 0.0, 1.0 if face_up else -1.0])
    return np.stack([front, np.cross(up, front), up], axis=1)


def _lying(model: BodyModel, face_up: bool) -> tuple[np.ndarray, np.ndarray]:
    """(b, 3) mean rotation vectors of somebody who lies, and their spread."""
    limits = joint_limits(model)
    mean, spread = (np.zeros((len(model.bone_names), 3), np.float32) for _ in range(2))
    for bone, name in enumerate(model.bone_names):
        kind = name.partition("_")[2] if name.partition("_")[0] in ("left", "right") else name
        angles = np.array(LYING_RAD.get(kind, (0.0, 0.0, 0.0)))
        if kind == "foot" and not face_up:
            angles = np.array([1.0, 0.0, 0.0])
        mean[bone] = angles @ limits.axes[bone]
        spread[bone] = LYING_SPREAD_RAD.get(kind, 0.12)
    spread[0] = 0.08
    return mean, spread
