"""The exact gap between surfaces: triangles against triangles, and triangles against solid boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...reconstruction.state import OrientedBox
from ._surface_gap_kernel import any_inside, nearest_faces, refit

FACES_PER_LEAF = 1
#: Corners of a box as OrientedBox.corners_m lists them, two triangles a side.
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip

Nearest = tuple[int, int]
"""The numbers of the two triangles that were nearest last time, a first guess for this time."""


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceTree:
    """The triangles of a thing, grouped by where they lie in one of its poses; the groups serve every other pose.

    Args:
        faces: (f, 3) int64 vertex numbers in the order of the tree.
        depth: the tree has 2^depth leaves.
    """

    faces: np.ndarray
    depth: int

    @classmethod
    def of(cls, vertices_m: np.ndarray, faces: np.ndarray) -> SurfaceTree:
        """Group triangles (f, 3) over vertices (n, 3) by halving along the longest axis of their centres."""
        depth = max(0, int(np.log2(max(1, len(faces) / FACES_PER_LEAF))))
        centers = np.asarray(vertices_m, np.float64)[faces].mean(axis=1)
        order = np.arange(len(faces))
        for level in range(depth):
            for node in range(1 << level):
                begin, end = (len(faces) * (node + side) >> level for side in (0, 1))
                middle = len(faces) * (2 * node + 1) >> (level + 1)
                mine = order[begin:end]
                axis = int(np.ptp(centers[mine], axis=0).argmax())
                order[begin:end] = mine[np.argpartition(centers[mine, axis], middle - begin)]
        return cls(np.ascontiguousarray(faces[order], dtype=np.int64), depth)

    def posed(self, vertices_m: np.ndarray) -> Surface:
        """The same triangles with their vertices (n, 3) somewhere, world."""
        vertices_m = np.ascontiguousarray(vertices_m, dtype=np.float64)
        boxes = np.empty(((2 << self.depth) - 1, 6))
        refit(vertices_m, self.faces, self.depth, boxes)
        return Surface(self, vertices_m, boxes)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A surface at a moment: vertices (n, 3) float64, and the boxes (k, 6) of its tree, the whole first."""

    tree: SurfaceTree
    vertices_m: np.ndarray
    boxes: np.ndarray

    @property
    def low_m(self) -> np.ndarray:
        """(3,) lower corner of its axis-aligned box."""
        return self.boxes[0, :3]

    @property
    def high_m(self) -> np.ndarray:
        """(3,) upper corner of its axis-aligned box."""
        return self.boxes[0, 3:]


def box_surface(box: OrientedBox) -> Surface:
    """The six sides of a box."""
    corners = box.corners_m()
    return SurfaceTree.of(corners, BOX_FACES).posed(corners)


def box_gap_m(a: Surface, b: Surface) -> float:
    """The distance of the axis-aligned boxes of two surfaces, metres: no more than their gap."""
    return float(np.linalg.norm(np.maximum(np.maximum(a.low_m - b.high_m, b.low_m - a.high_m), 0.0)))


def gap_m(a: Surface, b: Surface, beyond_m: float, nearest: Nearest = (-1, -1)) -> tuple[float, Nearest]:
    """The smallest distance of two surfaces, exact up to rounding, 0 where they cross.

    A surface that lies wholly within another one is as far from it as its nearest side.

    Args:
        a, b: the surfaces.
        beyond_m: gaps are told up to here; a larger one comes back as `beyond_m`.
        nearest: triangles to look at first.

    Returns:
        Metres, and the two nearest triangles.
    """
    squared, face_a, face_b = nearest_faces(
        a.vertices_m, a.tree.faces, a.tree.depth, a.boxes, b.vertices_m, b.tree.faces, b.tree.depth, b.boxes,
        beyond_m**2, *nearest,
    )  # fmt: skip
    return float(np.sqrt(squared)), (int(face_a), int(face_b))


def gap_to_box_m(
    a: Surface, box: OrientedBox, sides: Surface, beyond_m: float, nearest: Nearest = (-1, -1)
) -> tuple[float, Nearest]:
    """The same from a surface to a solid box with its `sides` (see `box_surface`): 0 also for what lies inside it."""
    if box_gap_m(a, sides) == 0.0 and any_inside(a.vertices_m, box.center_m, box.rotation, box.extent_m / 2):
        return 0.0, nearest
    return gap_m(a, sides, beyond_m, nearest)
