"""Is a unit of depth plausible: nothing is guessed, but what looks like a wrong unit is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import RawDepthImage
from .errors import ConfigError
from .packets import NO_RETURN, SATURATED

NEAREST_MIDDLE_M, FARTHEST_MIDDLE_M = 0.25, 15.0
"""The median depth of a camera that looks into a room lies between these."""
ROOM_M = (1.0, 6.0)
USUAL_UNITS_M = {
    0.001: "millimetres",
    0.0001: "tenths of millimetres",
    0.0002: "5000 steps a metre, as TUM RGB-D",
    0.00025: "quarters of millimetres",
    0.0005: "halves of millimetres",
    0.002: "steps of two millimetres",
    0.01: "centimetres",
    1.0: "metres",
}


def check_unit(unit_m: float) -> float:
    """A unit of depth that somebody gave, metres a step.

    Raises:
        ConfigError: no camera counts so.
    """
    if not 1e-6 <= unit_m <= 0.1:
        raise ConfigError(
            f"a depth unit of {unit_m:g} m is impossible", todo="give the metres of one step, e.g. 0.001 or 0.0002"
        )
    return float(unit_m)


def middle_depth_m(images: Sequence[RawDepthImage], unit_m: float) -> float:
    """The median depth of some images (h, w) uint16, metres; NaN where nothing returned."""
    counts = [image[(image != NO_RETURN) & (image != SATURATED)] for image in images]
    counts = [part for part in counts if part.size]
    return float(np.median(np.concatenate(counts))) * unit_m if counts else float("nan")


def fitting_units(middle_m: float, unit_m: float) -> list[str]:
    """The usual units, in words, in which depth whose median reads `middle_m` at `unit_m` would be that of a room."""
    return [
        f"{other:g} m ({words})" for other, words in USUAL_UNITS_M.items()
        if other != unit_m and ROOM_M[0] <= middle_m / unit_m * other <= ROOM_M[1]
    ]  # fmt: skip


def unit_hint(images: Sequence[RawDepthImage], unit_m: float, where: str = "") -> str:
    """One sentence where the unit looks wrong, else "".

    Args:
        images: some images (h, w) uint16 of one camera.
        unit_m: metres a step, as given.
        where: the camera, for the sentence.
    """
    middle_m = middle_depth_m(images, unit_m)
    if np.isnan(middle_m) or NEAREST_MIDDLE_M <= middle_m <= FARTHEST_MIDDLE_M:
        return ""
    fitting = fitting_units(middle_m, unit_m)
    better = f"; a room would fit {' or '.join(fitting)}" if fitting else ""
    place = f"{where}: " if where else ""
    return f"{place}the middle of the depth lies at {middle_m:.3g} m if a step is {unit_m:g} m{better}"
