"""Images of ROS messages as a recording keeps them: depth as counts, colour as a JPEG or PNG packet."""

from __future__ import annotations

import struct

import numpy as np

from .arrays import RawDepthImage
from .errors import InputError
from .image_bytes import PNG_BEGIN, check_color, decode_depth_png, encode_color, image_size
from .import_ros_messages import ImageMessage

DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")
COMPRESSED_DEPTH_HEADER = 12
MOST_COUNTS = 65534
COLOR_CHANNELS = {
    "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4, "8UC4": 4, "mono8": 1, "8UC1": 1,
    "yuv422": 2, "uyvy": 2, "yuv422_yuy2": 2, "yuyv": 2,
    "bayer_rggb8": 1, "bayer_bggr8": 1, "bayer_gbrg8": 1, "bayer_grbg8": 1,
}  # fmt: skip


def size_of(message: ImageMessage) -> tuple[int, int]:
    """(width, height) of an image.

    Raises:
        InputError: a compressed one has no sound beginning.
    """
    if message.is_raw:
        return message.width_px, message.height_px
    return image_size(_without_header(message.data))[:2]


def depth_counts(message: ImageMessage, unit_m: float) -> RawDepthImage:
    """(h, w) uint16 counts of a depth image: 16-bit ones as they are, metres as floats to the nearest step of unit_m.

    Raises:
        InputError: the image is damaged, or of an encoding that is not known.
    """
    if message.is_raw:
        if message.encoding not in DEPTH_ENCODINGS:
            raise InputError(f"depth of the encoding '{message.encoding}' is not known", todo=_known())
        kind = ("f4" if message.encoding == "32FC1" else "u2", 4 if message.encoding == "32FC1" else 2)
        pixels = _pixels(message, kind[1]).view((">" if message.big_endian else "<") + kind[0])
        return counts_of_metres(pixels, unit_m) if kind[0] == "f4" else pixels.astype(np.uint16)
    if "rvl" in message.encoding.lower():
        raise InputError("depth compressed as RVL is not known", todo="record the PNG form, or the raw depth image")
    image = decode_depth_png(_without_header(message.data))
    if "32FC1" not in message.encoding:
        return image
    # compressed_depth_image_transport keeps inverse depth: count = a / z + b (its header holds a and b).
    _, a, b = struct.unpack("<iff", message.data[:COMPRESSED_DEPTH_HEADER])
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = np.where(image > 0, a / (image.astype(np.float64) - b), 0.0)
    return counts_of_metres(depth_m, unit_m)


def counts_of_metres(depth_m: np.ndarray, unit_m: float) -> RawDepthImage:
    """(h, w) metres to counts; what is not finite, not positive or beyond 65534 steps is no return."""
    with np.errstate(invalid="ignore", over="ignore"):
        counts = np.rint(depth_m.astype(np.float64) / unit_m)
        return np.where((counts >= 1) & (counts <= MOST_COUNTS), counts, 0).astype(np.uint16)


def color_packet(message: ImageMessage, *, lossless: bool) -> bytes:
    """A JPEG or PNG packet: a compressed image as it came, a raw one encoded.

    Raises:
        InputError: the image is damaged, or of an encoding that is not known.
    """
    if not message.is_raw:
        check_color(message.data)
        return message.data
    if message.encoding not in COLOR_CHANNELS:
        raise InputError(f"colour of the encoding '{message.encoding}' is not known", todo="record rgb8 or compressed")
    return encode_color(_bgr(message), lossless=lossless)


def _bgr(message: ImageMessage) -> np.ndarray:
    """(h, w, 3) BGR or (h, w) grey."""
    import cv2

    channels = COLOR_CHANNELS[message.encoding]
    pixels = _pixels(message, channels)
    pixels = pixels if channels == 1 else pixels.reshape(message.height_px, message.width_px, channels)
    code = {
        "rgb8": cv2.COLOR_RGB2BGR, "rgba8": cv2.COLOR_RGBA2BGR, "bgra8": cv2.COLOR_BGRA2BGR,
        "8UC4": cv2.COLOR_BGRA2BGR, "yuv422": cv2.COLOR_YUV2BGR_UYVY, "uyvy": cv2.COLOR_YUV2BGR_UYVY,
        "yuv422_yuy2": cv2.COLOR_YUV2BGR_YUY2, "yuyv": cv2.COLOR_YUV2BGR_YUY2,
        "bayer_rggb8": cv2.COLOR_BayerRGGB2BGR, "bayer_bggr8": cv2.COLOR_BayerBGGR2BGR,
        "bayer_gbrg8": cv2.COLOR_BayerGBRG2BGR, "bayer_grbg8": cv2.COLOR_BayerGRBG2BGR,
    }.get(message.encoding)  # fmt: skip
    return pixels if code is None else np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), code))


def _pixels(message: ImageMessage, bytes_per_pixel: int) -> np.ndarray:
    """(h, w * bytes_per_pixel) uint8, without what fills up the rows."""
    row = message.width_px * bytes_per_pixel
    step = message.step_bytes or row
    if step < row or len(message.data) < step * message.height_px:
        raise InputError(
            f"the image holds {len(message.data)} bytes, {step * message.height_px} were announced",
            why="the recording lost a part of it",
        )
    data = np.frombuffer(message.data, dtype=np.uint8, count=step * message.height_px)
    return np.ascontiguousarray(data.reshape(message.height_px, step)[:, :row])


def _without_header(data: bytes) -> bytes:
    """An image file that follows the header of compressed depth, or begins at once."""
    return data[COMPRESSED_DEPTH_HEADER:] if data[COMPRESSED_DEPTH_HEADER:].startswith(PNG_BEGIN) else data


def _known() -> str:
    return f"depth may be {', '.join(DEPTH_ENCODINGS)} or compressedDepth (PNG)"
