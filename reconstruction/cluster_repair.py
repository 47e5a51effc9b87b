"""Repairs of clusters by what is known of the things that are followed: merged ones are divided, loose parts joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .clusters import Cluster, find_heads
from .follower import Follower, TrackingConfig
from .moving_points import MovingPoints

RECENT_S = 0.5


def divide_merged(clusters: Sequence[Cluster], followers: Sequence[Follower], config: TrackingConfig) -> list[Cluster]:
    """Divide clusters in which several confirmed followers are expected, each point going to the nearest of them.

    Only followers that were measured a moment ago count, so that a thing that is gone takes no part of another. The
    distance to a follower is that to its upright box, shrunk to half, so that wide and narrow things share fairly.
    """
    recent_ns = RECENT_S * 1e9
    confirmed = [f for f in followers if f.hits >= config.confirm_hits and f.misses_ns <= recent_ns]
    home: dict[int, list[Follower]] = {}
    for follower in confirmed:
        distances = [_box_distance_m(cluster, follower.mean[:2]) for cluster in clusters]
        if distances and min(distances) < 0.1:
            home.setdefault(int(np.argmin(distances)), []).append(follower)
    divided: list[Cluster] = []
    for position, cluster in enumerate(clusters):
        guests = home.get(position, [])
        divided += _divide(cluster, guests) if len(guests) > 1 else [cluster]
    return divided


def _box_distance_m(cluster: Cluster, xy_m: np.ndarray) -> float:
    outside = np.maximum(np.maximum(cluster.low_m[:2] - xy_m, xy_m - cluster.high_m[:2]), 0)
    return float(np.linalg.norm(outside))


def _divide(cluster: Cluster, guests: Sequence[Follower]) -> list[Cluster]:
    points_m = cluster.points.points_m
    distance_m = np.stack([_shrunk_box_distance_m(points_m, guest) for guest in guests])
    owner = distance_m.argmin(axis=0)
    parts = [cluster.points.take(owner == k) for k in range(len(guests))]
    whole = [part for part in parts if len(part.points_m) >= 20]
    return [Cluster.of(part, len(find_heads(part)) > 0) for part in whole] if len(whole) == len(parts) else [cluster]


def _shrunk_box_distance_m(points_m: np.ndarray, guest: Follower) -> np.ndarray:
    away = np.abs(points_m[:, :2] - guest.mean[:2]) - guest.extent_m[:2] / 4
    above = np.maximum(points_m[:, 2] - (guest.center_z_m + guest.extent_m[2] / 2), 0)
    flat = np.linalg.norm(np.maximum(away, 0), axis=1)
    inner = np.minimum(away.max(axis=1), 0)
    return flat + inner + above


def join_fragments(
    clusters: Sequence[Cluster], matches: Mapping[int, int], config: TrackingConfig
) -> tuple[list[Cluster], dict[int, int]]:
    """Join small clusters that no follower claims to the cluster beside them, a person's first.

    Returns:
        The clusters, and the matches renumbered to them.
    """
    claimed = set(matches.values())
    hosts: dict[int, int] = {}
    for small, cluster in enumerate(clusters):
        if small in claimed or cluster.has_head or cluster.area_m2 > config.fragment_area_m2:
            continue
        near = [
            (not other.has_head, _boxes_apart_m(cluster, other), k) for k, other in enumerate(clusters) if k != small
        ]
        near = [
            entry
            for entry in near
            if entry[1] <= config.fragment_reach_m and clusters[entry[2]].area_m2 > cluster.area_m2
        ]
        if near:
            hosts[small] = min(near)[2]
    whole = list(clusters)
    for small in sorted(hosts, key=lambda k: clusters[k].area_m2):
        host = hosts[small]
        whole[host] = Cluster.of(MovingPoints.join([whole[host].points, whole[small].points]), whole[host].has_head)
    kept = [k for k in range(len(clusters)) if k not in hosts]
    return [whole[k] for k in kept], {row: kept.index(k) for row, k in matches.items()}


def _boxes_apart_m(a: Cluster, b: Cluster) -> float:
    """Horizontal distance between the boxes of two clusters, 0 where they overlap."""
    apart = np.maximum(np.maximum(a.low_m[:2] - b.high_m[:2], b.low_m[:2] - a.high_m[:2]), 0)
    return float(np.linalg.norm(apart))


def complete_rigid(
    clusters: Sequence[Cluster], matches: Mapping[int, int], followers: Sequence[Follower], config: TrackingConfig
) -> list[Cluster]:
    """Give rigid things their whole box, and what other clusters hold of it.

    A rigid thing does not shrink: where less of it is seen than before, the rest is hidden. Its box is the remembered
    one, laid so that it holds what is seen and is nearest to where the thing is expected. Points of another cluster
    inside that box (a handle, taken for a part of the hands on it) are the thing's.
    """
    whole = list(clusters)
    for position, chosen in matches.items():
        follower = followers[position]
        if not follower.is_rigid or follower.hits < config.confirm_hits or whole[chosen].has_head:
            continue
        low_m, high_m = _remembered_box(follower, whole[chosen])
        parts = [whole[chosen].points]
        for other, cluster in enumerate(whole):
            inside = np.all((cluster.points.points_m > low_m) & (cluster.points.points_m < high_m), axis=1)
            if other != chosen and 0 < inside.sum() < len(inside) / 2:
                parts.append(cluster.points.take(inside))
                whole[other] = Cluster.of(cluster.points.take(~inside), cluster.has_head)
        points = MovingPoints.join(parts)
        whole[chosen] = Cluster(points, low_m, high_m, float(points.area_m2.sum()))
    return whole


def _remembered_box(follower: Follower, cluster: Cluster) -> tuple[np.ndarray, np.ndarray]:
    extent_m = np.maximum(follower.shape_m, cluster.extent_m)
    expected_m = np.array([*follower.mean[:2], cluster.center_m[2]])
    center_m = np.clip(expected_m, cluster.high_m - extent_m / 2, cluster.low_m + extent_m / 2)
    center_m[2], extent_m[2] = cluster.center_m[2], cluster.extent_m[2]
    return center_m - extent_m / 2, center_m + extent_m / 2
