"""The renderer: a performance as its cameras would see it without noise, at any moment.

The standing room is drawn once for each lens and place, and kept. What rests for a while joins it in a second layer,
and a frame draws only what moves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...capture.camera import Camera, Intrinsics
from ...capture.errors import ConfigError
from ...capture.geometry import SE3
from .atlas import Atlas
from .caster import ROOM_GLOSS, Caster, Lighting, Skin
from .floor_shadow import FloorShadow
from .lens_renderer import LensRenderer, LensTable, Patch, View
from .performance import Performance
from .room_light import RoomLight

#: Classes of things with bare metal, which mirrors.
METAL = frozenset({"drill", "saw", "hammer", "scalpel", "screwdriver", "needle_holder", "suction", "tray"})
METAL_GLOSS, CLOTH_GLOSS = 0.5, 0.02
#: How many lenses keep their layers; one of 1280x720 and one of 640x576 take about 45 MB together.
KEPT_LENSES = 26
KEPT_SKINS = 4


@dataclass(frozen=True, slots=True, eq=False)
class CameraView:
    """Both lenses of a camera at one moment; `color` is None where only depth was asked for."""

    depth: View
    color: View | None


@dataclass(slots=True, eq=False)
class _Kept:
    """A lens and what is drawn for it already: the room with those who rest, and what shows of it without them."""

    lens: LensRenderer
    view: View
    floor: FloorShadow | None
    room: Patch = field(default_factory=Patch.empty)
    resting_key: bytes = b""

    def rest(self, still: _Still) -> None:
        """Let these rest in the view, and nobody else."""
        if self.resting_key == still.key:
            return
        if len(self.room.pixels):
            self.view.put(self.room)
        self.room = Patch.empty() if still.caster is None else self.lens.draw(self.view, still.caster)
        self.resting_key = still.key


@dataclass(frozen=True, slots=True, eq=False)
class _Still:
    """Who rests in a span, of those who are there, ready for rays; the key tells equal layers."""

    asked: tuple[list[str], tuple[float, float]] | None = None
    vertices_m: Mapping[str, np.ndarray] = field(default_factory=dict)
    key: bytes = b""
    caster: Caster | None = None


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
        self._tables: OrderedDict[tuple, LensTable] = OrderedDict()
        self._light: RoomLight | None = None
        self._joined: OrderedDict[tuple[str, ...], Skin] = OrderedDict()
        self._still = _Still()

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
        actors = self.performance.actors
        there = [name for name in actors if self.performance.present(name, time_s)]
        still = self._still_among(there, resting_s) if resting_s else _Still()
        moving = {name: actors[name].vertices_m(time_s) for name in there if name not in still.vertices_m}
        caster = self._caster(moving)
        depth, _ = self._draw(camera.depth, camera.world_from_depth, False, still, caster)
        if not with_color:
            return CameraView(depth, None)
        color, floor = self._draw(camera.color, camera.world_from_camera, True, still, caster)
        if floor is not None and color.color is not None:
            floor.throw([*still.vertices_m.values(), *moving.values()], color.owner, color.color)
        return CameraView(depth, color)

    def _still_among(self, there: list[str], span_s: tuple[float, float]) -> _Still:
        if self._still.asked != (there, span_s):
            vertices = {
                name: self.performance.actors[name].vertices_m(span_s[0])
                for name in there
                if self._rests(name, *span_s)
            }
            key = b"".join(name.encode() + points.tobytes() for name, points in vertices.items())
            caster = self._still.caster if key == self._still.key else self._caster(vertices)
            self._still = _Still((there, span_s), vertices, key, caster)
        return self._still

    def _rests(self, name: str, begin_s: float, end_s: float) -> bool:
        present = self.performance.present
        stays = present(name, begin_s) and present(name, end_s)
        return stays and not self.performance.actors[name].moves(begin_s, end_s)

    def _draw(
        self, lens: Intrinsics, pose: SE3, with_color: bool, still: _Still, caster: Caster | None
    ) -> tuple[View, FloorShadow | None]:
        kept = self._kept_lens(lens, pose, with_color)
        kept.rest(still)
        view = kept.view.copy()
        if caster is not None:
            kept.lens.draw(view, caster)
        return view, kept.floor

    def _kept_lens(self, lens: Intrinsics, pose: SE3, with_color: bool) -> _Kept:
        key = (lens.key, pose.rotation.tobytes(), pose.translation_m.tobytes(), with_color)
        if key not in self._kept:
            if with_color and self._light is None:
                self._light = RoomLight.of(self._room, self.lighting)
            renderer = LensRenderer(lens, pose, self.lighting, with_color, self._table(lens))
            room = renderer.draw_room(self._room, self._light if with_color else None)
            floor = None
            if with_color:
                floor = FloorShadow(room.depth_m, renderer.rays, pose.rotation, pose.translation_m)
            self._kept[key] = _Kept(renderer, room, floor)
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _table(self, lens: Intrinsics) -> LensTable:
        if lens.key not in self._tables:
            self._tables[lens.key] = LensTable.of(lens)
            if len(self._tables) > self._limit:
                self._tables.popitem(last=False)
        self._tables.move_to_end(lens.key)
        return self._tables[lens.key]

    def _caster(self, vertices_m: Mapping[str, np.ndarray]) -> Caster | None:
        names = tuple(vertices_m)
        if not names:
            return None
        if names not in self._joined:
            while len(self._joined) >= KEPT_SKINS:
                self._joined.popitem(last=False)
            self._joined[names] = Skin.joined([self._skins[name] for name in names])
        return Caster(self._joined[names], np.concatenate(list(vertices_m.values())), self.atlas)
