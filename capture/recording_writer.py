"""The one writer of recordings, which all importers use; `capture.storage` says what it leaves on disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .arrays import RawDepthImage
from .camera import CameraModel, CameraRig
from .clock import ClockModel
from .clock_file import clocks_to_json
from .errors import InputError
from .extra_streams import ExtraStreams, ImuSamples
from .files import canonical_json, flush_folder
from .packets import encode_depth
from .rig_file import check_camera_id, lens_from_json, lens_to_json, pose_from_json, pose_to_json, rig_to_json
from .segment_buffer import SegmentBuffer
from .segments import seal, segment_name, write_top_files

SCHEMA_VERSION = 1
SEGMENT_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class DamagedFrame:
    """A frame, or a part of one, that an importer could not take: which file, which camera and frame, and why."""

    camera_id: str
    index: int
    file: str
    what: str


class RecordingWriter:
    """Writes a recording; leaving the block without an error commits it.

    Frames come in time order, of all cameras together. The recording grows under a temporary name beside its own.

    Args:
        path: the `.recording` folder that will exist afterwards.
        cameras: the cameras as built.
        fps: the nominal frame rate, Hz.
        source: where it came from (JSON values only).
        rig: where the cameras stand, if known.
        clocks: the clock of each camera that has one of its own.

    Raises:
        InputError: the path is taken.
    """

    def __init__(
        self,
        path: Path,
        cameras: Sequence[CameraModel],
        *,
        fps: float,
        source: Mapping[str, Any],
        rig: CameraRig | None = None,
        clocks: Mapping[str, ClockModel] | None = None,
    ) -> None:
        self.path = Path(path)
        if self.path.exists():
            raise InputError("the recording exists already", where=str(path), todo="remove it, or give another name")
        self.folder = self.path.with_name(f".{self.path.name}.tmp")
        self.cameras, self.fps, self.source = {c.camera_id: c for c in cameras}, fps, dict(source)
        self.rig, self.clocks = rig, dict(clocks or {})
        self.damaged: list[DamagedFrame] = []
        self._buffer, self._extra = SegmentBuffer(), ExtraStreams()
        self.num_frames = 0
        self._num_segments = 0
        self._begin_ns: int | None = None
        self._last_ns = 0

    def __enter__(self) -> RecordingWriter:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def append(
        self,
        camera_id: str,
        index: int,
        device_ns: int,
        host_ns: int | None,
        depth_raw: RawDepthImage | None,
        color_packet: bytes | None,
        color_codec: str = "jpeg",
    ) -> None:
        """Add one frame.

        Args:
            camera_id: which camera.
            index: the frame number of this camera.
            device_ns: the device's own time.
            host_ns: when the host received it, or None.
            depth_raw: (h, w) uint16 counts of depth_unit_m, or None.
            color_packet: a JPEG or PNG file's bytes, or None.
            color_codec: "jpeg" or "png".

        Raises:
            InputError: the image does not have the size of the camera's grid.
        """
        if color_codec not in ("jpeg", "png"):
            raise InputError(f"unknown colour codec '{color_codec}'", where=f"camera {camera_id}, frame {index}")
        depth = None
        if depth_raw is not None:
            check_depth(self.cameras[camera_id], index, depth_raw)
            depth = encode_depth(depth_raw)
        self.append_packets(camera_id, index, device_ns, host_ns, depth, color_packet)

    def append_packets(
        self, camera_id: str, index: int, device_ns: int, host_ns: int | None,
        depth_packet: bytes | None, color_packet: bytes | None,
    ) -> None:  # fmt: skip
        """Add one frame whose images are packets already; they are stored as they are, damaged ones too.

        Args:
            camera_id, index, device_ns, host_ns: as for `append`.
            depth_packet: what `packets.encode_depth` gives, or None.
            color_packet: a JPEG or PNG file's bytes, or None.
        """
        rig_ns = self.clocks.get(camera_id, ClockModel()).rig_ns_of(device_ns)
        if self._begin_ns is None:
            self._begin_ns = rig_ns
        if len(self._buffer) and rig_ns >= self._begin_ns + (self._num_segments + 1) * SEGMENT_NS:
            self._commit_segment()
            skipped = (rig_ns - self._begin_ns) // SEGMENT_NS
            self._begin_ns += (skipped - self._num_segments) * SEGMENT_NS
        self._last_ns = max(self._last_ns, rig_ns)
        self.num_frames += 1
        self._buffer.add(camera_id, index, device_ns, host_ns, depth_packet, color_packet)

    def append_extra(self, camera_id: str, stream: str, index: int, device_ns: int, packet: bytes) -> None:
        """Add a packet that belongs to no frame, such as an infrared image; `extra_streams` reads it again.

        Args:
            camera_id: which camera.
            stream: its name, such as "ir"; neither "depth" nor "color".
            index: its number, or that of the frame that it belongs to.
            device_ns: the device's own time.
            packet: what is kept.
        """
        self._extra.add(camera_id, stream, index, device_ns, packet)

    def append_imu(self, camera_id: str, samples: ImuSamples) -> None:
        """Add samples of the motion sensor of a camera."""
        self._extra.add_imu(camera_id, samples)

    def _commit_segment(self) -> None:
        begin_ns = (self._begin_ns or 0) + self._num_segments * SEGMENT_NS
        path = self.folder / "segments" / segment_name(self._num_segments)
        self._buffer.write(path, begin_ns, max(begin_ns + SEGMENT_NS, self._last_ns + 1), extra=self._extra.take())
        self._buffer = SegmentBuffer()
        self._num_segments += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        if len(self._buffer):
            self._commit_segment()
        head = recording_head(
            self.cameras.values(), self.fps, self.source, damaged=self.damaged, num_segments=self._num_segments
        )
        files = {"recording.json": seal(head), "clocks.json": clocks_to_json(self.clocks)}
        if self.rig is not None:
            files["rig.json"] = canonical_json(rig_to_json(self.rig))
        write_top_files(self.folder, files)
        self.folder.replace(self.path)
        flush_folder(self.path.parent)


def recording_head(
    cameras: Iterable[CameraModel], fps: float, source: Mapping[str, Any], *, damaged: Iterable[DamagedFrame] = (),
    num_segments: int | None,
) -> dict[str, Any]:  # fmt: skip
    """What recording.json says; `num_segments` None: it is being written, and whoever reads counts for himself."""
    return {
        "schema_version": SCHEMA_VERSION,
        "fps": fps,
        "units": {"time": "ns", "length": "m", "depth": "counts of depth_unit_m along the optical axis"},
        "cameras": {camera.camera_id: camera_to_json(camera) for camera in cameras},
        "source": dict(source),
        "damaged": [asdict(frame) for frame in damaged],
        "num_segments": {} if num_segments is None else {"segments": num_segments},
    }


def check_depth(camera: CameraModel, index: int, depth_raw: np.ndarray) -> None:
    """See that a depth image is as the camera's lens says.

    Raises:
        InputError: it has another size or another type.
    """
    lens = camera.depth
    if lens is None or depth_raw.shape != (lens.height_px, lens.width_px) or depth_raw.dtype != np.uint16:
        expected = "none" if lens is None else f"{lens.width_px}x{lens.height_px} uint16"
        raise InputError(
            f"the depth image is {depth_raw.shape[::-1]} {depth_raw.dtype}, expected {expected}",
            where=f"camera {camera.camera_id}, frame {index}",
        )


def camera_to_json(camera: CameraModel) -> dict[str, Any]:
    """A camera as it stands in recording.json."""
    return {
        "color": lens_to_json(camera.color),
        "depth": None if camera.depth is None else lens_to_json(camera.depth),
        "color_from_depth": pose_to_json(camera.color_from_depth),
        "depth_unit_m": camera.depth_unit_m,
        **({"sensor": camera.sensor} if camera.sensor else {}),
    }


def camera_from_json(name: str, value: Mapping[str, Any], where: str) -> CameraModel:
    """A camera as it stands in recording.json."""
    check_camera_id(name, where)
    where = f"{where}, camera {name}"
    return CameraModel(
        name,
        lens_from_json(value["color"], f"{where}, color"),
        None if value["depth"] is None else lens_from_json(value["depth"], f"{where}, depth"),
        pose_from_json(value["color_from_depth"], f"{where}, color_from_depth"),
        float(value["depth_unit_m"]),
        sensor=str(value.get("sensor", "")),
    )
