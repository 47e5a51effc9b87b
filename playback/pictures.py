"""The empty room as each camera saw it, as small JPEG pictures without the lens's distortion."""

from __future__ import annotations

from ..archive import TwinArchive
from ..capture.camera import Intrinsics

JPEG_QUALITY = 85


def camera_grid(lens: Intrinsics, width_px: int) -> Intrinsics:
    """The lens without distortion, on a grid of at most this width."""
    scaled = lens.scaled(min(1.0, width_px / lens.width_px))
    return Intrinsics(scaled.fx_px, scaled.fy_px, scaled.cx_px, scaled.cy_px, scaled.width_px, scaled.height_px)


def background_picture(archive: TwinArchive, camera_id: str, grid: Intrinsics) -> bytes | None:
    """The median picture of a camera, in which nobody is, on a grid that `camera_grid` gave; None where there is none.

    Raises:
        InputError: the background is missing or damaged.
    """
    import cv2
    import numpy as np

    if not (archive.path / "static" / f"background_{camera_id}.npz").exists():
        return None
    color_rgb = archive.read_background(camera_id).color_rgb
    if color_rgb is None:
        return None
    lens = archive.rig[camera_id].color
    image = np.ascontiguousarray(color_rgb[:, :, ::-1])
    if lens.is_distorted:
        if lens.distortion_model == "fisheye":
            image = cv2.fisheye.undistortImage(image, lens.matrix, lens.distortion, None, lens.matrix)
        else:
            image = cv2.undistort(image, lens.matrix, lens.distortion)
    image = cv2.resize(image, (grid.width_px, grid.height_px), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
