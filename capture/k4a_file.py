"""One Matroska file of the Azure Kinect recorder, or of the same recorder for Femto cameras, read front to back.

Tracks COLOR, DEPTH, IR (16-bit, big-endian) and IMU; block times count from the tag K4A_START_OFFSET_NS on the device's
own clock. The format is documented at https://learn.microsoft.com/azure/kinect-dk/record-file-format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import RawDepthImage
from .errors import InputError
from .extra_streams import ImuSamples
from .matroska_size import MatroskaSize, size_of_matroska

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

TRACKS = {"color": ("COLOR",), "depth": ("DEPTH",), "ir": ("IR", "DEPTH_IR"), "imu": ("IMU",)}
USUAL_FPS = 30
NS_PER_S = 1_000_000_000
WAIT_NS = 500_000_000
"""How long a capture waits for its other images; a recorder interleaves its tracks far more closely."""
IMU_SAMPLE = np.dtype([("a_ns", "<u8"), ("a", "<f4", 3), ("g_ns", "<u8"), ("g", "<f4", 3)])
JPEG_BEGIN, JPEG_END = b"\xff\xd8", b"\xff\xd9"
JPEG_QUALITY = 95


@dataclass(slots=True)
class Capture:
    """What one camera saw at one moment: images that were taken together, each with its own device time.

    Args:
        sync_ns: device time, less the delay that depth was told to have; images of one capture agree in it.
        times_ns: device time of each image by track.
        images: colour as JPEG, depth and infrared as (h, w) uint16, by track.
    """

    sync_ns: int
    times_ns: dict[str, int] = field(default_factory=dict)
    images: dict[str, bytes | RawDepthImage] = field(default_factory=dict)

    @property
    def device_ns(self) -> int:
        """When it was taken: when its depth was, or else what it has."""
        return next(self.times_ns[track] for track in ("depth", "color", "ir") if track in self.times_ns)


class K4aFile:
    """A recording of one camera.

    Args:
        path: the .mkv file.

    Raises:
        InputError: it is no Matroska file, is cut off before its tracks, or has neither depth nor colour.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.size: MatroskaSize = size_of_matroska(self.path)
        with self._open() as container:
            self.tags: Mapping[str, str] = {name.upper(): value for name, value in container.metadata.items()}
            self.track_tags: dict[str, Mapping[str, str]] = {}
            self.grids_px: dict[str, tuple[int, int]] = {}
            self.formats: dict[str, str] = {}
            rates: list[Fraction] = []
            for track, stream in _tracks(container).items():
                self.track_tags[track] = dict(stream.metadata)
                if track != "imu":
                    self.grids_px[track] = stream.codec_context.width, stream.codec_context.height
                    self.formats[track] = _format(stream)
                    rates += [stream.average_rate] if stream.average_rate else []
            attached = [stream for stream in container.streams if stream.type == "attachment"]
            named = [stream for stream in attached if "calibration" in str(stream.metadata.get("filename", "")).lower()]
            data: Any = (named or attached or [None])[0]
            self.calibration: bytes | None = None if data is None else bytes(data.data)
            self.duration_ns = None if container.duration is None else container.duration * 1000
        if not self.grids_px.keys() & {"color", "depth"}:
            raise InputError(
                "the file has neither a colour nor a depth track", where=str(path),
                why=self.size.why or "it is no recording of an Azure Kinect or a Femto",
                todo="give a file that k4arecorder or Orbbec's recorder wrote",
            )  # fmt: skip
        self.period_ns = round(NS_PER_S / rates[0]) if rates else round(NS_PER_S / USUAL_FPS)
        self.period_known = bool(rates)

    @property
    def created_ns(self) -> int | None:
        """When the recorder began the file, Unix time; None where it does not say."""
        try:
            date = datetime.fromisoformat(self.tags["CREATION_TIME"])
        except (KeyError, ValueError):
            return None
        return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()) * NS_PER_S

    def number(self, tag: str) -> int:
        """A tag of the file as a whole number; 0 where there is none."""
        try:
            return int(self.tags.get(tag, "0"))
        except ValueError as error:
            raise InputError(f"the tag {tag} is no number: {self.tags[tag]!r}", where=str(self.path)) from error

    def read(
        self, note: Callable[[str, int, str], None], *, begin_ns: int | None = None, end_ns: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Capture | ImuSamples]:  # fmt: skip
        """Captures in the order of time, and samples of the motion sensor between them.

        Args:
            note: called with track, device time (-1 = not known) and what is wrong with a packet.
            begin_ns, end_ns: device times to stay within, half-open.
            progress: called with the number of bytes read.
        """
        first_ns, last_ns = -(2**62) if begin_ns is None else begin_ns, 2**62 if end_ns is None else end_ns
        waiting = _Waiting(self.number("K4A_DEPTH_DELAY_NS"), self.period_ns // 2)
        for track, time_ns, image in self._images(note, begin_ns, last_ns, progress):
            if isinstance(image, ImuSamples):
                kept = _within(image, first_ns, last_ns)
                if len(kept.accelerometer_ns):
                    yield kept
                continue
            for capture in waiting.put(track, time_ns, image):
                if first_ns <= capture.device_ns < last_ns:
                    yield capture
        for capture in waiting.rest():
            if first_ns <= capture.device_ns < last_ns:
                yield capture

    def _images(
        self, note: Callable[[str, int, str], None], begin_ns: int | None, last_ns: int,
        progress: Callable[[int], None] | None,
    ) -> Iterator[tuple[str, int, bytes | RawDepthImage | ImuSamples]]:  # fmt: skip
        import av.error

        offset_ns = self.number("K4A_START_OFFSET_NS")
        with self._open() as container:
            streams = _tracks(container)
            names = {stream.index: track for track, stream in streams.items()}
            if begin_ns is not None and self.size.is_whole:
                self._seek(container, begin_ns - offset_ns - 2 * NS_PER_S)
            packets = container.demux(list(streams.values()))
            while True:
                try:
                    packet = next(packets)
                except StopIteration:
                    return
                except (av.error.FFmpegError, OSError) as error:  # the rest cannot be found any more
                    note("", -1, f"the file cannot be read further: {error.strerror or error}")
                    return
                if packet.pts is None and packet.size:
                    continue
                track, tick_ns = names[packet.stream.index], packet.time_base * NS_PER_S
                time_ns = -1 if packet.pts is None else round(packet.pts * tick_ns) + offset_ns
                if time_ns > last_ns + 2 * WAIT_NS:
                    return
                if progress and packet.pos is not None:
                    progress(int(packet.pos))
                try:
                    yield from self._decode(track, time_ns, packet, offset_ns)
                except InputError as error:
                    note(track, time_ns, error.what)
                except av.error.FFmpegError as error:
                    note(track, time_ns, f"the image cannot be decoded: {error.strerror or error}")

    def _decode(
        self, track: str, time_ns: int, packet: Packet, offset_ns: int
    ) -> Iterator[tuple[str, int, bytes | RawDepthImage | ImuSamples]]:
        """What a packet holds; an empty packet flushes a colour decoder."""
        if track == "color" and self.formats["color"] != "mjpeg":
            import cv2

            for frame in packet.decode():
                if frame.pts is None or frame.time_base is None:
                    continue
                image: Any = frame
                jpeg = cv2.imencode(".jpg", image.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
                yield track, round(frame.pts * frame.time_base * NS_PER_S) + offset_ns, jpeg[1].tobytes()
            return
        if packet.size == 0:
            return
        data = bytes(packet)
        if track == "imu":
            yield track, time_ns, _imu(data)
        elif track == "color":
            if not data.startswith(JPEG_BEGIN) or JPEG_END not in data[-64:]:
                raise InputError("the colour image is cut off or damaged")
            yield track, time_ns, data
        else:
            yield track, time_ns, self._counts(track, data)

    def _counts(self, track: str, data: bytes) -> RawDepthImage:
        width, height = self.grids_px[track]
        if len(data) != 2 * width * height:
            raise InputError(f"the {track} image has {len(data)} bytes, and not those of {width}x{height} counts")
        order = "<u2" if self.formats[track] == "gray16le" else ">u2"
        return np.frombuffer(data, dtype=order).reshape(height, width).astype(np.uint16)

    def _seek(self, container: InputContainer, time_ns: int) -> None:
        import av.error

        try:
            container.seek(max(0, time_ns // 1000), backward=True)
        except (av.error.FFmpegError, OSError):  # no index: read from the start
            container.seek(0)

    def _open(self) -> InputContainer:
        import av.error

        try:
            container = av.open(str(self.path), format="matroska")
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                "the file is no Matroska recording, or its beginning is damaged", where=str(self.path),
                why=self.size.why or (error.strerror or str(error)), todo="copy it again from where it was recorded",
            ) from error  # fmt: skip
        return container


class _Waiting:
    """Captures that may still get an image."""

    def __init__(self, depth_delay_ns: int, tolerance_ns: int) -> None:
        self._delay_ns, self._tolerance_ns = depth_delay_ns, tolerance_ns
        self._captures: list[Capture] = []

    def put(self, track: str, time_ns: int, image: bytes | RawDepthImage) -> list[Capture]:
        """Add an image to the capture it belongs to; gives back those that wait no longer."""
        sync_ns = time_ns if track == "color" else time_ns - self._delay_ns
        near = [c for c in self._captures if track not in c.images and abs(c.sync_ns - sync_ns) <= self._tolerance_ns]
        if near:
            capture = min(near, key=lambda c: abs(c.sync_ns - sync_ns))
        else:
            capture = Capture(sync_ns)
            self._captures.append(capture)
        capture.times_ns[track], capture.images[track] = time_ns, image
        done = [c for c in self._captures if c.sync_ns < sync_ns - WAIT_NS]
        self._captures = [c for c in self._captures if c.sync_ns >= sync_ns - WAIT_NS]
        return sorted(done, key=lambda c: c.device_ns)

    def rest(self) -> list[Capture]:
        """All that still wait."""
        return sorted(self._captures, key=lambda c: c.device_ns)


def _tracks(container: InputContainer) -> dict[str, Any]:
    """The tracks of a recorder by what they hold: by its tags, else by their titles."""
    found: dict[str, Any] = {}
    for stream in container.streams:
        if stream.type not in ("video", "subtitle", "data"):
            continue
        title = str(stream.metadata.get("title", stream.metadata.get("TITLE", ""))).upper()
        for track, titles in TRACKS.items():
            tagged = any(f"K4A_{name}_TRACK" in stream.metadata for name in titles)
            if (tagged or title in titles) and (stream.type == "video") == (track != "imu"):
                found.setdefault(track, stream)
    return found


def _format(stream: Any) -> str:
    """The pixels of a raw track, else the name of its codec."""
    name = stream.codec_context.name
    return str(stream.codec_context.pix_fmt) if name == "rawvideo" else str(name)


def _imu(data: bytes) -> ImuSamples:
    if len(data) % IMU_SAMPLE.itemsize:
        raise InputError(f"a packet of the motion sensor has {len(data)} bytes")
    samples = np.frombuffer(data, dtype=IMU_SAMPLE)
    return ImuSamples(
        samples["a_ns"].astype(np.int64), samples["a"].astype(np.float64),
        samples["g_ns"].astype(np.int64), samples["g"].astype(np.float64),
    )  # fmt: skip


def _within(samples: ImuSamples, begin_ns: int, end_ns: int) -> ImuSamples:
    kept = (samples.accelerometer_ns >= begin_ns) & (samples.accelerometer_ns < end_ns)
    return ImuSamples(
        samples.accelerometer_ns[kept], samples.acceleration_m_s2[kept],
        samples.gyroscope_ns[kept], samples.angular_velocity_rad_s[kept],
    )  # fmt: skip
