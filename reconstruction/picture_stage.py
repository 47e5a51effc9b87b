"""The people of an instant, from its pictures: what moves is looked at by an estimator of 2D poses.

A build takes this way beside that of people_stage.py where `people.estimator` names an estimator of pictures. Each
camera's picture is looked at only where the measured surface of something that moves lies in it. A joint that was seen
within the surface of one person gets that surface's depth as one more measurement, so that one camera alone places him.
Whom the pictures do not show has his body from depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..capture.camera import Camera, CameraRig
from ..capture.errors import ConfigError, InputError, nearest_name
from ..capture.frame_reader import FrameReader
from ..capture.storage import StoredRecording
from .body_paths import BodyPath
from .detections import Detection, Sighting
from .estimators import EstimatorRequest, Picture, PoseEstimator, estimator_names, open_estimator
from .people_stage import INSIDE_M, PeopleConfig, PeopleScene, RawBody
from .regions import surface_regions
from .skeleton import NUM_JOINTS

if TYPE_CHECKING:
    import pyarrow as pa

WITHOUT_PICTURES = ("depth", "none")
NEAR_M = 0.06
MIN_POINTS = 4
MIN_JOINTS = 5
FRONT_SHARE = 0.2
DEPTH_SIGMA_M = 0.05


@dataclass(frozen=True, slots=True)
class PictureScene:
    """Asks an estimator about the pictures of a recording, and lays bodies into the depth for whom it does not see.

    Args:
        estimator: who looks.
        recording: where the pictures are.
        depth: lays bodies into the depth.
    """

    estimator: PoseEstimator
    recording: StoredRecording
    depth: PeopleScene

    def observe_all(
        self,
        times_ns: np.ndarray,
        surfaces_m: Mapping[int, Mapping[int, tuple[np.ndarray, bool]]],
        rig: CameraRig,
        reader: FrameReader,
    ) -> list[tuple[int, RawBody]]:
        """Bodies from depth; see `PeopleScene.observe_all`."""
        return self.depth.observe_all(times_ns, surfaces_m, rig, reader)

    def look_at_all(
        self,
        times_ns: np.ndarray,
        surfaces_m: Mapping[int, Mapping[int, tuple[np.ndarray, bool]]],
        rig: CameraRig,
        reader: FrameReader,
    ) -> list[Sighting]:
        """What the estimator sees at the instants of a segment at which something moves; arguments as above.

        A camera whose picture cannot be read is absent from its instant.
        """
        found = []
        for time_ns in sorted(surfaces_m):
            instant = int(np.searchsorted(times_ns, time_ns))
            cameras, moving_m = rig.at(time_ns).cameras, [points_m for points_m, _ in surfaces_m[time_ns].values()]
            pictures = [
                picture
                for name, camera in cameras.items()
                if (picture := self._picture(camera, reader.sync.position(instant, name), moving_m)) is not None
            ]
            answers = {
                picture.camera_id: tuple(with_depth(each, cameras[picture.camera_id], moving_m) for each in answer)
                for picture, answer in zip(pictures, self.estimator.estimate(pictures), strict=True)
            }
            found.append(Sighting(instant, time_ns, answers))
        return found

    def _picture(self, camera: Camera, position: int | None, moving_m: Sequence[np.ndarray]) -> Picture | None:
        if position is None or not self.recording.has_stream(camera.camera_id, "color"):
            return None
        regions = surface_regions(camera, moving_m)
        try:
            color_rgb = self.recording.color_rgb(camera.camera_id, position) if regions else None
        except InputError:
            return None
        return None if color_rgb is None else Picture(camera.camera_id, color_rgb, regions)

    def to_json(self) -> dict[str, Any]:
        """See `PeopleScene.to_json`; pictures leave nothing to remember."""
        return self.depth.to_json()

    def restore(self, value: Mapping[str, Any]) -> None:
        """See `PeopleScene.restore`."""
        self.depth.restore(value)


def open_people(config: PeopleConfig, recording: StoredRecording) -> PeopleScene | PictureScene:
    """The stage of people that a build was asked for.

    Raises:
        ConfigError: nobody knows the estimator; names the nearest one.
        InputError: the recording has no pictures, or the estimator's model is not there.
        MissingExtraError: a package that the estimator needs is not installed.
    """
    if config.estimator in WITHOUT_PICTURES:
        return PeopleScene(config)
    known = [*WITHOUT_PICTURES, *estimator_names()]
    if config.estimator not in known:
        raise ConfigError(
            f"unknown estimator of people '{config.estimator}'{nearest_name(config.estimator, known)}",
            where="people.estimator", todo=f"use one of {', '.join(known)}",
        )  # fmt: skip
    if not any(recording.has_stream(name, "color") for name in recording.cameras):
        raise InputError(
            f"the recording has no colour, so '{config.estimator}' has no pictures to look at",
            where=str(recording.path), todo="build with people.estimator=depth",
        )  # fmt: skip
    estimator = open_estimator(config.estimator, EstimatorRequest(config.model))
    return PictureScene(estimator, recording, PeopleScene(replace(config, estimator="depth")))


def with_depth(detection: Detection, camera: Camera, surfaces_m: Sequence[np.ndarray]) -> Detection:
    """A detection with the depth of each joint that lies within the surface of the person whom it shows.

    The person is that surface (n, 3) which has points near most of the joints. A joint lies deeper than the front of
    the surface about it, by half of what it lies below the skin at most.
    """
    best, depth_m = 0, np.full(NUM_JOINTS, np.nan)
    for points_m in surfaces_m:
        local_m = camera.camera_from_world.apply(points_m.astype(np.float64))
        local_m = local_m[local_m[:, 2] > NEAR_M]
        if len(local_m) < MIN_POINTS:
            continue
        offs_px = camera.color.project(local_m) - detection.keypoints_px[:, None]
        within = np.linalg.norm(offs_px, axis=-1) < NEAR_M * camera.color.fx_px / local_m[:, 2]
        enough = detection.seen & (within.sum(axis=1) >= MIN_POINTS)
        if enough.sum() > max(best, MIN_JOINTS - 1):
            best, depth_m = int(enough.sum()), np.full(NUM_JOINTS, np.nan)
            for joint in np.flatnonzero(enough):
                depth_m[joint] = np.quantile(local_m[within[joint], 2], FRONT_SHARE) + INSIDE_M[joint] / 2
    return replace(detection, depth_m=depth_m, depth_sigma_m=np.where(np.isfinite(depth_m), DEPTH_SIGMA_M, 0.0))


def with_bodies_of(seen: Sequence[BodyPath], depth: Sequence[BodyPath]) -> list[BodyPath]:
    """Bodies from keypoints, and of the tracks that have none those from depth; in the order of their names."""
    names = {body.track_id for body in seen}
    both = [*seen, *(body for body in depth if body.track_id not in names)]
    return sorted(both, key=lambda body: body.track_id)


def keypoint_table(sightings: Sequence[Sighting]) -> pa.Table:
    """What was seen, a row per detection in order: instant time_ns camera_id keypoints_px scores score depth_m.

    An instant at which nobody was seen has one row of no camera.
    """
    import pyarrow as pa

    nobody = Detection(np.full((NUM_JOINTS, 2), np.nan), np.zeros(NUM_JOINTS), 0.0)
    rows = [
        (sighting.instant, sighting.time_ns, name, detection)
        for sighting in sightings
        for name, detection in [
            (name, each) for name in sorted(sighting.cameras) for each in sighting.cameras[name]
        ] or [("", nobody)]
    ]  # fmt: skip
    unknown = np.full(NUM_JOINTS, np.nan)
    found = [row[3] for row in rows]

    def lists(values: list[np.ndarray], size: int) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(np.array(values).ravel(), pa.float64()), size)

    return pa.table(
        {
            "instant": pa.array([row[0] for row in rows], pa.int64()),
            "time_ns": pa.array([row[1] for row in rows], pa.int64()),
            "camera_id": pa.array([row[2] for row in rows], pa.string()),
            "keypoints_px": lists([each.keypoints_px for each in found], 2 * NUM_JOINTS),
            "scores": lists([each.scores for each in found], NUM_JOINTS),
            "score": pa.array([each.score for each in found], pa.float64()),
            "depth_m": lists([unknown if each.depth_m is None else each.depth_m for each in found], NUM_JOINTS),
        }
    )


def sightings_of(table: pa.Table) -> list[Sighting]:
    """The inverse of `keypoint_table`."""
    at: dict[tuple[int, int], dict[str, tuple[Detection, ...]]] = {}
    for row in table.to_pylist():
        cameras = at.setdefault((row["instant"], row["time_ns"]), {})
        if not row["camera_id"]:
            continue
        depth_m = np.array(row["depth_m"])
        detection = Detection(
            np.array(row["keypoints_px"]).reshape(NUM_JOINTS, 2), np.array(row["scores"]), row["score"], depth_m,
            np.where(np.isfinite(depth_m), DEPTH_SIGMA_M, 0.0),
        )  # fmt: skip
        cameras[row["camera_id"]] = (*cameras.get(row["camera_id"], ()), detection)
    return [Sighting(instant, time_ns, cameras) for (instant, time_ns), cameras in at.items()]
