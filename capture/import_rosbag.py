"""The importer of rosbags: ROS 1 `.bag` files, and ROS 2 bags of SQLite or mcap."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import hash_file
from .import_mcap import McapLog
from .import_options import ImportOptions
from .import_report import ImportReport
from .import_ros import RosOptions, import_log
from .import_ros_messages import KINDS, LoggedMessage, MessageLog, body_of

CAUGHT = (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, AssertionError, struct.error)


def import_rosbag(
    bag: Path,
    out: Path,
    *,
    ros: RosOptions | None = None,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import a rosbag as a recording.

    Args:
        bag: a `.bag` file of ROS 1; of ROS 2 the folder with metadata.yaml, or a `.db3` or `.mcap` file alone.
        out: the `.recording` to make.
        ros: topics, units, lenses.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError, ConfigError, ResourceError: as `import_ros.import_log`; and the bag cannot be opened.
    """
    bag = Path(bag)
    if not bag.exists():
        raise InputError("there is no such bag", where=str(bag), todo="give a .bag file, or the folder of a ROS 2 bag")
    log: MessageLog = McapLog(bag) if bag.suffix == ".mcap" else BagLog(bag)
    files = [bag] if bag.is_file() else sorted(path for path in bag.iterdir() if path.is_file())
    source = {"importer": "rosbag", "name": bag.resolve().name, "files": {f.name: hash_file(f) for f in files}}
    return import_log(log, Path(out), source, ros or RosOptions(), options or ImportOptions(), progress)


class BagLog:
    """The messages of a rosbag.

    Raises:
        InputError: it cannot be opened.
    """

    def __init__(self, bag: Path) -> None:
        self.where = str(bag)
        self.losses: list[str] = []
        self._bag = bag
        with self._open() as reader:
            self.topics = {
                connection.topic: KINDS[connection.msgtype]
                for connection in reader.connections if connection.msgtype in KINDS
            }  # fmt: skip

    def messages(self, topics: Collection[str]) -> Iterator[LoggedMessage]:
        """The messages of some topics in the order of the time at which they were received."""
        self.losses = []
        counts: dict[str, int] = {}
        with self._open() as reader:
            chosen = [c for c in reader.connections if c.topic in topics and c.msgtype in KINDS]
            stream: Iterator[Any] = reader.messages(connections=chosen) if chosen else iter(())
            while True:
                try:
                    following = next(stream, None)
                except self._caught() as error:
                    self.losses.append(f"the bag is damaged from here on: {error}")
                    return
                if following is None:
                    return
                connection, log_ns, data = following
                number = counts.get(connection.topic, 0)
                counts[connection.topic] = number + 1
                body, what = None, ""
                try:
                    body = body_of(KINDS[connection.msgtype], reader.deserialize(data, connection.msgtype))
                except InputError as error:
                    what = error.what
                except self._caught() as error:
                    what = f"the message cannot be read ({type(error).__name__})"
                yield LoggedMessage(connection.topic, number, int(log_ns), body, what)

    def _open(self) -> Any:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore

        store = get_typestore(Stores.ROS1_NOETIC if self._bag.suffix == ".bag" else Stores.ROS2_HUMBLE)
        reader: Any = None
        try:
            reader = AnyReader([self._bag], default_typestore=store)
            reader.open()
        except (*self._caught(), OSError) as error:
            raise InputError("the bag cannot be opened", where=self.where, why=str(error), todo=self._todo()) from error
        return _Opened(reader)

    def _todo(self) -> str:
        if self._bag.suffix == ".bag":
            return f"a bag whose recording was cut off has no index: run `rosbag reindex {self._bag.name}` on it first"
        if self._bag.is_dir() and not (self._bag / "metadata.yaml").exists():
            return "give the folder that holds metadata.yaml, or a .db3 or .mcap file alone"
        return "copy the bag again; `ros2 bag reindex` makes a lost metadata.yaml, `sqlite3 FILE .recover` saves a .db3"

    @staticmethod
    def _caught() -> tuple[type[Exception], ...]:
        import apsw
        from rosbags.highlevel.anyreader import AnyReaderError, ReaderErrors

        return (AnyReaderError, *ReaderErrors, apsw.Error, *CAUGHT)


class _Opened:
    """A reader that is open already, as a context."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __enter__(self) -> Any:
        return self._reader

    def __exit__(self, *_: object) -> None:
        self._reader.close()
