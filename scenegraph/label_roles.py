"""Roles at single instants of labels: who a numbered person is, where the number means nothing at the next instant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..capture.errors import InputError
from .label_timeline import NOBODY, SECOND_NS, label_timeline, name_instants
from .labels import LabelledInstant, Labels
from .phases import load_rules, recognise_phases
from .roles import Role, RoleRules, roles_at
from .vocabulary import canonical_name
from .vocabulary_terms import load_terms


@dataclass(frozen=True, slots=True)
class PersonRole:
    """A person of one instant.

    Args:
        instant_id: as in the labels, "4/000300".
        person: as spelled there, "human_0".
        given: the role that follows from this instant's relations and the phase alone.
        told: the role that the labels say, canonical; "" where they say none.
    """

    instant_id: str
    person: str
    given: Role
    told: str


def roles_of_instants(
    labels: Labels, take: str | None, rules: RoleRules, phase_rules: str | Path = "knee_replacement_unnamed"
) -> tuple[PersonRole, ...]:
    """The role of every person of every instant of a take; nothing that the labels say of roles is used.

    Args:
        labels: of any form.
        take: which; may be left out where there is only one.
        rules: signs of roles.
        phase_rules: find the phases, nobody named.

    Raises:
        InputError: there is no such take, or its frames are no ascending numbers.
    """
    phases = recognise_phases(label_timeline(labels, take, anonymous=True), load_rules(phase_rules))
    takes = labels.takes()
    instants = takes[take] if take is not None else next(iter(takes.values()))
    found = []
    for instant, named in zip(instants, name_instants(instants, labels.form, anonymous=True), strict=True):
        given = roles_at(named, phases.at(named.step * SECOND_NS), rules)
        for spelling in _people(instant):
            name = f"person_{instant.frame}_{spelling.removeprefix('human_')}"
            if name in given:
                found.append(
                    PersonRole(instant.instant_id, spelling, given[name], _told(instant, spelling, labels.form))
                )
    if not found:
        raise InputError(
            "the labels number nobody", why="people bear their roles in them already",
            todo="leave --instants out: roles of the whole recording follow from what the people do",
        )  # fmt: skip
    return tuple(found)


def _people(instant: LabelledInstant) -> list[str]:
    used = [name for row in instant.relations for name in (row.subject, row.object)]
    return [name for name in dict.fromkeys([*(instant.entities or ()), *used]) if name.startswith("human_")]


def _told(instant: LabelledInstant, spelling: str, form: str) -> str:
    said = instant.people.get(spelling, NOBODY)
    if said == NOBODY:
        return ""
    own = load_terms().namings.get(form)
    word = (own.canonical_of.get(said.lower()) if own else None) or canonical_name(said)
    return load_terms().entities[word].role or word if word in load_terms().entities else word
