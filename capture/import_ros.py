"""From a log of messages to a recording: what the importers of mcap and rosbag files share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .camera import CameraModel
from .clock import ClockModel
from .depth_unit import check_unit
from .errors import InputError
from .frame_tree import FrameTree
from .import_frames import ImportPlan, PlannedFrame, TakenFrame, record_plan
from .import_options import ImportOptions
from .import_report import ImportReport
from .import_ros_cameras import CameraMaker, KnownCameras
from .import_ros_images import color_packet, depth_counts, size_of
from .import_ros_messages import TRANSFORMS, ImageMessage, InfoMessage, MessageLog, TransformsMessage
from .import_ros_topics import CameraTopics, choose_topics
from .plain_times import LONGEST_PAUSE_NS, Stamp, absurd_times, clocks_of
from .recording_writer import DamagedFrame
from .stream_pairs import ALONE, pair_streams

MILLIMETRE_M = 0.001
STATIC_TOPIC = "/tf_static"


@dataclass(frozen=True, slots=True)
class RosOptions:
    """What the importers of logs of messages take, besides what all importers take.

    Args:
        topics: "CAMERA.STREAM=TOPIC"; goes before any guess.
        depth_unit_m: metres a count of 16-bit depth, and the step to which depth in metres is rounded.
        known: lenses and poses that somebody gives.
        world: the frame that is the world; "" = the one that all cameras hang on.
        ignore_poses: leave the cameras unplaced.
        jpeg: store raw colour as JPEG instead of PNG.
    """

    topics: tuple[str, ...] = ()
    depth_unit_m: float = MILLIMETRE_M
    known: KnownCameras = field(default_factory=KnownCameras)
    world: str = ""
    ignore_poses: bool = False
    jpeg: bool = False


@dataclass(slots=True, eq=False)
class _Survey:
    """What the first reading of a log finds: stamps by topic, lenses, frames, and the first image of each topic."""

    stamps: dict[str, dict[int, Stamp]] = field(default_factory=dict)
    infos: dict[str, InfoMessage] = field(default_factory=dict)
    first: dict[str, ImageMessage] = field(default_factory=dict)
    edges: list[tuple] = field(default_factory=list)
    damaged: list[DamagedFrame] = field(default_factory=list)


def import_log(
    log: MessageLog,
    out: Path,
    source: Mapping[str, Any],
    ros: RosOptions,
    options: ImportOptions,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import the colour and depth of the cameras in a log of messages.

    The log is read twice: once for its stamps, lenses and frames, once for its images.

    Args:
        log: the messages.
        out: the `.recording` to make.
        source: what recording.json says of where it came from.
        ros: topics, units, lenses.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: no topic holds images, nobody knows a lens, or no message can be read.
        ConfigError: a topic that was asked for is not there, or the recording cannot be written.
        ResourceError: the disk would not suffice.
    """
    check_unit(ros.depth_unit_m)
    transforms = [topic for topic, kind in log.topics.items() if kind == TRANSFORMS and topic.endswith(STATIC_TOPIC)]
    cameras, left = choose_topics(log.topics, ros.topics, prefer_registered=not transforms, where=log.where)
    survey = _look_through(log, cameras, transforms)
    cameras = {name: mine for name, mine in cameras.items() if {mine.color, mine.depth} & survey.first.keys()}
    if not cameras:
        why = log.losses[0] if log.losses else "its image topics hold no message"
        raise InputError("no image can be read", where=log.where, why=why, todo="record again, or copy the file again")
    maker = CameraMaker(survey.infos, survey.first, FrameTree(survey.edges), ros.known, ros.depth_unit_m, log.where)
    try:
        models = {name: maker.model(name, mine) for name, mine in cameras.items()}
    except InputError as error:
        why = "; ".join([error.why, *log.losses[:1]])
        raise InputError(error.what, where=error.where, why=why, todo=error.todo) from error
    rig, lacking = (None, ()) if ros.ignore_poses else maker.rig(models, cameras, ros.world)
    assumptions = [_in_words(name, mine) for name, mine in cameras.items()]
    assumptions += [f"{topic} is left out" for topic in left]
    frames, clocks = _frames(cameras, survey, assumptions, log.where)
    raw_color = any(survey.first[m.color].is_raw for m in cameras.values() if m.color in survey.first)
    if raw_color:
        assumptions.append(f"raw colour is stored as {'JPEG' if ros.jpeg else 'PNG (exact)'}")
    losses = tuple(DamagedFrame("", -1, Path(log.where).name, what) for what in log.losses)
    plan = ImportPlan(
        log.where, models, frames, lambda wanted: _read(wanted, log, models, lossless=not ros.jpeg),
        {**source, "topics": {n: {"color": m.color, "depth": m.depth} for n, m in cameras.items()}},
        rig, clocks, damaged=(*losses, *survey.damaged), unplaced=lacking,
        assumptions=(*assumptions, *maker.assumptions),
    )  # fmt: skip
    return record_plan(plan, out, options, progress)


def _look_through(log: MessageLog, cameras: Mapping[str, CameraTopics], transforms: Sequence[str]) -> _Survey:
    survey, owner = _Survey(), {}
    for name, mine in cameras.items():
        owner |= {topic: name for topic in (mine.color, mine.depth) if topic}
    infos = {topic for mine in cameras.values() for topic in (mine.color_info, mine.depth_info) if topic}
    received: dict[str, dict[int, Stamp]] = {}
    for message in log.messages({*owner, *infos, *transforms}):
        body, topic = message.body, message.topic
        if isinstance(body, TransformsMessage):
            survey.edges += body.edges
        elif isinstance(body, InfoMessage):
            survey.infos.setdefault(topic, body)
        elif isinstance(body, ImageMessage):
            survey.first.setdefault(topic, body)
            place = f"{topic}, message {message.number}"
            received.setdefault(topic, {})[message.number] = Stamp(body.stamp_ns, message.log_ns, place)
        elif topic in owner:
            place = f"{topic}, message {message.number}"
            survey.damaged.append(DamagedFrame(owner[topic], -1, place, message.what))
    for topic, stamps in received.items():
        by_time = dict(sorted(stamps.items(), key=lambda item: item[1].host_ns or 0))
        survey.stamps[topic] = by_time
    return survey


def _frames(
    cameras: Mapping[str, CameraTopics], survey: _Survey, assumptions: list[str], where: str
) -> tuple[list[PlannedFrame], dict[str, ClockModel]]:
    """The frames of all cameras, and the clock of each."""
    frames: list[PlannedFrame] = []
    given: dict[str, list[Stamp]] = {}
    for name, mine in cameras.items():
        numbers, times_ns, stamps = {}, {}, {}
        for stream, topic in (("color", mine.color), ("depth", mine.depth)):
            stamps[stream] = _sound(name, topic, survey, assumptions, where)
            numbers[stream] = sorted(stamps[stream], key=lambda at, s=stamps[stream]: (s[at].device_ns, at))
            times_ns[stream] = np.array([stamps[stream][at].device_ns for at in numbers[stream]], dtype=np.int64)
        pairs = pair_streams(times_ns["color"], times_ns["depth"])
        if mine.color and mine.depth and pairs.worst_ns:
            assumptions.append(
                f"{name}: colour and depth up to {pairs.worst_ns / 1e6:.1f} ms apart are one frame, at the time of its "
                "depth"
            )
        for index, (c, d) in enumerate(zip(pairs.color.tolist(), pairs.depth.tolist(), strict=True)):
            color = numbers["color"][c] if c != ALONE else None
            depth = numbers["depth"][d] if d != ALONE else None
            stamp = stamps["color"][color] if depth is None else stamps["depth"][depth]
            given.setdefault(name, []).append(stamp)
            frames.append(
                PlannedFrame(
                    name, index, stamp.device_ns, stamp.host_ns, None if color is None else (mine.color, color),
                    None if depth is None else (mine.depth, depth),
                )
            )  # fmt: skip
    return frames, _clocks(given, assumptions)


def _sound(name: str, topic: str, survey: _Survey, assumptions: list[str], where: str) -> dict[int, Stamp]:
    """The stamps of a topic that can be, by message; the log's own where the driver gave none."""
    stamps = survey.stamps.get(topic, {})
    if stamps and not all(stamp.device_ns for stamp in stamps.values()):
        assumptions.append(f"{topic} has no stamps: the time at which the log received each image is taken")
        stamps = {n: Stamp(s.host_ns or 0, s.host_ns, s.place) for n, s in stamps.items()}
    in_order = dict(enumerate(stamps.items()))
    wrong = absurd_times({at: stamp for at, (_, stamp) in in_order.items()}, where) if stamps else {}
    survey.damaged += [DamagedFrame(name, -1, in_order[at][1].place, what) for at, what in sorted(wrong.items())]
    return {number: stamp for at, (number, stamp) in in_order.items() if at not in wrong}


def _clocks(stamps: Mapping[str, list[Stamp]], assumptions: list[str]) -> dict[str, ClockModel]:
    """Stamps near the log's time are that of the host already; others are laid on it by the least delay."""
    apart_ns = [abs((s.host_ns or 0) - s.device_ns) for mine in stamps.values() for s in mine]
    if max(apart_ns, default=0) <= LONGEST_PAUSE_NS:
        return {name: ClockModel() for name in stamps}
    assumptions.append(
        "stamps do not show the time of day: the clock of each camera is laid on the log's by its least delay"
    )
    return clocks_of(stamps)


def _read(
    frames: Sequence[PlannedFrame], log: MessageLog, models: Mapping[str, CameraModel], *, lossless: bool
) -> Iterator[TakenFrame]:
    """The frames in the order in which they are wanted; holds only messages that came before their turn."""
    waiting = deque(frames)
    missing = {key for frame in frames for key in (frame.color, frame.depth) if key is not None}
    arrived: dict[Any, ImageMessage] = {}
    for message in log.messages({topic for topic, _ in missing} if missing else ()):
        key = (message.topic, message.number)
        if key not in missing:
            continue
        missing.discard(key)
        if isinstance(message.body, ImageMessage):
            arrived[key] = message.body
        while waiting and not {waiting[0].color, waiting[0].depth} & missing:
            yield _taken(waiting.popleft(), arrived, models, lossless)
        if not waiting:
            return
    while waiting:
        yield _taken(waiting.popleft(), arrived, models, lossless)


def _taken(
    frame: PlannedFrame, arrived: dict[Any, ImageMessage], models: Mapping[str, CameraModel], lossless: bool
) -> TakenFrame:
    model, damaged = models[frame.camera_id], []
    depth_raw = color = None
    for key, is_depth in ((frame.depth, True), (frame.color, False)):
        if key is None:
            continue
        message = arrived.pop(key, None)
        try:
            if message is None:
                raise InputError("the message cannot be read")
            if is_depth:
                depth_raw = depth_counts(message, model.depth_unit_m)
                _check_size((depth_raw.shape[1], depth_raw.shape[0]), model.depth)
            else:
                color = color_packet(message, lossless=lossless)
                _check_size(size_of(message), model.color)
        except InputError as error:
            topic, number = key if isinstance(key, tuple) else ("", 0)
            depth_raw, color = (None, color) if is_depth else (depth_raw, None)
            damaged.append(DamagedFrame(frame.camera_id, frame.index, f"{topic}, message {number}", error.what))
    return TakenFrame(frame, depth_raw, color, tuple(damaged))


def _check_size(size: tuple[int, int], lens: Any) -> None:
    if lens is None or size != (lens.width_px, lens.height_px):
        expected = "no depth" if lens is None else f"{lens.width_px}x{lens.height_px}"
        raise InputError(f"the image is {size[0]}x{size[1]}, the lens is for {expected}")


def _in_words(name: str, mine: CameraTopics) -> str:
    parts = [f"colour {mine.color}" if mine.color else "", f"depth {mine.depth}" if mine.depth else ""]
    return f"{name}: {', '.join(part for part in parts if part)}"
