"""ortwin: a scene twin and its dynamic scene graph from a multi-camera RGB-D recording of an operating room.

    twin = ortwin.open("case.twin")
    twin.query("close_to(person, operating_table)")

Names are resolved when they are first used, so that `import ortwin` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .capture.errors import OrtwinError
    from .capture.storage import open_recording
    from .library import index_library
    from .scenegraph.library import Library
    from .twin import Twin, build_twin, open

__version__ = "0.1.0"
__all__ = ["Library", "OrtwinError", "Twin", "__version__", "build_twin", "index_library", "open", "open_recording"]

_HOME = {
    "Library": ".scenegraph.library",
    "OrtwinError": ".capture.errors",
    "Twin": ".twin",
    "build_twin": ".twin",
    "index_library": ".library",
    "open": ".twin",
    "open_recording": ".capture.storage",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module 'ortwin' has no attribute '{name}'")
