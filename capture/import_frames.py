"""The way that every importer of stamped images goes once it knows its frames: choose, estimate, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import RawDepthImage
from .camera import CameraModel, CameraRig
from .clock import ClockModel
from .depth_unit import unit_hint
from .errors import InputError
from .files import require_writable
from .import_options import ImportOptions
from .import_report import ImportEstimate, ImportReport, estimate_import, require_disk
from .recording_writer import DamagedFrame, RecordingWriter

NUM_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class PlannedFrame:
    """A frame that an importer means to take.

    Args:
        camera_id, index, device_ns, host_ns: as the recording keeps them.
        color, depth: what the importer knows its images by (hashable), or None where the frame has none.
    """

    camera_id: str
    index: int
    device_ns: int
    host_ns: int | None
    color: Any
    depth: Any


@dataclass(frozen=True, slots=True, eq=False)
class TakenFrame:
    """The images of a planned frame, and what was wrong with those that are not here."""

    frame: PlannedFrame
    depth_raw: RawDepthImage | None
    color: bytes | None
    damaged: tuple[DamagedFrame, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ImportPlan:
    """All that an importer found out before it takes the first image.

    Args:
        where: file or folder, for messages.
        models: every camera as built.
        frames: what there is to take, in any order.
        read: gives the images of some of the frames, in the order in which they are asked for.
        source: what recording.json says of where it came from.
        rig: where the cameras stand, if known.
        clocks: clock by camera; a camera without one keeps the time of the rig.
        damaged: what was left out already.
        unplaced: cameras that should have a place and have none.
        assumptions: what had to be assumed, one sentence each.
        fps: the nominal rate, Hz; None = the usual step of the frames.
    """

    where: str
    models: Mapping[str, CameraModel]
    frames: Sequence[PlannedFrame]
    read: Callable[[Sequence[PlannedFrame]], Iterator[TakenFrame]]
    source: Mapping[str, Any]
    rig: CameraRig | None = None
    clocks: Mapping[str, ClockModel] | None = None
    damaged: tuple[DamagedFrame, ...] = ()
    unplaced: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    fps: float | None = None


def record_plan(
    plan: ImportPlan, out: Path, options: ImportOptions, progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Write the frames of a plan that are wanted as a recording, or say what that would cost.

    Args:
        plan: what there is.
        out: the `.recording` to make.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: no frame lies in the span, or none can be read; the name is taken.
        ConfigError: nothing can be written there.
        ResourceError: the disk would not suffice.
    """
    clocks = {name: (plan.clocks or {}).get(name, ClockModel()) for name in plan.models}
    frames, media_s = _wanted(plan, clocks, options)
    if not frames:
        raise InputError("no frame lies between --from and --to", where=plan.where, todo="widen --from and --to")
    estimate, hints = _estimate(plan, frames, media_s, out, options)
    assumptions = (*plan.assumptions, *hints)
    if options.dry_run:
        return ImportReport(out, len(frames), plan.damaged, plan.unplaced, estimate, assumptions)
    if options.check_disk:
        require_disk(out, estimate)
    source = {**plan.source, "assumptions": list(assumptions), **options.to_json()}
    fps = plan.fps or _rate(frames)
    writer = RecordingWriter(out, list(plan.models.values()), fps=fps, source=source, rig=plan.rig, clocks=clocks)
    require_writable(out)
    with writer:
        for done, taken in enumerate(plan.read(frames)):
            writer.damaged += taken.damaged
            _append(writer, taken, plan.models[taken.frame.camera_id], options)
            if progress:
                progress(done + 1, len(frames))
        if writer.num_frames == 0:
            first = writer.damaged[0].what if writer.damaged else "nothing is left of the frames"
            raise InputError("no frame can be taken", where=plan.where, why=first, todo="see that the files are whole")
        writer.damaged[:0] = plan.damaged
    return ImportReport(out, writer.num_frames, tuple(writer.damaged), plan.unplaced, None, assumptions)


def _wanted(
    plan: ImportPlan, clocks: Mapping[str, ClockModel], options: ImportOptions
) -> tuple[list[PlannedFrame], float]:
    """The frames of the span in the order of time, and how long they last, seconds."""
    if not plan.frames:
        raise InputError("there is no frame", where=plan.where, todo="see that the recording was not stopped at once")
    times_ns = [clocks[frame.camera_id].rig_ns_of(frame.device_ns) for frame in plan.frames]
    begin_ns, end_ns = options.span.bounds_ns(min(times_ns))
    order = sorted(
        (time_ns, plan.frames[at].camera_id, at) for at, time_ns in enumerate(times_ns) if begin_ns <= time_ns < end_ns
    )
    frames = [plan.frames[at] for _, _, at in order]
    if not options.depth.keep:
        frames = [replace(frame, depth=None) for frame in frames if frame.color is not None]
    return frames, (order[-1][0] - order[0][0]) / 1e9 if order else 0.0


def _append(writer: RecordingWriter, taken: TakenFrame, model: CameraModel, options: ImportOptions) -> None:
    frame = taken.frame
    depth_raw = options.depth.apply(taken.depth_raw, model.depth_unit_m)
    if depth_raw is not None or taken.color is not None:
        codec = "png" if (taken.color or b"").startswith(b"\x89PNG") else "jpeg"
        writer.append(frame.camera_id, frame.index, frame.device_ns, frame.host_ns, depth_raw, taken.color, codec)


def _estimate(
    plan: ImportPlan, frames: Sequence[PlannedFrame], media_s: float, out: Path, options: ImportOptions
) -> tuple[ImportEstimate, list[str]]:
    """What it would cost, and what looks like a wrong unit, from the first frames of each camera."""
    samples: list[PlannedFrame] = []
    for name in plan.models:
        samples += [frame for frame in frames if frame.camera_id == name][:NUM_SAMPLES]
    wanted = set(samples)
    samples = [frame for frame in frames if frame in wanted]
    begun_s = time.perf_counter()
    taken = list(plan.read(samples))
    read_s = (time.perf_counter() - begun_s) / max(1, len(taken))
    num_color = sum(frame.color is not None for frame in frames)
    colors = [len(sample.color) for sample in taken if sample.color is not None]
    hints = []
    for name, model in plan.models.items():
        mine = [s.depth_raw for s in taken if s.frame.camera_id == name and s.depth_raw is not None]
        hint = unit_hint(mine, model.depth_unit_m, name) if options.depth.keep else ""
        hints += [hint] if hint else []
    return estimate_import(
        out, num_frames=len(frames), media_s=media_s,
        other_bytes=round(np.mean(colors) * num_color) if colors else 0,
        depth_samples=[sample.depth_raw for sample in taken if sample.depth_raw is not None],
        num_depth=sum(frame.depth is not None for frame in frames) if options.depth.keep else 0,
        read_s_per_frame=read_s,
    ), hints  # fmt: skip


def _rate(frames: Sequence[PlannedFrame]) -> float:
    steps: list[int] = []
    for name in sorted({frame.camera_id for frame in frames}):
        times = np.unique([frame.device_ns for frame in frames if frame.camera_id == name])
        steps += np.diff(times).tolist()
    return round(1e9 / float(np.median(steps)), 6) if steps else 1.0
