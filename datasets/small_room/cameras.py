"""Where the simulated cameras hang, and what lenses they have (after the Azure Kinect's narrow mode)."""

from __future__ import annotations

import numpy as np

from ...capture.camera import CameraModel, CameraRig, Intrinsics
from ...capture.errors import ConfigError
from ...capture.geometry import SE3, look_at

DEPTH = Intrinsics(504.2, 504.4, 321.6, 290.3, 640, 576)
COLOR = Intrinsics(606.1, 605.8, 638.4, 361.2, 1280, 720)
#: The colour lens sits beside the depth lens, which looks six degrees lower.
COLOR_FROM_DEPTH = SE3.exp(np.array([np.deg2rad(-6.0), 0.002, -0.001, -0.032, -0.002, 0.004]))
#: Stations of the plan in metres, and the points they look at; the first three see each other's walls.
STATIONS = (
    ((-2.0, -2.5, 2.38), (0.0, 0.5, 0.75)),
    ((2.95, -2.3, 2.42), (-0.55, 0.05, 0.8)),
    ((2.95, 2.3, 2.40), (-0.75, -0.35, 0.8)),
    ((-2.55, 2.4, 2.42), (0.4, -0.2, 0.8)),
    ((3.0, 0.0, 2.45), (-0.8, -0.2, 0.8)),
    ((0.6, 2.5, 2.45), (-0.2, -0.6, 0.8)),
)


def hang_cameras(rng: np.random.Generator, num_cameras: int, scale: float, mirrored: bool) -> CameraRig:
    """The rig of a simulated room.

    Args:
        rng: jitters the places by centimetres and degrees.
        num_cameras: 1 to 6.
        scale: size of the images against the sensor's own.
        mirrored: whether the plan of the room was mirrored.

    Raises:
        ConfigError: there is no such number of places.
    """
    if not 1 <= num_cameras <= len(STATIONS):
        raise ConfigError(f"the simulated room has places for 1 to {len(STATIONS)} cameras, not {num_cameras}")
    if not 0.05 <= scale <= 1.0:
        raise ConfigError(f"the image scale must lie in [0.05, 1], got {scale}")
    flip = np.array([-1.0 if mirrored else 1.0, 1.0, 1.0])
    cameras = {}
    for number, (eye, target) in enumerate(STATIONS[:num_cameras], start=1):
        name = f"cam_{number}"
        pose = look_at(
            flip * (eye + rng.uniform(-0.06, 0.06, 3)), flip * (target + rng.uniform(-0.08, 0.08, 3)),
            up=(*rng.normal(0, 0.012, 2), 1.0),
        )  # fmt: skip
        model = CameraModel(name, COLOR.scaled(scale), DEPTH.scaled(scale), COLOR_FROM_DEPTH)
        cameras[name] = model.placed(pose)
    return CameraRig(cameras, "floor")
