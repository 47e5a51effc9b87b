"""What moves: the pixels that are nearer than the standing room can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..capture.arrays import MaskImage, RawDepthImage
from ..capture.background import BackgroundModel
from ..capture.camera import CameraModel

GROWTH_PX = 4


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """When a pixel counts as moving.

    Args:
        gate_sigmas: nearer than the background by so many standard deviations ...
        margin_m: ... and by this much more: a pixel surely moves.
        weak_sigmas, weak_margin_m: the same for a pixel that moves when it is connected to one that surely does, so
            that a hand is seen up to the table on which it lies.
        weak_reach_px: how far from a sure pixel a weak one may be.
        edge_px: the background is the nearest within so many pixels, because depth edges flicker.
        opening_px: moving specks thinner than this vanish.
        flying_m: a moving pixel whose depth jumps by more than this to both sides is a flying pixel.
        max_depth_m: nothing is believed beyond this range.
    """

    gate_sigmas: float = 4.0
    margin_m: float = 0.03
    weak_sigmas: float = 2.5
    weak_margin_m: float = 0.005
    weak_reach_px: int = 12
    edge_px: int = 2
    opening_px: int = 3
    flying_m: float = 0.05
    max_depth_m: float = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class DynamicMask:
    """The compiled question "does this pixel move?" for one camera; made once, asked for every frame.

    Args:
        nearer_than: (h, w) uint16 raw counts: a return below surely moves. 0 where the room is unknown.
        weakly_nearer_than: (h, w) uint16 raw counts: a return below moves beside one that surely does.
        unknown_below: (h, w) uint16 raw counts: where the room is unknown, a return below may move.
    """

    nearer_than: np.ndarray
    weakly_nearer_than: np.ndarray
    unknown_below: np.ndarray
    config: MaskConfig

    @classmethod
    def from_background(
        cls, model: CameraModel, background: BackgroundModel, config: MaskConfig | None = None
    ) -> DynamicMask:
        """Thresholds in raw counts from the background of the same camera."""
        import cv2

        config = config or MaskConfig()
        depth_m = background.depth_m
        known = depth_m > 0
        nearest_m = np.where(known, depth_m, np.float32(np.inf))
        if config.edge_px > 0:
            nearest_m = cv2.erode(nearest_m, np.ones((2 * config.edge_px + 1,) * 2, np.uint8))
        nearest_m = np.minimum(nearest_m, config.max_depth_m)
        sigma_m = cv2.dilate(np.hypot(background.noise_m, background.sigma_m), np.ones((3, 3), np.uint8))
        farthest = np.uint16(min(config.max_depth_m / model.depth_unit_m, 65534))

        def counts(sigmas: float, margin_m: float) -> np.ndarray:
            limit_m = nearest_m - sigmas * sigma_m - margin_m
            return np.where(known, np.clip(limit_m / model.depth_unit_m, 0, 65534), 0).astype(np.uint16)

        return cls(
            counts(config.gate_sigmas, config.margin_m),
            counts(config.weak_sigmas, config.weak_margin_m),
            np.where(known, np.uint16(0), farthest).astype(np.uint16),
            config,
        )

    def of(self, depth_raw: RawDepthImage) -> MaskImage:
        """(h, w) bool: which pixels of a raw depth image move.

        A return that is only a little nearer than the room, or lies where the room is unknown, counts when it is
        connected to pixels that surely move.
        """
        import cv2

        returned = depth_raw > 0
        sure = ((depth_raw < self.nearer_than) & returned).view(np.uint8)
        if not sure.any():
            return sure.view(bool)
        moving = cv2.morphologyEx(sure, cv2.MORPH_OPEN, np.ones((self.config.opening_px,) * 2, np.uint8))
        limit = np.maximum(self.weakly_nearer_than, self.unknown_below)
        weak = ((depth_raw < limit) & returned).view(np.uint8)
        for _ in range(self.config.weak_reach_px // GROWTH_PX):
            moving = cv2.bitwise_and(cv2.dilate(moving, np.ones((2 * GROWTH_PX + 1,) * 2, np.uint8)), weak)
        return moving.view(bool)
