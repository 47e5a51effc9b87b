"""From pairs of cameras to one rig: the best spanning tree, and what is missing where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ..geometry import SE3
from .pair_poses import PairPose


@dataclass(frozen=True, slots=True, eq=False)
class SpanningTree:
    """Cameras that hang together.

    Args:
        root: the camera that the poses are relative to: the one with the most weight to others.
        root_from_camera: pose by camera number, only of the connected ones.
        edges: pairs of camera numbers that the poses went through.
        groups: all cameras by group of connected ones, the group of the root first.
    """

    root: int
    root_from_camera: Mapping[int, SE3]
    edges: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, ...], ...]


def spanning_tree(num_cameras: int, pairs: Sequence[PairPose]) -> SpanningTree:
    """The tree of the largest group that maximises the smallest and the total weight of its pairs (Kruskal 1956).

    Args:
        num_cameras: cameras are numbered from 0.
        pairs: those with weight 0 connect nobody.
    """
    weight = np.zeros((num_cameras, num_cameras))
    by_pair = {}
    for pair in pairs:
        weight[pair.first, pair.second] = weight[pair.second, pair.first] = pair.weight
        by_pair[pair.first, pair.second] = pair.first_from_second
        by_pair[pair.second, pair.first] = pair.first_from_second.inverse()
    cost = np.where(weight > 0, 1 / np.where(weight > 0, weight, 1.0), 0.0)
    count, label = connected_components(csr_matrix(cost), directed=False)
    groups = [tuple(int(i) for i in np.flatnonzero(label == index)) for index in range(count)]
    groups.sort(key=lambda group: (-len(group), -weight[list(group)].sum(), group))
    root = max(groups[0], key=lambda camera: (weight[camera].sum(), -camera))
    tree = minimum_spanning_tree(csr_matrix(cost))
    order, parent = breadth_first_order(tree, root, directed=False)
    poses, edges = {root: SE3.identity()}, []
    for camera in (int(index) for index in order[1:]):
        above = int(parent[camera])
        poses[camera] = poses[above] @ by_pair[above, camera]
        edges.append((min(above, camera), max(above, camera)))
    return SpanningTree(root, poses, tuple(sorted(edges)), tuple(groups))
