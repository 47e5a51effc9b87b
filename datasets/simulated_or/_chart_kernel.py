"""The loops that lay grids of places over the faces of a mesh, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np

#: Two faces make a parallelogram if its corners agree so far.
SAME_PLACE_M = 1e-5
#: Places keep so far off the border of their grid, in cells: what stands beside a border would cut their rays.
INSET = 0.15


@numba.njit(cache=True, nogil=True)
def mates(points_m, faces):
    """(f,) int32 the next face or the one before, where both make a parallelogram; -1 where they do not."""
    mate = np.full(len(faces), -1, np.int32)
    for face in range(len(faces) - 1):
        if mate[face] >= 0:
            continue
        mine, other = _odd_corner(faces[face], faces[face + 1]), _odd_corner(faces[face + 1], faces[face])
        if mine < 0 or other < 0:
            continue
        p, q = faces[face, (mine + 1) % 3], faces[face, (mine + 2) % 3]
        off = 0.0
        for k in range(3):
            one, two = points_m[faces[face, mine], k], points_m[faces[face + 1, other], k]
            off = max(off, abs(one + two - points_m[p, k] - points_m[q, k]))
        if off < SAME_PLACE_M:
            mate[face], mate[face + 1] = face + 1, face
    return mate


@numba.njit(cache=True, nogil=True, inline="always")
def _odd_corner(face, other):
    """The one corner of a face that another does not have, or -1."""
    odd, count = -1, 0
    for corner in range(3):
        if face[corner] != other[0] and face[corner] != other[1] and face[corner] != other[2]:
            odd = corner
            count += 1
    return odd if count == 1 else -1


@numba.njit(cache=True, nogil=True)
def chart_corners(points_m, faces, mate, spacing_m):
    """Where the corners of each face lie on its grid, (f, 3, 2) float32 in cells; and its columns and rows, (f,) int32.

    The grid of a single face begins at the corner opposite to its longest edge, that of two faces at the corner that
    only the first has.
    """
    corners = np.zeros((len(faces), 3, 2), np.float32)
    columns, rows = np.ones(len(faces), np.int32), np.ones(len(faces), np.int32)
    for face in range(len(faces)):
        other = mate[face]
        if 0 <= other < face:
            continue
        begin = 0
        if other >= 0:
            begin = _odd_corner(faces[face], faces[other])
        else:
            longest = -1.0
            for corner in range(3):
                edge = _distance(points_m[faces[face, (corner + 1) % 3]], points_m[faces[face, (corner + 2) % 3]])
                if edge > longest:
                    longest, begin = edge, corner
        p, q = (begin + 1) % 3, (begin + 2) % 3
        here = points_m[faces[face, begin]]
        along = max(1, math.ceil(_distance(points_m[faces[face, p]], here) / spacing_m))
        across = max(1, math.ceil(_distance(points_m[faces[face, q]], here) / spacing_m))
        corners[face, p, 0], corners[face, q, 1] = along, across
        columns[face], rows[face] = along + 1, across + 1
        if other >= 0:
            for corner in range(3):
                vertex = faces[other, corner]
                if vertex == faces[face, p]:
                    corners[other, corner] = corners[face, p]
                elif vertex == faces[face, q]:
                    corners[other, corner] = corners[face, q]
                else:
                    corners[other, corner, 0], corners[other, corner, 1] = along, across
            columns[other], rows[other] = along + 1, across + 1
    return corners, columns, rows


@numba.njit(cache=True, nogil=True, inline="always")
def _distance(a, b):
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return math.sqrt(x * x + y * y + z * z)


@numba.njit(cache=True, nogil=True)
def chart_places(corners, columns, rows, start, mate, count):
    """The face (n,) int32 and the barycentric place on it (n, 2) float32 of every place of every grid.

    A place of a single face that would lie beyond its longest edge is moved onto it.
    """
    face_of, barycentric = np.zeros(count, np.int32), np.zeros((count, 2), np.float32)
    for face in range(len(start)):
        other = mate[face]
        if 0 <= other < face:
            continue
        along, across = columns[face] - 1, rows[face] - 1
        for row in range(rows[face]):
            for column in range(columns[face]):
                s = min(max(column, INSET), along - INSET) / along
                t = min(max(row, INSET), across - INSET) / across
                if s + t > 1.0 and other < 0:
                    beyond = 0.5 * (s + t - 1.0)
                    s, t = min(max(s - beyond, 0.0), 1.0), min(max(t - beyond, 0.0), 1.0)
                own = face if s + t <= 1.0 or other < 0 else other
                place = start[face] + row * columns[face] + column
                face_of[place] = own
                for corner in range(1, 3):
                    # Each corner's own weight, from where it lies on the grid.
                    a, b = corners[own, corner, 0] > 0, corners[own, corner, 1] > 0
                    if a and b:
                        weight = s + t - 1.0
                    elif a:
                        weight = s if own == face else 1.0 - t
                    elif b:
                        weight = t if own == face else 1.0 - s
                    else:
                        weight = 1.0 - s - t
                    barycentric[place, corner - 1] = weight
    return face_of, barycentric


@numba.njit(cache=True, nogil=True)
def even_out(values, owners, start, columns, rows):
    """(n, c) the mean of 3x3 neighbours on grids; `owners` (k,) names one face of each."""
    out = np.empty_like(values)
    for face in owners:
        first, width, height = start[face], columns[face], rows[face]
        for row in range(height):
            for column in range(width):
                place, count = first + row * width + column, 0
                out[place] = 0.0
                for y in range(max(row - 1, 0), min(row + 2, height)):
                    for x in range(max(column - 1, 0), min(column + 2, width)):
                        for k in range(values.shape[1]):
                            out[place, k] += values[first + y * width + x, k]
                        count += 1
                for k in range(values.shape[1]):
                    out[place, k] /= count
    return out
