"""What a camera gives besides colour and depth: infrared images and the motion sensor, kept beside the frames.

In a segment of a recording, where there is any:

    extra.parquet    one row per packet: camera_id, stream, index, device_ns, offset, size, crc32
    cam_1.ir         infrared packets, one after the other; coded as depth is, see packets.decode_counts
    imu.parquet      one row per sample: camera_id, accelerometer_ns, acceleration, gyroscope_ns, angular velocity
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from .arrays import Times
from .errors import InputError
from .segments import committed_segments
from .tables import read_table, table_to_bytes

if TYPE_CHECKING:
    import pyarrow as pa

EXTRA_TABLE, IMU_TABLE = "extra.parquet", "imu.parquet"
_TAKEN = ("depth", "color")
_AXES = "xyz"


@dataclass(frozen=True, slots=True, eq=False)
class ImuSamples:
    """Samples of an accelerometer and a gyroscope, each with its own device time, in the axes of the sensor.

    Args:
        accelerometer_ns, gyroscope_ns: (t,) int64 device times.
        acceleration_m_s2: (t, 3) metres per squared second, gravity included.
        angular_velocity_rad_s: (t, 3) radians per second.
    """

    accelerometer_ns: Times
    acceleration_m_s2: Float64[np.ndarray, "t 3"]
    gyroscope_ns: Times
    angular_velocity_rad_s: Float64[np.ndarray, "t 3"]

    def columns(self) -> dict[str, np.ndarray]:
        """Column by name, as imu.parquet has them."""
        return {
            "accelerometer_ns": self.accelerometer_ns,
            **{f"acceleration_{axis}_m_s2": self.acceleration_m_s2[:, k] for k, axis in enumerate(_AXES)},
            "gyroscope_ns": self.gyroscope_ns,
            **{f"angular_velocity_{axis}_rad_s": self.angular_velocity_rad_s[:, k] for k, axis in enumerate(_AXES)},
        }


@dataclass(slots=True)
class ExtraStreams:
    """Gathers what goes into the next segment."""

    _rows: list[tuple[str, str, int, int, int, int, int]] = field(default_factory=list)
    _packets: dict[str, bytearray] = field(default_factory=dict)
    _imu: list[tuple[str, ImuSamples]] = field(default_factory=list)

    def add(self, camera_id: str, stream: str, index: int, device_ns: int, packet: bytes) -> None:
        """Add a packet; see `RecordingWriter.append_extra`."""
        if stream in _TAKEN or not stream.isidentifier():
            raise InputError(f"'{stream}' cannot be the name of an extra stream", where=f"camera {camera_id}")
        data = self._packets.setdefault(f"{camera_id}.{stream}", bytearray())
        self._rows.append((camera_id, stream, index, device_ns, len(data), len(packet), zlib.crc32(packet)))
        data += packet

    def add_imu(self, camera_id: str, samples: ImuSamples) -> None:
        """Add samples of a motion sensor."""
        if len(samples.accelerometer_ns):
            self._imu.append((camera_id, samples))

    def take(self) -> dict[str, bytes]:
        """The files of what was gathered, by name; then nothing is gathered."""
        import pyarrow as pa

        files = {name: bytes(data) for name, data in self._packets.items()}
        if self._rows:
            names = ("camera_id", "stream", "index", "device_ns", "offset", "size", "crc32")
            columns = zip(*self._rows, strict=True)
            table = pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})
            files[EXTRA_TABLE] = table_to_bytes(table)
        if self._imu:
            tables = [
                pa.table({"camera_id": [name] * len(samples.accelerometer_ns), **samples.columns()})
                for name, samples in self._imu
            ]
            files[IMU_TABLE] = table_to_bytes(pa.concat_tables(tables))
        self._rows, self._packets, self._imu = [], {}, []
        return files


def read_extra(recording: Path, camera_id: str, stream: str) -> Iterator[tuple[int, int, bytes]]:
    """Index, device time and packet of every packet of an extra stream of a camera, in stored order.

    Args:
        recording: the `.recording` folder.
        camera_id: which camera.
        stream: such as "ir", whose packets `packets.decode_counts` decodes.

    Raises:
        InputError: a table or a packet is damaged.
    """
    for segment in committed_segments(recording / "segments"):
        if not (segment / EXTRA_TABLE).exists():
            continue
        rows = [
            row
            for row in read_table(segment / EXTRA_TABLE).to_pylist()
            if row["camera_id"] == camera_id and row["stream"] == stream
        ]
        path = segment / f"{camera_id}.{stream}"
        data = path.read_bytes() if rows and path.exists() else b""
        for row in rows:
            packet = data[row["offset"] : row["offset"] + row["size"]]
            if len(packet) != row["size"] or zlib.crc32(packet) != row["crc32"]:
                raise InputError(
                    f"a packet of {stream} is damaged", where=f"{path}, camera {camera_id}, frame {row['index']}",
                    todo="import the recording again",
                )  # fmt: skip
            yield row["index"], row["device_ns"], packet


def read_imu(recording: Path) -> pa.Table | None:
    """All samples of the motion sensors of a recording, with their camera_id; None where it has none.

    Args:
        recording: the `.recording` folder.

    Raises:
        InputError: a table is damaged.
    """
    import pyarrow as pa

    paths = [segment / IMU_TABLE for segment in committed_segments(recording / "segments")]
    tables = [read_table(path) for path in paths if path.exists()]
    return pa.concat_tables(tables) if tables else None
