"""What the surface on a table asks of the body below it, as an energy.

The body stays below what is seen; where it is bare it reaches up to it, where cloth covers it a gap costs little; and
whatever bulges holds a part of the body.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..capture.errors import InputError
from .body_losses import geman_mcclure
from .patient_side import SideConfig
from .patient_surface import CELL_M, TableSurface, largest_bulge

if TYPE_CHECKING:
    import torch

MOST_CELLS = 900


@dataclass(frozen=True, slots=True)
class PatientConfig:
    """How a patient is fitted.

    Args:
        above_m: how strictly the body stays below what is seen.
        bare_m: how near bare skin is to what is seen of it.
        drape_gap_m: a drape stands off the body by about so much, on average.
        filled_m, filled_reach_m: bulges should hold a part of the body, this strictly, unless they lie so far from it.
        mattress_m: how strictly the body stays above the mattress; it sinks in by `sink_m`.
        mattress_sigma_m: how well the height of the table's top is known.
        num_samples: so many samples of a surface would be independent.
        locked_rad, locked_m: a bone that turns, or a pelvis that moves, by so much against the pose of all stretches
            costs one; the cost grows with the way and not with its square, so that most of the body stays where it is.
        trial_rounds, rounds: steps of descent for each way to lie, and for the best.
        window: so many glances at a time are looked at for changes that stay.
        side: what is known of the back and the face of bodies that lie.
    """

    above_m: float = 0.010
    bare_m: float = 0.012
    drape_gap_m: float = 0.05
    filled_m: float = 0.025
    filled_reach_m: float = 0.12
    mattress_m: float = 0.010
    sink_m: float = 0.010
    mattress_sigma_m: float = 0.03
    num_samples: float = 250.0
    locked_rad: float = 0.01
    locked_m: float = 0.001
    trial_rounds: int = 80
    rounds: int = 150
    window: int = 6
    side: SideConfig = field(default_factory=SideConfig)


class SurfaceField:
    """A surface as the energies ask of it."""

    def __init__(self, surface: TableSurface, config: PatientConfig) -> None:
        import torch
        from scipy.ndimage import distance_transform_edt

        seen = np.isfinite(surface.height_m)
        if not seen.any():
            raise InputError("nothing was seen of the table", todo="leave it away, or see it from above")
        nearest: Any = distance_transform_edt(~seen, return_distances=False, return_indices=True)
        filled = surface.height_m[tuple(nearest)]
        self.config, self.low_m, self.surface = config, surface.low_m, surface
        self.height = torch.from_numpy(filled.T[None, None].astype(np.float32).copy())
        self.seen = torch.from_numpy(seen.T[None, None].astype(np.float32).copy())
        drape = np.ones_like(seen) if surface.drape is None else surface.drape
        self.cloth = torch.from_numpy(drape.T[None, None].astype(np.float32).copy())
        bulge = largest_bulge(surface)
        kept = slice(None, None, 1 + int(bulge.sum()) // MOST_CELLS)
        cells = surface.cells_m()[bulge][kept]
        self.middle_m = float(np.median(cells[:, 1]))
        self.cells = torch.from_numpy(cells.astype(np.float32))
        self.covered = torch.from_numpy(drape[bulge][kept].astype(np.float32))
        self.nearest = torch.zeros(len(cells), dtype=torch.int64)

    def _at(self, image: torch.Tensor, vertices: torch.Tensor, mode: str) -> torch.Tensor:
        """(s,) an image at the places of vertices (s, 3)."""
        import torch
        import torch.nn.functional as F

        height, width = image.shape[2:]
        low = torch.from_numpy(np.asarray(self.low_m, np.float32))
        cell = (vertices[:, :2] - low) / CELL_M - 0.5
        grid = 2 * cell / torch.tensor([width - 1, height - 1], dtype=cell.dtype) - 1
        return F.grid_sample(image, grid[None, None], mode=mode, padding_mode="border", align_corners=True)[0, 0, 0]

    def __call__(self, vertices: torch.Tensor, normals: torch.Tensor, again: bool, widening: float) -> torch.Tensor:
        """The energy of a body's vertices (s, 3)."""
        import torch

        config = self.config
        share = min(1.0, config.num_samples / len(vertices))
        seen = self._at(self.seen, vertices.detach(), "nearest") * (normals[:, 2] > 0.15)
        cloth = self._at(self.cloth, vertices.detach(), "nearest")
        gap = self._at(self.height, vertices, "bilinear") - vertices[:, 2]
        above = 0.5 * ((-gap).clamp_min(0.0) / config.above_m) ** 2
        hidden = gap.clamp_min(0.0) / config.drape_gap_m
        bare = 0.5 * geman_mcclure((gap.clamp_min(0.0) / config.bare_m) ** 2, 5.0)
        energy = share * (seen * (above + torch.where(cloth > 0.5, hidden, bare))).sum()

        if again:
            with torch.no_grad():
                up = (normals[:, 2] > 0.0).to(vertices.dtype)
                apart = torch.cdist(self.cells, vertices)
                apart = torch.where(self.covered[:, None] > 0, torch.cdist(self.cells[:, :2], vertices[:, :2]), apart)
                self.nearest = (apart + 10.0 * (1 - up)).argmin(dim=1)
        way = self.cells - vertices[self.nearest]
        beside = torch.cat([way[:, :2], way[:, 2:] * (1 - self.covered[:, None])], dim=1).norm(dim=1)
        fill = (beside - 0.02).clamp_min(0.0) / config.filled_m
        count = min(1.0, config.num_samples / len(self.cells))
        reach = widening * config.filled_reach_m / config.filled_m
        return energy + 0.5 * count * geman_mcclure(fill**2, reach).sum()

    def end_m(self, head_end: int) -> float:
        """Where along the table what lies on it ends."""
        return head_end * float((head_end * self.cells[:, 0]).max())

    def bare(self, vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """(s,) of each vertex 1 = bare, 0 = covered, NaN = not seen, or nobody can tell."""
        import torch

        own = torch.from_numpy(vertices)
        seen = self._at(self.seen, own, "nearest").numpy() > 0.5
        gap = (self._at(self.height, own, "bilinear") - own[:, 2]).numpy()
        cloth = self._at(self.cloth, own, "nearest").numpy() > 0.5
        known = seen & (normals[:, 2] > 0.15) & (self.surface.drape is not None)
        state = np.where(cloth | (gap > 5 * self.config.bare_m), 0.0, 1.0)
        return np.where(known, state, np.nan)
