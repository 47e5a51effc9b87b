"""The rows of a twin as the yardstick reads them, a class per table; and readers of what is too big for a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

MaskReader = Callable[[str, int], np.ndarray | None]
"""(camera_id, frame index) -> (h, w) mask in the depth image, 0 = no; None where the frame has none."""

MeshReader = Callable[[str, int], tuple[np.ndarray, np.ndarray] | None]
"""(entity, time_ns) -> vertices (n, 3) metres, world, and faces (f, 3); None where it has none."""


@dataclass(frozen=True, slots=True)
class RelationRow:
    """One relation over [begin_ns, end_ns), rig clock; state is "true" or "unknown"."""

    subject: str
    predicate: str
    object: str
    begin_ns: int
    end_ns: int
    state: str = "true"


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase over [begin_ns, end_ns), rig clock."""

    phase: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackRows:
    """The rows of all tracks, in any order.

    Args:
        time_ns: (n,) int64, rig clock.
        track_id, label: (n,) of str.
        center_m: (n, 3) centre of the thing's box, world.
        predicted: (n,) bool, True where nothing measured it.
        sigma_m: (n,) standard deviation of the centre per axis, NaN = not said; or None.
    """

    time_ns: np.ndarray
    track_id: np.ndarray
    label: np.ndarray
    center_m: np.ndarray
    predicted: np.ndarray
    sigma_m: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PeopleRows:
    """The skeletons of all people, in any order.

    Args:
        time_ns: (n,) int64, rig clock.
        track_id: (n,) of str.
        joints_m: (n, 17, 3) COCO-17, world, NaN = not found.
        sigma_m: (n, 17) standard deviation per axis, NaN = not said.
        role: (n,) of str, "" = not said.
    """

    time_ns: np.ndarray
    track_id: np.ndarray
    joints_m: np.ndarray
    sigma_m: np.ndarray
    role: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class ToolRows:
    """The poses of all tools, in any order; a row whose status is "lost" is no claim.

    Args:
        time_ns: (n,) int64, rig clock.
        tool_id, label, status: (n,) of str.
        rotation, translation_m: (n, 3, 3), (n, 3) world_from_tool.
    """

    time_ns: np.ndarray
    tool_id: np.ndarray
    label: np.ndarray
    rotation: np.ndarray
    translation_m: np.ndarray
    status: np.ndarray


@dataclass(frozen=True, slots=True)
class CostLog:
    """What a build cost.

    Args:
        num_camera_frames: frames of all cameras that it read.
        cpu_s: processor seconds by stage.
        peak_memory_bytes: largest resident set of the process, or None.
    """

    num_camera_frames: int
    cpu_s: Mapping[str, float]
    peak_memory_bytes: int | None = None
