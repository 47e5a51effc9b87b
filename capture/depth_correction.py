"""What a depth lens reads wrongly, and how it is put right: a scale, a bias and a bend that is smooth over the image.

    corrected = bias_m + scale * z * (1 + sum_k bend[k] * m_k(x, y, z))

z is the depth as read, metres; (x, y) is the ray of the pixel at depth 1 in the frame of the depth lens. The monomials
m_k are those of BEND_POWERS: without a constant, which is the scale. Time-of-flight sensors bend flat walls by a smooth
field over image and range (Lindner et al. 2010; Teichman, Miller and Thrun 2013 fit one from the scene itself).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .arrays import DepthImage, RawDepthImage, read_only
from .errors import InputError

BEND_POWERS: tuple[tuple[int, int, int], ...] = (
    (1, 0, 0), (0, 1, 0), (2, 0, 0), (1, 1, 0), (0, 2, 0),
    (0, 0, 1), (1, 0, 1), (0, 1, 1), (2, 0, 1), (1, 1, 1), (0, 2, 1),
)  # fmt: skip
"""Powers of x, y and z of each coefficient of the bend."""
LEAST_SCALE, LARGEST_SCALE = 0.5, 2.0
LARGEST_COUNT = 65535


class DepthLens(Protocol):
    """What a correction must know of a lens: the ray of each pixel (`capture.camera.Intrinsics` does)."""

    def rays(self) -> np.ndarray:
        """(h, w, 3) float32 points at depth 1 of every pixel centre."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DepthCorrection:
    """A correction of the depth of one lens; the default changes nothing.

    Args:
        bias_m: added to every depth, metres.
        scale: factor on every depth, 0.5 to 2.
        bend: (k,) coefficients of the first k of BEND_POWERS, k <= 11; relative, units 1 / (unit of the monomial).
        covariance: (2 + k, 2 + k) of bias, scale and bend, or None where nobody estimated it.

    Raises:
        InputError: a number is not finite, the scale is out of range, or sizes do not fit.
    """

    bias_m: float = 0.0
    scale: float = 1.0
    bend: np.ndarray = field(default_factory=lambda: np.zeros(0))
    covariance: np.ndarray | None = None

    def __post_init__(self) -> None:
        bend = np.asarray(self.bend, dtype=np.float64).ravel()
        if not np.isfinite([self.bias_m, self.scale, *bend]).all():
            raise InputError("a depth correction has numbers that are not finite")
        if not LEAST_SCALE <= self.scale <= LARGEST_SCALE:
            raise InputError(
                f"a depth correction scales by {self.scale:g}", why="no depth sensor is that wrong",
                todo="look at the unit of the depth (depth_unit_m)",
            )  # fmt: skip
        if len(bend) > len(BEND_POWERS):
            raise InputError(f"a bend has at most {len(BEND_POWERS)} coefficients, got {len(bend)}")
        object.__setattr__(self, "bend", read_only(bend))
        if self.covariance is not None:
            covariance = np.asarray(self.covariance, dtype=np.float64)
            if covariance.shape != (2 + len(bend),) * 2 or not np.isfinite(covariance).all():
                raise InputError(
                    f"the covariance of this correction is {2 + len(bend)} numbers square, got {covariance.shape}"
                )
            object.__setattr__(self, "covariance", read_only(covariance))

    @property
    def is_identity(self) -> bool:
        """Whether the correction changes nothing."""
        return self.bias_m == 0 and self.scale == 1 and not self.bend.any()

    def apply(self, depth_m: DepthImage, lens: DepthLens) -> DepthImage:
        """Depth (h, w) metres as read to corrected depth; 0 stays 0, and what would fall to 0 or below becomes 0.

        Args:
            depth_m: on the grid of `lens`.
            lens: the depth lens.

        Raises:
            InputError: the image is not on the grid of the lens.
        """
        if self.is_identity:
            return depth_m
        constant, slope = _fields(self._key, lens)
        if depth_m.shape != constant.shape:
            raise InputError(
                f"the depth image is {depth_m.shape[1]}x{depth_m.shape[0]}, its lens {constant.shape[1]}x"
                f"{constant.shape[0]}"
            )
        z = depth_m.astype(np.float32, copy=False)
        corrected = np.float32(self.bias_m) + z * (constant + slope * z)
        return np.where(z > 0, np.maximum(corrected, np.float32(0)), np.float32(0))

    def apply_raw(self, depth_raw: RawDepthImage, unit_m: float, lens: DepthLens) -> RawDepthImage:
        """The same for raw counts of `unit_m` metres; the result is rounded to counts."""
        if self.is_identity:
            return depth_raw
        corrected = self.apply(depth_raw * np.float32(unit_m), lens) * np.float32(1 / unit_m)
        return np.clip(np.rint(corrected), 0, LARGEST_COUNT).astype(np.uint16)

    def at(self, rays: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
        """Corrected depth (...) of single returns.

        Args:
            rays: (..., 2 or 3) ray of each return at depth 1, lens frame.
            depth_m: (...) metres as read.
        """
        z = np.asarray(depth_m, dtype=np.float64)
        return self.bias_m + self.scale * z * (1 + bend_terms(rays, z)[..., : len(self.bend)] @ self.bend)

    @property
    def _key(self) -> tuple[float, ...]:
        return (self.bias_m, self.scale, *self.bend.tolist())


def bend_terms(rays: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """(..., 11) the monomials of BEND_POWERS.

    Args:
        rays: (..., 2 or 3) ray at depth 1, lens frame.
        depth_m: (...) metres as read.
    """
    x, y = rays[..., 0], rays[..., 1]
    return np.stack([x**i * y**j * depth_m**k for i, j, k in BEND_POWERS], axis=-1)


@functools.lru_cache(maxsize=32)
def _fields(key: tuple[float, ...], lens: DepthLens) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) float32 factors c and s of corrected = bias + z * (c + s * z): no power of z is above 1."""
    rays, scale, bend = lens.rays().astype(np.float64), key[1], key[2:]
    fields = [np.full(rays.shape[:2], scale), np.zeros(rays.shape[:2])]
    for (i, j, k), coefficient in zip(BEND_POWERS, bend, strict=False):
        fields[k] += scale * coefficient * rays[..., 0] ** i * rays[..., 1] ** j
    return fields[0].astype(np.float32), fields[1].astype(np.float32)


def correction_to_json(correction: DepthCorrection) -> dict[str, Any]:
    """A correction as the object "depth_correction" of rig.json."""
    value: dict[str, Any] = {
        "bias_m": correction.bias_m, "scale": correction.scale, "bend": correction.bend.tolist()
    }  # fmt: skip
    if correction.covariance is not None:
        value["covariance"] = correction.covariance.tolist()
    return value


def correction_from_json(value: Any, where: str) -> DepthCorrection:
    """A correction from the object "depth_correction" of rig.json.

    Raises:
        InputError: a value is of the wrong kind or impossible; names `where`.
    """
    if not isinstance(value, Mapping):
        raise InputError("a depth correction is an object", where=where, todo="it has bias_m, scale and bend")
    try:
        covariance = value.get("covariance")
        return DepthCorrection(
            float(value.get("bias_m", 0.0)), float(value.get("scale", 1.0)),
            np.array(value.get("bend") or [], dtype=np.float64),
            None if covariance is None else np.array(covariance, dtype=np.float64),
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise InputError("a depth correction has a value of the wrong kind", where=where, why=str(error)) from error
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error
