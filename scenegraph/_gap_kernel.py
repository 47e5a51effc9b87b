"""The compiled half of gaps: points of surfaces in blocks, and searches that skip the blocks that are too far."""

import numba
import numpy as np

#: About so many points to a cell of the grid that the blocks come from, and at most so many cells to a surface.
POINTS_PER_CELL, MOST_CELLS = 10, 400
THINNEST_M = 0.05
MOST_RANK = 4


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sort_into_blocks(points, begin, end, low, high):
    """Orders the points of each surface by cells of a grid of its own; a cell that holds any is a block.

    Args:
        points: (3, N), reordered in place, surface by surface.
        begin, end: (S,) which points are whose; fewer than one is no surface.
        low, high: (S, 3) filled with the corners of each surface's box.

    Returns:
        (S,) first block and (S,) end of the blocks of each surface; (B + 1,) first point of each block, then (3, B)
        twice, the corners of their boxes.
    """
    first_block, end_block = np.zeros(len(begin), np.int64), np.zeros(len(begin), np.int64)
    room = 0
    for s in range(len(begin)):
        room += min(end[s] - begin[s], 2 * MOST_CELLS + 8)
    block_begin = np.zeros(room + 1, np.int64)
    block_low, block_high = np.empty((3, room)), np.empty((3, room))
    cell_of = np.empty(max(1, (end - begin).max()), np.int64)
    copy = np.empty((3, len(cell_of)))
    counts = np.empty(2 * MOST_CELLS + 9, np.int64)
    number = 0
    for s in range(len(begin)):
        first_block[s] = number
        first, count = begin[s], end[s] - begin[s]
        if count > 0:
            own = points[:, first : first + count]
            for c in range(3):
                low[s, c], high[s, c] = _range(points[c], first, end[s])
            nx, ny, nz, per_m = _grid(low[s], high[s], count)
            counts[: nx * ny * nz + 1] = 0
            for n in range(count):
                x = min(int((own[0, n] - low[s, 0]) * per_m), nx - 1)
                y = min(int((own[1, n] - low[s, 1]) * per_m), ny - 1)
                z = min(int((own[2, n] - low[s, 2]) * per_m), nz - 1)
                cell_of[n] = (x * ny + y) * nz + z
                counts[cell_of[n] + 1] += 1
                copy[0, n], copy[1, n], copy[2, n] = own[0, n], own[1, n], own[2, n]
            for cell in range(nx * ny * nz):
                if counts[cell + 1] > 0:
                    block_begin[number] = first + counts[cell]
                    number += 1
                counts[cell + 1] += counts[cell]
            for n in range(count):
                place = counts[cell_of[n]]
                counts[cell_of[n]] += 1
                own[0, place], own[1, place], own[2, place] = copy[0, n], copy[1, n], copy[2, n]
        end_block[s] = number
        block_begin[number] = end[s] if count > 0 else block_begin[number]
        for b in range(first_block[s], number):
            for c in range(3):
                block_low[c, b], block_high[c, b] = _range(points[c], block_begin[b], block_begin[b + 1])
    return first_block, end_block, block_begin[: number + 1], block_low[:, :number], block_high[:, :number]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _range(values, begin, end):
    low, high = values[begin], values[begin]
    for n in range(begin + 1, end):
        low, high = min(low, values[n]), max(high, values[n])
    return low, high


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _grid(low, high, count):
    """How many cells of a grid along each axis, and how many of them to the metre."""
    cells = min(max(count / POINTS_PER_CELL, 1.0), MOST_CELLS)
    size = np.empty(3)
    for c in range(3):
        size[c] = max(high[c] - low[c], THINNEST_M)
    per_m = (cells / (size[0] * size[1] * size[2])) ** (1.0 / 3.0)
    while True:
        nx, ny, nz = (max(1, int(size[0] * per_m)), max(1, int(size[1] * per_m)), max(1, int(size[2] * per_m)))
        if nx * ny * nz <= 2 * MOST_CELLS:
            return nx, ny, nz, per_m
        per_m *= 0.8


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _boxes_apart2(low, high, block_low, block_high, begin, end, apart2):
    """Fills in the squared distances from one box to those of the blocks [begin, end), counted from 0."""
    low_x, low_y, low_z = low[0], low[1], low[2]
    high_x, high_y, high_z = high[0], high[1], high[2]
    for j in range(begin, end):
        x = max(low_x - block_high[0, j], block_low[0, j] - high_x, 0.0)
        y = max(low_y - block_high[1, j], block_low[1, j] - high_y, 0.0)
        z = max(low_z - block_high[2, j], block_low[2, j] - high_z, 0.0)
        apart2[j - begin] = x * x + y * y + z * z


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _nearest2(points, x, y, z, begin, end, nearest2):
    """The squared distance from a place to the nearest of the points [begin, end), or what it was if less."""
    for n in range(begin, end):
        dx, dy, dz = points[0, n] - x, points[1, n] - y, points[2, n] - z
        nearest2 = min(nearest2, dx * dx + dy * dy + dz * dz)
    return nearest2


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _insert(least, value):
    """Puts a value among the least ones, in order; the last is dropped."""
    place = len(least) - 1
    while place > 0 and least[place - 1] > value:
        least[place] = least[place - 1]
        place -= 1
    least[place] = value


@numba.njit(nogil=True, cache=True, error_model="numpy")
def gaps_between(points, blocks, low, high, first, second, ranks, gap_m):
    """For each job, the `rank`-th smallest distance of the points of one surface to those of another.

    Args:
        points: (3, N) in blocks.
        blocks: what `sort_into_blocks` gave.
        low, high: (S, 3) boxes of the surfaces.
        first, second: (J,) surfaces; over the points of the first.
        ranks: (J,) 1 to 4.
        gap_m: (J,) filled in.
    """
    first_block, end_block, block_begin, block_low, block_high = blocks
    most = (end_block - first_block).max()
    bound2, apart2, near, near2 = np.empty(most), np.empty(most), np.empty(most, np.int64), np.empty(most)
    own_low, own_high, place = np.empty(3), np.empty(3), np.empty(3)
    for job in range(len(first)):
        a, b = first[job], second[job]
        least = np.full(ranks[job], np.inf)
        count = end_block[a] - first_block[a]
        _boxes_apart2(low[b], high[b], block_low, block_high, first_block[a], end_block[a], bound2)
        for number in np.argsort(bound2[:count]):
            if bound2[number] >= least[-1]:
                break
            i = first_block[a] + number
            own_low[:], own_high[:] = block_low[:, i], block_high[:, i]
            _boxes_apart2(own_low, own_high, block_low, block_high, first_block[b], end_block[b], apart2)
            num_near = 0
            for j in range(end_block[b] - first_block[b]):
                if apart2[j] < least[-1]:
                    near[num_near], near2[num_near] = first_block[b] + j, apart2[j]
                    num_near += 1
                    if apart2[j] < near2[0]:
                        near[0], near[num_near - 1] = near[num_near - 1], near[0]
                        near2[0], near2[num_near - 1] = near2[num_near - 1], near2[0]
            for n in range(block_begin[i], block_begin[i + 1]):
                place[:] = points[:, n]
                nearest2 = least[-1]
                for k in range(num_near):
                    j = near[k]
                    if near2[k] < nearest2 and _box_away2(place, block_low, block_high, j) < nearest2:
                        nearest2 = _nearest2(
                            points, place[0], place[1], place[2], block_begin[j], block_begin[j + 1], nearest2
                        )  # fmt: skip
                if nearest2 < least[-1]:
                    _insert(least, nearest2)
        gap_m[job] = np.sqrt(least[-1])


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _box_away2(place, block_low, block_high, j):
    total = 0.0
    for c in range(3):
        out = max(block_low[c, j] - place[c], place[c] - block_high[c, j], 0.0)
        total += out * out
    return total


@numba.njit(nogil=True, cache=True, error_model="numpy")
def distances_to(points, blocks, surface, probe, distance_m):
    """For each job, from a point (J, 3) to the nearest point of a surface (J,)."""
    first_block, end_block, block_begin, block_low, block_high = blocks
    apart2 = np.empty((end_block - first_block).max())
    for job in range(len(surface)):
        begin, end = first_block[surface[job]], end_block[surface[job]]
        _boxes_apart2(probe[job], probe[job], block_low, block_high, begin, end, apart2)
        best, nearest2 = np.argmin(apart2[: end - begin]), np.inf
        for turn in range(begin - 1, end):
            j = turn if turn >= begin else begin + best
            if apart2[j - begin] < nearest2:
                nearest2 = _nearest2(
                    points, probe[job, 0], probe[job, 1], probe[job, 2], block_begin[j], block_begin[j + 1], nearest2
                )  # fmt: skip
        distance_m[job] = np.sqrt(nearest2)


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _outside2(x, y, z, rotation, half):
    """Squared distance of a point, relative to a box's centre, to that box."""
    total = 0.0
    for c in range(3):
        out = abs(x * rotation[0, c] + y * rotation[1, c] + z * rotation[2, c]) - half[c]
        if out > 0.0:
            total += out * out
    return total


@numba.njit(nogil=True, cache=True, error_model="numpy")
def gaps_to_boxes(points, blocks, surface, center, rotation, half, ranks, gap_m):
    """For each job, the `rank`-th smallest distance of a surface's points to a solid oriented box, 0 within it.

    Args:
        points: (3, N) in blocks.
        blocks: what `sort_into_blocks` gave.
        surface: (J,) surfaces.
        center, rotation, half: (J, 3), (J, 3, 3), (J, 3) boxes; the columns of a rotation are its axes.
        ranks: (J,) 1 to 4.
        gap_m: (J,) filled in.
    """
    first_block, end_block, block_begin, block_low, block_high = blocks
    most = (end_block - first_block).max()
    bound = np.empty(most)
    for job in range(len(surface)):
        least = np.full(ranks[job], np.inf)
        first, count = first_block[surface[job]], end_block[surface[job]] - first_block[surface[job]]
        for place in range(count):
            middle = (block_low[:, first + place] + block_high[:, first + place]) / 2
            reach = np.sqrt(np.sum((block_high[:, first + place] - middle) ** 2))
            x, y, z = middle - center[job]
            bound[place] = max(0.0, np.sqrt(_outside2(x, y, z, rotation[job], half[job])) - reach * (1.0 + 1e-12))
        for place in np.argsort(bound[:count]):
            if bound[place] * bound[place] >= least[-1]:
                break
            for n in range(block_begin[first + place], block_begin[first + place + 1]):
                x, y, z = points[0, n] - center[job, 0], points[1, n] - center[job, 1], points[2, n] - center[job, 2]
                away2 = _outside2(x, y, z, rotation[job], half[job])
                if away2 < least[-1]:
                    _insert(least, away2)
        gap_m[job] = np.sqrt(least[-1])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def shares_inside(points, begin, end, surface, center, rotation, half, share):
    """For each job, the share of a surface's points that lie in an oriented box, its faces included."""
    for job in range(len(surface)):
        first, last, inside = begin[surface[job]], end[surface[job]], 0
        for n in range(first, last):
            x, y, z = points[0, n] - center[job, 0], points[1, n] - center[job, 1], points[2, n] - center[job, 2]
            inside += _outside2(x, y, z, rotation[job], half[job]) == 0.0
        share[job] = inside / (last - first)
