"""The compiled half of mesh: cells, vertices and faces of surface nets, block by block."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def _gather(blocks, numbers, distances, block, local):
    """Copy the block's voxels with one layer of neighbours on every side into local (10, 10, 10), order z y x."""
    for z in range(10):
        bz, lz = (z + 7) // 8 - 1, (z + 7) % 8
        for y in range(10):
            by, ly = (y + 7) // 8 - 1, (y + 7) % 8
            for x in range(10):
                bx, lx = (x + 7) // 8 - 1, (x + 7) % 8
                other = numbers[blocks[block, 0] + bx, blocks[block, 1] + by, blocks[block, 2] + bz]
                local[z, y, x] = distances[other, lz * 64 + ly * 8 + lx] if other >= 0 else np.nan


@numba.njit(nogil=True, cache=True)
def _crosses(a, b, jump_m):
    return ((a < 0) != (b < 0)) and abs(a - b) <= jump_m


@numba.njit(nogil=True, cache=True)
def number_cells(blocks, numbers, distances, begin, end, jump_m, cell_vertex, per_block):
    local = np.empty((10, 10, 10), np.float32)
    for block in range(begin, end):
        _gather(blocks, numbers, distances, block, local)
        found = 0
        for cell in range(512):
            z, y, x = cell // 64 + 1, cell // 8 % 8 + 1, cell % 8 + 1
            inside, known = 0, True
            for corner in range(8):
                value = local[z + corner // 4, y + corner // 2 % 2, x + corner % 2]
                if np.isnan(value):
                    known = False
                    break
                inside += value < 0
            if not known or inside == 0 or inside == 8:
                continue
            crossed = False
            for edge in range(12):
                a, b = _edge(local, z, y, x, edge)
                crossed = crossed or _crosses(a, b, jump_m)
            if crossed:
                cell_vertex[block, cell] = found
                found += 1
        per_block[block] = found


@numba.njit(nogil=True, cache=True)
def _edge(local, z, y, x, edge):
    """The two ends of one of the twelve edges of a cell: axis edge // 4, corner of the other two axes edge % 4."""
    axis, p, q = edge // 4, edge // 2 % 2, edge % 2
    if axis == 0:
        return local[z + p, y + q, x], local[z + p, y + q, x + 1]
    if axis == 1:
        return local[z + p, y, x + q], local[z + p, y + 1, x + q]
    return local[z, y + p, x + q], local[z + 1, y + p, x + q]


@numba.njit(nogil=True, cache=True)
def place_vertices(blocks, numbers, distances, begin, end, origin_m, voxel_m, cell_vertex, first_vertex, vertices):
    local = np.empty((10, 10, 10), np.float32)
    for block in range(begin, end):
        if first_vertex[block] == first_vertex[block + 1]:
            continue
        _gather(blocks, numbers, distances, block, local)
        for cell in range(512):
            if cell_vertex[block, cell] < 0:
                continue
            z, y, x = cell // 64, cell // 8 % 8, cell % 8
            crossings, sx, sy, sz = 0, 0.0, 0.0, 0.0
            for edge in range(12):
                a, b = _edge(local, z + 1, y + 1, x + 1, edge)
                if (a < 0) == (b < 0):
                    continue
                t = a / (a - b)
                axis, p, q = edge // 4, edge // 2 % 2, edge % 2
                crossings += 1
                sx += t if axis == 0 else q
                sy += t if axis == 1 else (q if axis == 0 else p)
                sz += t if axis == 2 else p
            vertex = first_vertex[block] + cell_vertex[block, cell]
            cell_vertex[block, cell] = vertex
            vertices[vertex, 0] = origin_m[0] + (blocks[block, 0] * 8 + x + sx / crossings) * voxel_m
            vertices[vertex, 1] = origin_m[1] + (blocks[block, 1] * 8 + y + sy / crossings) * voxel_m
            vertices[vertex, 2] = origin_m[2] + (blocks[block, 2] * 8 + z + sz / crossings) * voxel_m


@numba.njit(nogil=True, cache=True)
def _cell_at(blocks, numbers, cell_vertex, block, z, y, x):
    """The vertex of the cell at a position in [-1, 7] of a block, -1 = none."""
    other = numbers[blocks[block, 0] - (x < 0), blocks[block, 1] - (y < 0), blocks[block, 2] - (z < 0)]
    return cell_vertex[other, (z & 7) * 64 + (y & 7) * 8 + (x & 7)] if other >= 0 else -1


@numba.njit(nogil=True, cache=True)
def write_faces(blocks, numbers, distances, begin, end, jump_m, cell_vertex, first_vertex, vertices, first_face, faces):
    """Two triangles around each crossed edge, their front towards free space; with empty `faces`, count only."""
    counting = faces.shape[0] == 0
    local = np.empty((10, 10, 10), np.float32)
    quad = np.empty(4, np.int64)
    for block in range(begin, end):
        if first_vertex[block] == first_vertex[block + 1]:
            continue
        _gather(blocks, numbers, distances, block, local)
        written = 0
        for voxel in range(512):
            z, y, x = voxel // 64, voxel // 8 % 8, voxel % 8
            a = local[z + 1, y + 1, x + 1]
            if np.isnan(a):
                continue
            for axis in range(3):
                b = local[z + 1 + (axis == 2), y + 1 + (axis == 1), x + 1 + (axis == 0)]
                if np.isnan(b) or not _crosses(a, b, jump_m):
                    continue
                complete = True
                for corner in range(4):
                    p, q = (0, 0, 1, 1)[corner], (0, 1, 1, 0)[corner]
                    if axis == 0:
                        dz, dy, dx = q, p, 0
                    elif axis == 1:
                        dz, dy, dx = p, 0, q
                    else:
                        dz, dy, dx = 0, q, p
                    quad[corner] = _cell_at(blocks, numbers, cell_vertex, block, z - dz, y - dy, x - dx)
                    complete = complete and quad[corner] >= 0
                if not complete:
                    continue
                if not counting:
                    _split(quad, a >= 0, vertices, faces, first_face[block] + written)
                written += 2
        if counting:
            first_face[block] = written


@numba.njit(nogil=True, cache=True)
def _split(quad, turned, vertices, faces, row):
    """Cut a quadrilateral along its shorter diagonal."""
    first, second = 0.0, 0.0
    for axis in range(3):
        first += (vertices[quad[0], axis] - vertices[quad[2], axis]) ** 2
        second += (vertices[quad[1], axis] - vertices[quad[3], axis]) ** 2
    start = 0 if first <= second else 1
    for triangle in range(2):
        one, two = quad[(start + 1 + triangle) % 4], quad[(start + 2 + triangle) % 4]
        faces[row + triangle, 0] = quad[start]
        faces[row + triangle, 1] = one if turned else two
        faces[row + triangle, 2] = two if turned else one
