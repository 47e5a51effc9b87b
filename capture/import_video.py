"""The importer of plain videos, one for each camera: colour without depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .calibration.video_times import read_video_times
from .camera import CameraModel, CameraRig, Intrinsics
from .errors import ConfigError, InputError
from .files import hash_file
from .geometry import SE3
from .image_bytes import JPEG_QUALITY, check_color, encode_color
from .import_frames import ImportPlan, PlannedFrame, TakenFrame, record_plan
from .import_options import ImportOptions
from .import_report import ImportReport
from .recording_writer import DamagedFrame
from .rig_file import check_camera_id

KEPT_CODECS = {"mjpeg": "JPEG", "png": "PNG"}


class _Video(NamedTuple):
    """What is known of a video: size, codec, the stamp of each packet in the order of time, and whether it is whole."""

    path: Path
    width_px: int
    height_px: int
    codec: str
    times_ns: np.ndarray
    broken: str


def import_video(
    files: Sequence[Path],
    out: Path,
    *,
    lenses: Mapping[str, Intrinsics],
    world_from_camera: Mapping[str, SE3] | None = None,
    timestamps: Path | None = None,
    lossless: bool = False,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import videos as a recording of colour alone; a camera is called after its file.

    Packets that are JPEG or PNG images already are kept as they are. Those of other codecs hang together over many
    frames: they are decoded, and each image is stored as a JPEG of quality 95, or as a PNG.

    Args:
        files: one video for each camera.
        out: the `.recording` to make.
        lenses: the lens of each camera.
        world_from_camera: where cameras stand, if known.
        timestamps: a timestamps.csv with the columns cam_id and frame_time (seconds); None = the one beside the videos,
            if there is one, else the times in the videos, which then are taken to have begun together.
        lossless: store decoded images as PNG.
        options: the stretch of time, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: a video cannot be read or is empty, two have one name, or a lens is for another size.
        ConfigError: nobody knows the lens of a camera, or the recording cannot be written.
        ResourceError: the disk would not suffice.
    """
    videos = _videos([Path(file) for file in files])
    models = {name: _model(name, video, lenses) for name, video in videos.items()}
    damaged = [
        DamagedFrame(name, -1, video.path.name, f"the video ends too early: {video.broken}")
        for name, video in videos.items() if video.broken
    ]  # fmt: skip
    frames: list[PlannedFrame] = []
    assumptions: list[str] = []
    for name, video in videos.items():
        table = timestamps or video.path.parent / "timestamps.csv"
        if table.exists() or timestamps:
            times = read_video_times(table, video.path)
            positions, times_ns = times.frames, times.times_ns
            lost = int((positions >= len(video.times_ns)).sum())
            if lost:
                damaged.append(DamagedFrame(name, -1, video.path.name, f"{lost} frames of {table.name} are not in it"))
            within = positions < len(video.times_ns)
            positions, times_ns = positions[within], times_ns[within]
        else:
            positions, times_ns = np.arange(len(video.times_ns)), video.times_ns
            assumptions.append(f"{name}: times of the video itself; all videos began together")
        frames += [
            PlannedFrame(name, position, time_ns, None, position, None)
            for position, time_ns in zip(positions.tolist(), times_ns.tolist(), strict=True)
        ]
        if video.codec not in KEPT_CODECS:
            kind = "PNG (exact)" if lossless else f"JPEG of quality {JPEG_QUALITY}"
            assumptions.append(f"{name}: {video.codec} is decoded and each image stored as {kind}")
    world_from_camera = world_from_camera or {}
    placed = {
        name: model.placed(world_from_camera[name]) for name, model in models.items() if name in world_from_camera
    }
    plan = ImportPlan(
        ", ".join(str(video.path) for video in videos.values()), models, frames,
        lambda wanted: _read(wanted, videos, lossless),
        {"importer": "video", "files": {v.path.name: {"blake3": hash_file(v.path)} for v in videos.values()}},
        CameraRig(placed) if placed else None, damaged=tuple(damaged),
        unplaced=tuple(name for name in models if name not in placed) if placed else (),
        assumptions=tuple(assumptions),
    )  # fmt: skip
    return record_plan(plan, Path(out), options or ImportOptions(), progress)


def _videos(files: Sequence[Path]) -> dict[str, _Video]:
    if not files:
        raise ConfigError("no video was given", todo="give one video for each camera")
    videos: dict[str, _Video] = {}
    for file in files:
        check_camera_id(file.stem, str(file))
        if file.stem in videos:
            raise InputError(
                f"two videos are called {file.stem}", where=f"{videos[file.stem].path} and {file}",
                why="a camera is called after its video", todo="rename one of them",
            )  # fmt: skip
        videos[file.stem] = _open(file)
    return videos


def _open(file: Path) -> _Video:
    """Look through the packets of a video without decoding any."""
    import av
    from av.error import FFmpegError

    if not file.exists():
        raise InputError("there is no such video", where=str(file))
    stamps, broken = [], ""
    try:
        with av.open(str(file), metadata_errors="replace") as container:
            if not container.streams.video:
                raise InputError("the file holds no video", where=str(file), todo="leave the file out")
            stream = container.streams.video[0]
            size, codec = (stream.codec_context.width, stream.codec_context.height), stream.codec_context.name
            base = stream.time_base or Fraction(1, 1000)
            try:
                for packet in container.demux(stream):
                    if packet.pts is not None and packet.size:
                        stamps.append(round(packet.pts * base * 1_000_000_000))
            except (FFmpegError, OSError) as error:
                broken = str(error)
    except (FFmpegError, OSError) as error:
        raise InputError(
            "the video cannot be read", where=str(file), why=str(error),
            todo="copy it again; an MP4 whose recording was cut off cannot be read: record to Matroska",
        ) from error  # fmt: skip
    if not stamps or min(size) < 1:
        raise InputError(
            "the video is empty", where=str(file), why="the recording was stopped before the first image",
            todo="leave the file out, or record again",
        )  # fmt: skip
    return _Video(file, *size, codec, np.sort(np.array(stamps, dtype=np.int64)), broken)


def _model(name: str, video: _Video, lenses: Mapping[str, Intrinsics]) -> CameraModel:
    lens = lenses.get(name)
    if lens is None:
        raise ConfigError(
            f"nobody knows the lens of {name}", where=str(video.path), why="a video does not hold it",
            todo=f"give --rig rig.json with an entry '{name}'; `ortwin calibrate` makes one from videos of a board",
        )  # fmt: skip
    if (lens.width_px, lens.height_px) != (video.width_px, video.height_px):
        size = f"{lens.width_px}x{lens.height_px}"
        raise InputError(
            f"the lens is for {size} images, the video has {video.width_px}x{video.height_px}",
            where=str(video.path), todo="calibrate at the size at which you record",
        )  # fmt: skip
    return CameraModel(name, lens, None, SE3.identity())


def _read(frames: Sequence[PlannedFrame], videos: Mapping[str, _Video], lossless: bool) -> Iterator[TakenFrame]:
    """The frames in the order of time, read from all videos side by side."""
    wanted = {name: [f.index for f in frames if f.camera_id == name] for name in videos}
    packets = {name: _packets(videos[name], wanted[name], lossless) for name in videos if wanted[name]}
    for frame in frames:
        try:
            packet = next(packets[frame.camera_id], None)
            what = "the video ends before it"
        except InputError as error:
            packet, what = None, error.what
        damage = DamagedFrame(frame.camera_id, frame.index, videos[frame.camera_id].path.name, what)
        yield TakenFrame(frame, None, packet or None, () if packet else (damage,))


def _packets(video: _Video, positions: Sequence[int], lossless: bool) -> Iterator[bytes]:
    """A packet for each wanted position, ascending; b"" where it is damaged."""
    import av
    from av.error import FFmpegError

    wanted, last = set(positions), max(positions)
    try:
        with av.open(str(video.path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            if video.codec in KEPT_CODECS:
                images = (bytes(packet) for packet in container.demux(stream) if packet.pts is not None and packet.size)
                for position, data in enumerate(images):
                    if position in wanted:
                        yield _whole(data)
                    if position >= last:
                        return
            else:
                for position, image in enumerate(container.decode(stream)):
                    if position in wanted:
                        yield encode_color(image.to_ndarray(format="bgr24"), lossless=lossless)
                    if position >= last:
                        return
    except (FFmpegError, OSError):  # what is missing is named frame by frame
        return


def _whole(data: bytes) -> bytes:
    try:
        check_color(data)
    except InputError:
        return b""
    return data
