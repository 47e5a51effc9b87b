"""The standing room: background depth of all cameras fused to a coloured mesh, with its furniture and floor areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..capture.background import BackgroundModel
from ..capture.camera import CameraRig
from ..capture.errors import InputError
from ..capture.noise import DepthNoise
from .depth_view import DepthView, DepthViewConfig, prepare_view
from .fixtures import FixtureConfig, find_fixtures
from .planes import find_walls, floor_height_m
from .room_plan import RoomPlan, apply_room_plan
from .state import StaticScene
from .watched_floor import room_zone

if TYPE_CHECKING:
    from .appearance import AppearanceConfig, VertexQuality
    from .mesh import TriangleMesh


@dataclass(frozen=True, slots=True)
class RoomConfig:
    """How the standing room is built.

    Args:
        voxel_size_m: resolution of the fused surface.
        farthest_m: depth beyond this is not used.
        noise: of one depth frame.
        least_part_area_m2: smaller loose parts of the surface are dropped.
        fixtures: what counts as furniture.
    """

    voxel_size_m: float = 0.015
    farthest_m: float = 8.0
    noise: DepthNoise = field(default_factory=DepthNoise)
    least_part_area_m2: float = 0.02
    fixtures: FixtureConfig = field(default_factory=FixtureConfig)


def build_static_room(
    rig: CameraRig,
    backgrounds: Mapping[str, BackgroundModel],
    config: RoomConfig = RoomConfig(),
    room_plan: RoomPlan | None = None,
) -> StaticScene:
    """Fuse what every camera saw while nobody was there.

    Args:
        rig: where the cameras stand; the floor is near z = 0.
        backgrounds: background by camera id; cameras without depth are left out.
        config: see there.
        room_plan: the names that a person gave, or None.

    Returns:
        The room; without a plan its labels are guesses.

    Raises:
        InputError: no camera of the rig has a background, or none of them measured any depth.
        ConfigError: the plan names what is not there.
        ResourceError: the room is too large for the voxel size.
    """
    from .appearance import AppearanceConfig, paint_vertices
    from .mesh import vertex_areas_m2

    names = sorted(name for name in backgrounds if name in rig.cameras and rig[name].depth is not None)
    view_config = DepthViewConfig(farthest_m=config.farthest_m, noise=config.noise)
    views = [
        prepare_view(rig[name], backgrounds[name].depth_m, backgrounds[name].sigma_m, view_config) for name in names
    ]
    if not any(view.inverse_depth.any() for view in views):
        raise InputError(
            "no camera measured any depth of the standing room",
            where=", ".join(names) or "the rig",
            todo="check that the recording has depth streams for the cameras of the rig",
        )
    look = AppearanceConfig(noise=config.noise)
    mesh, quality = fuse(views, look, config)
    images = [backgrounds[name].color_rgb for name in names]
    colors_rgb = paint_vertices(mesh, [rig[name] for name in names], views, images, look)
    samples = mesh.vertices_m, mesh.normals, vertex_areas_m2(mesh)
    floor_m = floor_height_m(*samples, config.fixtures.planes)
    walls = find_walls(*samples, config.fixtures.planes)
    fixtures = find_fixtures(*samples, floor_m, walls, config.fixtures)
    zones = (room_zone(views, floor_m, config.farthest_m),)
    if room_plan is not None:
        fixtures, zones = apply_room_plan(room_plan, fixtures, zones)
    return StaticScene(
        mesh.vertices_m, mesh.faces, colors_rgb, mesh.normals, quality.sigma_m, quality.coverage, fixtures, zones
    )


def fuse(
    views: list[DepthView], look: AppearanceConfig, config: RoomConfig = RoomConfig()
) -> tuple[TriangleMesh, VertexQuality]:
    """The surface that the views agree on: without loose parts, and without what no view confirms."""
    from .appearance import VertexQuality, measure_vertices
    from .mesh import extract_mesh, in_large_parts, select_faces
    from .tsdf import TsdfConfig, TsdfVolume

    volume = TsdfVolume.allocate(views, TsdfConfig(config.voxel_size_m, noise=config.noise))
    for view in views:
        volume.integrate(view)
    mesh = extract_mesh(volume)
    quality = measure_vertices(mesh, views, look)
    seen = np.all(quality.coverage[mesh.faces] > 0, axis=1)
    mesh, used = select_faces(mesh, in_large_parts(mesh, seen, config.least_part_area_m2))
    return mesh, VertexQuality(quality.sigma_m[used], quality.coverage[used])
