"""What makers of cameras say of a lens, in our terms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .camera import Intrinsics
from .errors import InputError
from .geometry import SE3

# All of these bend an ideal ray into a pixel. librealsense projects "modified" and "inverse" Brown-Conrady with one
# formula, which differs from Brown's own where tangential terms meet radial ones: in a corner of a wide image by 0.2 px
# for tangential coefficients of 0.002, and in proportion to them.
BROWN_CONRADY = {"brown_conrady", "modified_brown_conrady", "inverse_brown_conrady", "brown_conrady_k6"}
FISHEYE = {"kannala_brandt4"}


def lens_of_maker(
    *, fx_px: float, fy_px: float, cx_px: float, cy_px: float, width_px: int, height_px: int,
    model: str, coefficients: Sequence[float], where: str,
) -> Intrinsics:  # fmt: skip
    """A lens in the maker's terms as `Intrinsics`.

    Args:
        fx_px, fy_px, cx_px, cy_px: focal lengths and principal point, pixels, pixel centres at integers.
        width_px, height_px: size of the image.
        model: the maker's name of the distortion, small letters.
        coefficients: in OpenCV's order: k1 k2 p1 p2 k3 (k4 k5 k6), or k1..k4 of a fisheye.
        where: which camera and lens, for the message.

    Raises:
        InputError: the model is unknown, and the lens is not free of distortion.
    """
    values = np.asarray(coefficients, dtype=np.float64)
    if not np.any(values):
        kind, values = "none", np.zeros(0)
    elif model in BROWN_CONRADY:
        kind, values = "brown_conrady", values[: 8 if len(values) >= 8 else 5]
    elif model in FISHEYE:
        kind, values = "fisheye", values[:4]
    else:
        raise InputError(
            f"the distortion model '{model}' is unknown", where=where,
            todo="update ortwin, or calibrate the lens with `ortwin calibrate` from recorded images",
        )  # fmt: skip
    return Intrinsics(
        float(fx_px), float(fy_px), float(cx_px), float(cy_px), int(width_px), int(height_px), kind, values
    )


def pose_of_maker(rotation: np.ndarray, translation_m: Sequence[float] | np.ndarray, where: str) -> SE3:
    """The pose of one lens in another, from single precision: the rotation is made one again.

    Args:
        rotation: (3, 3), rows.
        translation_m: (3,), metres.
        where: which camera, for the message.

    Raises:
        InputError: the matrix is no rotation.
    """
    matrix = np.asarray(rotation, dtype=np.float64).reshape(3, 3)
    left, scales, right = np.linalg.svd(matrix)
    turned = left @ right
    if not np.allclose(scales, 1.0, atol=1e-3) or np.linalg.det(turned) < 0:
        raise InputError("the pose of the depth lens is no rotation", where=where, todo="update the camera's firmware")
    return SE3(turned, np.asarray(translation_m, dtype=np.float64).reshape(3))
