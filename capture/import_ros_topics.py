"""Which topics are the colour and the depth of which camera: by convention, and as somebody says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .errors import ConfigError, InputError, nearest_name
from .import_ros_messages import COMPRESSED, IMAGE, INFO
from .rig_file import CAMERA_ID

STREAMS = ("color", "depth", "color_info", "depth_info")
TRANSPORTS = ("compressed", "compressedDepth")
COLOR_WORDS = ("color", "colour", "rgb")
DEPTH_ONLY_WORDS = ("depth_to_rgb", "depth_registered", "aligned_depth_to_color")
OTHER_WORDS = ("ir", "infra", "infra1", "infra2", "confidence", "amplitude", "rgb_to_depth", "theora", "thumbnail")


@dataclass(slots=True)
class CameraTopics:
    """The topics of one camera; "" where it has none. `registered`: depth has the geometry of colour."""

    color: str = ""
    depth: str = ""
    color_info: str = ""
    depth_info: str = ""
    registered: bool = False


@dataclass(frozen=True, slots=True)
class _Guess:
    """A topic, whose it may be, and how welcome it is (less is better)."""

    topic: str
    camera_id: str
    stream: str
    registered: bool
    rank: tuple[int, ...] = field(default=())


def choose_topics(
    topics: Mapping[str, str], wanted: Iterable[str] = (), *, prefer_registered: bool, where: str
) -> tuple[dict[str, CameraTopics], list[str]]:
    """The topics of each camera, and the image topics that are left.

    A camera is what stands before `color`, `rgb` or `depth` in the name of a topic. Of several that would do, colour
    that is compressed already is taken, and depth that is raw.

    Args:
        topics: their kinds.
        wanted: "CAMERA.STREAM=TOPIC" with the streams color, depth, color_info, depth_info; goes before any guess.
        prefer_registered: take depth in the geometry of colour, where both are there.
        where: the file, for messages.

    Raises:
        ConfigError: one of `wanted` cannot be read, or the file has no such topic.
        InputError: no topic looks like colour or depth.
    """
    guesses = [guess for topic, kind in topics.items() if (guess := _guess(topic, kind, prefer_registered))]
    cameras: dict[str, CameraTopics] = {}
    for guess in sorted(guesses, key=lambda guess: (guess.camera_id, guess.rank, guess.topic)):
        mine = cameras.setdefault(guess.camera_id, CameraTopics())
        if not getattr(mine, guess.stream):
            setattr(mine, guess.stream, guess.topic)
            mine.registered |= guess.registered
    for text in wanted:
        camera_id, stream, topic = _wanted(text, topics, where)
        mine = cameras.setdefault(camera_id, CameraTopics())
        setattr(mine, stream, topic)
        if stream == "depth":
            mine.registered, mine.depth_info = _is_registered(topic), ""
        if stream == "color":
            mine.color_info = ""
    if not cameras:
        listed = ", ".join(sorted(topics)) or "none of images"
        raise InputError(
            "no topic looks like the colour or the depth of a camera", where=where, why=f"topics: {listed}",
            todo="name them, e.g. --topic cam_1.color=/a/image --topic cam_1.depth=/b/image",
        )  # fmt: skip
    for mine in cameras.values():
        mine.color_info = mine.color_info or _info_beside(mine.color, topics)
        mine.depth_info = mine.depth_info or _info_beside(mine.depth, topics)
    taken = {topic for mine in cameras.values() for topic in (mine.color, mine.depth)}
    left = [topic for topic, kind in topics.items() if kind in (IMAGE, COMPRESSED) and topic not in taken]
    return dict(sorted(cameras.items())), sorted(left)


def is_rectified(topic: str) -> bool:
    """Whether the name of an image says that its distortion was taken out."""
    return "rect" in topic.rsplit("/", 2 if topic.endswith(TRANSPORTS) else 1)[-2 if topic.endswith(TRANSPORTS) else -1]


def _guess(topic: str, kind: str, prefer_registered: bool) -> _Guess | None:
    if kind not in (IMAGE, COMPRESSED):
        return None
    parts = topic.strip("/").split("/")
    if any(part in OTHER_WORDS for part in parts):
        return None
    transport = parts.pop() if parts[-1] in TRANSPORTS else ""
    at = next((i for i, part in enumerate(parts) if _stream_of(part)), None)
    stream = "depth" if transport == "compressedDepth" else "color"
    if at is not None:
        stream = _stream_of(parts[at]) or stream
    if transport == "compressedDepth" and stream == "color":
        return None
    registered = stream == "depth" and _is_registered(topic)
    if stream == "depth":
        rank = (int(registered != prefer_registered), int(kind == COMPRESSED) + int(transport == "compressed"))
    else:
        rank = (int(is_rectified(topic)), int(kind == IMAGE))
    return _Guess(topic, _camera_of(parts[: len(parts) - 1 if at is None else at]), stream, registered, rank)


def _stream_of(part: str) -> str:
    if part in DEPTH_ONLY_WORDS or part.startswith(("depth", "aligned_depth")):
        return "depth"
    return "color" if part in COLOR_WORDS else ""


def _is_registered(topic: str) -> bool:
    return any(word in topic for word in DEPTH_ONLY_WORDS)


def _camera_of(parts: list[str]) -> str:
    """What stands before the stream, each word once: /camera/camera/color is of `camera`."""
    name = "_".join(dict.fromkeys(parts)) or "camera"
    return name if CAMERA_ID.fullmatch(name) else "camera"


def _info_beside(topic: str, topics: Mapping[str, str]) -> str:
    parts = topic.split("/")
    if parts[-1] in TRANSPORTS:
        parts.pop()
    beside = "/".join([*parts[:-1], "camera_info"])
    return beside if topics.get(beside) == INFO else ""


def _wanted(text: str, topics: Mapping[str, str], where: str) -> tuple[str, str, str]:
    key, _, topic = text.partition("=")
    camera_id, _, stream = key.rpartition(".")
    if stream not in STREAMS or not CAMERA_ID.fullmatch(camera_id) or not topic:
        raise ConfigError(
            f"--topic: '{text}' names no stream of a camera",
            todo=f"give CAMERA.STREAM=TOPIC, e.g. cam_1.color=/a/image; a stream is one of {', '.join(STREAMS)}",
        )
    kinds = (INFO,) if stream.endswith("info") else (IMAGE, COMPRESSED)
    fitting = [name for name, kind in topics.items() if kind in kinds]
    if topic not in fitting:
        raise ConfigError(
            f"--topic: there is no '{topic}' of that kind{nearest_name(topic, fitting)}", where=where,
            todo=f"it has {', '.join(sorted(fitting)) or 'none'}",
        )  # fmt: skip
    return camera_id, stream, topic
