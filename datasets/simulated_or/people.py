"""People as actors: a body in clothes that follows a motion."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np

from ...capture.geometry import SE3
from .body import BodyShape, blend
from .clothing import Clothing
from .meshes import TexturedMesh


class Moving(Protocol):
    """What a person asks of a motion; motion.Motion, or the repose of a patient."""

    def bones(self, time_s: float) -> np.ndarray:
        """(b, 3, 4) world_from_model of each bone."""
        ...

    def hand(self, time_s: float, side: str) -> SE3:
        """world_from_hand: the origin on the palm's skin, +z along the fingers, +y out of the palm."""
        ...

    def root_m(self, time_s: float) -> np.ndarray:
        """(2,) the point of the floor below the hips."""
        ...

    def heading_rad(self, time_s: float) -> float:
        """Where he faces; of one who lies, where his head points."""
        ...

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether any bone moves between two moments."""
        ...


class Person:
    """Somebody who moves (a PersonActor).

    Args:
        name: such as "person_2".
        role: canonical role, such as "head_surgeon".
        owner: his number in id images, from 1.
        shape: his body.
        clothing: what he wears, made for that body.
        motion: what he does.
        label: canonical class.
    """

    def __init__(
        self, name: str, role: str, owner: int, shape: BodyShape, clothing: Clothing, motion: Moving,
        label: str = "person",
    ) -> None:  # fmt: skip
        self.name, self.role, self.label, self.owner = name, role, label, owner
        self.shape, self.clothing, self.motion = shape, clothing, motion
        self._vertices = lru_cache(maxsize=4)(self._vertices_at)
        self._mesh: TexturedMesh | None = None

    @property
    def mesh(self) -> TexturedMesh:
        """Faces, texture coordinates and pictures; the vertices are those of time 0."""
        if self._mesh is None:
            cut = self.clothing
            owner = np.full(len(cut.faces), self.owner)
            self._mesh = TexturedMesh(
                self.vertices_m(0.0).astype(np.float64), cut.faces, cut.uv, cut.texture_index, owner
            )
        return self._mesh

    def vertices_m(self, time_s: float) -> np.ndarray:
        """(n, 3) float32 vertices of the clothed body in the world."""
        return self._vertices(float(time_s))

    def skin_m(self, time_s: float) -> np.ndarray:
        """(k, 3) float32 vertices of the closed body below the clothes, of `shape.faces`."""
        shape = self.shape
        return blend(shape.vertices_m, shape.weights, shape.weight_bones, self.motion.bones(time_s))

    def joints_m(self, time_s: float) -> np.ndarray:
        """(17, 3) float64 COCO-17 joints inside the body, world."""
        bones = self.motion.bones(time_s)[self.shape.joint_bones]
        return np.einsum("jab,jb->ja", bones[:, :, :3], self.shape.joints_m) + bones[:, :, 3]

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether anything of him moves between two moments."""
        return self.motion.moves(begin_s, end_s)

    def _vertices_at(self, time_s: float) -> np.ndarray:
        cut = self.clothing
        return blend(cut.rest_m, cut.weights, cut.weight_bones, self.motion.bones(time_s))[cut.source]
