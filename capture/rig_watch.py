"""Watching a rig: which camera was moved during a recording, when, and by how much.

A camera on a stand or a ceiling arm is run into, or sinks. Its own depth tells: people and furniture change parts of
the picture, a moved camera changes all of it, and one rigid motion explains the change. Each camera is watched on its
own, so nothing need be known of where the cameras stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .camera import CameraModel
from .camera_move import CameraMove
from .errors import InputError
from .geometry import SE3
from .rig_watch_pose import far_pose, settled_pose
from .rig_watch_view import Motion, ReferenceView, median_depth, noise_scale
from .storage import StoredRecording

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """When a camera counts as moved.

    Args:
        every_s: time from one depth image that is looked at to the next.
        reference_samples: images whose median is the surface against which later ones are held.
        confirm_samples: so many images in a row must say the same.
        least_gain: by so much of the cost must a motion explain the picture better (see Motion).
        most_loyal: largest share of decided returns that still fit the old place (a table that was raised has more).
        least_shift_m: smallest motion of surfaces along their normals that is worth a word.
        sudden_share: a bump shows less than this share of its motion in the images before.
        misfit: if returns cost so much more after a motion than before it, a larger one is looked for.
        lost_samples, lost_cost, lost_behind: so many images in a row with such a cost and such a share of returns
            behind the reference are a camera that now looks elsewhere.
        pose_samples: images before and after from which the new place is measured.
    """

    every_s: float = 0.5
    reference_samples: int = 5
    confirm_samples: int = 3
    least_gain: float = 0.04
    most_loyal: float = 0.3
    least_shift_m: float = 0.006
    sudden_share: float = 0.6
    misfit: float = 0.3
    lost_samples: int = 6
    lost_cost: float = 0.5
    lost_behind: float = 0.2
    pose_samples: int = 9


def watch_rig(
    recording: StoredRecording, config: WatchConfig | None = None, progress: Progress | None = None
) -> tuple[CameraMove, ...]:
    """Every move of every camera of a recording, in the order of time.

    A move in the first or last 1.5 s is not seen: too few images are left to tell it from somebody in the picture.

    Args:
        recording: cameras without depth are passed over, as are damaged frames.
        config: see WatchConfig.
        progress: called with steps done, steps in all, and the name of the camera.
    """
    config = config or WatchConfig()
    placed = _placed(recording)
    names = [name for name in recording.cameras if can_be_watched(recording, name)]
    moves: list[CameraMove] = []
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names), name)
        moves += watch_camera(recording, placed.get(name, recording.cameras[name]), config)
    if progress is not None:
        progress(len(names), len(names), "done")
    return tuple(sorted(moves, key=lambda move: (move.time_ns, move.camera_id)))


def _placed(recording: StoredRecording) -> Mapping[str, CameraModel]:
    """The cameras as calibrated, whose corrections of depth hold; none where rig.json is absent or damaged."""
    try:
        return recording.rig.cameras
    except InputError:
        return {}


def can_be_watched(recording: StoredRecording, camera_id: str) -> bool:
    """Whether a camera has the depth by which it is watched."""
    return recording.cameras[camera_id].depth is not None and recording.has_stream(camera_id, "depth")


def watch_camera(recording: StoredRecording, model: CameraModel, config: WatchConfig) -> list[CameraMove]:
    """The moves of one camera; see `watch_rig`."""
    return _Watch(recording, model, config).moves()


class _Watch:
    """The watch over one camera: an epoch begins with a reference and ends with a move."""

    def __init__(self, recording: StoredRecording, model: CameraModel, config: WatchConfig) -> None:
        self.recording, self.model, self.config = recording, model, config
        self.times_ns = recording.timestamps_ns(model.camera_id)
        self.order = np.argsort(self.times_ns, kind="stable")
        self.samples = _samples(self.times_ns[self.order], config.every_s)

    def moves(self) -> list[CameraMove]:
        found: list[CameraMove] = []
        begin = 0
        while begin < len(self.samples):
            move, begin = self._epoch(begin)
            found += [] if move is None else [move]
        return found

    def _epoch(self, begin: int) -> tuple[CameraMove | None, int]:
        """The move that ends the epoch that begins with a sample, and the sample after it."""
        config = self.config
        reference = self._reference(range(begin, min(begin + config.reference_samples, len(self.samples))))
        if reference is None:
            return None, begin + config.reference_samples
        known: list[tuple[int, Motion]] = []
        for sample in range(begin, len(self.samples)):
            depth_raw = self._read(self.samples[sample])
            motion = None if depth_raw is None else reference.motion(depth_raw)
            if motion is None:
                continue
            known.append((sample, motion))
            last = [motion for _, motion in known[-config.confirm_samples :]]
            if len(last) == config.confirm_samples and all(self._has_moved(motion) for motion in last):
                first = len(known) - config.confirm_samples
                return self._moved(begin, reference, known, first), known[first][0]
            last = [motion for _, motion in known[-config.lost_samples :]]
            if len(last) == config.lost_samples and all(self._is_lost(motion) for motion in last):
                first = known[-config.lost_samples][0]
                return self._lost(begin, first), first
        return None, len(self.samples)

    def _has_moved(self, motion: Motion) -> bool:
        config = self.config
        return (
            motion.gain > config.least_gain
            and motion.loyal < config.most_loyal
            and motion.shift_m > config.least_shift_m
        )

    def _is_lost(self, motion: Motion) -> bool:
        return motion.cost > self.config.lost_cost and motion.behind > self.config.lost_behind

    def _moved(
        self, begin: int, reference: ReferenceView, known: Sequence[tuple[int, Motion]], first: int
    ) -> CameraMove:
        """The move that shows in the samples from `known[first]` on: how far, and when."""
        config, count, sample = self.config, self.config.pose_samples, known[first][0]
        shifts_m = [motion.shift_m for _, motion in known]
        still_m = np.median(shifts_m[max(first - config.confirm_samples, 0) : first]) if first else 0.0
        sudden = bool(still_m < config.sudden_share * np.median(shifts_m[first:]))
        before = range(max(begin, sample - count), sample) if sudden else range(begin, min(begin + count, sample))
        after = range(sample, min(sample + count, len(self.samples)))
        images = self._images(before), self._images(after)
        start = known[-1][1].before_from_after
        pose, covariance = settled_pose(self.model, *images, start)
        cost = np.median([motion.cost for _, motion in known[first:]])
        if first and cost > np.median([motion.cost for _, motion in known[:first]]) + config.misfit:
            pose, covariance = self._better(reference, images, (pose, covariance))
        previous = known[first - 1][0] if first else sample
        time_ns = self._moment(reference, self._of_depth(pose), previous, sample) if sudden else self._time_ns(sample)
        return CameraMove(self.model.camera_id, time_ns, pose, covariance, sudden)

    def _better(
        self, reference: ReferenceView, images: tuple[list[np.ndarray], list[np.ndarray]], near: tuple[SE3, np.ndarray]
    ) -> tuple[SE3, np.ndarray]:
        """Of the place near the old one, wrong after a large move, and one found without a guess, the better."""
        far = far_pose(self.model, *images)
        if far is None:
            return near
        gains = [
            np.mean([reference.gain_at(self._of_depth(pose), image) for image in images[1]]) for pose, _ in (near, far)
        ]
        return far if gains[1] > gains[0] else near

    def _of_depth(self, before_from_after: SE3) -> SE3:
        """The same motion, of the depth lens."""
        color_from_depth = self.model.color_from_depth
        return color_from_depth.inverse() @ before_from_after @ color_from_depth

    def _lost(self, begin: int, sample: int) -> CameraMove:
        """A camera that looks elsewhere since a sample: its place is looked for without a guess."""
        count = self.config.pose_samples
        before = self._images(range(max(begin, sample - count), sample))
        after = self._images(range(sample, min(sample + count, len(self.samples))))
        found = far_pose(self.model, before, after) if before and after else None
        pose, covariance = found or (None, np.diag([np.inf] * 6))
        return CameraMove(self.model.camera_id, self._time_ns(sample), pose, covariance)

    def _moment(self, reference: ReferenceView, before_from_after: SE3, first: int, last: int) -> int:
        """The time of the first frame after the move, which lies between two samples: the split that fits best."""
        places = range(self.samples[first] + 1, self.samples[last] + 1)
        gains = []
        for place in places:
            depth_raw = self._read(place)
            gains.append(0.0 if depth_raw is None else reference.gain_at(before_from_after, depth_raw))
        if not gains:
            return self._time_ns(last)
        after = np.cumsum(gains[::-1])[::-1]
        return int(self.times_ns[self.order[places[int(np.argmax(after))]]])

    def _reference(self, samples: range) -> ReferenceView | None:
        images = self._images(samples)
        if not images:
            return None
        depth_m = median_depth(images, self.model.depth_unit_m)
        reference = ReferenceView(self.model, depth_m, noise_scale(self.model, images))
        return reference if reference.num_known else None

    def _images(self, samples: range) -> list[np.ndarray]:
        images = [self._read(self.samples[sample]) for sample in samples]
        return [image for image in images if image is not None]

    def _read(self, place: int) -> np.ndarray | None:
        """Raw depth of the frame at a place in the order of time; None where there is none that can be read."""
        try:
            return self.recording.depth_raw(self.model.camera_id, int(self.order[place]))
        except InputError:
            return None

    def _time_ns(self, sample: int) -> int:
        return int(self.times_ns[self.order[self.samples[sample]]])


def _samples(times_ns: np.ndarray, every_s: float) -> list[int]:
    """Places in sorted times, at least so far apart."""
    if not len(times_ns):
        return []
    due_ns = np.arange(times_ns[0], times_ns[-1] + 1, max(round(every_s * 1e9), 1))
    return np.unique(np.searchsorted(times_ns, due_ns)).tolist()
