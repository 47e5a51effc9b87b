"""The formats in which a twin leaves the house, and the one way in which they are written.

An exporter is a function (twin, folder) that writes its files into an empty folder. Other packages add theirs under the
entry-point group `ortwin.exporters`:

    [project.entry-points."ortwin.exporters"]
    mine = "my_package.export:export_mine"
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from ..capture.errors import ConfigError
from ..capture.files import require_writable
from ..capture.plugins import find_plugin, plugin_names
from ..capture.storage import StoredRecording
from ..facade import Twin
from .export_foreground import write_foreground

GROUP = "ortwin.exporters"


class Exporter(Protocol):
    """Writes a twin in one format."""

    def __call__(self, twin: Twin, out: Path, /) -> None:
        """Write all files into `out`, which exists and is empty."""
        ...


BUILT_IN = {
    "plain": ".export_plain:export_plain", "graphml": ".export_graphs:export_graphml",
    "4d-or": ".export_graphs:export_4d_or", "mm-or": ".export_graphs:export_mm_or",
}  # fmt: skip


def format_names() -> list[str]:
    """The formats that are installed."""
    return plugin_names(GROUP, BUILT_IN)


def find_exporter(name: str) -> Exporter:
    """The exporter of a format.

    Raises:
        ConfigError: nobody has it; names the nearest one. Or the package that offers it cannot be loaded.
    """
    return find_plugin(name, "format", GROUP, BUILT_IN, __package__)


def export_twin(
    twin: Twin, name: str, out: Path, *, force: bool = False, recording: StoredRecording | None = None
) -> list[Path]:
    """Write a twin in a format, whole or not at all.

    The files are made in a temporary folder beside `out` and then take its place in one step. With `force`, they
    replace files of the same names in a folder that is there already; whatever else is in it stays.

    Args:
        twin: what to export.
        name: the format.
        out: the folder.
        force: write into a folder that is not empty.
        recording: the recording of the twin; with it, foreground masks are written too.

    Returns:
        The files that were written, in order.

    Raises:
        ConfigError: the format is unknown, the folder is not empty and `force` was not given, or it cannot be made.
    """
    exporter = find_exporter(name)
    if out.exists() and not out.is_dir():
        raise ConfigError("a file is in the way", where=str(out), todo="give another name")
    filled = out.is_dir() and any(out.iterdir())
    if filled and not force:
        raise ConfigError("the folder is not empty", where=str(out), todo="give another name, or --force")
    target = out.absolute()
    require_writable(target)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        exporter(twin, work)
        if recording is not None:
            write_foreground(twin, recording, work)
        names = sorted(path.relative_to(work) for path in work.rglob("*") if path.is_file())
        if filled:
            for relative in names:
                (target / relative).parent.mkdir(parents=True, exist_ok=True)
                (work / relative).replace(target / relative)
        else:
            work.chmod(0o777 & ~_umask())
            work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return [out / relative for relative in names]


def _umask() -> int:
    """The mask of new files (it can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
