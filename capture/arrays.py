"""Named array types: shapes and dtypes of the quantities that cross public borders."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, Real, UInt8, UInt16

Rotation = Float64[np.ndarray, "3 3"]
Vector3 = Float64[np.ndarray, "3"]
Covariance6 = Float64[np.ndarray, "6 6"]
Points = Real[np.ndarray, "*batch 3"]
Pixels = Real[np.ndarray, "*batch 2"]
PointList = Float[np.ndarray, "n 3"]
ColorList = UInt8[np.ndarray, "n 3"]
FaceList = Int64[np.ndarray, "f 3"]
ColorImage = UInt8[np.ndarray, "color_h color_w 3"]
DepthImage = Float32[np.ndarray, "depth_h depth_w"]
RawDepthImage = UInt16[np.ndarray, "h w"]
MaskImage = Bool[np.ndarray, "h w"]
Times = Int64[np.ndarray, "t"]


def read_only(array: np.ndarray) -> np.ndarray:
    """The array itself when nobody can write to it, else a frozen copy that shares no memory with it."""
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
