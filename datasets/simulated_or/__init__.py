"""A simulated operating room with full truth."""

from __future__ import annotations

from .simulation import SimulationConfig, simulate

__all__ = ["SimulationConfig", "simulate"]
