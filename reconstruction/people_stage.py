"""The people of an instant, from what moves: a body is laid into the surface of everyone who is followed.

The estimator `depth`: no picture, no network. What it finds goes by the raw number of what is followed, so that a body
and its track are one identity from the start; which numbers are people is said later, by the whole track.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..capture.arrays import RawDepthImage
from ..capture.camera import Camera, CameraRig
from ..capture.frame_reader import FrameReader
from .person_points import PointFitConfig, fit_points
from .person_smoothing import SmoothingConfig
from .skeleton import JOINT, NUM_JOINTS

HEAD_SHARE = 0.4
EARS = [JOINT["left_ear"], JOINT["right_ear"]]
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
        crown_m: the top of the head is what lies so far below the highest point ...
        crown_reach_m: ... and so near, on the ground, to where the head was.
        ears_below_m: the ears are so far below the top of the head.
        seen_m: a joint is seen where the depth before it is within its own depth in the body and this.
        fit, smoothing: of the stages.
    """

    estimator: str = "depth"
    model: str | None = None
    min_points: int = 60
    crown_m: float = 0.12
    crown_reach_m: float = 0.3
    ears_below_m: float = 0.13
    seen_m: float = 0.05
    fit: PointFitConfig = field(default_factory=PointFitConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)


@dataclass(frozen=True, slots=True, eq=False)
class RawBody:
    """A body before its path is known.

    Args:
        number: the raw number of what is followed.
        joints_m: (17, 3) world.
        covariance_m2: (17, 3, 3).
        num_views: (17,) how many cameras saw where the joint is; 0 = nobody could see it.
    """

    number: int
    joints_m: np.ndarray
    covariance_m2: np.ndarray
    num_views: np.ndarray


@dataclass(slots=True)
class Acquaintance:
    """What is remembered of somebody from instant to instant (working state).

    Args:
        hits, heads: at how many instants he was measured, and showed a head.
        head_m: (3,) the top of his head.
        facing: (24,) log probability of facing in each direction of the pose prior; None = not known.
        is_fresh: he was measured since the state was last written down.
    """

    hits: int = 0
    heads: int = 0
    head_m: np.ndarray | None = None
    facing: np.ndarray | None = None
    is_fresh: bool = False

    @property
    def is_person(self) -> bool:
        """Whether he showed a head often enough."""
        return self.heads >= HEAD_SHARE * self.hits


@dataclass(slots=True)
class PeopleScene:
    """Lays bodies into whoever is followed; feed it instants in order with `observe`."""

    config: PeopleConfig
    known: dict[int, Acquaintance] = field(default_factory=dict)

    def observe(
        self,
        rig: CameraRig,
        surfaces_m: Mapping[int, tuple[np.ndarray, bool]],
        read_depth: Callable[[str], RawDepthImage | None],
    ) -> list[RawBody]:
        """The bodies of one instant, by raw number.

        Args:
            rig: where the cameras stand.
            surfaces_m: the measured surface (n, 3) of each number, and whether a head tops it.
            read_depth: raw depth of a camera at this instant, or None.
        """
        if self.config.estimator == "none":
            return []
        found = [
            body for number, (points_m, has_head) in sorted(surfaces_m.items())
            if (body := self._body(number, points_m, has_head)) is not None
        ]  # fmt: skip
        views = count_views([body.joints_m for body in found], rig, read_depth, self.config) if found else []
        return [
            RawBody(body.number, body.joints_m, body.covariance_m2, seen)
            for body, seen in zip(found, views, strict=True)
        ]

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
            rows += [(time_ns, body) for body in self.observe(rig.at(time_ns), surfaces_m[time_ns], read_depth)]
        return rows

    def _body(self, number: int, points_m: np.ndarray, has_head: bool) -> RawBody | None:
        known = self.known.setdefault(number, Acquaintance())
        known.hits += 1
        known.heads += has_head
        known.is_fresh = True
        if not known.is_person or len(points_m) < self.config.min_points:
            return None
        head_m = self._head(points_m, known.head_m)
        fit, facing = fit_points(points_m, head_m, self.config.fit, known.facing)
        known.facing = facing
        known.head_m = fit.joints_m[EARS].mean(axis=0) + np.array([0.0, 0.0, self.config.ears_below_m])
        return RawBody(number, fit.joints_m, fit.covariance_m2, np.zeros(NUM_JOINTS, np.uint8))

    def _head(self, points_m: np.ndarray, before_m: np.ndarray | None) -> np.ndarray:
        """(3,) the top of a head: the highest points, near to where it was an instant ago."""
        if before_m is not None:
            near = np.linalg.norm(points_m[:, :2] - before_m[:2], axis=1) < self.config.crown_reach_m
            points_m = points_m[near] if near.any() else points_m
        top_m = float(np.quantile(points_m[:, 2], max(1 - 3 / len(points_m), 0.9)))
        crown_m = points_m[points_m[:, 2] > top_m - self.config.crown_m]
        middle_m = np.median(crown_m[:, :2], axis=0)
        crown_m = crown_m[np.linalg.norm(crown_m[:, :2] - middle_m, axis=1) < self.config.crown_reach_m / 2]
        return np.array([*(crown_m[:, :2].mean(axis=0) if len(crown_m) else middle_m), top_m])

    def to_json(self) -> dict[str, Any]:
        """The working state as JSON values, so that a later run can go on exactly from here.

        Who was not measured since it was last asked for is forgotten, here and now.
        """
        self.known = {number: known for number, known in self.known.items() if known.is_fresh}
        for known in self.known.values():
            known.is_fresh = False
        return {
            str(number): {
                "hits": known.hits, "heads": known.heads,
                "head_m": None if known.head_m is None else known.head_m.tolist(),
                "facing": None if known.facing is None else known.facing.tolist(),
            }
            for number, known in sorted(self.known.items())
        }  # fmt: skip

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""

        def array(numbers: list[float] | None) -> np.ndarray | None:
            return None if numbers is None else np.array(numbers)

        self.known = {
            int(number): Acquaintance(known["hits"], known["heads"], array(known["head_m"]), array(known["facing"]))
            for number, known in value.items()
        }


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
