"""The few messages of ROS that make a recording, in one form whatever file and encoding they came in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .camera import Intrinsics
from .conventions import rotation_from_quat_xyzw
from .errors import InputError
from .geometry import SE3

IMAGE, COMPRESSED, INFO, TRANSFORMS = "image", "compressed", "info", "transforms"
KINDS = {
    "sensor_msgs/msg/Image": IMAGE,
    "sensor_msgs/msg/CompressedImage": COMPRESSED,
    "sensor_msgs/msg/CameraInfo": INFO,
    "tf2_msgs/msg/TFMessage": TRANSFORMS,
    "tf/msg/tfMessage": TRANSFORMS,
}
FISHEYE_MODELS = ("equidistant", "fisheye", "kannala_brandt")
BROWN_MODELS = ("plumb_bob", "rational_polynomial", "")


@dataclass(frozen=True, slots=True, eq=False)
class ImageMessage:
    """An image as it came: the stamp of its header, the frame of its lens, and its bytes.

    Args:
        stamp_ns: the stamp, 0 where the driver gave none.
        frame_id: the frame of the lens.
        data: the bytes.
        encoding: of a raw image, in the words of ROS; of a compressed one, its format.
        width_px, height_px, step_bytes: size and bytes a row of a raw image; 0 of a compressed one.
        big_endian: the order of the bytes of a raw image.
    """

    stamp_ns: int
    frame_id: str
    data: bytes
    encoding: str
    width_px: int = 0
    height_px: int = 0
    step_bytes: int = 0
    big_endian: bool = False

    @property
    def is_raw(self) -> bool:
        """Whether the bytes are pixels."""
        return self.height_px > 0


@dataclass(frozen=True, slots=True, eq=False)
class InfoMessage:
    """A CameraInfo: size, distortion, and the matrices of the raw (k, 9) and of the rectified image (p, 12)."""

    frame_id: str
    width_px: int
    height_px: int
    model: str
    d: np.ndarray
    k: np.ndarray
    p: np.ndarray

    def lens(self, *, rectified: bool, where: str) -> Intrinsics | None:
        """The lens of the raw or the rectified image; None where the driver was never calibrated (zeros).

        Raises:
            InputError: the distortion is of a model that is not known, or a number is impossible.
        """
        if rectified and self.p[0] > 0:
            return Intrinsics(self.p[0], self.p[5], self.p[2], self.p[6], self.width_px, self.height_px)
        if self.k[0] <= 0 or self.width_px < 1:
            return None
        distortion = np.trim_zeros(self.d, "b")
        if rectified or not len(distortion):
            model, distortion = "none", np.zeros(0)
        elif self.model in FISHEYE_MODELS:
            model, distortion = "fisheye", np.pad(self.d[:4], (0, 4 - len(self.d[:4])))
        elif self.model in BROWN_MODELS and len(distortion) <= 8:
            size = next(size for size in (4, 5, 8) if size >= len(distortion))
            model, distortion = "brown_conrady", np.pad(distortion, (0, size - len(distortion)))
        else:
            raise InputError(
                f"the distortion '{self.model}' with {len(distortion)} coefficients is not known", where=where,
                todo="give the lens with --rig, or record the rectified image",
            )  # fmt: skip
        if model == "fisheye" and not self.d.any():
            distortion = np.zeros(4)
        return Intrinsics(
            self.k[0], self.k[4], self.k[2], self.k[5], self.width_px, self.height_px, model, distortion
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class TransformsMessage:
    """Poses of frames in their parents: (parent, child, parent_from_child)."""

    edges: tuple[tuple[str, str, SE3], ...]


Body = ImageMessage | InfoMessage | TransformsMessage


@dataclass(frozen=True, slots=True, eq=False)
class LoggedMessage:
    """One message of a log.

    Args:
        topic: its topic.
        number: which of its topic, in the order of the file.
        log_ns: when it was received.
        body: the message, or None where it cannot be read.
        what: then why.
    """

    topic: str
    number: int
    log_ns: int
    body: Body | None
    what: str = ""


class MessageLog(Protocol):
    """A file of messages, whatever its format; `losses` grows while it is read, and starts anew with each reading."""

    @property
    def where(self) -> str:
        """The file, for messages."""
        ...

    @property
    def topics(self) -> Mapping[str, str]:
        """The kind (IMAGE, COMPRESSED, INFO, TRANSFORMS) of each topic that may be of use."""
        ...

    @property
    def losses(self) -> list[str]:
        """What could not be read the last time."""
        ...

    def messages(self, topics: Collection[str]) -> Iterator[LoggedMessage]:
        """The messages of some topics in the order of the file."""
        ...


def body_of(kind: str, message: Any) -> Body:
    """A deserialized message of ROS 1 or 2 in our form.

    Raises:
        InputError: a transform is no rigid motion.
    """
    if kind == TRANSFORMS:
        return TransformsMessage(tuple(_edge(transform) for transform in message.transforms))
    frame_id = message.header.frame_id.lstrip("/")
    if kind == INFO:
        d, k, p = (getattr(message, name, None) for name in ("d", "k", "p"))
        if k is None:  # ROS 1 writes capitals
            d, k, p = message.D, message.K, message.P
        matrices = (np.asarray(part, dtype=np.float64) for part in (d, k, p))
        return InfoMessage(frame_id, int(message.width), int(message.height), message.distortion_model, *matrices)
    stamp = message.header.stamp
    stamp_ns, data = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec), bytes(message.data)
    if kind == COMPRESSED:
        return ImageMessage(stamp_ns, frame_id, data, message.format)
    return ImageMessage(
        stamp_ns, frame_id, data, message.encoding, int(message.width), int(message.height), int(message.step),
        bool(message.is_bigendian),
    )  # fmt: skip


def _edge(transform: Any) -> tuple[str, str, SE3]:
    at, turn = transform.transform.translation, transform.transform.rotation
    rotation = rotation_from_quat_xyzw(np.array([turn.x, turn.y, turn.z, turn.w]))
    pose = SE3(rotation, np.array([at.x, at.y, at.z], dtype=np.float64))
    return transform.header.frame_id.lstrip("/"), transform.child_frame_id.lstrip("/"), pose
