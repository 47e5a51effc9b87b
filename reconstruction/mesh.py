"""From a distance field to a triangle mesh: surface nets, clean-up, normals.

Surface nets (Gibson 1998): one vertex in every cell that the surface crosses, at the mean of the crossings of its
twelve edges, and one quadrilateral around every crossed voxel edge. No slivers, unlike marching cubes. A cell with an
unobserved corner gets no vertex, so nothing is closed that no camera saw. Vertices come in the order of the blocks and
voxels, faces in the order of their edges: the same field gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..capture.arrays import FaceList, PointList
from .threads import in_ranges
from .tsdf import VOXELS_PER_BLOCK, TsdfVolume

STEEPEST_EDGE_VOXELS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class TriangleMesh:
    """Vertices (n, 3) float32 metres, world; faces (f, 3) int64; normals (n, 3) float32, out of the surface."""

    vertices_m: PointList
    faces: FaceList
    normals: PointList


def extract_mesh(volume: TsdfVolume) -> TriangleMesh:
    """The zero crossing of a field, where all eight corners of a cell were observed.

    Edges over which the distance jumps by more than three voxels are borders of knowledge, not surfaces.
    """
    from . import _mesh_kernel as kernel

    distances = volume.distances_m()
    blocks, numbers = volume.blocks, volume.block_numbers
    count, config = len(blocks), volume.config
    jump_m = np.float32(STEEPEST_EDGE_VOXELS * config.voxel_size_m)
    cell_vertex = np.full((count, VOXELS_PER_BLOCK), -1, np.int32)
    per_block = np.zeros(count, np.int64)

    def number_cells(begin: int, end: int) -> None:
        kernel.number_cells(blocks, numbers, distances, begin, end, jump_m, cell_vertex, per_block)

    in_ranges(number_cells, count, num_threads=config.num_threads)
    first_vertex = np.concatenate([[0], np.cumsum(per_block)])
    vertices = np.empty((first_vertex[-1], 3), np.float32)

    def place_vertices(begin: int, end: int) -> None:
        kernel.place_vertices(
            blocks, numbers, distances, begin, end, volume.origin_m, config.voxel_size_m,
            cell_vertex, first_vertex, vertices,
        )  # fmt: skip

    in_ranges(place_vertices, count, num_threads=config.num_threads)
    per_block = np.zeros(count, np.int64)
    nothing = np.empty((0, 3), np.int64)

    def count_faces(begin: int, end: int) -> None:
        kernel.write_faces(
            blocks, numbers, distances, begin, end, jump_m, cell_vertex, first_vertex, vertices, per_block, nothing
        )

    in_ranges(count_faces, count, num_threads=config.num_threads)
    first_face = np.concatenate([[0], np.cumsum(per_block)])
    faces = np.empty((first_face[-1], 3), np.int64)

    def write_faces(begin: int, end: int) -> None:
        kernel.write_faces(
            blocks, numbers, distances, begin, end, jump_m, cell_vertex, first_vertex, vertices, first_face, faces
        )

    in_ranges(write_faces, count, num_threads=config.num_threads)
    mesh = TriangleMesh(vertices, faces, vertex_normals(vertices, faces))
    return select_faces(mesh, np.ones(len(faces), bool))[0]


def select_faces(mesh: TriangleMesh, keep: np.ndarray) -> tuple[TriangleMesh, np.ndarray]:
    """The mesh of the faces where `keep` (f,) is true, and which vertices (n,) it takes along, in their old order."""
    faces = mesh.faces[keep]
    used = np.zeros(len(mesh.vertices_m), bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    return TriangleMesh(mesh.vertices_m[used], number[faces], mesh.normals[used]), used


def in_large_parts(mesh: TriangleMesh, among: np.ndarray, least_area_m2: float) -> np.ndarray:
    """(f,) bool: whether a face of `among` (f,) hangs together with at least `least_area_m2` of its like."""
    part = connected_parts(mesh.faces[among], len(mesh.vertices_m))[mesh.faces[:, 0]]
    area = np.bincount(part, weights=face_areas_m2(mesh) * among, minlength=1)
    return among & (area[part] >= least_area_m2)


def connected_parts(faces: np.ndarray, num_vertices: int) -> np.ndarray:
    """(n,) number of the connected part of each vertex."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    begin, end = faces[:, [0, 1]].T.ravel(), faces[:, [1, 2]].T.ravel()
    graph = coo_array((np.ones(len(begin), bool), (begin, end)), shape=(num_vertices, num_vertices))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def face_areas_m2(mesh: TriangleMesh) -> np.ndarray:
    """(f,) float64 area of each face."""
    a, b, c = (mesh.vertices_m[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def vertex_areas_m2(mesh: TriangleMesh) -> np.ndarray:
    """(n,) float64: a third of the area of the faces around each vertex."""
    share = np.repeat(face_areas_m2(mesh) / 3, 3)
    return np.bincount(mesh.faces.ravel(), weights=share, minlength=len(mesh.vertices_m))


def vertex_normals(vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 3) float32 unit normals, weighted by face area; (0, 0, 1) where a vertex has no face."""
    a, b, c = (vertices_m[faces[:, i]].astype(np.float64) for i in range(3))
    normals = np.cross(b - a, c - a)
    summed = np.stack(
        [np.bincount(faces.ravel(), np.repeat(normals[:, i], 3), len(vertices_m)) for i in range(3)], axis=1
    )
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.where(length > 0, summed / np.maximum(length, 1e-30), [0.0, 0.0, 1.0]).astype(np.float32)
