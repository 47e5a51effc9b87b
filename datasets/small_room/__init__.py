"""A small simulated operating room with full truth: two capsule people and a cart, for the demo and for tests."""

from __future__ import annotations

from .simulation import SimulationConfig, simulate

__all__ = ["SimulationConfig", "simulate"]
