"""A simulated operating room with full truth: people, tools, cameras with faults, and scripts that they play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .simulation import SimulationConfig, simulate

__all__ = ["SimulationConfig", "simulate"]


def __getattr__(name: str) -> Any:
    """The simulation, loaded when it is asked for, so that a part of this folder can be used by itself."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import simulation

    return getattr(simulation, name)
