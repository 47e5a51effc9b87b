"""By how much two cameras' clocks differ, from surfaces that both see move: the same point is where it is at one time.

A point of one camera, put on the ray of another, lies on what that sees there at the time of the point. Where it does
not, the distance over the speed along the ray is the delay. This is the brightness constancy of Lucas and Kanade
(1981) for depth and time. Which parts of a body a camera sees biases it by a few centimetres at a moment, to one side
when the body comes and to the other when it goes. It needs to know where the cameras stand, and delays to a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from .camera import Camera, Intrinsics
    from .storage import StoredRecording

NUM_PIXELS = 23_000
BLOCK_S, MARGIN_S = 20.0, 2.0
CELLS_PER_PIXEL = 2.0
DepthReader = Callable[[int], np.ndarray | None]


@dataclass(frozen=True, slots=True)
class Look:
    """How closely surfaces are compared.

    Args:
        step_s, most_s: delays from -most_s to most_s.
        most_points: points that a frame gives at most.
        least_speed_m_s: what is slower along the other camera's ray tells no time.
        scale_m: points that lie off a surface by some of these are not of it.
        num_sums: 2, or 6 to be able to take out that two cameras see a surface apart that is one.
    """

    step_s: float
    most_s: float
    most_points: int
    least_speed_m_s: float
    scale_m: float
    num_sums: int

    @property
    def lags_s(self) -> np.ndarray:
        """(lags,) the delays."""
        most = round(self.most_s / self.step_s)
        return self.step_s * np.arange(-most, most + 1)


#: Delays of a second are found by few points, the last milliseconds by all that move fast enough.
COARSE, FINE = Look(0.025, 1.2, 150, 0.3, 0.02, 2), Look(0.005, 0.05, 1 << 30, 0.3, 0.02, 6)


@dataclass(frozen=True, slots=True, eq=False)
class DepthView:
    """What one camera saw through time.

    Args:
        camera: the camera where it stands; it has a depth lens.
        time_s: (k,) increasing times of its frames on a common clock, right within a second.
        read: gives a frame (h, w) of depth in m by its number in 0 .. k - 1, 0 = nothing; None where it is damaged.
    """

    camera: Camera
    time_s: np.ndarray
    read: DepthReader


@dataclass(frozen=True, slots=True, eq=False)
class DelayProfile:
    """How well two cameras go together, by second and by delay.

    Args:
        sums: (s, lags, n) over pairs of points that move alike, v being the speed, a how far they lie apart, r how fast
            that changes with the delay: of v * a, v * r, and, where n is 6, of 1, a, r, v.
    """

    sums: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """(s, lags) rises and falls as the delay that fits best is later or earlier; 0 where it fits."""
        return self.sums[..., 0]

    @property
    def slope(self) -> np.ndarray:
        """(s, lags) how steeply: what moves alike at that delay. score / slope is how much is missing, s."""
        return self.sums[..., 1]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceDelays:
    """Profiles by pair (other, seen), at the delays of `look`: time of the other minus that of who gave the points.

    Second k of all profiles is [begin_s + k, begin_s + k + 1) of the common clock.
    """

    begin_s: float
    look: Look
    profiles: Mapping[tuple[str, str], DelayProfile]


def surface_delays(
    views: Mapping[str, DepthView], look: Look, progress: Callable[[float], None] = lambda _s: None
) -> SurfaceDelays:
    """Compare the moving surfaces of all pairs of cameras, a few seconds at a time."""
    begin_s = float(np.floor(min(view.time_s[0] for view in views.values())))
    end_s = max(float(view.time_s[-1]) for view in views.values())
    shape = int(end_s - begin_s) + 1, len(look.lags_s), look.num_sums
    pairs = {pair: DelayProfile(np.zeros(shape)) for pair in permutations(views, 2)}
    lenses = {name: _Thinned.of(view.camera) for name, view in views.items()}
    for from_s in np.arange(begin_s, end_s, BLOCK_S).tolist():
        blocks = {name: _block(view, lenses[name], from_s) for name, view in views.items()}
        for (other, seen), profile in pairs.items():
            _add(blocks[seen], blocks[other], lenses[seen], lenses[other], views, look, from_s, begin_s, profile)
        progress((from_s - begin_s) / (end_s - begin_s))
    return SurfaceDelays(begin_s, look, pairs)


def depth_reader(recording: StoredRecording, camera: Camera, positions: np.ndarray) -> DepthReader:
    """Reads the frames at some positions of a camera, in m, corrected as the camera says."""

    def read(number: int) -> np.ndarray | None:
        try:
            raw = recording.depth_counts(camera, int(positions[number]))
        except InputError:
            return None
        return None if raw is None else raw * np.float32(camera.depth_unit_m)

    return read


@dataclass(frozen=True, slots=True, eq=False)
class _Thinned:
    """Every so manieth pixel of a depth lens: which, their rays (h, w, 3), and which one sees a place at depth 1."""

    name: str
    step: int
    rays: np.ndarray
    pixel_of: np.ndarray
    low: tuple[float, float]
    per_unit: tuple[float, float]

    @classmethod
    def of(cls, camera: Camera) -> _Thinned:
        lens: Intrinsics = camera.depth or camera.color
        step = max(round(np.sqrt(lens.width_px * lens.height_px / NUM_PIXELS)), 1)
        rays = lens.rays()[::step, ::step].astype(np.float64)
        there = rays[rays[..., 2] > 0]
        low, high = there[:, :2].min(axis=0), there[:, :2].max(axis=0)
        per_unit = np.array([lens.fx_px, lens.fy_px]) * CELLS_PER_PIXEL / step
        size = np.ceil((high - low) * per_unit).astype(int) + 1
        places = [low[k] + (np.arange(size[k]) + 0.5) / per_unit[k] for k in (0, 1)]
        x, y = np.meshgrid(*places)
        uv_px = np.nan_to_num(lens.project(np.stack([x, y, np.ones_like(x)], axis=-1)), nan=-1e6)
        column, row = np.moveaxis(np.rint(uv_px / step).astype(np.int64), -1, 0)
        inside = (column >= 0) & (row >= 0) & (column < rays.shape[1]) & (row < rays.shape[0])
        pixel_of = np.where(inside, row * rays.shape[1] + column, -1).astype(np.int32)
        (low_x, low_y), (per_x, per_y) = low.tolist(), per_unit.tolist()
        return cls(camera.camera_id, step, rays, pixel_of, (low_x, low_y), (per_x, per_y))


def _block(view: DepthView, lens: _Thinned, from_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Depths (k, h, w), float32 m, and times (k,) of a camera's frames in and about a block of time."""
    first, last = np.searchsorted(view.time_s, [from_s - MARGIN_S, from_s + BLOCK_S + MARGIN_S]).tolist()
    depths, times = [], []
    for number in range(first, last):
        depth_m = view.read(number)
        if depth_m is not None:
            depths.append(depth_m[:: lens.step, :: lens.step])
            times.append(view.time_s[number])
    shape = lens.rays.shape[:2]
    return np.array(depths, np.float32).reshape(-1, *shape), np.array(times, np.float64)


def _add(
    seen: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], seen_lens: _Thinned, lens: _Thinned,
    views: Mapping[str, DepthView], look: Look, from_s: float, begin_s: float, profile: DelayProfile,
) -> None:  # fmt: skip
    from ._delay_kernel import add_delays

    pose = views[lens.name].camera.world_from_depth.inverse() @ views[seen_lens.name].camera.world_from_depth
    intervals_s = (float(np.median(np.diff(views[one.name].time_s))) for one in (seen_lens, lens))
    seen_interval_s, other_interval_s = intervals_s
    add_delays(
        *seen, from_s, from_s + BLOCK_S, seen_interval_s, seen_lens.rays, pose.rotation, pose.translation_m,
        *other, other_interval_s, lens.pixel_of, *lens.low, *lens.per_unit,
        begin_s, look.step_s, look.most_points, look.least_speed_m_s, look.scale_m, profile.sums,
    )  # fmt: skip
