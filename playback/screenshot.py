"""Pictures of a twin without a screen: by the Rerun viewer on a software Vulkan driver, or else as a floor plan.

The viewer runs headless on this machine only, loads the .rrd files, is set to a time and asked for its window or for
its room view. Where no graphics driver is found, or the viewer does not answer in time, nothing is lost: the floor plan
needs none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..capture.errors import ConfigError, OrtwinError, ResourceError
from ..capture.files import require_writable, write_atomic
from ..facade import Twin
from .blueprint import ROOM_VIEW, connect, maximize
from .floor_plan import draw_floor_plan
from .folder import existing_playback
from .rerun_scene import TIME, write_playback
from .viewer import free_port, last_words, running_viewer

if TYPE_CHECKING:
    import subprocess

    import rerun.experimental

VIEWS = ("full", "3d")
FRAME_PX = (7, 100)
"""By how much a window is larger than a view that fills it."""
NO_DRIVER = "apt-get install mesa-vulkan-drivers libvulkan1 gives a driver that needs no graphics card"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: when (rig clock), of what ("full" window or the "3d" view), and where to."""

    time_ns: int
    view: str
    out: Path


@dataclass(frozen=True, slots=True)
class ShotConfig:
    """How pictures are taken.

    Args:
        size_px: width and height of the window.
        start_s: how long the viewer may take to answer and to load.
        settle_s: how long a window is left to draw before its first picture; half of it before every further one.
    """

    size_px: tuple[int, int] = (1600, 900)
    start_s: float = 60.0
    settle_s: float = 3.0


def nearest_instant(twin: Twin, seconds: float) -> int:
    """The instant (rig clock) nearest to a time in seconds after the first.

    Raises:
        ConfigError: the time lies outside the twin.
    """
    times_ns = twin.times_ns
    asked_ns = int(times_ns[0]) + round(seconds * 1e9)
    length_s = float(times_ns[-1] - times_ns[0]) * 1e-9
    if not -1e-3 <= seconds <= length_s + 1.0:
        raise ConfigError(
            f"there is nothing at {seconds:g} s", where=str(twin.path), why=f"the twin lasts {length_s:.1f} s",
            todo="choose --at within",
        )  # fmt: skip
    return int(times_ns[int(np.argmin(np.abs(times_ns - asked_ns)))])


def take_screenshots(twin: Twin, shots: Sequence[Shot], config: ShotConfig = ShotConfig()) -> None:
    """Take pictures with the Rerun viewer, without a screen.

    Args:
        twin: the twin; its playback is written first where it is missing.
        shots: what to take; one viewer takes them all.
        config: see ShotConfig.

    Raises:
        ResourceError: there is no graphics driver, or the viewer does not answer.
    """
    files = existing_playback(twin) or write_playback(twin)
    port, (width_px, height_px) = free_port(), config.size_px
    if all(shot.view == "3d" for shot in shots):
        width_px, height_px = width_px + FRAME_PX[0], height_px + FRAME_PX[1]
    options = ["--headless", "--hide-welcome-screen", "--port", str(port), "--window-size", f"{width_px}x{height_px}"]
    with running_viewer(files, options) as (process, log):
        client = _answering(lambda: _ready(port), process, log, config.start_s)
        rest_s = config.settle_s
        for shot in sorted(shots, key=lambda shot: VIEWS.index(shot.view)):
            view_id = maximize(client, ROOM_VIEW) if shot.view == "3d" else None
            since = np.timedelta64(shot.time_ns - int(twin.times_ns[0]), "ns")
            client.set_time(TIME, duration=since, play_state="paused")
            time.sleep(rest_s)
            deadline_s, rest_s = time.monotonic() + config.start_s, config.settle_s / 2
            while client.get_state().loading and time.monotonic() < deadline_s:
                time.sleep(0.2)
            picture = client.take_screenshot(view_id)
            require_writable(shot.out)
            write_atomic(shot.out, picture)


def take_or_draw(twin: Twin, shots: Sequence[Shot], config: ShotConfig = ShotConfig()) -> str | None:
    """Take pictures, or draw floor plans in their place; says why in the second case, else None."""
    try:
        take_screenshots(twin, shots, config)
    except ResourceError as error:
        for shot in shots:
            draw_floor_plan(twin, shot.out, shot.time_ns)
        return f"{error.what}{': ' + error.why if error.why else ''}; drew the floor plan instead ({NO_DRIVER})"
    return None


def _ready(port: int) -> rerun.experimental.ViewerClient | None:
    """A client of a viewer that has loaded and laid out its recording, or None."""
    client = connect(port)
    state = client.get_state()
    if not state.active_recording or state.loading or not state.views:
        return None
    failing = any(report.severity == "error" for view in state.views for report in view.reports)
    return None if failing else client


def _answering(
    ask: Callable[[], rerun.experimental.ViewerClient | None],
    process: subprocess.Popen[bytes],
    log: Path,
    limit_s: float,
) -> rerun.experimental.ViewerClient:
    deadline_s, why = time.monotonic() + limit_s, ""
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise ResourceError("the Rerun viewer cannot draw here", why=last_words(log), todo=NO_DRIVER)
        try:
            client = ask()
        except OrtwinError:
            raise
        except Exception as error:  # until the viewer listens, each layer below has its own way to say so
            client, why = None, str(error).splitlines()[0]
        if client is not None:
            return client
        time.sleep(0.2)
    raise ResourceError("the Rerun viewer does not answer", why=why or last_words(log), todo=NO_DRIVER)
