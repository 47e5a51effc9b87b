"""Colour and depth that were stamped one by one become frames: each image with the nearest one of the other kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ALONE = -1
SHARE_OF_STEP = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class StreamPairs:
    """Frames of colour, depth or both, in the order of time.

    Args:
        color, depth: (t,) int64 position in either stream, ALONE where a frame has none.
        apart_ns: (t,) int64 colour minus depth stamp, 0 where one is alone.
    """

    color: np.ndarray
    depth: np.ndarray
    apart_ns: np.ndarray

    @property
    def worst_ns(self) -> int:
        """The largest distance of two images that are taken as one frame."""
        return int(np.abs(self.apart_ns).max(initial=0))


def pair_streams(color_ns: np.ndarray, depth_ns: np.ndarray, within_ns: int | None = None) -> StreamPairs:
    """Pair images that are mutually nearest in time.

    Args:
        color_ns, depth_ns: (c,) and (d,) int64 stamps, ascending; either may be empty.
        within_ns: how far two images of a pair may lie apart; None = half the usual step of the faster stream.
    """
    if within_ns is None:
        steps = [np.median(np.diff(times)) for times in (color_ns, depth_ns) if len(times) > 1]
        within_ns = int(SHARE_OF_STEP * min(steps)) if steps else 50_000_000
    color, depth = np.arange(len(color_ns)), np.full(len(color_ns), ALONE)
    if len(color_ns) and len(depth_ns):
        nearest_depth, nearest_color = _nearest(color_ns, depth_ns), _nearest(depth_ns, color_ns)
        mutual = nearest_color[nearest_depth] == color
        near = np.abs(color_ns - depth_ns[nearest_depth]) <= within_ns
        depth = np.where(mutual & near, nearest_depth, ALONE)
    left = np.setdiff1d(np.arange(len(depth_ns)), depth)
    color = np.concatenate([color, np.full(len(left), ALONE)]).astype(np.int64)
    depth = np.concatenate([depth, left]).astype(np.int64)
    both = (color != ALONE) & (depth != ALONE)
    apart_ns = np.zeros(len(color), dtype=np.int64)
    apart_ns[both] = color_ns[color[both]] - depth_ns[depth[both]]
    times_ns = np.zeros(len(color), dtype=np.int64)
    times_ns[color != ALONE] = color_ns[color[color != ALONE]]
    times_ns[depth != ALONE] = depth_ns[depth[depth != ALONE]]
    order = np.lexsort((color, times_ns))
    return StreamPairs(color[order], depth[order], apart_ns[order])


def _nearest(times_ns: np.ndarray, others_ns: np.ndarray) -> np.ndarray:
    """(t,) position of the nearest of `others_ns` for each time; of two that are as near, the earlier."""
    after = np.clip(np.searchsorted(others_ns, times_ns), 1, max(1, len(others_ns) - 1))
    if len(others_ns) == 1:
        return np.zeros(len(times_ns), dtype=np.int64)
    before = after - 1
    return np.where(times_ns - others_ns[before] <= others_ns[after] - times_ns, before, after)
