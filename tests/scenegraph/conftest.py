"""Small scenes for the tests of this floor."""

from collections.abc import Callable

import numpy as np
import pytest
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.scenegraph.pair_features import PairFeatures
from ortwin.scenegraph.scene_window import Entity, SceneWindow

FRAME_NS = 100_000_000

Cloud = np.ndarray


@pytest.fixture(scope="session")
def window_of() -> Callable[..., SceneWindow]:
    """Makes a window from the surface points of what moves: {node_id: one cloud per instant, None = absent}."""

    def make(
        moving: dict[str, list[Cloud | None]],
        boxes: dict[str, OrientedBox] | None = None,
        zones: dict[str, Zone] | None = None,
        observed: dict[str, list[bool]] | None = None,
        sigma_m: float = 0.0,
    ) -> SceneWindow:
        boxes, zones, observed = boxes or {}, zones or {}, observed or {}
        entities = (
            *(Entity(name, "person" if "person" in name else "object", "track") for name in moving),
            *(Entity(name, name, "fixture") for name in boxes),
            *(Entity(name, name, "zone") for name in zones),
        )
        clouds = list(moving.values())
        grid = (len(clouds[0]), len(entities))
        center_m, extent_m = np.full((*grid, 3), np.nan), np.full((*grid, 3), np.nan)
        present = np.zeros(grid, dtype=bool)
        seen = np.ones(grid, dtype=bool)
        for place, (name, of_thing) in enumerate(moving.items()):
            for time, cloud in enumerate(of_thing):
                if cloud is not None:
                    low, high = cloud.min(axis=0), cloud.max(axis=0)
                    center_m[time, place], extent_m[time, place] = (low + high) / 2, high - low
                    present[time, place] = True
            seen[:, place] = observed.get(name, [True] * grid[0])
        standing = len(moving)
        return SceneWindow(
            np.arange(grid[0], dtype=np.int64) * FRAME_NS,
            entities,
            center_m,
            extent_m,
            np.zeros((*grid, 3)),
            np.full(grid, sigma_m),
            present,
            seen,
            {standing + place: box for place, box in enumerate(boxes.values())},
            {standing + len(boxes) + place: zone for place, zone in enumerate(zones.values())},
            lambda time, entity: clouds[entity][time],
        )

    return make


@pytest.fixture(scope="session")
def features_of() -> Callable[..., PairFeatures]:
    """Makes the features of (person_1, table) and (person_1, room) from lists of measures, one per instant."""

    def make(
        gap_m: list[float] | np.ndarray,
        *,
        observed: list[bool] | np.ndarray | None = None,
        present: list[bool] | np.ndarray | None = None,
        depth_m: list[float] | np.ndarray | None = None,
        bottom_m: list[float] | np.ndarray | None = None,
        footprint_share: list[float] | np.ndarray | None = None,
        gap_sigma_m: float = 0.0,
        begin_ns: int = 0,
    ) -> PairFeatures:
        count = len(gap_m)
        there = np.ones(count, dtype=bool) if present is None else np.asarray(present, dtype=bool)
        seen = there if observed is None else there & np.asarray(observed, dtype=bool)

        def columns(table: object, room: object) -> np.ndarray:
            pair = [np.broadcast_to(np.asarray(values, dtype=np.float64), count) for values in (table, room)]
            return np.where(there[:, None], np.stack(pair, axis=1), np.nan)

        constant = np.where(there[:, None], 1.0, np.nan) * np.ones(2)
        return PairFeatures(
            begin_ns + np.arange(count, dtype=np.int64) * FRAME_NS,
            (
                Entity("person_1", "person", "track"),
                Entity("table", "operating_table", "fixture"),
                Entity("room", "room", "zone"),
            ),
            np.array([0, 0]),
            np.array([1, 2]),
            columns(gap_m, np.nan),
            constant * gap_sigma_m,
            columns(gap_m, np.nan),
            constant * 0.5,
            columns(9.0 if bottom_m is None else bottom_m, np.nan),
            columns(0.0 if footprint_share is None else footprint_share, np.nan),
            constant * 4.0,
            columns(np.nan, -99.0 if depth_m is None else depth_m),
            np.stack([there, there], axis=1),
            np.stack([seen, seen], axis=1),
            inside_share=columns(0.0, np.nan),
        )

    return make
