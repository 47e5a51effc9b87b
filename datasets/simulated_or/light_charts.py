"""Places on the surfaces of a mesh at which its light is looked at, laid out so that any hit finds its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _chart_kernel as kernel


@dataclass(frozen=True, slots=True, eq=False)
class LightCharts:
    """A grid of places over each face, or over two faces that make a parallelogram, in one flat table of places.

    Args:
        corners: (f, 3, 2) float32 where the corners of a face lie on its grid, in cells.
        start: (f,) int64 the first place of the grid of a face.
        columns, rows: (f,) int32 places of that grid along and across.
        face: (n,) int32 on which face a place lies.
        barycentric: (n, 2) float32 where on it.
    """

    corners: np.ndarray
    start: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray

    @classmethod
    def of(cls, vertices_m: np.ndarray, faces: np.ndarray, spacing_m: float) -> LightCharts:
        """Charts of a mesh.

        Args:
            vertices_m: (n, 3).
            faces: (f, 3) int32.
            spacing_m: places lie at most so far apart along the shorter edges of a face.
        """
        mate = kernel.mates(vertices_m, faces)
        corners, columns, rows = kernel.chart_corners(vertices_m, faces, mate, spacing_m)
        own = (mate < 0) | (np.arange(len(faces)) < mate)
        size = np.where(own, columns.astype(np.int64) * rows, 0)
        first = np.cumsum(size) - size
        start = np.where(own, first, first[mate])
        face, barycentric = kernel.chart_places(corners, columns, rows, start, mate, int(size.sum()))
        return cls(corners, start, columns, rows, face, barycentric)

    def evened_out(self, values: np.ndarray) -> np.ndarray:
        """(n, c) the mean of each value (n, c) with those of its neighbours on the same grid."""
        return kernel.even_out(values, self._owners, self.start, self.columns, self.rows)

    @property
    def _owners(self) -> np.ndarray:
        """(k,) one face of each grid."""
        return np.unique(self.start, return_index=True)[1]
