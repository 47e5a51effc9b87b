"""From a simulated world to its truth tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...capture.clock import ClockModel
from ...capture.geometry import SE3
from ...evaluation.truth import TrackTruth
from ...evaluation.truth_writer import TruthWriter
from .cart import cart_in_own_frame, heading_rotation
from .sightings import Sightings
from .solid_meshes import mesh_of, placed
from .true_relations import Mover, true_relations

if TYPE_CHECKING:
    from .simulation import World

ROLES = {"person_1": "head_surgeon", "person_2": "circulating_nurse"}


def write_truth(truth: TruthWriter, world: World, sightings: Sightings, seen_surface_m: np.ndarray) -> None:
    """Write every table.

    Args:
        truth: the writer.
        world: what was simulated.
        sightings: who was seen when by which camera.
        seen_surface_m: (m, 3) points of the resting surfaces that some camera saw.
    """
    movers = [_mover(world, name, sightings.cameras[name]) for name in world.scene.solids]
    truth.instants(world.times_ns)
    truth.clocks({name: ClockModel() for name in world.rig.cameras})
    truth.rig({name: camera.world_from_camera for name, camera in world.rig.cameras.items()})
    truth.room(world.room.mesh.vertices_m, world.room.mesh.faces, seen_surface_m)
    truth.fixtures(world.room.fixtures)
    truth.room_plan(world.room.fixtures)
    truth.zones(world.room.zones)
    truth.relations(true_relations(world.times_ns, movers, world.room.fixtures, world.room.zones))
    truth.tracks([_track(world, mover) for mover in movers])
    exists = {mover.name: mover.exists for mover in movers}
    truth.people(
        (instant, name, ROLES[name], body.joints_m[instant], sightings.joint_cameras[name][instant])
        for instant in range(len(world.times_ns))
        for name, body in world.scene.bodies.items()
        if exists[name][instant]
    )
    truth.tools(
        (instant, "cart_1", "cart", _cart_pose(world, instant), sightings.cameras["cart_1"][instant])
        for instant in np.flatnonzero(exists["cart_1"]).tolist()
    )
    own = cart_in_own_frame()
    mesh, part = mesh_of(own, [0] * len(own.radius_m))
    truth.tool_shape("cart", placed(mesh, part, own, 0), mesh.faces)


def _mover(world: World, name: str, seen_by: Sequence[Sequence[str]]) -> Mover:
    """A thing exists from the first to the last instant at which a camera sees it."""
    seen = np.array([bool(cameras) for cameras in seen_by])
    exists = np.zeros(len(seen), dtype=bool)
    if seen.any():
        exists[seen.argmax() : len(seen) - seen[::-1].argmax()] = True
    return Mover(name, world.scene.solids[name], exists, seen)


def _track(world: World, mover: Mover) -> TrackTruth:
    low, high = (corner[mover.exists] for corner in mover.solids.bounds_m())
    label = "person" if mover.name in world.scene.bodies else "cart"
    return TrackTruth(mover.name, label, world.times_ns[mover.exists], (low + high) / 2, high - low)


def _cart_pose(world: World, instant: int) -> SE3:
    rotation = heading_rotation(world.scene.cart_heading_rad[instant : instant + 1])[0]
    return SE3(rotation, np.array([*world.scene.cart_position_m[instant], 0.0]))
