"""What a fitted body is asked to do, as energies of a batch of instants: each term in units of its own noise.

Residuals are divided by standard deviations, so that all terms add up as log-likelihoods; those that may be wrong
altogether pass through the function of Geman and McClure (1987), which stops counting what lies too far off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .body_evidence import BodyEvidence, FreeView
from .body_limits import JointLimits

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class BodyNoise:
    """How far each kind of evidence may be off.

    Args:
        joint_m: added to the covariance of joints: how far joints of detectors and of the model differ.
        joint_reach: joints farther off than so many standard deviations hardly count.
        surface_m: of measured points about the clothes.
        surface_reach_m: points farther from the body than this hardly count: folds, skirts, things in hands.
        num_surface: so many points would be independent; neighbours share their errors.
        free_margin_m: a body may stand so far in free space before it counts.
        free_m: how strictly it is kept out of it.
        num_free: so many of the surface's samples would be independent.
        limit_rad: how strictly joint limits hold.
        acceleration_m_s2: of joints, in whatever people do.
        longest_step_s: instants farther apart know nothing of each other.
        clothing_m, clothing_sigma_m, thickest_m: how far clothes stand off the skin.
    """

    joint_m: float = 0.012
    joint_reach: float = 5.0
    surface_m: float = 0.008
    surface_reach_m: float = 0.05
    num_surface: float = 60.0
    free_margin_m: float = 0.015
    free_m: float = 0.01
    num_free: float = 60.0
    limit_rad: float = 0.15
    acceleration_m_s2: float = 6.0
    longest_step_s: float = 0.4
    clothing_m: float = 0.010
    clothing_sigma_m: float = 0.006
    thickest_m: float = 0.030


def geman_mcclure(squared: torch.Tensor, reach: float) -> torch.Tensor:
    """Squared residuals that level off at reach^2."""
    return squared / (1 + squared / reach**2)


class JointTerm:
    """Joints near the measured ones, weighted by their covariance."""

    def __init__(self, evidence: BodyEvidence, noise: BodyNoise) -> None:
        import torch

        known = np.asarray(np.isfinite(evidence.joints_m).all(2) & np.isfinite(evidence.covariance_m2).all((2, 3)))
        covariance = np.where(known[..., None, None], evidence.covariance_m2, np.eye(3)) + noise.joint_m**2 * np.eye(3)
        self.target = torch.from_numpy(np.where(known[..., None], evidence.joints_m, 0.0).astype(np.float32))
        self.information = torch.from_numpy(np.linalg.inv(covariance).astype(np.float32))
        self.known, self.reach = torch.from_numpy(known.astype(np.float32)), noise.joint_reach

    def __call__(self, joints: torch.Tensor, widening: float = 1.0) -> torch.Tensor:
        """(t,) energies of joints (t, 17, 3); while a body is still far off, the reach is so much wider."""
        import torch

        off = joints - self.target
        squared = torch.einsum("tji,tjik,tjk->tj", off, self.information, off)
        return 0.5 * (self.known * geman_mcclure(squared, widening * self.reach)).sum(dim=1)


class SurfaceTerm:
    """Measured points on the clothes: distance along the normal of the nearest part of the skin that faces alike."""

    def __init__(self, evidence: BodyEvidence, noise: BodyNoise, most: int) -> None:
        import torch

        count = max([1, *(min(len(points), most) for points in evidence.points_m)])
        points, normals = (np.zeros((len(evidence.times_ns), count, 3), np.float32) for _ in range(2))
        valid = np.zeros(points.shape[:2], np.float32)
        for row, (own, facing) in enumerate(zip(evidence.points_m, evidence.normals, strict=True)):
            kept = np.linspace(0, len(own) - 1, min(len(own), count)).round().astype(int)
            points[row, : len(kept)], normals[row, : len(kept)], valid[row, : len(kept)] = own[kept], facing[kept], 1
        self.points, self.normals, self.valid = (torch.from_numpy(array) for array in (points, normals, valid))
        self.noise, self.nearest = noise, torch.zeros(valid.shape, dtype=torch.int64)
        self.weight = torch.zeros_like(self.valid)

    def match(self, vertices: torch.Tensor, normals: torch.Tensor, reach_m: float) -> None:
        """Find anew which of the vertices (t, s, 3) each point lies next to, within a reach."""
        import torch

        with torch.no_grad():
            for row in range(len(vertices)):
                far = torch.cdist(self.points[row], vertices[row])
                alike = self.normals[row] @ normals[row].T
                least, self.nearest[row] = torch.where(alike > 0.3, far, far + 1.0).min(dim=1)
                self.weight[row] = self.valid[row] * (least < reach_m)

    def off_m(self, vertices: torch.Tensor, normals: torch.Tensor, clothing: torch.Tensor) -> torch.Tensor:
        """(t, p) how far each point lies outside of the clothes of its nearest vertex."""
        index = self.nearest[..., None].expand(-1, -1, 3)
        off = ((self.points - vertices.gather(1, index)) * normals.gather(1, index)).sum(dim=2)
        return off - clothing[self.nearest]

    def __call__(self, vertices: torch.Tensor, normals: torch.Tensor, clothing: torch.Tensor) -> torch.Tensor:
        """(t,) energies of vertices (t, s, 3) in clothes (s,)."""
        noise = self.noise
        squared = (self.off_m(vertices, normals, clothing) / noise.surface_m) ** 2
        energy = 0.5 * self.weight * geman_mcclure(squared, noise.surface_reach_m / noise.surface_m)
        count = self.valid.sum(dim=1)
        return energy.sum(dim=1) * (noise.num_surface / count.clamp_min(noise.num_surface))


class FreeSpaceTerm:
    """No body where a camera looks through: neither in front of what it sees, nor beside the person against the room.

    A part that stands before a surface is pushed back along the ray or sideways to where the view is not free,
    whichever is nearer.
    """

    def __init__(self, evidence: BodyEvidence, noise: BodyNoise, beyond_m: float = 0.35) -> None:
        self.noise = noise
        self.views = [_View(view, evidence, beyond_m) for view in evidence.views]

    def depth_in_free_m(self, vertices: torch.Tensor) -> torch.Tensor:
        """(t, s) the farthest that vertices (t, s, 3) stand in free space of any camera, metres."""
        import torch

        worst = torch.zeros_like(vertices[..., 0])
        for view in self.views:
            worst = torch.maximum(worst, view.depth_in_free_m(vertices))
        return worst

    def __call__(self, vertices: torch.Tensor) -> torch.Tensor:
        """(t,) energies of vertices (t, s, 3)."""
        off = (self.depth_in_free_m(vertices) - self.noise.free_margin_m).clamp(0.0, 0.2)
        share = min(1.0, self.noise.num_free / vertices.shape[1])
        return 0.5 * share * ((off / self.noise.free_m) ** 2).sum(dim=1)


class _View:
    """One camera's free space, ready for torch."""

    def __init__(self, view: FreeView, evidence: BodyEvidence, beyond_m: float) -> None:
        import cv2
        import torch

        pose = view.depth_from_world
        far_m = np.einsum("i,tji->tj", pose[2, :3], evidence.joints_m) + pose[2, 3]
        known = np.isfinite(far_m)
        farthest_m = np.where(known, far_m, -np.inf).max(axis=1) + beyond_m
        aside = np.zeros_like(view.free_m)
        for row, (image, limit_m) in enumerate(zip(view.free_m, farthest_m, strict=True)):
            if np.isfinite(limit_m) and (image > limit_m).any():
                through = np.pad((image > limit_m).astype(np.uint8), 1, mode="edge")
                aside[row] = cv2.distanceTransform(through, cv2.DIST_L2, 3)[1:-1, 1:-1]
        self.free, self.aside = torch.from_numpy(view.free_m), torch.from_numpy(aside)
        self.rotation = torch.from_numpy(pose[:, :3].astype(np.float32))
        self.shift = torch.from_numpy(pose[:, 3].astype(np.float32))
        self.focal = torch.from_numpy(view.focal_px.astype(np.float32))
        self.center = torch.from_numpy(view.center_px.astype(np.float32))

    def depth_in_free_m(self, vertices: torch.Tensor) -> torch.Tensor:
        import torch
        import torch.nn.functional as F

        local = vertices @ self.rotation.T + self.shift
        z = local[..., 2]
        uv = local[..., :2] / z.clamp_min(0.05)[..., None] * self.focal + self.center
        height, width = self.free.shape[1:]
        grid = (2 * uv / torch.tensor([width - 1, height - 1], dtype=uv.dtype) - 1)[:, None]
        ahead = (z > 0.05).to(z.dtype)
        free = F.grid_sample(self.free[:, None], grid.detach(), mode="nearest", align_corners=True)[:, 0, 0]
        aside = F.grid_sample(self.aside[:, None], grid, align_corners=True)[:, 0, 0] * z / self.focal.mean()
        before = (free - z) * (free > 0)
        return (ahead * torch.where(aside > 0, torch.minimum(before, aside), before)).clamp_min(0.0)


class PoseTerm:
    """Joint limits, and within them a mild wish for the middle."""

    def __init__(self, limits: JointLimits, noise: BodyNoise) -> None:
        import torch

        self.axes, self.low, self.high = (
            torch.from_numpy(array.astype(np.float32)) for array in (limits.axes, limits.low_rad, limits.high_rad)
        )
        self.spread, self.noise = (self.high - self.low) / 2.5, noise

    def __call__(self, turns_rad: torch.Tensor) -> torch.Tensor:
        """(t,) energies of rotation vectors (t, b, 3); the root is free."""
        import torch

        along = torch.einsum("bij,tbj->tbi", self.axes, turns_rad)[:, 1:]
        beyond = (along - self.high[1:]).clamp_min(0) + (self.low[1:] - along).clamp_min(0)
        mild = (along / self.spread[1:]) ** 2
        return 0.5 * ((beyond / self.noise.limit_rad) ** 2 + mild).sum(dim=(1, 2))


class MotionTerm:
    """Joints do not accelerate more than people do; instants may be spaced unevenly."""

    def __init__(self, times_ns: np.ndarray, noise: BodyNoise) -> None:
        import torch

        steps_s = np.diff(times_ns) * 1e-9
        first, second = steps_s[:-1], steps_s[1:]
        near = (first < noise.longest_step_s) & (second < noise.longest_step_s)
        self.first, self.second, self.near = (
            torch.from_numpy(array.astype(np.float32))[:, None, None] for array in (first, second, near)
        )
        self.sigma = noise.acceleration_m_s2

    def __call__(self, joints: torch.Tensor) -> torch.Tensor:
        """The energy of joints (t, 17, 3), all instants together."""
        if len(joints) < 3:
            return joints.sum() * 0.0
        before, after = (joints[1:-1] - joints[:-2]) / self.first, (joints[2:] - joints[1:-1]) / self.second
        acceleration = 2 * (after - before) / (self.first + self.second)
        return 0.5 * (self.near * (acceleration / self.sigma) ** 2).sum()
