"""Recordings on disk: the one writer that all importers use, and the lazy reader.

name.recording/
recording.json          cameras, frame rate, where it came from with hashes, what was damaged
rig.json  clocks.json   once known
manifest.json           hashes of the files above
segments/000000/        about one second of all cameras
frames.parquet        one row per frame: camera_id, index, device_ns, host_ns, packet offsets, sizes, checksums
cam_1.depth           depth packets, one after the other
cam_1.color           colour packets, one after the other
manifest.json         hashes and time span
truth/                  only where truth exists
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import RawDepthImage, Times
from .camera import Camera, CameraModel, CameraRig
from .clock import ClockModel
from .clock_file import read_clocks
from .errors import InputError
from .files import canonical_json, hash_bytes, hash_file
from .frame import RGBDFrame
from .host_report import unsynced_clocks
from .packets import decode_color, decode_depth
from .recording_writer import SCHEMA_VERSION, DamagedFrame, RecordingWriter, camera_from_json
from .rig_file import read_rig, rig_from_json, rig_to_json
from .segment_buffer import COLUMNS
from .segments import committed_segments, count_segments, read_sealed, segment_name, span_of_segment, write_top_files
from .tables import read_table

__all__ = ["RecordingWriter", "StoredRecording", "attach_rig", "open_recording"]

NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class LostSegment:
    """A segment whose index cannot be read: which, why, and its span of device time as far as that is known."""

    file: str
    what: str
    begin_ns: int
    end_ns: int


class StoredRecording:
    """A recording on disk; fulfils `capture.recording.Recording`. Holds the frame index in memory, never the frames."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._rig_cache: tuple[tuple[int, int, int] | None, Mapping[str, Camera]] = (None, {})
        head = read_sealed(self.path / "recording.json")
        if head["schema_version"] > SCHEMA_VERSION:
            todo = "pip install --upgrade ortwin"
            raise InputError("the recording was written by a newer ortwin", where=str(path), todo=todo)
        where = str(self.path / "recording.json")
        self.cameras: Mapping[str, CameraModel] = {
            name: camera_from_json(name, value, where) for name, value in head["cameras"].items()
        }
        self.fps, self.source = float(head["fps"]), head["source"]
        self.damaged = tuple(DamagedFrame(**frame) for frame in head["damaged"])
        self.num_segments = count_segments(self.path / "segments", head["num_segments"].get("segments"))
        self._clocks = read_clocks(self.path / "clocks.json")
        self._segments = [self.path / "segments" / segment_name(number) for number in range(self.num_segments)]
        self.unreadable: list[LostSegment] = []
        self._index = self._read_index()
        self._files: dict[Path, int] = {}

    def _read_index(self) -> dict[str, dict[str, np.ndarray]]:
        tables = []
        for number, segment in enumerate(self._segments):
            try:
                table = read_table(segment / "frames.parquet").to_pydict()
            except InputError as error:
                file, (begin_ns, end_ns) = str(segment.relative_to(self.path)), span_of_segment(segment)
                self.unreadable.append(LostSegment(file, error.what, begin_ns, end_ns))
                continue
            table["segment"] = [number] * len(table["index"])
            tables.append(table)
        names = [*COLUMNS, "segment"]
        merged = {name: [value for table in tables for value in table[name]] for name in names}
        camera_ids = np.array(merged.pop("camera_id"), dtype=object)
        merged["host_ns"] = [NO_TIME if value is None else value for value in merged["host_ns"]]
        columns = {name: np.array(values, dtype=np.int64) for name, values in merged.items()}
        return {
            camera_id: {name: values[camera_ids == camera_id] for name, values in columns.items()}
            for camera_id in self.cameras
        }

    @property
    def has_rig(self) -> bool:
        """Whether anyone said where the cameras stand."""
        return (self.path / "rig.json").exists()

    @property
    def rig(self) -> CameraRig:
        """Where the cameras stand.

        Raises:
            InputError: nobody said so yet, or rig.json is damaged.
        """
        if not self.has_rig:
            raise InputError(
                "the recording has no calibration: nobody said where the cameras stand",
                where=str(self.path),
                todo=f"ortwin register {self.path}   or   ortwin rig set {self.path} rig.json",
            )
        return read_rig(self.path / "rig.json", self.cameras)

    @property
    def _placed(self) -> Mapping[str, Camera]:
        """The cameras of the rig; read anew only when rig.json changed, because every frame asks."""
        if not self.has_rig:
            return {}
        status = (self.path / "rig.json").stat()
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        if self._rig_cache[0] != stamp:
            self._rig_cache = stamp, self.rig.cameras
        return self._rig_cache[1]

    @property
    def clocks(self) -> Mapping[str, ClockModel]:
        """The clock of each camera: as found, else as `unsynced_clocks` tells, else identity."""
        return {name: self._clocks.get(name) or self._host_clocks.get(name, ClockModel()) for name in self.cameras}

    @cached_property
    def _host_clocks(self) -> Mapping[str, ClockModel]:
        rows = {name: row for name, row in self._index.items() if len(row["device_ns"])}
        return unsynced_clocks({name: (row["device_ns"], row["host_ns"]) for name, row in rows.items()})

    def timestamps_ns(self, camera_id: str) -> Times:
        """(t,) rig time of each frame position of a camera, in stored order."""
        return self.clocks[camera_id].frames_ns(self._index[camera_id]["device_ns"])

    def excluded(self, camera_id: str) -> np.ndarray:
        """(t,) bool, True for frame positions whose stamps are false: no instant may have them."""
        return self.clocks[camera_id].excluded_mask(len(self.device_ns(camera_id)))

    def host_ns(self, camera_id: str) -> Times:
        """(t,) int64 when the host received each frame position, NO_TIME where nobody noted it."""
        return self._index[camera_id]["host_ns"]

    def device_ns(self, camera_id: str) -> Times:
        """(t,) int64 the device's own time of each frame position, in stored order."""
        return self._index[camera_id]["device_ns"]

    def indices(self, camera_id: str) -> Times:
        """(t,) frame number of each frame position of a camera."""
        return self._index[camera_id]["index"]

    def has_stream(self, camera_id: str, stream: str) -> bool:
        """Whether any frame of a camera has "depth" or "color"."""
        return bool((self._index[camera_id][f"{stream}_size"] > 0).any())

    def checksums(self, camera_id: str, stream: str) -> np.ndarray:
        """(t,) int64 CRC-32 of each packet of "depth" or "color", -1 where the frame has none."""
        row = self._index[camera_id]
        return np.where(row[f"{stream}_size"] > 0, row[f"{stream}_crc32"], -1)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last rig time of any frame.

        Raises:
            InputError: the recording has no frames.
        """
        times = [values for values in map(self.timestamps_ns, self.cameras) if len(values)]
        if not times:
            raise InputError("the recording has no frames", where=str(self.path))
        return min(int(values.min()) for values in times), max(int(values.max()) for values in times)

    def packet(self, camera_id: str, position: int, stream: str) -> bytes | None:
        """The compressed image of a frame position, or None where the frame has none of that stream.

        Raises:
            InputError: the bytes are not those that were written.
        """
        row = self._index[camera_id]
        size = int(row[f"{stream}_size"][position])
        if size == 0:
            return None
        path = self._segments[int(row["segment"][position])] / f"{camera_id}.{stream}"
        try:
            data = os.pread(self._descriptor(path), size, int(row[f"{stream}_offset"][position]))
        except OSError as error:
            raise self._damage(path, camera_id, position, str(error)) from error
        if len(data) != size or zlib.crc32(data) != int(row[f"{stream}_crc32"][position]):
            raise self._damage(path, camera_id, position, "its checksum does not fit: the file is damaged or cut off")
        return data

    def depth_raw(self, camera_id: str, position: int) -> RawDepthImage | None:
        """(h, w) uint16 counts of depth_unit_m of a frame position, or None.

        Raises:
            InputError: the frame is damaged.
        """
        packet, lens = self.packet(camera_id, position, "depth"), self.cameras[camera_id].depth
        if packet is None or lens is None:
            return None
        try:
            return decode_depth(packet, lens.width_px, lens.height_px)
        except InputError as error:
            raise self._damage(self.path, camera_id, position, error.what) from error

    def depth_counts(self, camera: CameraModel, position: int) -> RawDepthImage | None:
        """(h, w) uint16 counts of a frame position, corrected as `camera` says; or None.

        Raises:
            InputError: the frame is damaged.
        """
        raw = self.depth_raw(camera.camera_id, position)
        if raw is None or camera.depth is None:
            return raw
        return camera.depth_correction.apply_raw(raw, camera.depth_unit_m, camera.depth)

    def color_rgb(self, camera_id: str, position: int, reduction: int = 1) -> np.ndarray | None:
        """(h, w, 3) uint8 colour of a frame position at 1 / reduction of its size, or None.

        Raises:
            InputError: the frame is damaged.
        """
        packet = self.packet(camera_id, position, "color")
        if packet is None:
            return None
        try:
            return decode_color(packet, reduction)
        except InputError as error:
            raise self._damage(self.path, camera_id, position, error.what) from error

    def frame(
        self, camera_id: str, position: int, *, color: bool = True, depth: bool = True, corrected: bool = True
    ) -> RGBDFrame:
        """The frame at a position; what is not asked for is not decoded and comes as None.

        Depth is corrected as the rig says, unless `corrected` is False: who estimates a correction needs what was read.
        """
        raw = self.depth_raw(camera_id, position) if depth else None
        depth_m = None
        if raw is not None:
            depth_m = raw.astype(np.float32) * np.float32(self.cameras[camera_id].depth_unit_m)
            placed = self._placed.get(camera_id) if corrected else None
            if placed is not None and placed.depth is not None:
                depth_m = placed.depth_correction.apply(depth_m, placed.depth)
            depth_m.flags.writeable = False
        color_rgb = self.color_rgb(camera_id, position) if color else None
        if color_rgb is not None:
            color_rgb.flags.writeable = False
        index = int(self._index[camera_id]["index"][position])
        return RGBDFrame(camera_id, index, int(self.timestamps_ns(camera_id)[position]), color_rgb, depth_m)

    def segment_of(self, camera_id: str, position: int) -> str:
        """The folder, below the recording, that holds a frame position of a camera."""
        segment = self._segments[int(self._index[camera_id]["segment"][position])]
        return str(segment.relative_to(self.path))

    def _descriptor(self, path: Path) -> int:
        if path not in self._files:
            while len(self._files) >= 4 * len(self.cameras) + 4:
                os.close(self._files.pop(next(iter(self._files))))
            self._files[path] = os.open(path, os.O_RDONLY)
        return self._files[path]

    def _damage(self, path: Path, camera_id: str, position: int, why: str) -> InputError:
        index = int(self._index[camera_id]["index"][position])
        time_s = (int(self.timestamps_ns(camera_id)[position]) - self.span_ns[0]) * 1e-9
        return InputError(
            "a frame is damaged",
            where=f"{path}, camera {camera_id}, frame {index}, {time_s:.3f} s after the start",
            why=why,
            todo="import the recording again, or go on without this frame",
        )

    def close(self) -> None:
        """Close all files; the recording can still be read and opens them again."""
        while self._files:
            os.close(self._files.popitem()[1])

    def __del__(self) -> None:
        if hasattr(self, "_files"):
            self.close()

    def content_hash(self) -> str:
        """One hash of everything that a build reads: the head, the clocks and every segment's manifest."""
        manifests = [hash_file(segment / "manifest.json") for segment in committed_segments(self.path / "segments")]
        tops = [self.path / name for name in ("recording.json", "clocks.json")]
        heads = [hash_file(top) for top in tops if top.exists()]
        return hash_bytes("\n".join([*heads, *manifests]).encode())

    def summary(self) -> dict[str, Any]:
        """What is in the recording, as JSON values."""
        begin_ns, end_ns = self.span_ns
        cameras = {}
        for name, camera in self.cameras.items():
            times, row = self.timestamps_ns(name), self._index[name]
            steps = np.diff(np.sort(times))
            lenses = {"color": camera.color, "depth": camera.depth}
            sizes = {
                stream: f"{lens.width_px}x{lens.height_px}" if lens and self.has_stream(name, stream) else None
                for stream, lens in lenses.items()
            }
            cameras[name] = {
                "frames": len(times),
                **sizes,
                "without_color": int((row["color_size"] == 0).sum()),
                "without_depth": int((row["depth_size"] == 0).sum()),
                "fps": round(1e9 / float(np.median(steps)), 3) if len(steps) and np.median(steps) > 0 else None,
                "megabytes": round(int(row["color_size"].sum() + row["depth_size"].sum()) / 1e6, 1),
            }
        return {
            "path": str(self.path), "fps": self.fps, "seconds": round((end_ns - begin_ns) * 1e-9, 3),
            "begin_ns": begin_ns, "end_ns": end_ns, "registered": self.has_rig,
            "has_truth": (self.path / "truth").is_dir(), "cameras": cameras, "source": self.source,
            "damaged": [asdict(part) for part in (*self.damaged, *self.unreadable)],
        }  # fmt: skip


def open_recording(path: Path | str) -> StoredRecording:
    """Open a `.recording` folder.

    Raises:
        InputError: the folder is no recording, or its head is damaged.
    """
    path = Path(path)
    if not (path / "recording.json").exists():
        todo = "ortwin import plain FOLDER NAME.recording"
        raise InputError("not a recording: it has no recording.json", where=str(path), todo=todo)
    return StoredRecording(path)


def attach_rig(path: Path | str, rig: CameraRig) -> None:
    """Say where the cameras of a recording stand; replaces what was said before.

    Raises:
        InputError: the rig does not fit the recording's cameras.
    """
    recording = open_recording(path)
    value = rig_to_json(rig)
    rig_from_json(value, recording.cameras, "the rig")
    write_top_files(recording.path, {"rig.json": canonical_json(value)})
