"""The surfaces of what moves as they are kept: a table of packets by instant and track, and their reader.

surfaces.parquet    time_ns track_id num_vertices num_faces geometry_offset geometry_size colors_offset colors_size
geometry.bin        the packets of `encode_mesh`, one after the other
colors.bin          those of `encode_colors`; absent where colours were left out
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..capture.arrays import ColorList
from ..capture.errors import InputError
from .surface_mesh import Patch, SurfaceMesh, decode_mesh, encode_colors, encode_mesh

if TYPE_CHECKING:
    import pyarrow as pa

TABLE, GEOMETRY, COLORS = "surfaces", "geometry.bin", "colors.bin"
COLUMNS = ("time_ns", "num_vertices", "num_faces", "geometry_offset", "geometry_size", "colors_offset", "colors_size")


class SurfaceRows:
    """Collects the surfaces of a segment, in the order of time and track."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, ...]] = []
        self._names: list[str] = []
        self._blobs = {GEOMETRY: bytearray(), COLORS: bytearray()}

    def add(self, time_ns: int, track_id: str, patches: Sequence[Patch], colors_rgb: ColorList | None) -> None:
        """Take one surface; its colours (n, 3) are those of the vertices of all patches, or None."""
        packets = {GEOMETRY: encode_mesh(patches), COLORS: b"" if colors_rgb is None else encode_colors(colors_rgb)}
        num_vertices = sum(len(patch.points_m) for patch in patches)
        num_faces = sum(int(patch.upper.sum()) + int(patch.lower.sum()) for patch in patches)
        places = [value for name, packet in packets.items() for value in (len(self._blobs[name]), len(packet))]
        for name, packet in packets.items():
            self._blobs[name] += packet
        self._rows.append((time_ns, num_vertices, num_faces, *places))
        self._names.append(track_id)

    def table(self) -> pa.Table:
        """One row per surface."""
        import pyarrow as pa

        values = np.array(self._rows, np.int64).reshape(-1, len(COLUMNS))
        table = pa.table({name: values[:, column] for column, name in enumerate(COLUMNS)})
        return table.add_column(1, "track_id", pa.array(self._names, pa.string()))

    def blobs(self) -> dict[str, bytes]:
        """The packets by file; colours only where there are any."""
        colored = bool(self._blobs[COLORS]) or not self._rows
        return {name: bytes(blob) for name, blob in self._blobs.items() if colored or name != COLORS}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the packets of a surface lie: in which segment, and (offset, size) of each."""

    segment: int
    geometry: tuple[int, int]
    colors: tuple[int, int]


class TrackSurfaces:
    """The surfaces of a twin, read one at a time.

    Args:
        spans_ns: the half-open span of each segment.
        read_table: the table of a segment.
        read_part: (segment, file, offset, size) -> bytes of a packet; None where the file is absent.
        step_ns: time from one instant to the next; the surface of an instant holds for half of it to both sides.
    """

    def __init__(
        self,
        spans_ns: Sequence[tuple[int, int]],
        read_table: Callable[[int], pa.Table],
        read_part: Callable[[int, str, int, int], bytes | None],
        step_ns: int,
    ) -> None:
        self.spans_ns, self._read_part, self._step_ns = tuple(spans_ns), read_part, step_ns
        self.table = lru_cache(maxsize=4)(read_table)
        self._places = lru_cache(maxsize=4)(self._places_of)

    def at(self, time_ns: int, *, colors: bool = True) -> list[SurfaceMesh]:
        """All surfaces at the instant nearest to a time, in the order of their tracks; empty where nothing moves."""
        number = self._segment(time_ns)
        by_time = {} if number is None else self._places(number)
        instant = min(by_time, key=lambda own_ns: abs(own_ns - time_ns), default=None)
        if instant is None or abs(instant - time_ns) > self._step_ns / 2:
            return []
        return [self._read(name, place, colors=colors) for name, place in by_time[instant].items()]

    def mesh(self, track_id: str, time_ns: int, *, colors: bool = True) -> SurfaceMesh | None:
        """The surface of one track at the instant nearest to a time; None where nothing of it was measured."""
        number = self._segment(time_ns)
        by_time = {} if number is None else self._places(number)
        own = [own_ns for own_ns, places in by_time.items() if track_id in places]
        instant = min(own, key=lambda own_ns: abs(own_ns - time_ns), default=None)
        if instant is None or abs(instant - time_ns) > self._step_ns / 2:
            return None
        return self._read(track_id, by_time[instant][track_id], colors=colors)

    def instants(self, number: int) -> dict[int, list[str]]:
        """The tracks that have a surface, by instant, in one segment."""
        return {time_ns: list(places) for time_ns, places in self._places(number).items()}

    def _segment(self, time_ns: int) -> int | None:
        inside = [k for k, (begin_ns, end_ns) in enumerate(self.spans_ns) if begin_ns <= time_ns < end_ns]
        return inside[0] if inside else None

    def _places_of(self, number: int) -> dict[int, dict[str, Place]]:
        table = self.table(number)
        found: dict[int, dict[str, Place]] = {}
        for row in table.to_pylist():
            geometry = row["geometry_offset"], row["geometry_size"]
            place = Place(number, geometry, (row["colors_offset"], row["colors_size"]))
            found.setdefault(row["time_ns"], {})[row["track_id"]] = place
        return found

    def _read(self, track_id: str, place: Place, *, colors: bool) -> SurfaceMesh:
        geometry = self._read_part(place.segment, GEOMETRY, *place.geometry)
        if geometry is None:
            raise InputError("the surfaces of a segment are gone", where=GEOMETRY, todo="run `ortwin verify`")
        painted = self._read_part(place.segment, COLORS, *place.colors) if colors and place.colors[1] else None
        return decode_mesh(track_id, geometry, painted)
