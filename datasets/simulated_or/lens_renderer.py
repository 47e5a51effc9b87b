"""What one lens sees: exact depth and owner of every pixel, and the light that comes back from it.

Rays go only to pixels in front of which a triangle of the mesh may be, and only what is nearer than what was drawn
before replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...capture.camera import Intrinsics
from ...capture.geometry import SE3
from . import _render_kernel as kernel
from ._light_kernel import seams
from .caster import Caster, Hits, Lighting
from .room_light import RoomLight

BAND = 1 << 17
CELL_PX = 6.0
#: Where a pixel is looked at more closely, as shares of a pixel: at the quarter points.
QUARTERS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
#: Two samples of a seam of the room, which lies still: one above and left, one below and right of the centre.
DIAGONAL = ((-0.25, -0.25), (0.25, 0.25))
EDGE_STEP, SEAM_STEP = 0.03, 0.004


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one lens would see without noise.

    Args:
        depth_m: (h, w) float32 along the axis, 0 = nothing there.
        owner: (h, w) uint8: 0 room, 1.. person, 101.. thing.
        cosine: (h, w) float32 of the incidence, 0 where nothing is there (depth lens), or None.
        albedo: (h, w) float32 reflectance in [0, 1] (depth lens), or None.
        gloss: (h, w) float32 strength of mirror-like reflection (depth lens), or None.
        color: (h, w, 3) float32 linear light (colour lens), or None; 1 is a white surface in the light of a room.
    """

    depth_m: np.ndarray
    owner: np.ndarray
    cosine: np.ndarray | None = None
    albedo: np.ndarray | None = None
    gloss: np.ndarray | None = None
    color: np.ndarray | None = None

    @property
    def images(self) -> list[np.ndarray]:
        """All that are there, in order."""
        images = (self.depth_m, self.owner, self.cosine, self.albedo, self.gloss, self.color)
        return [image for image in images if image is not None]

    def copy(self) -> View:
        """The same view in memory of its own."""
        optional = (self.cosine, self.albedo, self.gloss, self.color)
        copies = (None if values is None else values.copy() for values in optional)
        return View(self.depth_m.copy(), self.owner.copy(), *copies)

    def at(self, pixels: np.ndarray) -> Patch:
        """What some pixels (k,) show, by their flat numbers."""
        size = self.depth_m.size
        return Patch(pixels, [np.take(image.reshape(size, -1), pixels, axis=0) for image in self.images])

    def put(self, patch: Patch) -> None:
        """Let some pixels show what they showed before, in place."""
        size = self.depth_m.size
        for image, values in zip(self.images, patch.values, strict=True):
            image.reshape(size, -1)[patch.pixels] = values


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What some pixels (k,) of a view show: of each of its images (k, c), in the order of `View.images`."""

    pixels: np.ndarray
    values: list[np.ndarray]

    @classmethod
    def empty(cls) -> Patch:
        """Of no pixels."""
        return cls(np.zeros(0, np.int64), [])

    @property
    def depth_m(self) -> np.ndarray:
        """(k,) float32."""
        return self.values[0][:, 0]

    @property
    def color(self) -> np.ndarray:
        """(k, 3) float32, of a colour lens."""
        return self.values[-1]


@dataclass(frozen=True, slots=True, eq=False)
class LensTable:
    """What a lens has wherever it stands: its pixels (h * w,), their rays (h * w, 3) of depth 1, a grid over them."""

    pixels: np.ndarray
    rays: np.ndarray
    cells: _Cells

    @classmethod
    def of(cls, lens: Intrinsics) -> LensTable:
        """The table of a lens."""
        rays = lens.rays().reshape(-1, 3)
        return cls(np.arange(len(rays)), rays, _Cells(lens, rays))


class LensRenderer:
    """Draws what one lens sees from one place.

    Args:
        lens, world_from_lens: the lens and where it stands.
        lighting: the lamps.
        with_color: draw light (a colour lens), or reflectance (a depth lens).
        table: what follows from the lens alone, if it is known already.
    """

    def __init__(
        self, lens: Intrinsics, world_from_lens: SE3, lighting: Lighting, with_color: bool,
        table: LensTable | None = None,
    ) -> None:  # fmt: skip
        table = table or LensTable.of(lens)
        self.lens, self.pose, self.lighting, self.with_color = lens, world_from_lens, lighting, with_color
        self.shape = (lens.height_px, lens.width_px)
        self.rays, self._pixels, self._cells = table.rays, table.pixels, table.cells
        self.pixel_rad = 1.0 / lens.fx_px
        self._lens_from_world = world_from_lens.inverse()

    def nothing(self) -> View:
        """An empty view."""
        depth_m, owner = np.zeros(self.shape, np.float32), np.zeros(self.shape, np.uint8)
        if self.with_color:
            return View(depth_m, owner, color=np.zeros((*self.shape, 3), np.float32))
        return View(depth_m, owner, *(np.zeros(self.shape, np.float32) for _ in ("cosine", "albedo", "gloss")))

    def draw_room(self, room: Caster, light: RoomLight | None = None) -> View:
        """What stands; a pixel of the picture on a seam is the mean of two samples.

        Args:
            room: what stands.
            light: light and shadow on it; a colour lens sees nothing but black without.
        """
        view = self.nothing()
        picture = np.full(len(self.rays), -1, np.int32)
        width = self.shape[1]
        for pixels in self._bands(self._pixels, BAND // width * width):
            rays = self._world_rays(pixels)
            hits = room.cast_rows(rays, width) if self.with_color else room.cast(rays)
            self._lay(view, pixels, room, hits, light)
            kernel.lay_over_faces(pixels, hits.face, room.skin.texture_index, picture)
        if view.color is not None and light is not None:
            image = view.color.reshape(-1, 3)
            for pixels in self._bands(seams(picture.reshape(self.shape), view.depth_m, SEAM_STEP)):
                nothing = np.zeros((len(pixels), 3), np.float32)
                for number, quarter in enumerate(DIAGONAL):
                    hits = room.cast(self._world_rays(pixels, quarter))
                    shades = light.shade(room, hits, self.pixel_rad, self.lighting)
                    kernel.mix_samples(pixels, hits.face, shades, nothing, image, np.float32(1 / (number + 1)))
        return view

    @staticmethod
    def _bands(pixels: np.ndarray, size: int = BAND) -> Iterator[np.ndarray]:
        """Pixels in pieces that bound the memory."""
        return (pixels[begin : begin + size] for begin in range(0, len(pixels), size))

    def draw(self, view: View, caster: Caster) -> Patch:
        """A mesh in front of, or behind, what a view shows already, in place; returns what it showed there before."""
        pixels = self._cells.pixels(self._lens_from_world @ caster.vertices_m, caster.skin.faces)
        if not len(pixels):
            return Patch.empty()
        behind, hits = view.at(pixels), caster.cast(self._world_rays(pixels))
        if not kernel.keep_front(hits.depth_m, hits.face, behind.depth_m):
            return Patch.empty()
        self._lay(view, pixels, caster, hits)
        self._soften(view, behind, caster)
        return behind

    def _lay(
        self, view: View, pixels: np.ndarray, caster: Caster, hits: Hits, room_light: RoomLight | None = None
    ) -> None:
        skin = caster.skin
        kernel.lay_over(pixels, hits.face, hits.depth_m, view.depth_m.reshape(-1))
        kernel.lay_over_faces(pixels, hits.face, skin.owner, view.owner.reshape(-1))
        if view.cosine is not None and view.albedo is not None and view.gloss is not None:
            kernel.lay_over(pixels, hits.face, hits.cosine, view.cosine.reshape(-1))
            kernel.lay_over(pixels, hits.face, caster.grey(hits, self.pixel_rad), view.albedo.reshape(-1))
            kernel.lay_over_faces(pixels, hits.face, skin.gloss, view.gloss.reshape(-1))
        if view.color is not None:
            if room_light is None:
                light = caster.shade(hits, self.pixel_rad, self.lighting)
            else:
                light = room_light.shade(caster, hits, self.pixel_rad, self.lighting)
            kernel.lay_over_colors(pixels, hits.face, light, view.color.reshape(-1, 3))

    def _soften(self, view: View, behind: Patch, caster: Caster) -> None:
        """Outlines in the picture: the mean of several samples, as a pixel of some size sees them."""
        if view.color is None:
            return
        edge = kernel.edges_among(
            behind.pixels, view.owner.reshape(-1), view.depth_m.reshape(-1), self.shape[1], np.float32(EDGE_STEP)
        )
        if not len(edge):
            return
        chosen, behind_m, behind_color = behind.pixels[edge], behind.depth_m[edge], behind.color[edge]
        image = view.color.reshape(-1, 3)
        for number, quarter in enumerate(QUARTERS):
            hits = caster.cast(self._world_rays(chosen, quarter))
            kernel.keep_front(hits.depth_m, hits.face, behind_m)
            light = caster.shade(hits, self.pixel_rad, self.lighting)
            kernel.mix_samples(chosen, hits.face, light, behind_color, image, np.float32(1 / (number + 1)))

    def _world_rays(self, pixels: np.ndarray, quarter: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        rotation, origin = self.pose.rotation.astype(np.float32), self.pose.translation_m.astype(np.float32)
        shift = np.array([quarter[0] / self.lens.fx_px, quarter[1] / self.lens.fy_px], np.float32)
        return kernel.world_rays(self.rays, pixels, rotation, origin, shift)


class _Cells:
    """A grid over the plane at depth 1 in front of a lens, which tells the pixels that triangles may touch."""

    def __init__(self, lens: Intrinsics, rays: np.ndarray) -> None:
        there = rays[:, 2] > 0
        low, high = rays[there, :2].min(axis=0), rays[there, :2].max(axis=0)
        per_unit = np.array([lens.fx_px, lens.fy_px]) / CELL_PX
        columns, rows = (np.ceil((high - low) * per_unit).astype(int) + 1).tolist()
        cell = np.floor((rays[:, :2] - low) * per_unit).astype(np.int64)
        self.cell_of_pixel = np.where(there, cell[:, 1] * columns + cell[:, 0], -1).astype(np.int32)
        self.low, self.per_unit, self.shape = low.astype(float), per_unit, (rows, columns)

    def pixels(self, points_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(m,) flat numbers of the pixels in front of which a triangle of the lens frame may be."""
        cells = np.zeros(self.shape, np.uint8)
        (low_x, low_y), (per_x, per_y) = self.low.tolist(), self.per_unit.tolist()
        kernel.mark_cells(points_m, faces, low_x, low_y, per_x, per_y, cells)
        return kernel.pixels_of(cells, self.cell_of_pixel)
