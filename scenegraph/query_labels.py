"""A take of labels as sources of a query: its relations, and the phases that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .label_timeline import label_specs, label_timeline
from .labels import Labels
from .phases import load_rules, recognise_phases
from .procedure import phases_table
from .query_sources import QuerySources

if TYPE_CHECKING:
    import pyarrow as pa

    from .timeline import SceneGraphTimeline


def label_sources(labels: Labels, take: str | None = None, source: str = "") -> QuerySources:
    """What a query reads of one take; frame 0 is at 0 s.

    Args:
        labels: of any form.
        take: which; may be left out where there is only one.
        source: what each row shall name as its origin.

    Raises:
        InputError: there is no such take, or its frames are no ascending numbers.
    """
    import pyarrow as pa

    timeline = label_timeline(labels, take)
    ends_ns = [row.end_ns for row in timeline.intervals] + [node.last_ns + 1 for node in timeline.nodes]
    span = pa.table({"begin_ns": [0], "end_ns": [max(ends_ns, default=0)]})
    return QuerySources(
        *timeline.to_arrow(source),
        phases=lambda: _phases(timeline),
        procedures=span,
        specs=label_specs(),
        name=take or "",
    )


def _phases(timeline: SceneGraphTimeline) -> pa.Table:
    """The phases by the shipped rules; none where they find no more than a beginning."""
    spans = recognise_phases(timeline, load_rules()).spans
    return phases_table(spans if len(spans) > 1 else ())
