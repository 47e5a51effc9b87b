"""What several people do one after the other: it is told from the intervals of the whole recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from .derivation import Derivation
from .graph import TruthState
from .timeline import Interval
from .vocabulary import WORK_TOOLS

HANDED_WITHIN_NS = 2_000_000_000
#: Work with a tool that lasts no longer than this, while something is passed, is none.
PASSED_WORK_NS = 2_000_000_000
#: Nobody lays hand to work, or leaves it, so soon after taking or before giving something.
PASSING_NS = 250_000_000
#: Two who hold one thing for no longer than this pass it on.
PASSED_WITHIN_NS = 1_000_000_000


def one_holder(intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
    """Where a thing goes from hand to hand, both are at it for a moment: it changes hands in the middle of that."""
    rows = sorted((row for row in intervals if row.predicate == "holding"), key=lambda row: (row.object_id, row.order))
    held = dict(enumerate(rows))
    for number, (before, after) in enumerate(pairwise(rows)):
        overlap_ns = before.end_ns - after.begin_ns
        sure = before.state is after.state is TruthState.TRUE and before.end_ns < after.end_ns
        if before.object_id == after.object_id and 0 < overlap_ns <= PASSED_WITHIN_NS and sure:
            middle_ns = after.begin_ns + overlap_ns // 2
            held[number] = replace(held[number], end_ns=middle_ns)
            held[number + 1] = replace(held[number + 1], begin_ns=middle_ns)
    return [*(row for row in intervals if row.predicate != "holding"), *held.values()]


def handovers(intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
    """Adds `handover`: 1 s from the begin of holding(b, t), if a was the last to hold t, at most 2 s before.

    In between, t was on no fixture. Where nobody can say whether b holds t, or since when, the handover is unknown.
    A tool that comes near somebody while it is passed works nothing there, so such work is left out.
    """
    held = [row for row in intervals if row.predicate == "holding"]
    laid = [row for row in intervals if row.predicate == "on"]
    found: list[Interval] = []
    for tool in sorted({row.object_id for row in held}):
        rests = [row for row in laid if row.subject_id == tool and row.state is TruthState.TRUE]
        of_tool = sorted((row for row in held if row.object_id == tool), key=lambda row: row.order)
        for number, taken in enumerate(of_tool):
            found += _handed(of_tool[:number], taken, rests, span)
    events = _united(found)
    return [*(row for row in intervals if not _is_in_passing(row, events)), *events]


def _is_in_passing(row: Interval, handovers: Iterable[Interval]) -> bool:
    """Whether what looks like work with a tool is short, and its subject gives or takes something meanwhile."""
    if row.predicate not in WORK_TOOLS or row.end_ns - row.begin_ns > PASSED_WORK_NS:
        return False
    return any(
        row.subject_id in (event.subject_id, event.object_id)
        and row.begin_ns - PASSING_NS <= event.begin_ns < row.end_ns + PASSING_NS
        for event in handovers
        if event.state is TruthState.TRUE
    )


def _handed(before: Sequence[Interval], taken: Interval, rests: Iterable[Interval], span: Derivation) -> list[Interval]:
    """The handover that a holding begins, if any; unknown where either side is, or a third hand may have been between.

    Args:
        before: the earlier holdings of the same thing.
        taken: the one that begins.
        rests: when the thing lay on a fixture.
        span: the recording.
    """
    in_time = [row for row in before if taken.begin_ns - row.end_ns <= HANDED_WITHIN_NS]
    others = [row for row in in_time if row.subject_id != taken.subject_id]
    sure = [row for row in others if row.state is TruthState.TRUE]
    if not others:
        return []
    giver = max(sure or others, key=lambda row: (row.end_ns, row.begin_ns))
    regained = any(row.subject_id == taken.subject_id and row.end_ns > giver.end_ns for row in in_time)
    laid = any(row.begin_ns < taken.begin_ns and row.end_ns > giver.end_ns for row in rests)
    if laid or regained:
        return []
    event = replace(
        taken, subject_id=giver.subject_id, predicate="handover", object_id=taken.subject_id, evidence={},
        end_ns=min(taken.begin_ns + span.length_ns, span.end_ns),
    )  # fmt: skip
    third = any(row is not giver and row.end_ns > giver.end_ns for row in others if giver.end_ns < taken.begin_ns)
    if taken.state is giver.state is TruthState.TRUE and not third:
        return [event]
    end_ns = min(max(taken.end_ns, event.end_ns), span.end_ns)
    return [replace(event, state=TruthState.UNKNOWN, end_ns=end_ns)]


def cementing_by_hand(intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
    """Calls the work of free hands at a patient cementing, where they are of whoever last drove the implant home.

    Bare hands knead cement as they prepare skin; what tells them apart is what went before. From the first hammering
    on a patient to the first suturing after it the wound is open for cement. Where it is unknown whether somebody
    hammered, or sutured, it is unknown which of the two she does.
    """
    changed: list[Interval] = []
    acts = [row for row in intervals if row.predicate in ("hammering", "suturing")]
    for row in intervals:
        if row.predicate != "preparing":
            changed.append(row)
            continue
        certain, possible = _open_wound(acts, row)
        cementing = replace(row, predicate="cementing")
        if certain and row.state is TruthState.TRUE:
            changed.append(cementing)
        elif certain or possible:
            changed += [replace(each, state=TruthState.UNKNOWN, evidence={}) for each in (row, cementing)]
        else:
            changed.append(row)
    return changed


def assisting_at_work(intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
    """Leaves out assisting of those who prepare the patient all the while: each of them does that alone."""
    alone = [row for row in intervals if row.predicate == "preparing" and row.state is TruthState.TRUE]

    def mostly_alone(row: Interval) -> bool:
        spans = [(each.begin_ns, each.end_ns) for each in alone if each.subject_id == row.object_id]
        shared_ns = sum(max(0, min(row.end_ns, end) - max(row.begin_ns, begin)) for begin, end in spans)
        return 2 * shared_ns > row.end_ns - row.begin_ns

    return [row for row in intervals if row.predicate != "assisting" or not mostly_alone(row)]


def _open_wound(acts: Iterable[Interval], row: Interval) -> tuple[bool, bool]:
    """Whether, by who hammered and sutured when, the subject of a row is sure to work in an open wound, or may."""
    past = [each for each in acts if each.object_id == row.object_id and each.begin_ns < row.begin_ns]
    struck = [each for each in past if each.predicate == "hammering" and each.subject_id == row.subject_id]
    sewn = [each for each in past if each.predicate == "suturing"]
    sure = [each.end_ns for each in struck if each.state is TruthState.TRUE]
    if not struck:
        return False, False
    last_ns = max(each.end_ns for each in struck)
    closed = any(each.state is TruthState.TRUE and each.begin_ns >= last_ns for each in sewn)
    in_doubt = any(each.state is TruthState.UNKNOWN and each.end_ns >= last_ns for each in sewn)
    return bool(sure) and not closed and not in_doubt, not closed


def _united(events: Iterable[Interval]) -> list[Interval]:
    """Events of a pair that overlap become one; a sure one counts before an unknown one."""
    united: list[Interval] = []
    for event in sorted(events, key=lambda row: (row.subject_id, row.object_id, row.begin_ns, row.end_ns)):
        last = united[-1] if united else None
        same = last is not None and (last.subject_id, last.object_id) == (event.subject_id, event.object_id)
        if last is None or not same or event.begin_ns > last.end_ns:
            united.append(event)
        elif last.state is event.state:
            united[-1] = replace(last, end_ns=max(last.end_ns, event.end_ns))
        elif last.state is TruthState.TRUE:
            if event.end_ns > last.end_ns:
                united.append(replace(event, begin_ns=last.end_ns))
        else:
            united[-1:] = [replace(last, end_ns=event.begin_ns)] if event.begin_ns > last.begin_ns else []
            united.append(event)
    return united
