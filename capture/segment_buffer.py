"""The frames of one segment, gathered in memory until the segment is written whole."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .segments import SegmentWriter
from .tables import table_to_bytes

COLUMNS = (
    "camera_id", "index", "device_ns", "host_ns",
    "depth_offset", "depth_size", "depth_crc32", "color_offset", "color_size", "color_crc32",
)  # fmt: skip


class SegmentBuffer:
    """Rows of frames.parquet, and one stream of packets per camera and kind."""

    def __init__(self) -> None:
        self._rows: list[tuple] = []
        self._streams: dict[str, io.BytesIO] = {}

    def __len__(self) -> int:
        """How many frames it holds."""
        return len(self._rows)

    def add(
        self, camera_id: str, index: int, device_ns: int, host_ns: int | None,
        depth_packet: bytes | None, color_packet: bytes | None,
    ) -> None:  # fmt: skip
        """Add one frame, as `RecordingWriter.append_packets` takes it."""
        self._rows.append(
            (camera_id, index, device_ns, host_ns, *self._put(f"{camera_id}.depth", depth_packet),
             *self._put(f"{camera_id}.color", color_packet))
        )  # fmt: skip

    def write(
        self, path: Path, begin_ns: int, end_ns: int, facts: Mapping[str, Any] | None = None,
        extra: Mapping[str, bytes] | None = None,
    ) -> int:  # fmt: skip
        """Write the segment and commit it by rename.

        Args:
            path: the folder that will exist afterwards.
            begin_ns, end_ns: the half-open time span that it covers.
            facts: what else its manifest says.
            extra: further files of the segment by name, see `extra_streams`.

        Returns:
            The number of bytes of its packets.

        Raises:
            ConfigError: the place takes no files.
            ResourceError: the disk is full.
        """
        import pyarrow as pa

        table = pa.table(
            {name: list(column) for name, column in zip(COLUMNS, zip(*self._rows, strict=True), strict=True)}
        )
        with SegmentWriter(path, begin_ns, end_ns, facts) as segment:
            files = {"frames.parquet": table_to_bytes(table)}
            files |= {name: stream.getvalue() for name, stream in self._streams.items() if stream.tell()}
            # Flushed together: a disk needs hardly longer for all files than for one.
            with ThreadPoolExecutor(len(files)) as pool:
                for _ in pool.map(segment.write, files.keys(), files.values()):
                    pass
            for name, data in (extra or {}).items():
                segment.write(name, data)
        return sum(stream.tell() for stream in self._streams.values())

    def _put(self, name: str, packet: bytes | None) -> tuple[int, int, int]:
        stream = self._streams.setdefault(name, io.BytesIO())
        if packet is None:
            return stream.tell(), 0, 0
        place = (stream.tell(), len(packet), zlib.crc32(packet))
        stream.write(packet)
        return place
