"""`ortwin screenshot`: a picture of a twin at one moment."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter
from .options import TwinPath

PNG = b"\x89PNG\r\n\x1a\n"


class PictureView(StrEnum):
    """What is in the picture."""

    FULL = "full"
    ROOM = "3d"
    FLOOR = "floor"


def screenshot(
    report: Reporter,
    twin: TwinPath,
    out: Annotated[Path, typer.Option(metavar="PICTURE.PNG", help="The picture to write.")],
    at: Annotated[float, typer.Option(metavar="SECONDS", help="When, in seconds after the first instant.")] = 0.0,
    view: Annotated[
        PictureView, typer.Option(help="The whole window, the room alone, or a floor plan from above.")
    ] = PictureView.FULL,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of the window in pixels.")] = "1600x900",
) -> int | None:
    """Draw a picture of a twin at one moment, without a screen; a floor plan where no graphics driver is found."""
    from ..capture.errors import ConfigError
    from ..playback.floor_plan import draw_floor_plan
    from ..playback.screenshot import Shot, ShotConfig, nearest_instant, take_or_draw
    from ..twin import open as open_twin

    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", size.strip().lower())
    if match is None:
        raise ConfigError(f"'{size}' is no size", todo="give width and height in pixels, such as 1600x900")
    _check_target(out)
    opened = open_twin(twin)
    time_ns = nearest_instant(opened, at)
    drawn = view
    if view == PictureView.FLOOR:
        draw_floor_plan(opened, out, time_ns)
    else:
        config = ShotConfig(size_px=(int(match[1]), int(match[2])))
        trouble = take_or_draw(opened, [Shot(time_ns, str(view), out)], config)
        if trouble is not None:
            report.warn(trouble)
            drawn = PictureView.FLOOR
    seconds = round((time_ns - int(opened.times_ns[0])) * 1e-9, 3)
    report.result({"twin": twin, "picture": out, "view": str(drawn), "at_s": seconds, "time_ns": time_ns})
    report.next("ortwin", "play", twin)
    return None


def _check_target(out: Path) -> None:
    """See that the picture can be written, and takes the place of nothing but a picture.

    Raises:
        ConfigError: it cannot, or does.
    """
    from ..capture.errors import ConfigError
    from ..capture.files import require_writable

    if out.suffix.lower() != ".png":
        raise ConfigError("the picture is a PNG", where=str(out), todo="give it the ending .png")
    require_writable(out)
    if out.is_dir() or (out.exists() and out.stat().st_size and not _is_png(out)):
        raise ConfigError(
            "something is in the way that is no picture", where=str(out), todo="give another name, or remove it"
        )


def _is_png(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PNG)) == PNG


verb = screenshot
