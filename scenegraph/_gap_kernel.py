"""The compiled half of gaps: points of surfaces in blocks, and searches that skip the blocks that are too far."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic

#: About so many points to a cell of the grid that the blocks come from, and at most so many cells to a surface.
POINTS_PER_CELL, MOST_CELLS = 16, 400
THINNEST_M = 0.05
#: Points are searched so many at a time; what is missing to a multiple is filled up with points out of reach.
LANES, OUT_OF_REACH_M = 16, 1e150
#: How far a direction's arithmetic may be off, many times over: blocks are skipped with that much to spare.
SLACK_M = 1e-9
FINITE = {"nnan", "nsz"}


def _pick(order: str) -> Callable[..., Any]:
    """A function (a, b) that picks one by their order. Of Python's own min and max LLVM makes no vector code."""

    def pick(typingctx, a, b):
        def build(context, builder, signature, args):
            flags = ("nnan", "nsz")
            first = builder.fcmp_ordered(order, args[0], args[1], flags=flags)
            return builder.select(first, args[0], args[1], flags=flags)

        return a(a, b), build

    return intrinsic(pick)


_lesser, _greater = _pick("<"), _pick(">")


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sort_into_blocks(rows, begin, end, low, high):
    """Orders the points of each surface by cells of a grid of its own; a cell that holds any is a block.

    Args:
        rows: (N, 3) points, surface by surface.
        begin, end: (S,) which points are whose; fewer than one is no surface.
        low, high: (S, 3) filled with the corners of each surface's box.

    Returns:
        (3, N) the points in their new order, then the blocks: (S,) first block and (S,) end of the blocks of each
        surface; (B + 1,) first point of each block, then (3, B) twice, the corners of their boxes.
    """
    first_block, end_block = np.zeros(len(begin), np.int64), np.zeros(len(begin), np.int64)
    room = 0
    for s in range(len(begin)):
        room += min(end[s] - begin[s], 2 * MOST_CELLS + 8)
    points, block_begin = np.empty((3, len(rows))), np.zeros(room + 1, np.int64)
    block_low, block_high = np.empty((3, room)), np.empty((3, room))
    cell_of = np.empty(max(1, (end - begin).max()), np.int64)
    own = np.empty((3, len(cell_of)))
    counts = np.empty(2 * MOST_CELLS + 9, np.int64)
    number = 0
    for s in range(len(begin)):
        first_block[s] = number
        first, count = begin[s], end[s] - begin[s]
        if count > 0:
            for n in range(count):
                own[0, n], own[1, n], own[2, n] = rows[first + n, 0], rows[first + n, 1], rows[first + n, 2]
            for c in range(3):
                low[s, c], high[s, c] = _range(own[c], count)
            nx, ny, nz, per_m = _grid(low[s], high[s], count)
            counts[: nx * ny * nz + 1] = 0
            _cells(own, count, low[s, 0], low[s, 1], low[s, 2], nx, ny, nz, per_m, cell_of)
            for n in range(count):
                counts[cell_of[n] + 1] += 1
            for cell in range(nx * ny * nz):
                if counts[cell + 1] > 0:
                    block_begin[number] = first + counts[cell]
                    number += 1
                counts[cell + 1] += counts[cell]
            for n in range(count):
                place = first + counts[cell_of[n]]
                counts[cell_of[n]] += 1
                points[0, place], points[1, place], points[2, place] = own[0, n], own[1, n], own[2, n]
        end_block[s] = number
        block_begin[number] = end[s] if count > 0 else block_begin[number]
        for b in range(first_block[s], number):
            _box_of_block(points, block_begin[b], block_begin[b + 1], block_low, block_high, b)
    blocks = first_block, end_block, block_begin[: number + 1], block_low[:, :number], block_high[:, :number]
    return points, blocks


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FINITE)
def _range(values, count):
    low, high = values[0], values[0]
    for n in range(count):
        low, high = _lesser(low, values[n]), _greater(high, values[n])
    return low, high


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _cells(own, count, low_x, low_y, low_z, nx, ny, nz, per_m, cell_of):
    for n in range(count):
        x = min(int((own[0, n] - low_x) * per_m), nx - 1)
        y = min(int((own[1, n] - low_y) * per_m), ny - 1)
        z = min(int((own[2, n] - low_z) * per_m), nz - 1)
        cell_of[n] = (x * ny + y) * nz + z


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _box_of_block(points, begin, end, block_low, block_high, b):
    low_x, low_y, low_z = points[0, begin], points[1, begin], points[2, begin]
    high_x, high_y, high_z = low_x, low_y, low_z
    for n in range(begin + 1, end):
        x, y, z = points[0, n], points[1, n], points[2, n]
        low_x, low_y, low_z = _lesser(low_x, x), _lesser(low_y, y), _lesser(low_z, z)
        high_x, high_y, high_z = _greater(high_x, x), _greater(high_y, y), _greater(high_z, z)
    block_low[0, b], block_low[1, b], block_low[2, b] = low_x, low_y, low_z
    block_high[0, b], block_high[1, b], block_high[2, b] = high_x, high_y, high_z


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


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FINITE)
def _boxes_apart2(low, high, block_low, block_high, begin, end, apart2):
    """Fills in the squared distances from one box to those of the blocks [begin, end), counted from 0."""
    low_x, low_y, low_z = low[0], low[1], low[2]
    high_x, high_y, high_z = high[0], high[1], high[2]
    for j in range(begin, end):
        x = _greater(_greater(low_x - block_high[0, j], block_low[0, j] - high_x), 0.0)
        y = _greater(_greater(low_y - block_high[1, j], block_low[1, j] - high_y), 0.0)
        z = _greater(_greater(low_z - block_high[2, j], block_low[2, j] - high_z), 0.0)
        apart2[j - begin] = x * x + y * y + z * z


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FINITE)
def _nearest2(points, x, y, z, begin, end, nearest2):
    """The squared distance from a place to the nearest of the points [begin, end), or what it was if less."""
    for n in range(begin, end):
        dx, dy, dz = points[0, n] - x, points[1, n] - y, points[2, n] - z
        nearest2 = _lesser(nearest2, dx * dx + dy * dy + dz * dz)
    return nearest2


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FINITE)
def _reaches(direction, low, high, begin, end, reach):
    """Fills in how far the boxes of the blocks [begin, end) reach along a direction, and returns the farthest."""
    dx, dy, dz = direction[0], direction[1], direction[2]
    farthest = -np.inf
    for j in range(begin, end):
        x, y = _greater(dx * low[0, j], dx * high[0, j]), _greater(dy * low[1, j], dy * high[1, j])
        reach[j - begin] = x + y + _greater(dz * low[2, j], dz * high[2, j])
        farthest = _greater(farthest, reach[j - begin])
    return farthest


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _insert(least, value):
    """Puts a value among the least ones, in order; the last is dropped."""
    place = len(least) - 1
    while place > 0 and least[place - 1] > value:
        least[place] = least[place - 1]
        place -= 1
    least[place] = value


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _shelved(points, begin, end, shelf, count):
    """Lays the points [begin, end) behind the `count` that are on the shelf, and returns how many that makes."""
    for n in range(end - begin):
        shelf[0, count + n], shelf[1, count + n] = points[0, begin + n], points[1, begin + n]
        shelf[2, count + n] = points[2, begin + n]
    return count + end - begin


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _search(points, begin, end, shelf, count, least):
    """Puts the distances of the points [begin, end) to the nearest on the shelf among the least ones."""
    while count % LANES:
        shelf[0, count] = OUT_OF_REACH_M
        count += 1
    for n in range(begin, end):
        nearest2 = _nearest2(shelf, points[0, n], points[1, n], points[2, n], 0, count, np.inf)
        if nearest2 < least[-1]:
            _insert(least, nearest2)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _block_at(block, block_low, block_high, low, high):
    """Copies the box of a block."""
    for c in range(3):
        low[c], high[c] = block_low[c, block], block_high[c, block]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _near_blocks(first, second, low, high, block_low, block_high, apart2):
    """A block of a surface and one of another that lie near each other: from one to the nearest, and back, twice.

    Args:
        first, second: (begin, end) of the blocks of both.
        low, high: (3,) twice, the box of the second; overwritten.
        block_low, block_high: of all blocks.
        apart2: room.
    """
    middle = (low + high) / 2
    _boxes_apart2(middle, middle, block_low, block_high, first[0], first[1], apart2)
    i = first[0] + np.argmin(apart2[: first[1] - first[0]])
    j = second[0]
    for _ in range(2):
        _block_at(i, block_low, block_high, low, high)
        _boxes_apart2(low, high, block_low, block_high, second[0], second[1], apart2)
        j = second[0] + np.argmin(apart2[: second[1] - second[0]])
        _block_at(j, block_low, block_high, low, high)
        _boxes_apart2(low, high, block_low, block_high, first[0], first[1], apart2)
        i = first[0] + np.argmin(apart2[: first[1] - first[0]])
    return i, j


@numba.njit(nogil=True, cache=True, error_model="numpy")
def gaps_between(points, blocks, low, high, first, second, ranks, gap_m):
    """For each job, the `rank`-th smallest distance of the points of one surface to those of another.

    Two near blocks bound it from above. What is left of each surface are the blocks within that bound of the other's
    box, and of its foremost point along the direction from block to block: of things side by side only what faces.

    Args:
        points, blocks: what `sort_into_blocks` gave.
        low, high: (S, 3) boxes of the surfaces.
        first, second: (J,) surfaces; over the points of the first.
        ranks: (J,) 1 to 4.
        gap_m: (J,) filled in.
    """
    first_block, end_block, block_begin, block_low, block_high = blocks
    most = (end_block - first_block).max()
    bound2, apart2, reach_a, reach_b = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    near, near_low, near_high = np.empty(most, np.int64), np.empty((3, most)), np.empty((3, most))
    size = block_begin[end_block] - block_begin[first_block]
    shelf, box_low, box_high = np.zeros((3, size.max() + LANES)), np.empty(3), np.empty(3)
    for job in range(len(first)):
        a, b = first[job], second[job]
        a0, a1, b0, b1 = first_block[a], end_block[a], first_block[b], end_block[b]
        least = np.full(ranks[job], np.inf)
        box_low[:], box_high[:] = low[b], high[b]
        start, other = _near_blocks((a0, a1), (b0, b1), box_low, box_high, block_low, block_high, apart2)
        count = _shelved(points, block_begin[other], block_begin[other + 1], shelf, 0)
        _search(points, block_begin[start], block_begin[start + 1], shelf, count, least)
        most2 = least[-1] * (1.0 + 1e-12) + 1e-300
        way = block_low[:, other] + block_high[:, other] - block_low[:, start] - block_high[:, start]
        way /= np.sqrt(np.sum(way * way)) + 1e-300
        farthest_a = _reaches(way, block_low, block_high, a0, a1, reach_a)
        farthest_b = _reaches(-way, block_low, block_high, b0, b1, reach_b)
        _boxes_apart2(low[a], high[a], block_low, block_high, b0, b1, apart2)
        num_near, reach_m = 0, np.sqrt(most2) + SLACK_M
        for j in range(b1 - b0):
            if apart2[j] < most2 and -reach_b[j] - farthest_a < reach_m:
                _block_at(b0 + j, block_low, block_high, near_low[:, num_near], near_high[:, num_near])
                near[num_near] = b0 + j
                num_near += 1
        _boxes_apart2(low[b], high[b], block_low, block_high, a0, a1, bound2)
        least[:] = np.inf
        for turn in range(-1, a1 - a0):
            i = start - a0 if turn < 0 else turn
            again = turn == start - a0
            if again or bound2[i] >= most2 or -farthest_b - reach_a[i] >= np.sqrt(most2) + SLACK_M:
                continue
            _block_at(a0 + i, block_low, block_high, box_low, box_high)
            _boxes_apart2(box_low, box_high, near_low, near_high, 0, num_near, apart2)
            count = 0
            for k in range(num_near):
                if apart2[k] < most2:
                    count = _shelved(points, block_begin[near[k]], block_begin[near[k] + 1], shelf, count)
            _search(points, block_begin[a0 + i], block_begin[a0 + i + 1], shelf, count, least)
            most2 = min(most2, least[-1])
        gap_m[job] = np.sqrt(least[-1])


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
