"""The importer of Azure Kinect and Femto recordings: one Matroska file per camera becomes one recording."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .camera import CameraModel
from .clock import ClockModel
from .errors import ConfigError, InputError
from .extra_streams import ImuSamples
from .files import hash_bytes, hash_file, require_writable
from .import_options import ImportOptions
from .import_report import ImportEstimate, ImportReport, estimate_import, require_disk
from .k4a_camera import camera_of, clocks_of_files, tell_of
from .k4a_file import Capture, K4aFile
from .packets import encode_depth
from .recording_writer import DamagedFrame, RecordingWriter
from .rig_file import check_camera_id, read_rig

NUM_SAMPLES = 4
NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class _Source:
    """One file, its camera, and what is found on the way."""

    file: K4aFile
    model: CameraModel
    clock: ClockModel
    read_bytes: int = 0
    last_ns: int = -1
    num_captures: int = 0
    apart_ns: list[int] = field(default_factory=list)


def import_azure_kinect(
    files: Sequence[Path],
    out: Path,
    *,
    names: Sequence[str] = (),
    rig: Path | None = None,
    calibration: Path | None = None,
    keep_infrared: bool = True,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import recordings of Azure Kinect or Femto cameras, one file per camera.

    Colour stays the JPEG that it is, depth and infrared are kept count by count, and so is the motion sensor. Images
    that are cut off are left out and listed; of a file that is cut off, all that can be read is taken.

    Args:
        files: the .mkv files.
        out: the `.recording` to make.
        names: a name per camera; else they are called as their files.
        rig: rig.json: where the cameras stand, if it is known.
        calibration: the factory calibration, for files that have none of their own.
        keep_infrared: whether infrared images are kept, which take about as much space as depth.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (bytes read, bytes in all).

    Raises:
        InputError: a file is no such recording, nothing of it can be read, or it has no calibration.
        ConfigError: names or times do not fit.
        ResourceError: the disk would not suffice.
    """
    out, options = Path(out), options or ImportOptions()
    opened = [K4aFile(Path(path)) for path in files]
    assumed: list[str] = []
    given = None if calibration is None else _read_bytes(calibration)
    models = [
        camera_of(file, name, given, options.depth.keep, assumed)
        for file, name in zip(opened, _names(opened, names), strict=True)
    ]
    clocks = clocks_of_files(opened, models, assumed)
    sources = [_Source(file, model, clocks[model.camera_id]) for file, model in zip(opened, models, strict=True)]
    placed = None if rig is None else read_rig(rig, {model.camera_id: model for model in models})
    lacking = tuple(m.camera_id for m in models if m.camera_id not in placed.cameras) if placed else ()
    damaged: list[DamagedFrame] = []
    begin_ns, end_ns = _bounds(sources, options)
    samples = [list(islice(_captures(source, begin_ns, end_ns, [], None), NUM_SAMPLES)) for source in sources]
    if not any(samples):
        raise InputError(
            "no image can be read", where=", ".join(str(file.path) for file in opened),
            why="; ".join(filter(None, (file.size.why for file in opened))) or "no frame lies between --from and --to",
            todo="copy the files again from where they were recorded, or ask for another stretch of time",
        )  # fmt: skip
    estimate = _estimate(sources, samples, (begin_ns, end_ns), out, options, keep_infrared)
    if options.dry_run:
        return ImportReport(out, estimate.num_frames, (), lacking, estimate, tuple(assumed))
    if options.check_disk:
        require_disk(out, estimate)
    source = {
        "importer": "azure-kinect",
        "name": opened[0].path.name,
        "files": {
            s.model.camera_id: {**tell_of(s.file), "blake3": hash_file(s.file.path)} for s in sources
        },
        **({} if given is None else {"calibration_blake3": hash_bytes(given)}),
        **options.to_json(),
    }  # fmt: skip
    fps = NS_PER_S / min(file.period_ns for file in opened)
    writer = RecordingWriter(out, models, fps=round(fps, 6), source=source, rig=placed, clocks=clocks)
    require_writable(out)
    total = sum(file.size.num_bytes for file in opened)
    with writer:

        def tell() -> None:
            if progress:
                progress(min(total, sum(s.read_bytes for s in sources)), total)

        streams = [_timed(s, _captures(s, begin_ns, end_ns, damaged, tell, writer)) for s in sources]
        for _, _, item, s in heapq.merge(*streams, key=lambda row: row[:2]):
            _take(item, s, writer, options, keep_infrared)
        if writer.num_frames == 0:
            raise InputError("every image of the files is damaged", where=", ".join(str(f.path) for f in opened))
        damaged += [part for s in sources for part in _what_is_missing(s)]
        assumed += [sentence for s in sources for sentence in _how_far_apart(s)]
        writer.source["assumptions"] = assumed
        writer.damaged += damaged
    if progress:
        progress(total, total)
    return ImportReport(out, writer.num_frames, tuple(writer.damaged), lacking, assumptions=tuple(assumed))


def _names(files: Sequence[K4aFile], names: Sequence[str]) -> list[str]:
    if names and len(names) != len(files):
        raise ConfigError(f"{len(names)} names for {len(files)} files", todo="give --name once for every file")
    found = list(names) or [re.sub(r"[^A-Za-z0-9_.-]", "_", file.path.stem).lstrip(".") or "cam" for file in files]
    for name in found:
        check_camera_id(name, "--name")
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ConfigError(f"two cameras are called {twice[0]}", todo="give each file a --name of its own")
    return found


def _read_bytes(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError("the calibration cannot be read", where=str(path), why=error.strerror or "") from error


def _bounds(sources: Sequence[_Source], options: ImportOptions) -> tuple[int, int]:
    """The span that is wanted, rig clock. The first frame of all begins it."""
    if options.span.is_open:
        return options.span.bounds_ns(0)
    firsts = [
        (source.clock.rig_ns_of(first.device_ns), source)
        for source in sources
        for first in islice(_captures(source, None, None, [], None), 1)
    ]
    start_ns, _ = min(firsts, key=lambda row: row[0], default=(0, sources[0]))
    created_ns = sources[0].file.created_ns
    begun_ns = sources[0].clock.rig_ns_of(sources[0].file.number("K4A_START_OFFSET_NS"))
    return options.span.bounds_ns(start_ns, None if created_ns is None else begun_ns - created_ns)


def _captures(
    source: _Source, begin_ns: int | None, end_ns: int | None, damaged: list[DamagedFrame],
    tell: Callable[[], None] | None, writer: RecordingWriter | None = None,
) -> Iterator[Capture]:  # fmt: skip
    """The captures of a file within a span of the rig clock; the motion sensor goes to the writer on the way."""
    name, path = source.model.camera_id, source.file.path.name

    def note(track: str, time_ns: int, what: str) -> None:
        at = f" ({track}, {(time_ns - source.file.number('K4A_START_OFFSET_NS')) / NS_PER_S:.3f} s)" if track else ""
        damaged.append(DamagedFrame(name, -1, f"{path}{at}", what))

    def read(num_bytes: int) -> None:
        source.read_bytes = num_bytes
        if tell:
            tell()

    shift_ns = source.clock.offset_ns
    bounds = [None if ns is None or abs(ns) >= 2**61 else ns - shift_ns for ns in (begin_ns, end_ns)]
    for item in source.file.read(note, begin_ns=bounds[0], end_ns=bounds[1], progress=read):
        if isinstance(item, ImuSamples):
            if writer is not None:
                writer.append_imu(name, item)
        else:
            source.last_ns = max(source.last_ns, item.device_ns)
            yield item


def _timed(source: _Source, captures: Iterator[Capture]) -> Iterator[tuple[int, str, Capture, _Source]]:
    for capture in captures:
        yield source.clock.rig_ns_of(capture.device_ns), source.model.camera_id, capture, source


def _take(
    capture: Capture, source: _Source, writer: RecordingWriter, options: ImportOptions, keep_infrared: bool
) -> None:
    name, index = source.model.camera_id, source.num_captures
    depth, color, infrared = (capture.images.get(track) for track in ("depth", "color", "ir"))
    kept: Any = options.depth.apply(depth, source.model.depth_unit_m) if isinstance(depth, np.ndarray) else None
    if kept is None and color is None:
        return
    if isinstance(infrared, np.ndarray) and keep_infrared:
        writer.append_extra(name, "ir", index, capture.times_ns["ir"], encode_depth(infrared))
    source.num_captures += 1
    if depth is not None and color is not None:
        source.apart_ns.append(capture.times_ns["color"] - capture.times_ns["depth"])
    time_ns = capture.device_ns if kept is not None else capture.times_ns["color"]
    writer.append(name, index, time_ns, None, kept, color if isinstance(color, bytes) else None)


def _what_is_missing(source: _Source) -> list[DamagedFrame]:
    """That a file is not whole, and until when it goes."""
    if source.file.size.is_whole:
        return []
    until_s = max(0, source.last_ns - source.file.number("K4A_START_OFFSET_NS")) / NS_PER_S
    known = source.file.duration_ns
    of = f" of {known / NS_PER_S:.3f} s" if known and known / NS_PER_S > until_s else ""
    what = f"{source.file.size.why}; its frames go until {until_s:.3f} s{of}, what came later is lost"
    return [DamagedFrame(source.model.camera_id, -1, source.file.path.name, what)]


def _how_far_apart(source: _Source) -> list[str]:
    """What becomes of the two times of a frame whose colour and depth were not taken at once."""
    if not any(source.apart_ns):
        return []
    apart_us = np.array(source.apart_ns) / 1000
    return [
        f"{source.model.camera_id}: a frame has the time of its depth; its colour was taken {np.median(apart_us):+.0f} "
        f"us from it in the median, {np.abs(apart_us).max():.0f} us at most"
    ]


def _estimate(
    sources: Sequence[_Source], samples: Sequence[Sequence[Capture]], span_ns: tuple[int, int], out: Path,
    options: ImportOptions, keep_infrared: bool,
) -> ImportEstimate:  # fmt: skip
    """The cost, from the first captures of each file and its length."""
    num_frames = num_depth = other_bytes = 0
    media_s, images = 0.0, []
    for source, captures in zip(sources, samples, strict=True):
        if not captures:
            continue
        raw_bytes = max(1, sum(_raw_bytes(capture) for capture in captures)) / len(captures)
        offset_ns = source.file.number("K4A_START_OFFSET_NS") + source.clock.offset_ns
        length_ns = source.file.duration_ns or source.file.size.num_bytes / raw_bytes * source.file.period_ns
        first_ns = source.clock.rig_ns_of(captures[0].device_ns)
        begin_ns, end_ns = max(span_ns[0], first_ns), min(span_ns[1], offset_ns + length_ns)
        length = max(0.0, end_ns - begin_ns)
        count = round(min(length / source.file.period_ns + 1, source.file.size.num_bytes / raw_bytes + 1))
        num_frames += count
        media_s = max(media_s, length / NS_PER_S)
        for track in ("color", "depth", "ir"):
            found: list[Any] = [c.images[track] for c in captures if track in c.images]
            share = len(found) / len(captures) * count
            if track == "color":
                other_bytes += round(sum(map(len, found)) / max(1, len(found)) * share)
            elif found and (options.depth.keep if track == "depth" else keep_infrared):
                images += found[:2]
                num_depth += round(share)
    return estimate_import(
        out, num_frames=num_frames, media_s=media_s, other_bytes=other_bytes, depth_samples=images, num_depth=num_depth
    )


def _raw_bytes(capture: Capture) -> int:
    return sum(len(image) if isinstance(image, bytes) else image.nbytes for image in capture.images.values())
