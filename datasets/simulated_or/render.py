"""The renderer: a performance as its cameras would see it without noise, at any moment.

The standing room is drawn once for each lens and place, and kept. What rests for a while joins it in a second layer,
and a frame draws only what moves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...capture.camera import Camera, Intrinsics
from ...capture.errors import ConfigError
from ...capture.geometry import SE3
from .atlas import Atlas
from .caster import ROOM_GLOSS, Caster, Lighting, Skin
from .lens_renderer import LensRenderer, View
from .performance import Performance

#: Classes of things with bare metal, which mirrors.
METAL = frozenset({"drill", "saw", "hammer", "scalpel", "screwdriver", "needle_holder", "suction", "tray"})
METAL_GLOSS, CLOTH_GLOSS = 0.5, 0.02
#: How many lenses keep their layers; one of 1280x720 and one of 640x576 take about 45 MB together.
KEPT_LENSES = 26


@dataclass(frozen=True, slots=True, eq=False)
class CameraView:
    """Both lenses of a camera at one moment; `color` is None where only depth was asked for."""

    depth: View
    color: View | None


@dataclass(slots=True, eq=False)
class _Kept:
    """A lens and what is drawn for it already: the room, and the room with those who rest."""

    lens: LensRenderer
    room: View
    resting: View
    resting_key: bytes = b""


class Renderer:
    """Draws a performance.

    Args:
        performance: what is played.
        kept_lenses: how many lenses keep their layers, which bounds the memory.
    """

    def __init__(self, performance: Performance, kept_lenses: int = KEPT_LENSES) -> None:
        self.performance = performance
        self.atlas = Atlas.of(performance.pictures)
        self.lighting = Lighting.of(performance.room.lamps)
        room = performance.room.mesh
        self._room = Caster(Skin.of(room, self.atlas, ROOM_GLOSS), room.vertices_m, self.atlas)
        self._skins = {
            name: Skin.of(actor.mesh, self.atlas, METAL_GLOSS if actor.label in METAL else CLOTH_GLOSS)
            for name, actor in performance.actors.items()
        }
        self._kept: OrderedDict[tuple, _Kept] = OrderedDict()
        self._limit = kept_lenses
        self._joined: tuple[tuple[str, ...], Skin | None] = ((), None)

    @property
    def num_kept(self) -> int:
        """How many lenses keep their layers now."""
        return len(self._kept)

    def draw(
        self, camera: Camera, time_s: float, resting_s: tuple[float, float] | None = None, *, with_color: bool = True
    ) -> CameraView:
        """What a camera sees.

        Args:
            camera: the camera where it stands at that moment.
            time_s: the moment, rig time.
            resting_s: a span around the moment; whoever rests throughout is drawn once for all calls with this span.
            with_color: draw the colour lens too.

        Raises:
            ConfigError: the camera has no depth lens.
        """
        if camera.depth is None:
            raise ConfigError("a simulated camera needs a depth lens", where=f"camera {camera.camera_id}")
        begin_s, end_s = resting_s or (time_s, time_s)
        there = [name for name in self.performance.actors if self.performance.present(name, time_s)]
        resting = [name for name in there if self._rests(name, begin_s, end_s)] if resting_s else []
        still = {name: self.performance.actors[name].vertices_m(begin_s) for name in resting}
        moving = [name for name in there if name not in still]
        caster = self._caster(moving, [self.performance.actors[name].vertices_m(time_s) for name in moving])
        depth = self._draw(camera.depth, camera.world_from_depth, False, still, caster)
        color = self._draw(camera.color, camera.world_from_camera, True, still, caster) if with_color else None
        return CameraView(depth, color)

    def _rests(self, name: str, begin_s: float, end_s: float) -> bool:
        present = self.performance.present
        stays = present(name, begin_s) and present(name, end_s)
        return stays and not self.performance.actors[name].moves(begin_s, end_s)

    def _draw(
        self, lens: Intrinsics, pose: SE3, with_color: bool, still: dict[str, np.ndarray], caster: Caster | None
    ) -> View:
        kept = self._kept_lens(lens, pose, with_color)
        key = b"".join(name.encode() + vertices.tobytes() for name, vertices in still.items())
        if key != kept.resting_key:
            layer = self._caster(list(still), list(still.values()))
            kept.resting = kept.room if layer is None else kept.lens.draw(kept.room, layer)
            kept.resting_key = key
        return kept.resting.copy() if caster is None else kept.lens.draw(kept.resting, caster)

    def _kept_lens(self, lens: Intrinsics, pose: SE3, with_color: bool) -> _Kept:
        key = (lens.key, pose.rotation.tobytes(), pose.translation_m.tobytes(), with_color)
        if key not in self._kept:
            renderer = LensRenderer(lens, pose, self.lighting, with_color)
            room = renderer.draw_room(self._room)
            self._kept[key] = _Kept(renderer, room, room)
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _caster(self, names: Sequence[str], vertices_m: Sequence[np.ndarray]) -> Caster | None:
        if not names:
            return None
        if self._joined[0] != tuple(names):
            self._joined = (tuple(names), Skin.joined([self._skins[name] for name in names]))
        skin = self._joined[1]
        assert skin is not None
        return Caster(skin, np.concatenate(vertices_m), self.atlas)
