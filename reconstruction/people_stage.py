"""The people of an instant, from what moves: a body is laid into the surface of everyone who is followed.

The estimator `depth`: no picture, no network. Heads are followed from instant to instant (people_heads.py); what moves
below a head and nearer to it than to any other is laid under one body. Which of the followed are one person is said
later, by whole paths (people_paths.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..capture.arrays import RawDepthImage
from ..capture.camera import Camera, CameraRig
from ..capture.frame_reader import FrameReader
from .figure_offsets import as_people_are
from .people_heads import Head, HeadConfig, HeadTracker
from .person_points import PointFitConfig, fit_points
from .person_smoothing import SmoothingConfig
from .pose_prior import SECTORS
from .skeleton import NUM_JOINTS

INSIDE_M = np.array([0.10] * 5 + [0.10] * 2 + [0.07] * 2 + [0.06] * 2 + [0.14] * 2 + [0.09] * 2 + [0.08] * 2)
"""(17,) how deep a joint lies below the surface that a camera sees, at most."""


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """How people get bodies.

    Args:
        estimator: "depth" lays bodies into the measured surface, "none" makes no bodies; any other name is that of an
            estimator that looks at the pictures ("onnx"; see picture_stage.py).
        model: what that estimator looks with: the name of a model; None = the only one that is there.
        min_points: a surface of fewer points says nothing of a body.
        reach_m: what is farther than this from a head, on the ground, is not his.
        thing_m: what has no head of its own is his where it is nearer to his head than this, on the average.
        above_m: nothing so far above a head is his.
        walk_m_s: who walks this fast faces, by one unit of log probability per cosine, where he walks to.
        seen_m: a joint is seen where the depth before it is within its own depth in the body and this.
        heads, fit, smoothing: of the stages.
    """

    estimator: str = "depth"
    model: str | None = None
    min_points: int = 60
    reach_m: float = 0.9
    thing_m: float = 0.45
    above_m: float = 0.05
    walk_m_s: float = 0.25
    seen_m: float = 0.05
    heads: HeadConfig = field(default_factory=HeadConfig)
    fit: PointFitConfig = field(default_factory=PointFitConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)


@dataclass(frozen=True, slots=True, eq=False)
class RawBody:
    """A body before its path is known.

    Args:
        number: that of the head which is followed.
        joints_m: (17, 3) world.
        covariance_m2: (17, 3, 3).
        num_views: (17,) how many cameras saw where the joint is; 0 = nobody could see it.
        source: raw number of the sighting in which most of his surface lies, -1 = none.
    """

    number: int
    joints_m: np.ndarray
    covariance_m2: np.ndarray
    num_views: np.ndarray
    source: int = -1


@dataclass(slots=True)
class PeopleScene:
    """Lays bodies under heads; feed it instants in order with `observe`."""

    config: PeopleConfig
    tracker: HeadTracker = field(init=False)

    def __post_init__(self) -> None:
        self.tracker = HeadTracker(self.config.heads)

    def observe(
        self,
        time_ns: int,
        rig: CameraRig,
        surfaces_m: Mapping[int, tuple[np.ndarray, bool]],
        read_depth: Callable[[str], RawDepthImage | None],
    ) -> list[RawBody]:
        """The bodies of one instant, by the number of the head.

        Args:
            time_ns: the instant, rig clock, later than the one before.
            rig: where the cameras stand.
            surfaces_m: the measured surface (n, 3) of each raw number, and whether a head tops it.
            read_depth: raw depth of a camera at this instant, or None.
        """
        if self.config.estimator == "none" or not surfaces_m:
            return []
        moving = Moving.of(surfaces_m)
        heads = self.tracker.observe(time_ns, moving.points_m)
        owner = moving.owners(np.array([head.top_m for head in heads]).reshape(-1, 3), self.config)
        found = [
            body for row, head in enumerate(heads)
            if (body := self._body(head, moving, owner == row)) is not None
        ]  # fmt: skip
        views = count_views([body.joints_m for body in found], rig, read_depth, self.config) if found else []
        return [replace(body, num_views=seen) for body, seen in zip(found, views, strict=True)]

    def observe_all(
        self,
        times_ns: np.ndarray,
        surfaces_m: Mapping[int, Mapping[int, tuple[np.ndarray, bool]]],
        rig: CameraRig,
        reader: FrameReader,
    ) -> list[tuple[int, RawBody]]:
        """The bodies of a segment, (time_ns, body) in order.

        Args:
            times_ns: (t,) all instants of the recording.
            surfaces_m: of the segment, by time and number; see `observe`.
            rig, reader: where the cameras stand, and their frames.
        """
        rows: list[tuple[int, RawBody]] = []
        for time_ns in sorted(surfaces_m):
            read_depth = reader.at(int(np.searchsorted(times_ns, time_ns)))[0]
            bodies = self.observe(time_ns, rig.at(time_ns), surfaces_m[time_ns], read_depth)
            rows += [(time_ns, body) for body in bodies]
        return rows

    def _body(self, head: Head, moving: Moving, own: np.ndarray) -> RawBody | None:
        points_m = moving.points_m[own]
        if len(points_m) < self.config.min_points:
            return None
        expected = walking(head.facing, head.velocity_m_s, self.config.walk_m_s)
        fit, head.facing = fit_points(points_m, head.top_m, self.config.fit, expected)
        source = int(np.bincount(moving.number[own]).argmax())
        joints_m, covariance_m2 = as_people_are(fit.joints_m, fit.covariance_m2)
        return RawBody(head.number, joints_m, covariance_m2, np.zeros(NUM_JOINTS, np.uint8), source)

    def to_json(self) -> dict[str, Any]:
        """The working state as JSON values, so that a later run can go on exactly from here."""
        return self.tracker.to_json()

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self.tracker.restore(value)


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """The surface of all that moves at an instant.

    Args:
        points_m: (n, 3) float32, world.
        number: (n,) the raw number of the sighting to which each point belongs.
        has_head: (n,) whether a head tops that sighting.
    """

    points_m: np.ndarray
    number: np.ndarray
    has_head: np.ndarray

    @classmethod
    def of(cls, surfaces_m: Mapping[int, tuple[np.ndarray, bool]]) -> Moving:
        """All surfaces by raw number together."""
        items = [(number, *surfaces_m[number]) for number in sorted(surfaces_m)]
        counts = [len(points_m) for _, points_m, _ in items]
        return cls(
            np.concatenate([points_m for _, points_m, _ in items]),
            np.repeat([number for number, _, _ in items], counts), np.repeat([head for _, _, head in items], counts),
        )  # fmt: skip

    def owners(self, tops_m: np.ndarray, config: PeopleConfig) -> np.ndarray:
        """(n,) row of the head (k, 3) under which each point lies, -1 = none."""
        if not len(tops_m):
            return np.full(len(self.points_m), -1)
        away_m = np.linalg.norm(self.points_m[:, None, :2] - tops_m[None, :, :2], axis=2)
        owner = away_m.argmin(axis=1)
        least_m = away_m.min(axis=1)
        count = np.maximum(np.bincount(self.number), 1)
        near = np.bincount(self.number, least_m) / count < config.thing_m
        own = (least_m < config.reach_m) & (self.has_head | near[self.number])
        return np.where(own & (self.points_m[:, 2] < tops_m[owner, 2] + config.above_m), owner, -1)


def walking(facing: np.ndarray | None, velocity_m_s: np.ndarray, walk_m_s: float) -> np.ndarray | None:
    """Log probabilities (24,) of directions, with what is known of somebody who moves: people walk ahead."""
    if not velocity_m_s.any():
        return facing
    angle = 2 * np.pi * np.arange(SECTORS) / SECTORS
    ahead = (np.cos(angle) * velocity_m_s[0] + np.sin(angle) * velocity_m_s[1]) / walk_m_s
    speed_m_s = float(np.linalg.norm(velocity_m_s))
    ahead *= min(1.0, max(0.0, speed_m_s / (2 * walk_m_s) - 0.5))
    return np.clip(ahead, -4.0, 4.0) + (0.0 if facing is None else facing)


def count_views(
    bodies_m: Sequence[np.ndarray],
    rig: CameraRig,
    read_depth: Callable[[str], RawDepthImage | None],
    config: PeopleConfig,
) -> np.ndarray:
    """(k, 17) uint8: how many cameras saw the place of each joint of bodies (k, 17, 3).

    A camera sees it where its ray ends on the body: neither before it, on something in the way, nor anywhere that the
    lens does not reach.
    """
    joints_m = np.stack(bodies_m)
    views = np.zeros(joints_m.shape[:2], np.uint8)
    for name, camera in rig.cameras.items():
        depth_raw = read_depth(name)
        if depth_raw is not None and camera.depth is not None:
            views += _sees(camera, depth_raw, joints_m, config)
    return views


def _sees(camera: Camera, depth_raw: RawDepthImage, joints_m: np.ndarray, config: PeopleConfig) -> np.ndarray:
    assert camera.depth is not None
    local_m = camera.world_from_depth.inverse() @ joints_m
    uv_px = camera.depth.project(local_m)
    inside = camera.depth.contains(uv_px)
    seen = np.zeros(inside.shape, bool)
    column, row = np.rint(uv_px[inside]).astype(int).T
    before_m = local_m[..., 2][inside] - depth_raw[row, column] * camera.depth_unit_m
    deep_m = np.broadcast_to(INSIDE_M, inside.shape)[inside]
    seen[inside] = (depth_raw[row, column] > 0) & (before_m < deep_m + config.seen_m) & (before_m > -config.seen_m)
    return seen
