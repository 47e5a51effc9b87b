"""All pictures of a performance, each at every size that a distant surface may need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

NUM_LEVELS = 12
GAMMA = 2.2
#: Light of a display value, as textures are painted.
TO_LINEAR = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """Pictures with their halvings (mip levels, Williams 1983; of light, not of display values) in one flat table.

    Args:
        texels: (n, 3) uint8, as painted (display values, not linear light).
        grey: (n,) uint16 mean reflectance of red, green and blue, 65535 = all light.
        offset, height, width: (k, NUM_LEVELS) int64: where each level of each picture begins, and how large it is;
            beyond the last level they repeat it.
    """

    texels: np.ndarray
    grey: np.ndarray
    offset: np.ndarray
    height: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, pictures: Sequence[np.ndarray]) -> Atlas:
        """From pictures (h, w, 3) uint8."""
        import cv2

        pieces: list[np.ndarray] = []
        places = np.zeros((3, len(pictures), NUM_LEVELS), np.int64)
        begin = 0
        for number, picture in enumerate(pictures):
            image = np.ascontiguousarray(picture, dtype=np.uint8)
            light = TO_LINEAR[image]
            for level in range(NUM_LEVELS):
                height, width = image.shape[:2]
                places[:, number, level:] = np.array([begin, height, width])[:, None]
                pieces.append(image.reshape(-1, 3))
                begin += height * width
                if max(height, width) == 1:
                    break
                size = (max(1, width // 2), max(1, height // 2))
                light = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA)).reshape(*size[::-1], 3)
                image = np.rint(light ** np.float32(1 / GAMMA) * 255).astype(np.uint8)
        texels = np.concatenate(pieces)
        return cls(texels, grey_of(texels, TO_LINEAR), *places)


@numba.njit(cache=True, nogil=True)
def grey_of(texels: np.ndarray, to_linear: np.ndarray) -> np.ndarray:
    """(n,) uint16 mean light of texels (n, 3), 65535 = all of it."""
    grey = np.empty(len(texels), np.uint16)
    for i in range(len(texels)):
        red, green, blue = texels[i]
        grey[i] = np.uint16((to_linear[red] + to_linear[green] + to_linear[blue]) * np.float32(21845) + np.float32(0.5))
    return grey
