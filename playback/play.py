"""Playing a twin: in the native viewer, or in a browser on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..capture.errors import ResourceError
from .viewer import LOCALHOST, free_port, has_display, last_words, running_viewer, start_viewer

START_S = 30.0
"""How long a viewer may take to listen."""
WATCH_S = 2.5
"""How long a native viewer is watched for an early end."""


@dataclass(frozen=True, slots=True)
class WebSession:
    """A twin that is being served: open `url` in a browser of this machine; both ports listen on 127.0.0.1 only."""

    url: str
    web_port: int
    data_port: int
    process: subprocess.Popen[bytes]


def open_native(files: Sequence[Path], *, wait: bool = False) -> None:
    """Open .rrd files in a viewer window.

    Args:
        files: opened together.
        wait: come back when the window is closed; else at once, and the viewer lives on.

    Raises:
        ResourceError: there is no screen, or the viewer ends at once.
    """
    if not has_display():
        raise ResourceError(
            "there is no screen to open a window on",
            why="neither DISPLAY nor WAYLAND_DISPLAY is set",
            todo="`ortwin play TWIN --web` serves a browser on this machine; "
            "`ortwin screenshot TWIN --at 2.6 --out a.png` draws a picture",
        )
    settings = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ortwin" / "viewer"
    settings.mkdir(parents=True, exist_ok=True)
    log = settings / "viewer.log"
    log.unlink(missing_ok=True)
    process = start_viewer(files, ["--port", "auto"], settings, log, detached=not wait)
    try:
        code = process.wait(timeout=None if wait else WATCH_S)
    except subprocess.TimeoutExpired:
        return
    except KeyboardInterrupt:
        process.terminate()
        raise
    if code != 0:
        raise ResourceError(
            "the Rerun viewer cannot open its window", where=str(log), why=last_words(log),
            todo="try `ortwin play TWIN --web`",
        )  # fmt: skip


@contextmanager
def serve_web(files: Sequence[Path], web_port: int | None = None) -> Iterator[WebSession]:
    """Serve .rrd files to browsers of this machine for as long as the block lasts.

    Args:
        files: opened together.
        web_port: where the page is; any free port if None.

    Raises:
        ResourceError: the server does not start.
    """
    if web_port is not None and _listens(web_port):
        raise ResourceError(f"port {web_port} is in use", todo="give another --port, or none")
    web_port, data_port = web_port or free_port(), free_port()
    options = ["--serve-web", "--port", str(data_port), "--web-viewer-port", str(web_port)]
    with running_viewer(files, options) as (process, log):
        deadline_s = time.monotonic() + START_S
        while not (_listens(web_port) and _listens(data_port)):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise ResourceError("the web viewer does not start", why=last_words(log), todo="try another --port")
            time.sleep(0.1)
        source = urllib.parse.quote(f"rerun+http://{LOCALHOST}:{data_port}/proxy", safe="")
        yield WebSession(f"http://{LOCALHOST}:{web_port}/?url={source}", web_port, data_port, process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOCALHOST, port)) == 0
