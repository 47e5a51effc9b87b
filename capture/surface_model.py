"""How the clocks of cameras go together at every second, as moving surfaces tell, and the values that fit best.

First the delays at which most moves alike, which no rate nor jump hides for long; then least squares with Student's
weights (Lange et al. 1989) on what each pair says in a while, read off at the delay where the clocks stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .surface_delay import SurfaceDelays

SMOOTH_LAGS = 2.0
PEAK_SIGMAS, BESIDE_S = 8.0, 0.3
LEAST_JUMP_S, LEAST_SHARE = 0.08, 0.4
RATES_PPM = np.arange(-240.0, 241.0, 20.0)
CELL_S, CLUSTER_S, LEAST_SLOPE = 2, 10, 0.05
#: Windows for which what two cameras see apart is taken out: as long as somebody needs to come and go.
LONGEST_WINDOW_S, LEAST_WINDOWS = 60, 10
#: Degrees of freedom of Student's weights: seconds hold much that is false, windows, from which that is out, little.
CELL_FREEDOM, WINDOW_FREEDOM, NUM_STEPS, LARGEST_STEP_S = 4.0, 20.0, 30, 0.04
#: So many cells, or windows, must speak for every value.
LEAST_CELLS, LEAST_TOLD, MOST_CONDITION = 10, 3, 1e10
USUAL_SQUARE = 0.4549
#: What all windows of time agree on though it is false, of an offset and of a rate from one end to the other.
SYSTEMATIC_S = 0.002


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceFit:
    """How much later each camera's frames are than was thought: late_s + rate_ppm * 1e-6 * (t - middle_s) + jumps.

    Args:
        names: the cameras that surfaces link; the first is the gauge.
        middle_s: common time at which `late_s` holds.
        late_s, rate_ppm: (c,).
        jumps: (camera, common time, s) by how much later all frames of it are from then on.
        covariance: (2c + j, 2c + j) of offsets (s), rates (ppm) and jumps (s); 0 for the gauge.
    """

    names: tuple[str, ...]
    middle_s: float
    late_s: np.ndarray
    rate_ppm: np.ndarray
    jumps: tuple[tuple[str, float, float], ...]
    covariance: np.ndarray

    def time_s(self, name: str, thought_s: np.ndarray) -> np.ndarray:
        """(t,) the common times of a camera's frames from those that were thought (t,)."""
        k = self.names.index(name)
        ahead_s = self.late_s[k] + self.rate_ppm[k] * 1e-6 * (thought_s - self.middle_s)
        return thought_s + ahead_s + sum(size_s * (thought_s > at_s) for of, at_s, size_s in self.jumps if of == name)


@dataclass(slots=True, eq=False)
class SurfaceModel:
    """The clocks as far as they are known; `values` are offsets (s), rates (ppm), jumps (s).

    `known` says of some value, by its place, what it is and how surely, from elsewhere.
    """

    delays: SurfaceDelays
    names: tuple[str, ...]
    seconds: np.ndarray
    values: np.ndarray
    jumps: list[tuple[int, float]]
    known: list[tuple[int, float, float]]

    @classmethod
    def of(cls, delays: SurfaceDelays) -> SurfaceModel:
        """The clocks as they were thought to stand when surfaces were compared."""
        names = tuple(dict.fromkeys(name for pair in delays.profiles for name in pair))
        count = len(next(iter(delays.profiles.values())).slope)
        seconds = delays.begin_s + 0.5 + np.arange(count)
        return cls(delays, names, seconds, np.zeros(2 * len(names)), [], [])

    @property
    def middle_s(self) -> float:
        """Common time at which offsets hold."""
        return float(self.seconds.mean())

    def design(self, camera: int) -> np.ndarray:
        """(s, p): how each value moves the frames of a camera in each second."""
        count = len(self.names)
        design = np.zeros((len(self.seconds), len(self.values)))
        design[:, camera] = 1.0
        design[:, count + camera] = 1e-6 * (self.seconds - self.middle_s)
        for number, (of, at_s) in enumerate(self.jumps):
            design[:, 2 * count + number] = (self.seconds > at_s) * (of == camera)
        return design

    def late_s(self, camera: int) -> np.ndarray:
        """(s,) how much later its frames are than was thought."""
        return self.design(camera) @ self.values

    def put_together(self) -> tuple[str, ...]:
        """Set offsets along the pairs whose peaks stand out most; the largest group of cameras that they link."""
        links = []
        for one, two in combinations(range(len(self.names)), 2):
            peak_s, height = _peak(self._pair(one, two).sum(axis=0), self.delays.look.lags_s)
            if height > PEAK_SIGMAS:
                links.append((height, one, two, peak_s))
        group = list(range(len(self.names)))
        for _, one, two, peak_s in sorted(links, reverse=True):
            if group[one] == group[two]:
                continue
            shift_s, old = self.values[one] + peak_s - self.values[two], group[two]
            for camera in range(len(group)):
                if group[camera] == old:
                    self.values[camera] += shift_s
                    group[camera] = group[one]
        self.values[: len(self.names)] -= self.values[0]
        largest = max(group, key=group.count)
        return tuple(name for name, of in zip(self.names, group, strict=True) if of == largest)

    def find_offsets(self) -> None:
        """Offset of each camera in turn at which most of what it sees goes together with the others."""
        for camera in (*range(len(self.names)), *range(len(self.names))):
            self.values[camera] += _peak(self._alike(camera).sum(axis=0), self.delays.look.lags_s)[0]
        self.values[: len(self.names)] -= self.values[0]

    def find_rates(self) -> None:
        """Offset and rate of each camera in turn at which most of what it sees goes together with the others."""
        for camera in (*range(1, len(self.names)), *range(1, len(self.names))):
            alike, since_s = self._alike(camera), 1e-6 * (self.seconds - self.middle_s)
            sums = np.array([self._moved(alike, ppm * since_s).sum(axis=0) for ppm in RATES_PPM])
            rate, lag = np.unravel_index(int(np.argmax(gaussian_filter1d(sums, SMOOTH_LAGS, axis=1))), sums.shape)
            self.values[camera] += self.delays.look.lags_s[lag]
            self.values[len(self.names) + camera] += RATES_PPM[rate]

    def find_jump(self, earliest_s: Mapping[str, Mapping[float, float]]) -> bool:
        """Take in the jump that lets most more go together, if any stands out; whether one did.

        Args:
            earliest_s: by camera and common time at which its clock may have jumped, how much earlier its frames may be
                from then on (below 0): any earlier, and they would come before those that came before. Where nothing
                moves between two silences, no more than that says at which of them the clock jumped.
        """
        best = None
        for camera, name in enumerate(self.names):
            alike = self._alike(camera)
            for at_s, least_s in earliest_s.get(name, {}).items():
                if (camera, at_s) in self.jumps:
                    continue
                before, after = (
                    alike[self.seconds < at_s - 0.5].sum(axis=0),
                    alike[self.seconds > at_s + 0.5].sum(axis=0),
                )
                (first_s, high), (then_s, higher) = (_peak(part, self.delays.look.lags_s) for part in (before, after))
                if (
                    min(high, higher) < PEAK_SIGMAS
                    or abs(then_s - first_s) < LEAST_JUMP_S
                    or then_s - first_s < least_s
                ):
                    continue
                tops = [float(gaussian_filter1d(part, SMOOTH_LAGS).max()) for part in (before, after, before + after)]
                gain = tops[0] + tops[1] - tops[2]
                if gain > LEAST_SHARE * min(tops[:2]) and (best is None or gain > best[0]):
                    best = gain, camera, at_s, first_s, then_s
        if best is None:
            return False
        _, camera, at_s, first_s, then_s = best
        self.jumps.append((camera, at_s))
        self.values = np.append(self.values, then_s - first_s)
        self.values[camera] += first_s
        self.values[: len(self.names)] -= self.values[0]
        return True

    def refined(self) -> SurfaceFit | None:
        """Climb to where the scores of all pairs are level."""
        count = len(self.names)
        free = [k for k in range(len(self.values)) if k not in (0, count)]
        least = LEAST_CELLS if self.delays.look.num_sums == 2 else LEAST_TOLD
        for _ in range(NUM_STEPS):
            rows, off_s, weight, cluster = self._told(free)
            if len(rows) < least * len(free):
                return None
            normal, pull = self._known(free)
            normal, pull = normal + (rows * weight[:, None]).T @ rows, pull + rows.T @ (weight * off_s)
            size = np.sqrt(np.diag(normal))
            if (size == 0).any() or np.linalg.cond(normal / np.outer(size, size)) > MOST_CONDITION:
                return None
            step = np.linalg.solve(normal, pull)
            self.values[free] += step * min(1.0, LARGEST_STEP_S / max(float(np.abs(rows @ step).max()), 1e-12))
            if np.abs(rows @ step).max() < 1e-6:
                break
        rows, off_s, weight, cluster = self._told(free)
        middle, _ = self._known(free)
        inverse = np.linalg.inv(middle + (rows * weight[:, None]).T @ rows)
        parts = rows * (weight * off_s)[:, None]
        for number in np.unique(cluster):
            part = parts[cluster == number].sum(axis=0)
            middle += np.outer(part, part)
        covariance = np.zeros((len(self.values), len(self.values)))
        covariance[np.ix_(free, free)] = inverse @ middle @ inverse
        systematic = SYSTEMATIC_S**2 * (np.eye(count - 1) + 1.0)
        covariance[1:count, 1:count] += systematic
        covariance[count + 1 : 2 * count, count + 1 : 2 * count] += 12e12 / len(self.seconds) ** 2 * systematic
        sizes = self.values[2 * count :].tolist()
        jumps = tuple((self.names[k], at_s, size) for (k, at_s), size in zip(self.jumps, sizes, strict=True))
        return SurfaceFit(
            self.names, self.middle_s, self.values[:count], self.values[count : 2 * count], jumps, covariance
        )

    def _known(self, free: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """(p, p) and (p,) what is known from elsewhere adds to the normal equations."""
        normal, pull = np.zeros((len(free), len(free))), np.zeros(len(free))
        for place, value, sigma in self.known:
            k = free.index(place)
            normal[k, k] += sigma**-2
            pull[k] += (value - self.values[place]) * sigma**-2
        return normal, pull

    def _pair(self, one: int, two: int) -> np.ndarray:
        """(s, lags) what moves alike where the second of two cameras is later than is thought by each lag."""
        late_s = self.late_s(two) - self.late_s(one)
        forth = self.delays.profiles[self.names[one], self.names[two]].slope
        back = self.delays.profiles[self.names[two], self.names[one]].slope
        return self._moved(forth, late_s) + self._moved(back, -late_s)[:, ::-1]

    def _alike(self, camera: int) -> np.ndarray:
        """(s, lags) what moves alike before a camera and the others if it is later by each lag."""
        others = (other for other in range(len(self.names)) if other != camera)
        return np.sum([self._pair(other, camera) for other in others], axis=0)

    def _told(self, free: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What each pair says in a while: (n, p) derivative, (n,) how much later still, weight, cluster."""
        parts = []
        for (other, seen), profile in self.delays.profiles.items():
            k, j = self.names.index(seen), self.names.index(other)
            sums = self._at(profile.sums, self.late_s(k) - self.late_s(j))
            change = (self.design(k) - self.design(j))[:, free]
            parts.append(_cells(sums, change) if sums.shape[1] == 2 else self._windows(sums, change))
        rows, off_s, slope, start = (np.concatenate([part[k] for part in parts]) for k in range(4))
        if len(off_s):
            slope = slope / (max(float(np.median(off_s**2 * slope)), 1e-12) / USUAL_SQUARE)
        freedom = CELL_FREEDOM if self.delays.look.num_sums == 2 else WINDOW_FREEDOM
        weight = slope * (freedom + 1) / (freedom + off_s**2 * slope)
        return rows, off_s, weight, start // CLUSTER_S

    def _windows(self, sums: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As `_cells`, but a distance that two cameras see in a window whatever moves is taken out as an intercept."""
        long_s = int(np.clip(len(sums) // LEAST_WINDOWS, CELL_S, LONGEST_WINDOW_S))
        jumps = np.searchsorted(self.seconds, [at_s for _, at_s in self.jumps]).astype(np.int64)
        starts = np.union1d(np.arange(0, len(sums), long_s), jumps[jumps < len(sums)])
        of = np.searchsorted(starts, np.arange(len(sums)), side="right") - 1
        speed_apart, _, one, apart, _, speed = np.add.reduceat(sums, starts, axis=0).T
        mean_speed = speed / np.maximum(one, 1e-12)
        share = sums[:, 1] - mean_speed[of] * sums[:, 4]
        slope = np.add.reduceat(share, starts)
        told = slope > LEAST_SLOPE
        rows = np.add.reduceat(change * share[:, None], starts, axis=0)[told] / slope[told, None]
        return rows, (speed_apart - mean_speed * apart)[told] / slope[told], slope[told], starts[told]

    def _moved(self, alike: np.ndarray, by_s: np.ndarray) -> np.ndarray:
        """(s, lags) read at lags that are later by so much in each second (s,), to the nearest; 0 beyond."""
        count = alike.shape[1]
        index = np.arange(count) + np.rint(by_s / self.delays.look.step_s).astype(np.int64)[:, None]
        inside = (index >= 0) & (index < count)
        return np.where(inside, np.take_along_axis(alike, np.clip(index, 0, count - 1), axis=1), 0.0)

    def _at(self, values: np.ndarray, lag_s: np.ndarray) -> np.ndarray:
        """(s, n) values (s, lags, n) at one lag a second, on the line between two."""
        lags_s = self.delays.look.lags_s
        place = (lag_s - lags_s[0]) / self.delays.look.step_s
        low = np.floor(place).astype(np.int64)
        inside, share = (low >= 0) & (low < len(lags_s) - 1), (place - low)[:, None]
        low, row = np.clip(low, 0, len(lags_s) - 2), np.arange(len(values))
        return np.where(inside[:, None], values[row, low] * (1 - share) + values[row, low + 1] * share, 0.0)


def _cells(sums: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What a pair says every two seconds: (n, p) derivative, (n,) how much later still, information, begin.

    Args:
        sums: (s, 2) of a DelayProfile where the clocks stand.
        change: (s, p) how each value moves the delay.
    """
    starts = np.arange(0, len(sums), CELL_S)
    score, slope = np.add.reduceat(sums, starts, axis=0).T
    told = slope > LEAST_SLOPE
    middle = np.minimum(starts[told] + CELL_S // 2, len(sums) - 1)
    return change[middle], score[told] / slope[told], slope[told], starts[told]


def _peak(alike: np.ndarray, lags_s: np.ndarray) -> tuple[float, float]:
    """The lag of the highest place of (lags,), s, and how many usual deviations it stands above the rest."""
    smooth = gaussian_filter1d(alike, SMOOTH_LAGS)
    k = int(np.argmax(smooth))
    rest = smooth[np.abs(lags_s - lags_s[k]) > BESIDE_S]
    middle = float(np.median(rest))
    spread = 1.4826 * float(np.median(np.abs(rest - middle))) + 1e-3 * float(smooth[k]) + 1e-12
    return float(lags_s[k]), (float(smooth[k]) - middle) / spread
