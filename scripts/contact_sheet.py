"""Draw what the cameras of a recording saw: colour, depth and, where the truth knows, who owns every pixel.

    python scripts/contact_sheet.py case.recording sheet.png [--times 4] [--width 320] [--at SECONDS]

One row per camera and kind of picture, one column per moment; or, with --at, one column per camera at that moment.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from ortwin.capture.errors import InputError
from ortwin.capture.storage import StoredRecording, open_recording

FARTHEST_M = 6.0
LINE_PX, LABEL_PX = 3, 18


def main() -> None:
    """Read the command line, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", type=int, default=4, help="how many moments")
    parser.add_argument("--width", type=int, default=320, help="of one picture, pixels")
    parser.add_argument("--at", type=float, help="draw this moment only, seconds after the first frame")
    arguments = parser.parse_args()
    recording = open_recording(arguments.recording)
    if arguments.at is None:
        sheet = contact_sheet(recording, arguments.times, arguments.width)
    else:
        sheet = one_moment(recording, arguments.at, arguments.width)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 82] if arguments.out.suffix in (".jpg", ".jpeg") else []
    cv2.imwrite(str(arguments.out), sheet[..., ::-1], quality)


def contact_sheet(recording: StoredRecording, num_times: int, width_px: int) -> np.ndarray:
    """(h, w, 3) uint8 the sheet of a recording."""
    rows: list[np.ndarray] = []
    for name, camera in recording.cameras.items():
        total = len(recording.timestamps_ns(name))
        positions = np.unique(np.linspace(0, total - 1, num_times + 2).round().astype(int)[1:-1]) if total else []
        columns = [pictures(recording, name, int(position)) for position in positions]
        for kind, lens in (("color", camera.color), ("depth", camera.depth), ("ids", camera.depth)):
            if lens is None or not any(kind in column for column in columns):
                continue
            size = (width_px, round(width_px * lens.height_px / lens.width_px))
            blank = np.full((*size[::-1], 3), 60, np.uint8)
            row = [cv2.resize(column[kind], size, interpolation=cv2.INTER_AREA) if kind in column else blank
                   for column in columns]  # fmt: skip
            missing = [blank] * (num_times - len(row))
            rows.append(labelled(np.hstack([framed(picture) for picture in [*row, *missing]]), f"{name} {kind}"))
    if not rows:
        raise InputError("the recording has no frames", where=str(recording.path))
    return np.vstack(rows)


def one_moment(recording: StoredRecording, at_s: float, width_px: int) -> np.ndarray:
    """(h, w, 3) uint8: a column per camera with its frame nearest to a moment, one picture below the other."""
    time_ns = recording.span_ns[0] + at_s * 1e9
    columns = []
    for name in recording.cameras:
        found = pictures(recording, name, int(np.abs(recording.timestamps_ns(name) - time_ns).argmin()))
        sizes = {kind: (width_px, width_px * picture.shape[0] // picture.shape[1]) for kind, picture in found.items()}
        column = [cv2.resize(found[kind], size, interpolation=cv2.INTER_AREA) for kind, size in sizes.items()]
        columns.append(np.vstack([framed(picture) for picture in column]))
    height = max(len(column) for column in columns)
    return np.hstack([np.pad(column, ((0, height - len(column)), (0, 0), (0, 0))) for column in columns])


def pictures(recording: StoredRecording, name: str, position: int) -> dict[str, np.ndarray]:
    """What there is of one frame, as (h, w, 3) uint8; a damaged image is left away."""
    found: dict[str, np.ndarray] = {}
    for kind in ("color", "depth"):
        try:
            frame = recording.frame(name, position, color=kind == "color", depth=kind == "depth")
        except InputError:
            continue
        if frame.color_rgb is not None:
            found["color"] = frame.color_rgb
        if frame.depth_m is not None:
            shade = np.clip(frame.depth_m / FARTHEST_M * 255, 0, 255).astype(np.uint8)
            found["depth"] = np.asarray(cv2.applyColorMap(255 - shade, cv2.COLORMAP_TURBO))[..., ::-1].copy()
            found["depth"][frame.depth_m == 0] = 0
    index = int(recording.indices(name)[position])
    mask = recording.path / "truth" / "foreground" / name / f"{index:06d}.png"
    if mask.exists():
        owner = np.asarray(cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        found["ids"] = palette()[owner]
    return found


def palette() -> np.ndarray:
    """(256, 3) uint8 a colour for every number, black for the room."""
    hue = (np.arange(256) * 67 % 180).astype(np.uint8)
    rows = np.stack([hue, np.full(256, 200, np.uint8), np.full(256, 235, np.uint8)], 1)[None]
    colors = np.asarray(cv2.cvtColor(rows, cv2.COLOR_HSV2RGB), dtype=np.uint8)[0]
    colors[0] = 0
    return colors


def framed(picture: np.ndarray) -> np.ndarray:
    """A picture with a line around it."""
    return cv2.copyMakeBorder(picture, LINE_PX, 0, LINE_PX, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def labelled(row: np.ndarray, text: str) -> np.ndarray:
    """A row under its name."""
    head = np.full((LABEL_PX, row.shape[1], 3), 255, np.uint8)
    cv2.putText(head, text, (6, LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([head, row])


if __name__ == "__main__":
    main()
