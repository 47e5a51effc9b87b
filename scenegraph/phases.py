"""Phases from a scene graph: an ordered state machine whose rules are data, and which says why each phase began.

Rules are TOML files (phases_knee_replacement.toml explains the keys). Phases come in the order of the file, each once;
the next begins where its condition first holds, and not before the one before it. A phase whose condition never holds
does not come, and neither do those after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.errors import ConfigError, nearest_name
from .phase_patterns import Clause, GraphInstants, parse_clause
from .rule_files import read_rules
from .timeline import SceneGraphTimeline

SECOND_NS = 1_000_000_000
SHIPPED = ("knee_replacement", "knee_replacement_unnamed")


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be found for how long.

    Args:
        when: clauses that must all hold at one instant.
        span_s: instants count together while they lie within half of this of one of them, seconds.
        for_s: how much time the instants of a span must make up, each standing for one period, seconds.
    """

    when: tuple[Clause, ...]
    span_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class PhaseRule:
    """One phase: when it begins.

    Args:
        name, title: short and long.
        begin: None for the first phase, which begins with the recording.
        after: what must have come first, during the phase before.
        not_before_last: the phase begins after the last place where this holds.
        since: clauses; the phase is dated back to where all of them began to hold without a break.
    """

    name: str
    title: str
    begin: Condition | None = None
    after: Condition | None = None
    not_before_last: Condition | None = None
    since: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseRules:
    """The phases of a procedure, in order."""

    name: str
    title: str
    phases: tuple[PhaseRule, ...]

    @property
    def predicates(self) -> frozenset[str]:
        """All that must be looked for so that the rules can speak."""
        conditions = [each for rule in self.phases for each in (rule.begin, rule.after, rule.not_before_last) if each]
        clauses = [clause for each in conditions for clause in each.when]
        clauses += [clause for rule in self.phases for clause in rule.since]
        return frozenset(name for clause in clauses for pattern in clause.patterns for name in pattern.predicates)


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase that came: from `begin_ns` up to and without `end_ns`, and in words why it began."""

    name: str
    title: str
    begin_ns: int
    end_ns: int
    because: str


@dataclass(frozen=True, slots=True)
class Phases:
    """What the rules found.

    Args:
        spans: the phases that came, in order and without gaps.
        missing: names of those that did not.
        waiting_for: in words, what the first missing one waited for; empty where none is missing.
    """

    spans: tuple[PhaseSpan, ...]
    missing: tuple[str, ...] = ()
    waiting_for: str = ""

    def at(self, time_ns: int) -> str | None:
        """The name of the phase at an instant."""
        return next((span.name for span in self.spans if span.begin_ns <= time_ns < span.end_ns), None)


def load_rules(name_or_path: str | Path = SHIPPED[0]) -> PhaseRules:
    """Rules that ortwin ships, by name, or those of a file.

    Raises:
        ConfigError: there are none of this name, or the file is unsound; says in which phase and key.
    """
    document, where = read_rules("phase", name_or_path, SHIPPED)
    return parse_rules(document, where)


def parse_rules(document: Mapping[str, Any], where: str) -> PhaseRules:
    """The rules of a parsed file.

    Raises:
        ConfigError: as `load_rules`.
    """
    rows = document.get("phase")
    if not isinstance(rows, list) or not rows:
        raise ConfigError("there are no phases in the rules", where=where, todo="add [[phase]] tables")
    phases = tuple(_phase(row, place, f"{where}, phase {place}") for place, row in enumerate(rows))
    names = [phase.name for phase in phases]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"the phase '{name}' stands twice", where=where, todo="each phase comes once")
    name = str(document.get("name", Path(where).stem))
    return PhaseRules(name, str(document.get("title", name)), phases)


def recognise_phases(
    timeline: SceneGraphTimeline, rules: PhaseRules, *, period_ns: int = SECOND_NS, date_back: bool = True,
    pace: float = 1.0,
) -> Phases:  # fmt: skip
    """Finds the phases of a recording.

    Args:
        timeline: of a twin or of labels.
        rules: in whose words the timeline must speak: people by role, unless the rules do without.
        period_ns: how densely to look at it; labels of 4D-OR and MM-OR have one instant a second.
        date_back: heed `since`; without it the shipped rules are the published ones.
        pace: how many times as fast the procedure was played as those for which the rules were written (11 minutes
            for the shipped ones); all their times are divided by it.

    Raises:
        ConfigError: the pace or the period is not above 0.
    """
    if not pace > 0 or period_ns <= 0:
        raise ConfigError("the pace and the period must be above 0", where=f"pace {pace:g}, period {period_ns} ns")
    rules = (
        rules if pace == 1 else PhaseRules(rules.name, rules.title, tuple(_paced(each, pace) for each in rules.phases))
    )
    instants = GraphInstants.of(timeline, period_ns)
    if not len(instants.times_ns):
        return Phases((), tuple(rule.name for rule in rules.phases), "a recording that is not empty")
    spans = [
        PhaseSpan(rules.phases[0].name, rules.phases[0].title, int(instants.times_ns[0]), 0, "the recording begins")
    ]
    end_ns = int(instants.times_ns[-1]) + period_ns
    waiting_for = ""
    for rule in rules.phases[1:]:
        begin, because = _begin(rule, instants, spans[-1].begin_ns, date_back=date_back)
        if begin is None:
            waiting_for = because
            break
        spans.append(PhaseSpan(rule.name, rule.title, int(instants.times_ns[begin]), 0, because))
    ends = [span.begin_ns for span in spans[1:]] + [end_ns]
    done = tuple(
        PhaseSpan(span.name, span.title, span.begin_ns, end, span.because)
        for span, end in zip(spans, ends, strict=True)
    )
    return Phases(done, tuple(rule.name for rule in rules.phases[len(spans) :]), waiting_for)


def _paced(rule: PhaseRule, pace: float) -> PhaseRule:
    """A rule for a procedure that goes faster."""

    def paced(condition: Condition | None) -> Condition | None:
        if condition is None:
            return None
        return Condition(condition.when, condition.span_s / pace, condition.for_s / pace)

    return replace(rule, begin=paced(rule.begin), after=paced(rule.after), not_before_last=paced(rule.not_before_last))


def _begin(rule: PhaseRule, instants: GraphInstants, not_before_ns: int, *, date_back: bool) -> tuple[int | None, str]:
    """The instant at which a phase begins and why, or None and what is lacking."""
    assert rule.begin is not None
    allowed = instants.times_ns >= not_before_ns
    reasons = []
    if rule.not_before_last is not None:
        runs = _spans_of(rule.not_before_last, instants, allowed)
        if runs:
            allowed &= np.arange(len(allowed)) > runs[-1][1]
            reasons.append(f"the last {_wording(rule.not_before_last)} ended at {_clock(instants, runs[-1][1])}")
    if rule.after is not None:
        runs = _spans_of(rule.after, instants, allowed)
        if not runs:
            return None, _wording(rule.after)
        allowed &= np.arange(len(allowed)) >= runs[0][0]
        reasons.append(f"after {_wording(rule.after)} at {_clock(instants, runs[0][0])}")
    runs = _spans_of(rule.begin, instants, allowed)
    if not runs:
        return None, _wording(rule.begin)
    begin = found = runs[0][0]
    reasons.insert(0, f"{_wording(rule.begin)} from {_clock(instants, found)}{_who(rule.begin, instants, found)}")
    if rule.since and date_back:
        held = allowed & np.logical_and.reduce([instants.where(clause) for clause in rule.since])
        while begin > 0 and held[begin - 1]:
            begin -= 1
        if begin < found:
            reasons.append(f"{' and '.join(each.text for each in rule.since)} since {_clock(instants, begin)}")
    return begin, "; ".join(reasons)


def _spans_of(condition: Condition, instants: GraphInstants, allowed: np.ndarray) -> list[tuple[int, int]]:
    """First and last instant of every span that has enough instants, in order of their middle."""
    found = allowed.copy()
    for clause in condition.when:
        found &= instants.where(clause)
    places = np.flatnonzero(found)
    times_ns = instants.times_ns[places]
    half_ns = round(condition.span_s * SECOND_NS / 2)
    first = np.searchsorted(times_ns, times_ns - half_ns)
    last = np.searchsorted(times_ns, times_ns + half_ns, side="right") - 1
    enough = (last - first + 1) * instants.period_ns >= condition.for_s * SECOND_NS
    return [(int(places[a]), int(places[b])) for a, b in zip(first[enough], last[enough], strict=True)]


def _who(condition: Condition, instants: GraphInstants, place: int) -> str:
    """The triples that fit at the first instant, where the pattern left open who or what."""
    there = [
        f"{row.predicate}({row.subject}, {row.object})"
        for clause in condition.when
        if not clause.negated
        for row in next(
            ([row] for pattern in clause.patterns for row in instants.matching(pattern) if instants.true[row][place]),
            [],
        )
    ]
    return f" ({', '.join(there)})" if there else ""


def _wording(condition: Condition) -> str:
    clauses = " and ".join(clause.text for clause in condition.when)
    return f"{clauses} for {condition.for_s:.3g} s within {condition.span_s:.3g} s"


def _clock(instants: GraphInstants, place: int) -> str:
    seconds = (int(instants.times_ns[place]) - int(instants.times_ns[0])) / SECOND_NS
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _phase(row: Any, place: int, where: str) -> PhaseRule:
    if not isinstance(row, Mapping) or not isinstance(row.get("name"), str):
        raise ConfigError("a phase lacks its name", where=where)
    where = f"{where} ({row['name']})"
    keys = ("name", "title", "begin", "after", "not_before_last", "since")
    for key in row:
        if key not in keys:
            raise ConfigError(f"a phase has no '{key}'{nearest_name(key, keys)}", where=where)
    if place and "begin" not in row:
        raise ConfigError("only the first phase begins by itself", where=where, todo="say when it begins")
    if not place and set(row) & set(keys[2:]):
        raise ConfigError("the first phase begins with the recording", where=where, todo="leave its conditions out")
    begin, after, last = (_condition(row.get(key), f"{where}, {key}") for key in keys[2:5])
    since = row.get("since", [])
    if not isinstance(since, list):
        raise ConfigError("since is a list of conditions", where=where)
    clauses = tuple(parse_clause(str(text), f"{where}, since") for text in since)
    return PhaseRule(row["name"], str(row.get("title", row["name"])), begin, after, last, clauses)


def _condition(value: Any, where: str) -> Condition | None:
    if value is None:
        return None
    keys = {"when", "span_s", "for_s"}
    if not isinstance(value, Mapping) or set(value) != keys or not isinstance(value["when"], list):
        raise ConfigError("a condition has the keys when, span_s and for_s", where=where)
    clauses = tuple(parse_clause(str(text), where) for text in value["when"])
    numbers = [value["span_s"], value["for_s"]]
    if not clauses or any(not isinstance(number, int | float) or number <= 0 for number in numbers):
        raise ConfigError("a condition needs clauses, and times above 0 s", where=where)
    return Condition(clauses, float(numbers[0]), float(numbers[1]))
