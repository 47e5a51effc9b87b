"""The scene graph of a twin as it would be with other thresholds, derived in memory; the twin stays as it is.

A score that only holds at the very thresholds of docs/predicates.md is worth little. Every threshold compares a measure
with a number, so that multiplying all numbers by a factor is the same as dividing all measures by it: gaps, angles,
speeds, heights over a top, shares of a footprint, depths in a zone, and with them the noise of the gaps and the reach
of what is unseen, so that these allowances keep their metres. Minimum durations are no thresholds and stay; so does
what tells in whose hand a tool is for the sake of other measures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..capture.config import config_from_mapping
from ..facade import Twin
from ..readers import WindowConfig, graph_window
from ..scenegraph.graph_builder import GraphBuilder, GraphConfig
from ..scenegraph.pair_features import PairFeatures
from ..scenegraph.pair_measuring import compute_pair_features
from ..scenegraph.timeline import Interval
from .rows import RelationRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNSCALED = ("footprint_slope_per_m", "inside_slope_per_m")


def relations_with_thresholds(twin: Twin, factors: Sequence[float]) -> dict[float, tuple[RelationRow, ...]]:
    """The relations of a twin with all thresholds multiplied by each of some factors.

    Args:
        twin: a complete twin.
        factors: greater than 0; 1 gives the graph as it is stored, its intervals whole.
    """
    settings = twin.archive.head["config"]
    config = config_from_mapping(GraphConfig, settings["graph"])
    every_ns = twin.times_ns
    interval_ns = int(np.median(np.diff(every_ns))) if len(every_ns) > 1 else 1_000_000_000
    builders = {
        factor: GraphBuilder(replace(config, unseen_speed_m_s=config.unseen_speed_m_s / factor), interval_ns)
        for factor in factors
    }
    for features in _features(twin, settings["dynamic"]):
        for factor, builder in builders.items():
            builder.push(divided(features, factor))
    return {factor: tuple(_row(interval) for interval in builder.finish()) for factor, builder in builders.items()}


def divided(features: PairFeatures, factor: float) -> PairFeatures:
    """All measures divided by a factor; who is paired with whom, and when, stays."""
    return features.scaled(1.0 / factor, but=UNSCALED)


def _row(interval: Interval) -> RelationRow:
    names = interval.subject_id, interval.predicate, interval.object_id
    return RelationRow(*names, interval.begin_ns, interval.end_ns, str(interval.state))


def _features(twin: Twin, dynamic: dict) -> Iterator[PairFeatures]:
    config = WindowConfig(dynamic["surface_voxel_m"] / 2, dynamic["thickness_m"])
    frames = [twin.archive.read_segment("moving", number, "frames") for number in range(twin.num_segments)]
    times_ns = [np.unique(table["time_ns"].to_numpy()) for table in frames]
    for number in range(twin.num_segments):
        yield compute_pair_features(graph_window(twin.archive, number, times_ns, twin.room, config))
