"""What one camera filmed of a board: its images in the order of time, wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..camera import Intrinsics
from ..errors import InputError
from ..storage import StoredRecording

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
VIDEO_ENDINGS = (".mp4", ".avi", ".mkv", ".mov", ".webm")


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """The images of one camera.

    Args:
        camera_id: its name.
        lens: what is known of its colour lens, or None.
        times_ns: (t,) int64 stamp of each image.
        images: gives the images (h, w) uint8 grey in that order; None where one cannot be read.
        where: file or folder, for messages.
    """

    camera_id: str
    lens: Intrinsics | None
    times_ns: np.ndarray
    images: Callable[[], Iterator[np.ndarray | None]]
    where: str


def film_of_images(camera_id: str, lens: Intrinsics | None, times_ns: np.ndarray, files: list[Path]) -> Film:
    """A film of image files, one for each time."""

    def images() -> Iterator[np.ndarray | None]:
        import cv2

        for file in files:
            yield cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)

    return Film(camera_id, lens, times_ns, images, str(files[0].parent) if files else camera_id)


def film_of_recording(recording: StoredRecording, camera_id: str) -> Film:
    """The colour images of a camera of a recording."""

    def images() -> Iterator[np.ndarray | None]:
        import cv2

        for position in range(len(recording.indices(camera_id))):
            try:
                color = recording.color_rgb(camera_id, position)
            except InputError:
                color = None
            yield None if color is None else cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)

    times_ns = recording.timestamps_ns(camera_id)
    lens = recording.cameras[camera_id].color
    return Film(camera_id, lens, times_ns, images, f"{recording.path}, camera {camera_id}")


def film_of_video(
    camera_id: str, lens: Intrinsics | None, file: Path, frames: np.ndarray, times_ns: np.ndarray
) -> Film:
    """A film of a video.

    Args:
        camera_id, lens: the camera.
        file: the video.
        frames: (t,) ascending position in the video of each image that is wanted.
        times_ns: (t,) int64 their stamps.
    """

    def images() -> Iterator[np.ndarray | None]:
        wanted = set(frames.tolist())
        given = 0
        for position, image in enumerate(video_images(file)):
            if position in wanted:
                given += 1
                yield image
        for _ in range(len(wanted) - given):
            yield None

    return Film(camera_id, lens, times_ns, images, str(file))


def video_images(file: Path) -> Iterator[np.ndarray]:
    """The images (h, w) uint8 grey of a video.

    Raises:
        InputError: the video cannot be read, or holds no image.
    """
    import av
    from av.error import FFmpegError

    count = 0
    try:
        with av.open(str(file)) as container:
            if not container.streams.video:
                raise InputError("the file holds no video", where=str(file), todo="film again, or leave the file out")
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                count += 1
                yield frame.to_ndarray(format="gray")
    except (FFmpegError, OSError) as error:
        if count == 0:
            raise InputError(
                "the video cannot be read", where=str(file), why=str(error), todo="copy it again, or film again"
            ) from error
    if count == 0:
        raise InputError(
            "the video is empty", where=str(file), why="the recording was stopped before the first image",
            todo="film the board again with this camera",
        )  # fmt: skip


def video_seconds(file: Path) -> np.ndarray:
    """(t,) presentation time of each image of a video, seconds.

    Raises:
        InputError: the video cannot be read.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            base = float(stream.time_base or 1.0)
            stamps = [packet.pts * base for packet in container.demux(stream) if packet.pts is not None]
    except (FFmpegError, OSError, IndexError) as error:
        raise InputError("the video cannot be read", where=str(file), why=str(error), todo="copy it again") from error
    return np.sort(np.array(stamps, dtype=np.float64))
