"""The compiled half of gaps to solid boxes: how far the points of a surface are outside, and how many are inside."""

import numba
import numpy as np

from ._gap_kernel import SLACK_M, _insert


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _outside2(x, y, z, rotation, half):
    """Squared distance of a point, relative to a box's centre, to that box."""
    u = max(abs(x * rotation[0, 0] + y * rotation[1, 0] + z * rotation[2, 0]) - half[0], 0.0)
    v = max(abs(x * rotation[0, 1] + y * rotation[1, 1] + z * rotation[2, 1]) - half[1], 0.0)
    w = max(abs(x * rotation[0, 2] + y * rotation[1, 2] + z * rotation[2, 2]) - half[2], 0.0)
    return u * u + v * v + w * w


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _bounds2(block_low, block_high, begin, end, center, rotation, half, bound2):
    """Fills in from below the squared distances of the balls about the blocks [begin, end) to a box; the least one."""
    best = 0
    for j in range(begin, end):
        u, v = (block_high[0, j] - block_low[0, j]) / 2, (block_high[1, j] - block_low[1, j]) / 2
        w = (block_high[2, j] - block_low[2, j]) / 2
        x, y, z = block_low[0, j] + u - center[0], block_low[1, j] + v - center[1], block_low[2, j] + w - center[2]
        radius = np.sqrt(u * u + v * v + w * w) * (1.0 + 1e-12) + SLACK_M
        bound = max(np.sqrt(_outside2(x, y, z, rotation, half)) - radius, 0.0)
        bound2[j - begin] = bound * bound
        if bound2[j - begin] < bound2[best]:
            best = j - begin
    return best


@numba.njit(nogil=True, cache=True, error_model="numpy")
def gaps_to_boxes(points, blocks, surface, center, rotation, half, ranks, gap_m):
    """For each job, the `rank`-th smallest distance of a surface's points to a solid oriented box, 0 within it.

    Args:
        points, blocks: what `sort_into_blocks` gave.
        surface: (J,) surfaces.
        center, rotation, half: (J, 3), (J, 3, 3), (J, 3) boxes; the columns of a rotation are its axes.
        ranks: (J,) 1 to 4.
        gap_m: (J,) filled in.
    """
    first_block, end_block, block_begin, block_low, block_high = blocks
    bound2 = np.empty((end_block - first_block).max())
    for job in range(len(surface)):
        least = np.full(ranks[job], np.inf)
        begin, end = first_block[surface[job]], end_block[surface[job]]
        middle, turned, size = center[job], rotation[job], half[job]
        best = begin + _bounds2(block_low, block_high, begin, end, middle, turned, size, bound2)
        for turn in range(begin - 1, end):
            j = turn if turn >= begin else best
            if turn == best or bound2[j - begin] >= least[-1]:
                continue
            for n in range(block_begin[j], block_begin[j + 1]):
                x, y, z = points[0, n] - middle[0], points[1, n] - middle[1], points[2, n] - middle[2]
                away2 = _outside2(x, y, z, turned, size)
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
