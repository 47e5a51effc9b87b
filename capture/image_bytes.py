"""Image files as bytes: how large, of which kind, and whether they are whole; checked before a decoder sees them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np

from .arrays import RawDepthImage
from .errors import InputError

LARGEST_IMAGE_PX = 64_000_000
PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
JPEG_BEGIN = b"\xff\xd8"
JPEG_END = b"\xff\xd9"
JPEG_QUALITY = 95
PNG_LEVEL = 1


def image_size(data: bytes) -> tuple[int, int, str]:
    """(width, height, mode) from the header alone, so that a small file cannot unpack to a huge image.

    Raises:
        InputError: the bytes are no image, or one that no camera gives.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height, mode = image.width, image.height, image.mode
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError("the file is no image, or its beginning is damaged") from error
    except Image.DecompressionBombError as error:
        raise InputError("the image claims more pixels than any camera gives") from error
    if width * height > LARGEST_IMAGE_PX:
        raise InputError(f"the image claims {width}x{height} pixels, more than any camera gives")
    return width, height, mode


def require_whole_png(data: bytes) -> None:
    """See that a PNG file is whole by the checksums of its chunks, before a decoder mutters of it on stderr.

    Raises:
        InputError: it is not. Bytes of another kind pass.
    """
    if not data.startswith(PNG_BEGIN):
        return
    place = len(PNG_BEGIN)
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8].ljust(8, b"\0"))
        end = place + 12 + size
        if end > len(data) or zlib.crc32(data[place + 4 : end - 4]) != struct.unpack(">I", data[end - 4 : end])[0]:
            break
        if kind == b"IEND":
            return
        place = end
    raise InputError("the image is damaged or cut off")


def decode_depth_png(data: bytes) -> RawDepthImage:
    """(h, w) uint16 counts of a 16-bit image file.

    Raises:
        InputError: it is damaged, or no 16-bit image of one channel.
    """
    import cv2

    mode = image_size(data)[2]
    require_whole_png(data)
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise InputError("the image is damaged or cut off")
    if image.dtype != np.uint16 or image.ndim != 2:
        raise InputError(f"depth must be a 16-bit image of one channel, this is {mode} ({image.dtype})")
    return np.asarray(image, dtype=np.uint16)


def check_color(data: bytes) -> tuple[int, int, str]:
    """(width, height, codec) of a whole JPEG or PNG file; the codec is "jpeg" or "png".

    Raises:
        InputError: it is damaged, or a file of another kind.
    """
    width, height, _ = image_size(data)
    if data.startswith(JPEG_BEGIN):
        if JPEG_END not in data[-64:]:
            raise InputError("the image is cut off", why="the JPEG end marker is missing")
        return width, height, "jpeg"
    if not data.startswith(PNG_BEGIN):
        raise InputError("the image is neither JPEG nor PNG")
    require_whole_png(data)
    return width, height, "png"


def encode_color(image_bgr: np.ndarray, *, lossless: bool) -> bytes:
    """A packet of an image (h, w, 3) uint8 BGR or (h, w) uint8 grey: PNG where it must be exact, else JPEG."""
    import cv2

    if lossless:
        ending, settings = ".png", [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    else:
        ending, settings = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    done, packet = cv2.imencode(ending, image_bgr, settings)
    if not done:
        raise InputError(f"an image of {image_bgr.shape[1]}x{image_bgr.shape[0]} pixels cannot be encoded")
    return packet.tobytes()
