import pytest
from ortwin.scenegraph.predicate import measuring_function
from ortwin.scenegraph.vocabulary import (
    ENTITIES,
    LAYERS,
    PREDICATES,
    ROLES,
    SYNONYMS,
    canonical_name,
    is_person,
    known_labels,
    members_of,
    natural_key,
    symmetric_order,
)


def test_the_field_has_23_entities_and_8_roles():
    assert len(ENTITIES) == len(set(ENTITIES)) == 23
    assert len(ROLES) == len(set(ROLES)) == 8


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("Patient", "patient"),
        ("head-surgeon", "head_surgeon"),
        ("operatingTable", "operating_table"),
        ("OR table", "operating_table"),
        ("  Instrument Table ", "instrument_table"),
        ("anesthetist", "anaesthetist"),
        ("human_3", "person"),
        ("C-Arm", "c_arm"),
        ("drip stand", "drip_stand"),
    ],
)
def test_other_spellings_find_the_canonical_name(spelling, canonical):
    assert canonical_name(spelling) == canonical


def test_canonical_names_are_fixed_points():
    for name in known_labels():
        assert canonical_name(name) == name


def test_synonyms_lead_to_known_labels():
    assert set(SYNONYMS.values()) <= known_labels()


def test_every_role_is_a_person():
    assert all(is_person(role) for role in ROLES)
    assert not is_person("operating_table")
    assert "saw" in members_of("instrument")


@pytest.mark.parametrize("spec", PREDICATES.values(), ids=lambda spec: spec.name)
def test_every_predicate_row_is_sound(spec):
    assert canonical_name(spec.name) == spec.name
    assert spec.domain | spec.range <= set(LAYERS)
    assert spec.minimum_s > 0
    assert bool(spec.function) != bool(spec.event_of)
    if spec.function:
        assert callable(measuring_function(spec))
    for threshold in spec.thresholds.values():
        assert threshold.enter != threshold.exit


def test_names_sort_by_number_and_people_come_first():
    assert sorted(["person_10", "person_2"], key=natural_key) == ["person_2", "person_10"]
    assert symmetric_order("person_9", "person") < symmetric_order("object_1", "object")
