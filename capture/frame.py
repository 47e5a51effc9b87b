"""Frames: what one camera gave at one moment, and what a rig gave at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .arrays import ColorImage, DepthImage, read_only


@dataclass(frozen=True, slots=True, eq=False)
class RGBDFrame:
    """One exposure of one camera, colour and depth each on its own grid, as the sensor gave it.

    Args:
        camera_id: which camera.
        index: the frame number of this camera.
        timestamp_ns: rig clock.
        color_rgb: (hc, wc, 3) uint8, or None.
        depth_m: (hd, wd) float32 along the optical axis, 0 = no return, or None.
    """

    camera_id: str
    index: int
    timestamp_ns: int
    color_rgb: ColorImage | None
    depth_m: DepthImage | None

    def __post_init__(self) -> None:
        for name in ("color_rgb", "depth_m"):
            image = getattr(self, name)
            if image is not None:
                object.__setattr__(self, name, read_only(image))


@dataclass(frozen=True, slots=True, eq=False)
class SyncedFrameSet:
    """The frames of all cameras that belong to one instant.

    Args:
        timestamp_ns: the instant, rig clock.
        frames: frame by camera id; a camera that gave nothing is absent.
        skew_ns: exposure time minus instant, by camera id.
    """

    timestamp_ns: int
    frames: Mapping[str, RGBDFrame]
    skew_ns: Mapping[str, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", MappingProxyType(dict(self.frames)))
        object.__setattr__(self, "skew_ns", MappingProxyType(dict(self.skew_ns)))
