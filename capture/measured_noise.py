"""How noisy a depth camera is, measured from what it recorded.

Where nothing moves, two frames differ by their noise alone. The differences are sorted into cells of depth and slant;
the spread of each cell is that of a Gaussian cut at four of its sigmas (so that people who walk by do not count), and
the model of capture/noise.py is fitted to all cells. What does not change from frame to frame, a bias or a bend, is not
noise and does not show. (Khoshelham and Elberink 2012 measured a sensor so; Nguyen et al. 2012 gave the two axes.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .arrays import RawDepthImage, read_only
from .camera import CameraModel
from .errors import InputError
from .noise import LARGEST_TANGENT, DepthNoise, noise_of
from .storage import StoredRecording

DEPTH_EDGES_M = np.concatenate([np.arange(0.4, 3.0, 0.2), np.arange(3.0, 8.01, 0.5)])
TANGENT_EDGES = np.array([0.0, 0.3, 0.6, 1.0, 1.6, 2.5, 4.0])
CUT_SIGMAS = 4.0
#: Standard deviation of a unit Gaussian cut at four sigmas.
CUT_SHRINKS_TO = 0.99946
LEAST_COUNT = 1000
#: What is believed before measuring: each number of the preset within a factor of e to this power.
PRIOR_LOG_SIGMA = 1.0
#: How far a cell may lie off the model, relative: no sensor follows it exactly.
MODEL_ERROR = 0.05
SMOOTHING_PX = 7
#: A change above so many sigmas of the preset is motion: no sensor is three times as noisy as its preset.
MOTION_SIGMAS = 3 * CUT_SIGMAS * np.sqrt(2)


@dataclass(frozen=True, slots=True)
class NoiseConfig:
    """How noise is measured.

    Args:
        num_pairs: pairs of frames, spread over the recording.
        apart_s: time between the two frames of a pair, so long that a filter in the sensor does not tie them.
    """

    num_pairs: int = 6
    apart_s: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredNoise:
    """The noise of one camera.

    Args:
        noise: the model that fits what was measured.
        depth_m, tan_incidence: (n,) where each cell lies.
        sigma_m: (n,) its standard deviation of one frame.
        num_returns: (n,) how many pairs of returns it rests on.
    """

    noise: DepthNoise
    depth_m: np.ndarray
    tan_incidence: np.ndarray
    sigma_m: np.ndarray
    num_returns: np.ndarray

    def __post_init__(self) -> None:
        for name in ("depth_m", "tan_incidence", "sigma_m", "num_returns"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def measure_noise(recording: StoredRecording, camera_id: str, config: NoiseConfig | None = None) -> MeasuredNoise:
    """Measure the noise of one camera of a recording.

    Args:
        recording: its depth frames; damaged ones are passed over.
        camera_id: which camera.
        config: see NoiseConfig.

    Raises:
        InputError: the camera has no depth, or too little of what it saw stood still.
    """
    model = recording.cameras[camera_id]
    if model.depth is None or not recording.has_stream(camera_id, "depth"):
        raise InputError("the camera has no depth", where=f"camera {camera_id}")
    return noise_of_pairs(_pairs(recording, camera_id, config or NoiseConfig()), model)


def noise_of_pairs(pairs: Iterable[tuple[RawDepthImage, RawDepthImage]], camera: CameraModel) -> MeasuredNoise:
    """The noise that pairs of frames show.

    Args:
        pairs: raw depth of two moments each, (h, w) counts, 0 = no return.
        camera: the camera that read them.

    Raises:
        InputError: no cell of depth and slant holds 1000 pairs of returns that stood still.
    """
    cells = [_differences(first, second, camera) for first, second in pairs if not np.array_equal(first, second)]
    parts = zip(*cells, strict=True) if cells else (np.zeros((1, 0)),) * 4
    depth_m, tangent, difference_m, counts = (np.concatenate(list(part)) for part in parts)
    prior, rows = noise_of(camera.sensor), []
    columns = len(TANGENT_EDGES) + 1
    cell = np.digitize(depth_m, DEPTH_EDGES_M) * columns + np.digitize(tangent, TANGENT_EDGES)
    order = np.argsort(cell, kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        if len(chosen) < LEAST_COUNT or not _within(int(cell[chosen[0]]), columns):
            continue
        middle_m, slant = float(depth_m[chosen].mean()), float(tangent[chosen].mean())
        expected_m = float(prior.sigma_m(np.array([middle_m]), slant)[0])
        sigma_m = _spread_m(difference_m[chosen], counts[chosen], camera.depth_unit_m, expected_m)
        rows.append((middle_m, slant, sigma_m, len(chosen)))
    if not rows:
        raise InputError(
            "noise cannot be measured: too little of what the camera saw stood still, or its frames repeat",
            where=f"camera {camera.camera_id}", todo="record some seconds of the empty room",
        )  # fmt: skip
    table = np.array(rows, dtype=np.float64)
    return MeasuredNoise(_fitted(table, prior), *table.T)


def _within(cell: int, columns: int) -> bool:
    """Whether a cell lies between the first and the last edge on both axes."""
    depth, tangent = divmod(cell, columns)
    return 0 < depth < len(DEPTH_EDGES_M) and 0 < tangent < len(TANGENT_EDGES)


def _pairs(
    recording: StoredRecording, camera_id: str, config: NoiseConfig
) -> Iterator[tuple[RawDepthImage, RawDepthImage]]:
    times_ns = recording.timestamps_ns(camera_id)
    order = np.argsort(times_ns, kind="stable")
    after = np.searchsorted(times_ns[order], times_ns[order] + round(config.apart_s * 1e9))
    firsts = np.flatnonzero(after < len(order))
    if not len(firsts):
        firsts, after = np.arange(len(order) - 1), np.arange(1, len(order) + 1)
    for place in (
        np.unique(np.linspace(0, len(firsts) - 1, config.num_pairs).round().astype(int)) if len(firsts) else ()
    ):
        first, second = int(order[firsts[place]]), int(order[after[firsts[place]]])
        try:
            images = recording.depth_raw(camera_id, first), recording.depth_raw(camera_id, second)
        except InputError:
            continue
        if images[0] is not None and images[1] is not None:
            yield images[0], images[1]


def _differences(
    first: RawDepthImage, second: RawDepthImage, camera: CameraModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(n,) mean depth, tangent of the incidence, difference, and first count of the returns on smooth surfaces."""
    import cv2

    assert camera.depth is not None
    both = (first > 0) & (second > 0)
    change_m = (first.astype(np.float32) - second.astype(np.float32)) * np.float32(camera.depth_unit_m)
    mean_m = np.where(both, (first.astype(np.float32) + second) * np.float32(camera.depth_unit_m / 2), 0)
    near = cv2.dilate(mean_m, np.ones((SMOOTHING_PX, SMOOTHING_PX), np.uint8))
    far = cv2.erode(np.where(both, mean_m, np.float32(0)), np.ones((SMOOTHING_PX, SMOOTHING_PX), np.uint8))
    smooth_m = cv2.blur(mean_m, (SMOOTHING_PX, SMOOTHING_PX))
    rays = camera.depth.rays()
    points_m = rays * smooth_m[..., None]
    right = points_m[:, 2:] - points_m[:, :-2]
    down = points_m[2:] - points_m[:-2]
    normal = np.cross(right[1:-1], down[:, 1:-1])
    inner_rays = rays[1:-1, 1:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.abs((normal * inner_rays).sum(-1)) / (
            np.linalg.norm(normal, axis=-1) * np.linalg.norm(inner_rays, axis=-1)
        )
        tangent = np.sqrt(np.maximum(1 / (cosine * cosine) - 1, 0))
    # Edges are left out: there two frames see two things. The step that a slanted surface makes is no edge.
    slope_px = np.minimum(tangent, LARGEST_TANGENT) * SMOOTHING_PX / camera.depth.fx_px
    inner_m = mean_m[1:-1, 1:-1]
    step_m = (near - far)[1:-1, 1:-1]
    moved = np.abs(change_m) > MOTION_SIGMAS * noise_of(camera.sensor).sigma_m(mean_m)
    moved = cv2.dilate(moved.astype(np.uint8), np.ones((SMOOTHING_PX, SMOOTHING_PX), np.uint8))[1:-1, 1:-1] > 0
    whole = (far > 0)[1:-1, 1:-1] & np.isfinite(tangent) & ~moved
    whole &= step_m < (2 * slope_px + 0.02) * inner_m
    return inner_m[whole], tangent[whole], change_m[1:-1, 1:-1][whole], first[1:-1, 1:-1][whole]


def _spread_m(difference_m: np.ndarray, counts: np.ndarray, unit_m: float, expected_m: float) -> float:
    """Standard deviation of one frame, from differences of two, without those that stand out.

    A sensor that tells depth in coarse steps gives the same count again and again, and is off by a part of a step.
    """
    sigma_m = max(np.sqrt(2) * expected_m, 1.4826 * float(np.median(np.abs(difference_m))), unit_m)
    for _ in range(30):
        within = difference_m[np.abs(difference_m) <= CUT_SIGMAS * sigma_m]
        following_m = max(float(np.sqrt(np.mean(within**2))) / CUT_SHRINKS_TO, unit_m)
        settled, sigma_m = abs(following_m - sigma_m) <= 1e-4 * sigma_m, following_m
        if settled:
            break
    told = np.unique(counts)
    step_m = unit_m * float(np.median(np.diff(told))) if len(told) > 1 else unit_m
    return max(sigma_m / np.sqrt(2), step_m / np.sqrt(12))


def _fitted(table: np.ndarray, prior: DepthNoise) -> DepthNoise:
    from scipy.optimize import least_squares

    depth_m, tangent, sigma_m, count = table.T
    start = np.log([prior.constant_m, prior.quadratic_per_m, prior.slant])
    weight = 1 / np.sqrt(1 / (2 * count) + MODEL_ERROR**2)

    def residuals(logarithms: np.ndarray) -> np.ndarray:
        model = DepthNoise(*np.exp(logarithms).tolist())
        off = weight * (np.log(model.sigma_m(depth_m, tangent)) - np.log(sigma_m))
        return np.concatenate([off, (logarithms - start) / PRIOR_LOG_SIGMA])

    return DepthNoise(*np.exp(least_squares(residuals, start, loss="soft_l1").x).tolist())
