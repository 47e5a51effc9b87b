import copy
import json
import tomllib

import pytest
from ortwin.capture.errors import ConfigError
from ortwin.cli.app import run
from ortwin.scenegraph.vocabulary import PREDICATES, ROLES, canonical_name, known_labels
from ortwin.scenegraph.vocabulary_terms import VOCABULARY_FILE, load_terms, parse_terms, snake_case

TERMS = load_terms()


@pytest.mark.parametrize(
    ("name", "entities", "predicates"),
    [("4d-or", 12, 14), ("mm-or", 23, 16), ("egoexor", 36, 22)],
)
def test_data_sets_have_as_many_words_as_they_publish(name, entities, predicates):
    naming = TERMS.naming(name)
    assert len(set(naming.entities)) == len(naming.entities) == entities
    assert len(set(naming.predicates)) == len(naming.predicates) == predicates


def test_the_words_are_those_of_the_published_lists(test_data):
    folder = test_data / "or4d_graphs"
    assert list(TERMS.naming("4d-or").entities) == (folder / "classes.txt").read_text().split()
    assert list(TERMS.naming("4d-or").predicates) == (folder / "relationships.txt").read_text().split()
    rows = json.loads((test_data / "mmor_graphs" / "002_PKA_MMOR.json").read_text())
    used = {relation[2] for row in rows for relation in row["relationships"]}
    named = {name for row in rows for relation in row["relationships"] for name in relation[:2]}
    assert used <= set(TERMS.naming("mm-or").predicates)
    assert named <= set(TERMS.naming("mm-or").entities)


@pytest.mark.parametrize("naming", TERMS.namings.values(), ids=lambda naming: naming.name)
def test_spellings_lead_to_canonical_names_and_back(naming):
    known = known_labels() | set(TERMS.predicates)
    for spelling in (*naming.entities, *naming.predicates, *naming.roles):
        if spelling.startswith("human_") or spelling == naming.none_label:
            continue
        canonical = naming.canonical_of[spelling.lower()]
        assert canonical in known
        assert naming.canonical_of[naming.spelling_of[canonical].lower()] == canonical


@pytest.mark.parametrize("row", TERMS.predicates.values(), ids=lambda row: row.name)
def test_every_predicate_is_sound(row):
    kinds = {"any", "person", "patient", "instrument", "device", "furniture", "supply", "place", "thing"}
    assert set(row.subject) | set(row.object) <= kinds
    assert row.name == snake_case(row.name)
    assert not row.symmetric or row.subject == row.object
    for implied in row.implies:
        other = TERMS.predicates[implied.predicate]
        assert other.priority < row.priority, "what follows from a predicate must not hide it"
    assert row.meaning


def test_measured_predicates_have_a_meaning_of_the_same_symmetry():
    for name, spec in PREDICATES.items():
        assert TERMS.predicates[name].symmetric == spec.symmetric


def test_actions_hide_assisting_that_hides_holding_that_hides_touching_that_hides_closeness():
    names = ("sawing", "assisting", "holding", "touching", "close_to")
    priorities = [TERMS.predicates[name].priority for name in names]
    assert priorities == sorted(priorities, reverse=True)


def test_predicates_say_what_they_may_stand_between():
    assert TERMS.predicates["sawing"].allows(TERMS.kind_of("head_surgeon"), TERMS.kind_of("patient"))
    assert not TERMS.predicates["sawing"].allows(TERMS.kind_of("patient"), TERMS.kind_of("head_surgeon"))
    assert TERMS.predicates["operating"].allows("person", TERMS.kind_of("something nobody has heard of"))


def test_published_relations_keep_to_the_domains_and_ranges(test_data):
    naming = TERMS.naming("4d-or")
    for scan in json.loads((test_data / "or4d_graphs" / "relationships_validation.json").read_text())["scans"]:
        for subject, obj, _, predicate in scan["relationships"]:
            kinds = [TERMS.kind_of(canonical_name(scan["objects"][str(number)])) for number in (subject, obj)]
            assert TERMS.predicates[naming.canonical_of[predicate.lower()]].allows(*kinds)


def test_every_person_of_a_data_set_has_one_of_the_eight_roles():
    people = [row for row in TERMS.entities.values() if row.kind in ("person", "patient")]
    assert {row.role for row in people} <= set(ROLES)
    assert len(people) == 9


def shipped():
    return copy.deepcopy(tomllib.loads(VOCABULARY_FILE.read_text()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d["entity"].append({"name": "saw", "kind": "instrument"}), "'saw' twice"),
        (lambda d: d["entity"][0].update(synonyms=["ot"]), "'ot' two meanings"),
        (lambda d: d["predicate"][3].update(implies=["sawing"]), "no implication"),
        (lambda d: d["naming"][0]["predicates"].append("Juggling"), "'Juggling' has no canonical name"),
    ],
)
def test_an_unsound_file_is_refused(spoil, said):
    document = shipped()
    parse_terms(document)
    spoil(document)
    with pytest.raises(ConfigError, match=said):
        parse_terms(document)


def test_the_verb_prints_everything_and_one_naming(capsys):
    assert run(["vocabulary"]) == 0
    shown = capsys.readouterr().out
    assert "head_surgeon" in shown and "4D-OR (4d-or): 12 entities, 14 predicates" in shown
    assert run(["vocabulary", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [len(document[key]) for key in ("roles", "entities")] == [8, 23]
    sawing = next(row for row in document["predicates"] if row["name"] == "sawing")
    assert "holding(subject, instrument)" in sawing["implies"]
    assert run(["vocabulary", "--naming", "4d-or", "--json"]) == 0
    spellings = json.loads(capsys.readouterr().out)["spellings"]
    assert {"what": "predicate", "spelling": "LyingOn", "canonical": "lying_on"} in spellings
    assert run(["vocabulary", "--naming", "4dor"]) == 2
    assert "did you mean '4d-or'" in capsys.readouterr().err
