"""Roles: who a person is, by what holds of them, at one instant or over a whole recording.

Signs that speak for a role are data (roles_operation.toml, roles_team.toml for a whole team). Their points are added up
for every person and role, and roles are given out so that the sum is greatest and nobody shares a role (the
assignment problem). How sure a role is follows from how much worse the best other solution is, in which that person has
another role or none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..capture.errors import ConfigError, nearest_name
from .label_facts import NamedInstant
from .phase_patterns import Clause, GraphInstants, clause_holds, names_of, parse_clause
from .phases import SECOND_NS, Phases
from .rule_files import read_rules
from .timeline import SceneGraphTimeline
from .vocabulary import ROLES, is_person

SELF = "self"
SHIPPED = ("operation", "team")
#: What a person does now, it mostly still does some seconds later: so much time makes one independent sign.
HABIT_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Sign:
    """Something that holds of a person, and what it says.

    Args:
        when: a clause about "self"; None for whoever is there.
        phases: during which it counts; empty for all.
        points: by role, log odds.
    """

    when: Clause | None
    phases: frozenset[str]
    points: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class RoleRules:
    """The roles that an operation has, and all signs."""

    name: str
    roles: tuple[str, ...]
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """A role that was given out, or "" for none, with a confidence in [0, 1]."""

    role: str
    confidence: float


def load_role_rules(name_or_path: str | Path = SHIPPED[0]) -> RoleRules:
    """Rules that ortwin ships, by name, or those of a file.

    Raises:
        ConfigError: there are none of this name, or the file is unsound; says at which sign.
    """
    document, where = read_rules("role", name_or_path, SHIPPED)
    return parse_role_rules(document, where)


def parse_role_rules(document: Mapping[str, Any], where: str) -> RoleRules:
    """The rules of a parsed file.

    Raises:
        ConfigError: as `load_role_rules`.
    """
    roles, rows = document.get("roles"), document.get("sign")
    if not isinstance(roles, list) or not roles or not isinstance(rows, list) or not rows:
        raise ConfigError("role rules need roles and signs", where=where, todo="add roles = [...] and [[sign]] tables")
    for name in roles:
        if name not in ROLES:
            raise ConfigError(f"unknown role '{name}'{nearest_name(str(name), ROLES)}", where=where)
    signs = tuple(_sign(row, tuple(roles), f"{where}, sign {place}") for place, row in enumerate(rows))
    return RoleRules(str(document.get("name", Path(where).stem)), tuple(roles), signs)


def roles_at(instant: NamedInstant, phase: str | None, rules: RoleRules) -> Mapping[str, Role]:
    """The role of every person of one instant, from its relations and the phase alone.

    Args:
        instant: with people who need not be named (`name_instants(..., anonymous=True)`).
        phase: in which it lies, or None; signs that are bound to a phase then say nothing.
        rules: which roles there are and what speaks for them.
    """
    people = [name for name, label in instant.labels.items() if _is_staff(label)]
    names = {name: names_of(name, label) for name, label in instant.labels.items()}
    points = np.zeros((len(people), len(rules.roles)))
    for row, person in enumerate(people):
        about = {**names, person: names[person] | {SELF}}
        for sign in rules.signs:
            now = not sign.phases or phase in sign.phases
            if now and (sign.when is None or clause_holds(sign.when, instant.relations, about)):
                points[row] += [sign.points.get(role, 0.0) for role in rules.roles]
    return MappingProxyType(dict(zip(people, give_roles(points, rules.roles), strict=True)))


def roles_of_recording(
    timeline: SceneGraphTimeline, phases: Phases | None, rules: RoleRules, *, period_ns: int = SECOND_NS
) -> Mapping[str, Role]:
    """One role for every person of a recording, from what they do throughout.

    Who is left over has none, and so has somebody of whom nothing speaks for the role that is left over.

    Times at which a person is out of sight, so that nothing is known of them, say nothing.

    Args:
        timeline: with people who keep one name.
        phases: of the recording; signs that are bound to a phase say nothing without.
        rules: as in `roles_at`.
        period_ns: how densely to look.
    """
    people = [node for node in timeline.nodes if _is_staff(node.label)]
    instants = GraphInstants.of(timeline, period_ns)
    phase_at = [phases.at(int(time_ns)) if phases else None for time_ns in instants.times_ns]
    counts = [np.array([not sign.phases or phase in sign.phases for phase in phase_at]) for sign in rules.signs]
    points = np.zeros((len(people), len(rules.roles)))
    for row, node in enumerate(people):
        about = instants.about(node.node_id, SELF)
        there = (
            (instants.times_ns >= node.first_ns) & (instants.times_ns <= node.last_ns) & about.known_of(node.node_id)
        )
        for sign, now in zip(rules.signs, counts, strict=True):
            held = there & now
            if sign.when is not None and held.any():
                held &= about.where(sign.when)
            weight = int(held.sum()) * period_ns / SECOND_NS / HABIT_S
            points[row] += [weight * sign.points.get(role, 0.0) for role in rules.roles]
    found = give_roles(points, rules.roles)
    for row, role in enumerate(found):
        if role.role and points[row, rules.roles.index(role.role)] <= points[row].mean():
            found[row] = Role("", 0.0)
    return MappingProxyType({node.node_id: role for node, role in zip(people, found, strict=True)})


def give_roles(points: np.ndarray, roles: Sequence[str]) -> list[Role]:
    """Gives out roles so that the points are most and nobody shares one; (people, roles) points.

    As many people as there are roles get one, however little speaks for it; the confidence says how little that is.
    """
    from scipy.optimize import linear_sum_assignment

    if not points.size:
        return [Role("", 0.0)] * len(points)
    best = linear_sum_assignment(points, maximize=True)
    total = points[best].sum()
    given = [Role("", 0.0)] * len(points)
    for person, column in zip(*(places.tolist() for places in best), strict=True):
        other = points.copy()
        other[person, column] -= 1e6
        second = linear_sum_assignment(other, maximize=True)
        margin = total - other[second].sum()
        given[person] = Role(str(roles[column]), 1.0 if margin > 1e5 else 1 / (1 + math.exp(-min(margin, 500.0))))
    return given


def _is_staff(label: str) -> bool:
    return is_person(label) and label != "patient"


def _sign(row: Any, roles: tuple[str, ...], where: str) -> Sign:
    keys = ("when", "phases", "points")
    for key in row if isinstance(row, Mapping) else ():
        if key not in keys:
            raise ConfigError(f"a sign has no '{key}'{nearest_name(key, keys)}", where=where)
    points = row.get("points") if isinstance(row, Mapping) else None
    if not isinstance(points, Mapping) or not points or not _are_numbers(points.values()):
        raise ConfigError("a sign needs points by role", where=where)
    for name in points:
        if name not in roles:
            raise ConfigError(f"the sign speaks for '{name}', which the file does not list", where=where)
    when = row.get("when")
    if when is not None and (not isinstance(when, str) or SELF not in when):
        raise ConfigError("a sign is about self", where=where, todo='write e.g. when = "holding(self, instrument)"')
    clause = None if when is None else parse_clause(when, where)
    phases = row.get("phases", [])
    if not isinstance(phases, list):
        raise ConfigError("phases is a list of names", where=where)
    return Sign(clause, frozenset(phases), MappingProxyType({name: float(value) for name, value in points.items()}))


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
