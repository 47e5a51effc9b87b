"""From moves to poses: which pose of a camera holds from when, and in which span a rig stood still."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .camera import CameraRig
from .camera_move import CameraMove, PoseFrom
from .errors import InputError
from .geometry import SE3


def with_moves(rig: CameraRig, moves: Sequence[CameraMove], at_ns: int | None = None) -> CameraRig:
    """A rig with the poses that its cameras had after each move.

    Args:
        rig: the poses that held at `at_ns`; its own moves are replaced.
        moves: what `watch_rig` found; moves of cameras that the rig does not place are passed over.
        at_ns: rig clock; None = before the first move, as of a rig that was calibrated before the recording.

    Raises:
        InputError: the new place of a camera is not known; names camera and time.
    """
    cameras, poses = dict(rig.cameras), []
    for name, camera in rig.cameras.items():
        own = sorted((move for move in moves if move.camera_id == name), key=lambda move: move.time_ns)
        steps = [_known(move) for move in own]
        pose = camera.world_from_camera
        for move, step in reversed(list(zip(own, steps, strict=True))):
            if at_ns is not None and move.time_ns <= at_ns:
                pose = pose @ step.inverse()
        cameras[name] = replace(camera, world_from_camera=pose)
        covariance = rig.covariance.get(name, np.zeros((6, 6)))
        for move, step in zip(own, steps, strict=True):
            pose = pose @ step
            covariance = covariance + move.covariance
            poses.append(PoseFrom(name, move.time_ns, pose, covariance))
    return CameraRig(cameras, rig.world_frame, rig.covariance, rig.calibrated_ns, tuple(poses))


def _known(move: CameraMove) -> SE3:
    if move.before_from_after is None:
        raise InputError(
            "a camera was moved so far that its new place is not known",
            where=f"camera {move.camera_id}, {move.time_ns * 1e-9:.1f} s of rig time",
            todo="leave this camera out of the rig, or import the time before and after as two recordings "
            "and register each",
        )
    return move.before_from_after


def quiet_span_ns(rig: CameraRig, span_ns: tuple[int, int]) -> tuple[int, int]:
    """The longest part [begin, end) of a span in which no camera of a rig was moved; the first of equals.

    Args:
        rig: the rig with its moves.
        span_ns: (begin, end) of rig time.
    """
    return longest_between([move.from_ns for move in rig.moves], span_ns)


def longest_between(times_ns: Sequence[int], span_ns: tuple[int, int]) -> tuple[int, int]:
    """The longest part [begin, end) of a span that holds none of some times but at its begin; the first of equals."""
    inner = [time_ns for time_ns in times_ns if span_ns[0] < time_ns < span_ns[1]]
    edges = sorted({span_ns[0], *inner, span_ns[1]})
    return max(itertools.pairwise(edges), key=lambda part: part[1] - part[0], default=span_ns)


def still_span_ns(rig: CameraRig, camera_id: str, time_ns: int, span_ns: tuple[int, int]) -> tuple[int, int]:
    """The part [begin, end) of a span around a moment in which one camera was not moved.

    Args:
        rig: the rig with its moves.
        camera_id: which camera.
        time_ns: the moment; it counts as the nearer end of the span where it lies outside.
        span_ns: (begin, end) of rig time.
    """
    time_ns = min(max(time_ns, span_ns[0]), span_ns[1] - 1)
    edges = [move.from_ns for move in rig.moves if move.camera_id == camera_id]
    before = [edge for edge in edges if span_ns[0] < edge <= time_ns]
    after = [edge for edge in edges if time_ns < edge < span_ns[1]]
    return max(before, default=span_ns[0]), min(after, default=span_ns[1])
