"""Posing bodies by the batch, differentiably: one shape, many instants (linear blend skinning in torch).

Magnenat-Thalmann et al. 1988: bones turn against their parents, and each point of the skin goes along with the
weighted mean of its bones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .body_model import BodyModel

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class BodyParameters:
    """A body through time, as it is stored; meshes are made from it on demand.

    Args:
        shape: (k,) the body's shape, in standard deviations of people; one for all instants.
        clothing_m: (b,) how far clothes stand off the skin at each bone.
        root_m: (t, 3) where the pelvis bone is, world.
        turns_rad: (t, b, 3) rotation vector of each bone against its parent, of the first in the world.
    """

    shape: np.ndarray
    clothing_m: np.ndarray
    root_m: np.ndarray
    turns_rad: np.ndarray

    def at(self, rows: np.ndarray | slice) -> BodyParameters:
        """The same body at some of its instants."""
        return BodyParameters(self.shape, self.clothing_m, self.root_m[rows], self.turns_rad[rows])


class BodyPoser:
    """Poses one model.

    Args:
        model: the model.
        rows: the vertices to be posed, by number; None = those of `model.samples`.
    """

    def __init__(self, model: BodyModel, rows: np.ndarray | None = None) -> None:
        import torch

        self.model = model
        self.rows = model.samples if rows is None else rows
        put = torch.from_numpy
        self._vertices = put(model.vertices_m[self.rows].copy())
        self._vertex_shapes = put(model.vertex_shapes_m[:, self.rows].copy())
        self._bones, self._bone_shapes = put(model.bones_m.copy()), put(model.bone_shapes_m.copy())
        self._joints, self._joint_shapes = put(model.joints_m.copy()), put(model.joint_shapes_m.copy())
        self._joint_bones = put(model.joint_bones.copy())
        self.weights = put(model.dense_weights()[self.rows])
        normals = put(rest_normals(model)[self.rows].astype(np.float32))
        self._spread_normals = (self.weights[:, :, None] * normals[:, None]).flatten(1)
        self._parents = model.bone_parents.tolist()

    def bones(
        self, shape: torch.Tensor, root_m: torch.Tensor, turns: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """World from rest of every bone: rotations (t, b, 3, 3) and shifts (t, b, 3).

        Args:
            shape: (k,).
            root_m: (t, 3) where the pelvis bone is, world.
            turns: (t, b, 3, 3) of each bone against its parent, of the first in the world.
        """
        import torch

        heads = self._bones + torch.einsum("k,kbc->bc", shape, self._bone_shapes)
        rotations, places = [turns[:, 0]], [root_m]
        for bone in range(1, len(self._parents)):
            parent = self._parents[bone]
            rotations.append(rotations[parent] @ turns[:, bone])
            places.append(places[parent] + rotations[parent] @ (heads[bone] - heads[parent]))
        rotation, place = torch.stack(rotations, dim=1), torch.stack(places, dim=1)
        return rotation, place - torch.einsum("tbij,bj->tbi", rotation, heads)

    def joints(self, shape: torch.Tensor, bones: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """(t, 17, 3) COCO-17 joints, world."""
        import torch

        rest = self._joints + torch.einsum("k,kjc->jc", shape, self._joint_shapes)
        rotation, shift = (part[:, self._joint_bones] for part in bones)
        return torch.einsum("tjik,jk->tji", rotation, rest) + shift

    def skin(self, shape: torch.Tensor, bones: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """(t, s, 3) posed vertices, world, and (t, s, 3) their outward unit normals, which carry no gradient."""
        import torch

        rest = self._vertices + torch.einsum("k,knc->nc", shape, self._vertex_shapes)
        rotation, shift = bones
        # The weighted mean over bones of R x + s as one product of matrices: (s, 4 b) by (t, 4 b, 3).
        spread = (self.weights[:, :, None] * torch.cat([rest, torch.ones_like(rest[:, :1])], dim=1)[:, None]).flatten(1)
        moves = torch.cat([rotation.transpose(2, 3), shift[:, :, None]], dim=2).flatten(1, 2)
        vertices = torch.matmul(spread, moves)
        with torch.no_grad():
            turned = torch.matmul(self._spread_normals, rotation.transpose(2, 3).flatten(1, 2))
            normals = turned / turned.norm(dim=2, keepdim=True).clamp_min(1e-6)
        return vertices, normals


def turned_by(vectors: torch.Tensor) -> torch.Tensor:
    """(..., 3, 3) rotations of rotation vectors (..., 3), radians (Rodrigues), smooth at zero."""
    import torch

    angle_squared = (vectors**2).sum(-1)[..., None, None]
    angle = torch.sqrt(angle_squared + 1e-12)
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*vectors.shape[:-1], 3, 3)
    first, second = torch.sin(angle) / angle, (1 - torch.cos(angle)) / (angle_squared + 1e-12)
    return torch.eye(3, dtype=vectors.dtype) + first * skew + second * (skew @ skew)


def pose_meshes(model: BodyModel, body: BodyParameters, *, clothed: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The body as meshes.

    Args:
        model: the model that was fitted.
        body: its parameters.
        clothed: the outside of the clothes, else the skin.

    Returns:
        (t, n, 3) float32 vertices of the model's faces, and (t, 17, 3) float32 joints, world.
    """
    import torch

    poser = BodyPoser(model, np.arange(len(model.vertices_m)))
    with torch.no_grad():
        shape = torch.from_numpy(np.asarray(body.shape, np.float32))
        turns = turned_by(torch.from_numpy(np.asarray(body.turns_rad, np.float32)))
        bones = poser.bones(shape, torch.from_numpy(np.asarray(body.root_m, np.float32)), turns)
        vertices, normals = poser.skin(shape, bones)
        if clothed:
            off = poser.weights @ torch.from_numpy(np.asarray(body.clothing_m, np.float32))
            vertices = vertices + off[:, None] * normals
        return vertices.numpy(), poser.joints(shape, bones).numpy()


def rest_normals(model: BodyModel) -> np.ndarray:
    """(n, 3) unit normals of the mean body at rest, its faces weighted by area."""
    a, b, c = (model.vertices_m[model.faces[:, corner]].astype(np.float64) for corner in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros((len(model.vertices_m), 3))
    for corner in range(3):
        np.add.at(normals, model.faces[:, corner], flat)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
