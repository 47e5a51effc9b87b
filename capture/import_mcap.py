"""The importer of mcap files: messages of ROS 1 and 2, and of Foxglove as JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import hash_file
from .import_foxglove import FOXGLOVE_KINDS, foxglove_body
from .import_options import ImportOptions
from .import_report import ImportReport
from .import_ros import RosOptions, import_log
from .import_ros_messages import KINDS, LoggedMessage, body_of

CAUGHT = (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, MemoryError)


def import_mcap(
    file: Path,
    out: Path,
    *,
    ros: RosOptions | None = None,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import an mcap file as a recording; what a cut-off or damaged file still holds is taken, and its loss named.

    Args:
        file: the mcap file.
        out: the `.recording` to make.
        ros: topics, units, lenses.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError, ConfigError, ResourceError: as `import_ros.import_log`; and the file is no mcap.
    """
    file = Path(file)
    log = McapLog(file)
    source = {"importer": "mcap", "name": file.name, "blake3": hash_file(file)}
    return import_log(log, Path(out), source, ros or RosOptions(), options or ImportOptions(), progress)


class McapLog:
    """The messages of an mcap file; reads it chunk by chunk and steps over chunks whose checksum does not fit.

    Raises:
        InputError: the file cannot be read, or is no mcap.
    """

    def __init__(self, file: Path) -> None:
        self.where = str(file)
        self.losses: list[str] = []
        self._file = file
        self._decoders: dict[int, Callable[[bytes], Any]] = {}
        self.topics: Mapping[str, str] = {}
        channels: dict[int, Any] = {}
        schemas: dict[int, Any] = {}
        self._from_summary(schemas, channels)
        if not channels:
            for _ in self._records(schemas, channels):
                continue
        self.unread = sorted(
            {f"{c.topic} ({c.message_encoding})" for c in channels.values() if _kind_of(c, schemas) and not _can(c)}
        )
        self.topics = {c.topic: kind for c in channels.values() if (kind := _kind_of(c, schemas)) and _can(c)}
        if not self.topics and self.losses:
            raise InputError(
                "nothing of the file can be read", where=self.where, why=self.losses[0],
                todo="copy the file again; a recording that was killed may be saved by `mcap recover`",
            )  # fmt: skip
        if not self.topics and self.unread:
            raise InputError(
                "the messages are of an encoding that is not known", where=self.where, why=", ".join(self.unread),
                todo="record as ROS 1, ROS 2 (cdr) or JSON, or convert the file",
            )  # fmt: skip

    def messages(self, topics: Collection[str]) -> Iterator[LoggedMessage]:
        """The messages of some topics in the order of the file."""
        from mcap.records import Message

        self.losses = []
        schemas: dict[int, Any] = {}
        channels: dict[int, Any] = {}
        self._from_summary(schemas, channels)
        counts: dict[str, int] = {}
        for record in self._records(schemas, channels):
            channel = channels.get(record.channel_id) if isinstance(record, Message) else None
            if channel is None or channel.topic not in topics:
                continue
            number = counts.get(channel.topic, 0)
            counts[channel.topic] = number + 1
            body, what = None, ""
            try:
                body = self._decoder(channel, schemas)(record.data)
            except InputError as error:
                what = error.what
            except CAUGHT as error:
                what = f"the message cannot be read ({type(error).__name__})"
            yield LoggedMessage(channel.topic, number, record.log_time, body, what)

    def _from_summary(self, schemas: dict[int, Any], channels: dict[int, Any]) -> None:
        """What the end of a whole file says of its channels; of a file that is cut off nothing."""
        from mcap.exceptions import InvalidMagic, McapError
        from mcap.reader import make_reader

        try:
            with self._file.open("rb") as stream:
                summary = make_reader(stream).get_summary()
        except InvalidMagic as error:
            with self._file.open("rb") as stream:
                if stream.read(5) == b"\x89MCAP":
                    return
            raise InputError("this is no mcap file", where=self.where, todo="see that it was copied whole") from error
        except OSError as error:
            raise InputError("the file cannot be read", where=self.where, why=error.strerror or str(error)) from error
        except (McapError, *CAUGHT) as error:
            if self._file.stat().st_size < 8:
                raise InputError(
                    "the file is empty", where=self.where, why="the recording was stopped at once", todo="record again"
                ) from error
            return
        if summary is not None:
            schemas.update(summary.schemas)
            channels.update(summary.channels)

    def _records(self, schemas: dict[int, Any], channels: dict[int, Any]) -> Iterator[Any]:
        """Every record that can be read, in order; fills in schemas and channels on the way."""
        from mcap.exceptions import McapError
        from mcap.records import Channel, Chunk, Message, Schema
        from mcap.stream_reader import StreamReader, breakup_chunk
        from zstandard import ZstdError

        last_ns = first_ns = None
        size = self._file.stat().st_size
        with self._file.open("rb") as stream:
            reader = StreamReader(stream, emit_chunks=True, record_size_limit=size)
            records = reader.records
            while True:
                try:
                    record = next(records, None)
                except (McapError, *CAUGHT) as error:
                    after_s = (last_ns - first_ns) / 1e9 if last_ns and first_ns else 0.0
                    kind = type(error).__name__
                    self.losses.append(f"the file is cut off or damaged {after_s:.3f} s after its start ({kind})")
                    return
                if record is None:
                    return
                try:
                    inner = breakup_chunk(record, validate_crc=True) if isinstance(record, Chunk) else [record]
                except (McapError, ZstdError, *CAUGHT) as error:
                    span_s = ""
                    if isinstance(record, Chunk):
                        span_s = f" of {(record.message_end_time - record.message_start_time) / 1e9:.3f} s"
                    self.losses.append(f"a part{span_s} is damaged ({type(error).__name__})")
                    continue
                for part in inner:
                    if isinstance(part, Schema):
                        schemas[part.id] = part
                    elif isinstance(part, Channel):
                        channels[part.id] = part
                    elif isinstance(part, Message):
                        first_ns = part.log_time if first_ns is None else first_ns
                        last_ns = part.log_time
                    yield part

    def _decoder(self, channel: Any, schemas: Mapping[int, Any]) -> Callable[[bytes], Any]:
        if channel.id not in self._decoders:
            self._decoders[channel.id] = _decoder_of(channel, schemas[channel.schema_id])
        return self._decoders[channel.id]


def _kind_of(channel: Any, schemas: Mapping[int, Any]) -> str:
    """The kind of a channel's messages, or "" where they are of no use."""
    schema = schemas.get(channel.schema_id)
    return "" if schema is None else KINDS.get(_ros_name(schema.name), FOXGLOVE_KINDS.get(schema.name, ""))


def _can(channel: Any) -> bool:
    return channel.message_encoding in ("cdr", "ros1", "json")


def _ros_name(name: str) -> str:
    """sensor_msgs/Image is what ROS 1 calls sensor_msgs/msg/Image."""
    package, _, rest = name.partition("/")
    return name if not rest or rest.startswith("msg/") else f"{package}/msg/{rest}"


def _decoder_of(channel: Any, schema: Any) -> Callable[[bytes], Any]:
    if channel.message_encoding == "json":
        return lambda data: foxglove_body(schema.name, data)
    name = _ros_name(schema.name)
    kind, store = KINDS[name], _types_of(channel, schema, name)
    if channel.message_encoding == "ros1":
        return lambda data: body_of(kind, store.deserialize_ros1(data, name))
    return lambda data: body_of(kind, store.deserialize_cdr(data, name))


def _types_of(channel: Any, schema: Any, name: str) -> Any:
    """The types that a schema defines, or those of ROS itself where it is empty or damaged."""
    from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore

    text = schema.data.decode("utf-8", "replace")
    store = get_typestore(Stores.EMPTY)
    try:
        if not text.strip():
            raise ValueError("an empty schema")
        if schema.encoding == "ros2idl":
            parts = [part.split("\n", 1)[1] for part in text.split("=" * 80 + "\n") if part.startswith("IDL: ")]
            for part in parts or [text]:
                store.register(get_types_from_idl(part))
        else:
            store.register(get_types_from_msg(text, name))
        store.get_msgdef(name)
    except (TypesysError, *CAUGHT):
        return get_typestore(Stores.ROS1_NOETIC if channel.message_encoding == "ros1" else Stores.ROS2_HUMBLE)
    return store
