"""The .twin folder on disk.

    name.twin/
      twin.json               what it was built from and with: versions, settings, hashes of the inputs, privacy tier
      rig.json  clocks.json   where the cameras stand, and their clocks
      room.toml               what the furniture is called, once somebody said so
      manifest.json           hashes of the files above
      static/                 the standing room: vertices, faces, layout.json, one background per camera
      moving/000000/          a segment of what moves, as measured: sightings, visibility, surfaces, tracker state
      people/000000/          the bodies of the same segment, as measured
      patient/000000/         who lies on a table, and what lies on her, through the whole recording
      tracks/000000/          the same segment after smoothing: tracks, bodies, visibility
      surfaces/000000/        only where asked for: a mesh of each track at each instant
      graph-<key>/000000/     the same segment of the scene graph: nodes, relations
      streams/                vitals and the like, as they were added; not from the recording
      playback/  log/         can be made again; not hashed

Each folder with a manifest is a segment (capture/segments.py): it is there as a whole or not at all. A twin is complete
when twin.json counts the segments of its layers.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .capture.background import BackgroundModel
from .capture.camera import CameraRig
from .capture.clock import ClockModel
from .capture.clock_file import clocks_to_json, read_clocks
from .capture.errors import ConfigError, InputError
from .capture.files import canonical_json
from .capture.locks import held_alone
from .capture.rig_file import read_rig, rig_to_json
from .capture.segments import (
    MANIFEST,
    SegmentWriter,
    committed_segments,
    read_manifest,
    read_sealed,
    seal,
    segment_name,
    write_top_files,
)
from .capture.tables import read_table, table_to_bytes
from .reconstruction.fitted_bodies import forms_of
from .reconstruction.lying import Lying, read_lying
from .reconstruction.scene_tables import layout_to_json, mesh_tables, static_from_tables
from .reconstruction.state import StaticScene
from .scenegraph.streams import FOLDER as STREAMS

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
HEAD = "twin.json"
ROOM_PLAN = "room.toml"
KEPT = ("log", STREAMS)
"""What does not come from the recording, and outlives a fresh build."""


class TwinArchive:
    """A twin on disk, segment by segment; readers see committed segments only.

    Args:
        path: an existing `.twin` folder; use `create` for a new one.

    Raises:
        InputError: the folder is no twin, is damaged, or was written by a newer ortwin.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not (self.path / HEAD).exists():
            raise InputError(
                "not a twin: it has no twin.json", where=str(path), todo="ortwin build RECORDING NAME.twin"
            )
        self.head = read_sealed(self.path / HEAD)
        if self.head["schema_version"] > SCHEMA_VERSION:
            raise InputError("the twin was written by a newer ortwin", where=str(path), todo="pip install -U ortwin")

    @classmethod
    def create(
        cls,
        path: Path | str,
        head: Mapping[str, Any],
        rig: CameraRig,
        clocks: Mapping[str, ClockModel],
        *,
        fresh: bool = False,
    ) -> TwinArchive:
        """Start a twin, or go on with one that was begun with the same inputs and settings.

        Args:
            path: the `.twin` folder.
            head: inputs, settings and versions: all that decides the content.
            rig: where the cameras stand.
            clocks: the clock of each camera.
            fresh: throw away what is there.

        Raises:
            ConfigError: a twin of other inputs or settings is there.
        """
        path = Path(path)
        if fresh and path.exists():
            for entry in path.iterdir():
                if entry.name not in KEPT:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        head = {"schema_version": SCHEMA_VERSION, **head}
        if (path / HEAD).exists():
            archive = cls(path)
            differing = [key for key in head if archive.head.get(key) != json.loads(canonical_json(head))[key]]
            if differing:
                raise ConfigError(
                    "a twin of other inputs or settings is there already",
                    where=str(path),
                    why=f"these differ: {', '.join(differing)}",
                    todo="give another name, or --fresh to build it anew",
                )
            archive.remove_unfinished()
            return archive
        if path.exists() and any(
            entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.name not in (MANIFEST, *KEPT)
        ):
            raise ConfigError("the folder is in use and holds no twin", where=str(path), todo="give another name")
        path.mkdir(parents=True, exist_ok=True)
        files = {
            HEAD: seal({**head, "num_segments": {}}),
            "rig.json": canonical_json(rig_to_json(rig)),
            "clocks.json": clocks_to_json(clocks),
        }
        # twin.json comes last: while it is missing, nothing has begun.
        write_top_files(path, {name: files[name] for name in sorted(files, key=lambda name: name == HEAD)})
        return cls(path)

    def remove_unfinished(self) -> None:
        """Remove what an interrupted run left under temporary names."""
        for entry in sorted(self.path.rglob(".*.tmp")):
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    @property
    def is_complete(self) -> bool:
        """Whether the build came to its end."""
        return bool(self.head["num_segments"])

    def finish(self, num_segments: Mapping[str, int], graph_layer: str, room_plan: bytes | None) -> None:
        """Declare the twin complete: segments per layer, the graph that is in force, and the names that it used."""
        changes = {"num_segments": dict(num_segments), "graph_layer": graph_layer}
        self.head = json.loads(canonical_json({**self.head, **changes}))
        files = {HEAD: seal(self.head)}
        if room_plan is not None:
            files[ROOM_PLAN] = room_plan
        write_top_files(self.path, files)

    @property
    def rig(self) -> CameraRig:
        """Where the cameras stand."""
        return read_rig(self.path / "rig.json")

    @property
    def clocks(self) -> dict[str, ClockModel]:
        """The clock of each camera, as it was when the twin was built."""
        return read_clocks(self.path / "clocks.json")

    @property
    def room_plan(self) -> bytes | None:
        """The text of room.toml, or None."""
        path = self.path / ROOM_PLAN
        return path.read_bytes() if path.exists() else None

    @property
    def graph_layer(self) -> str:
        """The folder of the graph that is in force."""
        return str(self.head.get("graph_layer", "graph"))

    # The standing room

    @property
    def has_static(self) -> bool:
        """Whether the standing room is committed."""
        return (self.path / "static" / MANIFEST).exists()

    def write_static(self, scene: StaticScene, backgrounds: Mapping[str, BackgroundModel]) -> None:
        """Commit the standing room and the backgrounds from which it was made."""
        with SegmentWriter(self.path / "static", scene.valid_from_ns, scene.valid_to_ns) as segment:
            for name, table in mesh_tables(scene).items():
                segment.write(f"{name}.parquet", table_to_bytes(table))
            segment.write("layout.json", layout_to_json(scene))
            for camera_id, background in backgrounds.items():
                segment.write(f"background_{camera_id}.npz", _background_to_bytes(background))

    def read_static(self) -> StaticScene:
        """The standing room, as reconstructed (names of room.toml are not yet applied).

        Raises:
            InputError: it is missing or damaged.
        """
        folder = self.path / "static"
        vertices, faces = read_table(folder / "vertices.parquet"), read_table(folder / "faces.parquet")
        return static_from_tables(vertices, faces, (folder / "layout.json").read_bytes())

    def read_background(self, camera_id: str) -> BackgroundModel:
        """The background of one camera.

        Raises:
            InputError: it is missing or damaged.
        """
        path = self.path / "static" / f"background_{camera_id}.npz"
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
        except (OSError, ValueError, KeyError) as error:
            raise InputError("a background cannot be read", where=str(path), why=str(error)) from error
        color_rgb = arrays.get("color_rgb")
        depth_m, sigma_m, noise_m, support = (arrays[name] for name in ("depth_m", "sigma_m", "noise_m", "support"))
        return BackgroundModel(camera_id, depth_m, sigma_m, noise_m, support, color_rgb)

    # Segments

    def segment(self, layer: str, number: int) -> Path:
        """The folder of a segment, committed or not."""
        return self.path / layer / segment_name(number)

    def has_segment(self, layer: str, number: int) -> bool:
        """Whether a segment is committed."""
        return (self.segment(layer, number) / MANIFEST).exists()

    def write_segment(
        self,
        layer: str,
        number: int,
        span_ns: tuple[int, int],
        tables: Mapping[str, pa.Table],
        blobs: Mapping[str, bytes] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Commit a segment: tables as Parquet, blobs as they are, facts in the manifest."""
        with SegmentWriter(self.segment(layer, number), *span_ns, facts) as segment:
            for name, table in tables.items():
                segment.write(f"{name}.parquet", table_to_bytes(table))
            for name, blob in (blobs or {}).items():
                segment.write(name, blob)

    def num_committed(self, layer: str) -> int:
        """How many segments of a layer are committed."""
        return len(committed_segments(self.path / layer))

    def span_ns(self, layer: str, number: int) -> tuple[int, int]:
        """The half-open time span of a segment, rig clock."""
        manifest = read_manifest(self.segment(layer, number))
        return manifest.begin_ns, manifest.end_ns

    def facts(self, layer: str, number: int) -> Mapping[str, Any]:
        """What the manifest of a segment says beside its hashes."""
        return read_manifest(self.segment(layer, number)).facts or {}

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """The frames that the build had to do without (capture/frame_reader.py)."""
        return [gap for number in range(self.num_committed("moving")) for gap in self.facts("moving", number)["gaps"]]

    def read_segment(self, layer: str, number: int, name: str) -> pa.Table:
        """One table of one segment.

        Raises:
            InputError: it is missing or damaged.
        """
        return read_table(self.segment(layer, number) / f"{name}.parquet")

    def has_table(self, layer: str, number: int, name: str) -> bool:
        """Whether a committed segment has a table; later versions write more of them."""
        return (self.segment(layer, number) / f"{name}.parquet").exists()

    def read_layer(self, layer: str, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One table of all committed segments of a layer, in order."""
        import pyarrow as pa

        tables = []
        for folder in committed_segments(self.path / layer):
            table = read_table(folder / f"{name}.parquet")
            tables.append(table.select(list(columns)) if columns else table)
        if not tables:
            raise InputError(f"the twin has no {layer} yet", where=str(self.path), todo="run `ortwin build` to its end")
        return pa.concat_tables(tables)

    def read_blob(self, layer: str, number: int, name: str) -> bytes:
        """One blob of one segment."""
        path = self.segment(layer, number) / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError("a file of the twin cannot be read", where=str(path), why=str(error)) from error

    @property
    def lying(self) -> tuple[Lying, ...]:
        """Who and what lies on a table; empty where nobody was found, or nobody looked."""
        if not self.has_table("patient", 0, "lying"):
            return ()
        tables = {name: self.read_segment("patient", 0, name) for name in ("lying", "poses")}
        if not tables["lying"].num_rows:
            return ()
        forms = forms_of(self.read_segment("patient", 0, "forms")) if self.has_table("patient", 0, "forms") else {}
        form = forms["patient"][1] if forms else None
        return read_lying(tables, self.read_blob("patient", 0, "surfaces.bin"), form)

    def remove_layer(self, layer: str) -> None:
        """Remove a layer that is no longer in force."""
        shutil.rmtree(self.path / layer, ignore_errors=True)


@contextmanager
def being_built(path: Path | str) -> Iterator[None]:
    """Holds a twin for one process while it is being built; the system lets go when the process ends, however it ends.

    Raises:
        ConfigError: another process is building it.
    """
    begun = Path(path).exists()
    taken = ConfigError(
        "this twin is being built by another process", where=str(path), todo="wait for it, or give another name"
    )
    with held_alone(Path(path) / "log" / "build.lock", taken):
        try:
            yield
        finally:
            if not begun and not (Path(path) / HEAD).exists():
                shutil.rmtree(path, ignore_errors=True)


def _background_to_bytes(background: BackgroundModel) -> bytes:
    arrays = {name: getattr(background, name) for name in ("depth_m", "sigma_m", "noise_m", "support")}
    if background.color_rgb is not None:
        arrays["color_rgb"] = background.color_rgb
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
