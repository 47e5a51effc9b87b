import json
import time

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.cli.app import run
from ortwin.evaluation.graph_scores import score_graphs
from ortwin.scenegraph.label_io import parse_labels, read_labels
from ortwin.scenegraph.vocabulary_terms import load_terms

PEOPLE = ["Patient", "human_0", "human_1", "instrument"]


def labels(*instants):
    rows = [
        {"id": f"1/{place:06d}", "relations": relations, **({} if entities is None else {"entities": entities})}
        for place, (entities, relations) in enumerate(instants)
    ]
    return parse_labels({"instants": rows}, "test")


def one(truth, prediction, protocol="4d-or", entities=PEOPLE):
    return score_graphs(labels((entities, truth)), labels((None, prediction)), protocol)


def test_a_case_worked_out_by_hand():
    """12 pairs: holding right, closeto taken for touching, one closeto made up, one missed; 8 none in both."""
    scores = one(
        [["human_0", "Holding", "instrument"], ["human_0", "CloseTo", "Patient"], ["Patient", "CloseTo", "human_0"]],
        [["human_0", "Holding", "instrument"], ["human_0", "Touching", "Patient"], ["human_1", "CloseTo", "human_0"]],
    )
    assert scores.pairs == 12
    by_label = {name: (row.precision, row.recall, row.support) for name, row in scores.per_predicate.items()}
    assert by_label["holding"] == (1, 1, 1)
    assert by_label["closeto"] == (0, 0, 2)
    assert by_label["touching"] == (0, 0, 0)
    assert by_label["none"] == (8 / 9, 8 / 9, 9)
    assert len(by_label) == 15
    assert scores.macro.f1 == pytest.approx((1 + 8 / 9) / 15)
    assert scores.weighted.f1 == pytest.approx((1 * 1 + 9 * 8 / 9) / 12)


def test_mm_or_asks_only_for_entities_that_truly_relate_and_labels_that_truly_occur():
    """Entities a, b, c; 6 pairs. The fourth entity, which only the prediction names, is not compared."""
    truth = [["nurse", "holding", "instrument"], ["nurse", "closeTo", "patient"]]
    claim = [["nurse", "holding", "instrument"], ["patient", "closeTo", "nurse"], ["mps", "holding", "saw"]]
    scores = one(truth, claim, "mm-or", entities=None)
    assert scores.pairs == 6
    # holding 1, closeto 0, none: 6 - 2 true, 6 - 2 claimed, 3 in both.
    assert scores.macro.f1 == pytest.approx((1 + 0 + 3 / 4) / 3)
    assert (scores.interaction.precision, scores.interaction.recall, scores.interaction.support) == (0.5, 0.5, 2)
    assert scores.entity_recall == 1.0
    assert len(scores.per_predicate) == 17


def test_entity_recall_counts_entities_of_known_relations_only():
    truth = [["nurse", "holding", "saw"], ["mps", "closeTo", "monitor"]]
    claim = [["nurse", "juggling", "saw"], ["mps", "closeTo", "nurse"]]
    assert one(truth, claim, "mm-or", entities=None).entity_recall == 2 / 4


@pytest.mark.parametrize(
    ("claim", "f1"),
    [
        ([["human_0", "holding", "instrument"], ["human_0", "touching", "instrument"]], 1.0),
        ([["human_0", "touching", "instrument"], ["human_0", "holding", "instrument"]], 0.0),
        ([["human_0", "juggling", "instrument"], ["human_0", "holding", "instrument"]], 1.0),
        ([["human_0", "none", "instrument"], ["HUMAN_0", "hOLDING", "Instrument"]], 1.0),
        ([["human_0", "holding", "human_0"]], 0.0),
        ([["instrument", "holding", "human_0"]], 0.0),
    ],
    ids=["first counts", "first counts even if wrong", "unknown first dropped", "lower case", "itself", "direction"],
)
def test_the_first_known_relation_of_a_pair_counts(claim, f1):
    assert one([["human_0", "Holding", "instrument"]], claim).per_predicate["holding"].f1 == f1


def test_a_pair_that_the_truth_names_twice_has_its_first_relation():
    truth = [["human_0", "Holding", "instrument"], ["human_0", "Touching", "instrument"]]
    scores = one(truth, truth)
    assert scores.per_predicate["holding"].support == 1
    assert scores.per_predicate["touching"].support == 0


def test_macro_of_4d_or_counts_labels_that_never_occur():
    truth = [["human_0", "Holding", "instrument"]]
    assert one(truth, truth).macro.f1 == pytest.approx(2 / 15)
    assert one(truth, truth).weighted.f1 == 1.0


def test_an_instant_without_a_prediction_has_no_relations():
    truth = labels((PEOPLE, [["human_0", "Holding", "instrument"]]), (PEOPLE, []))
    scores = score_graphs(truth, labels(), "4d-or")
    assert scores.per_predicate["holding"].recall == 0
    assert scores.pairs == 24
    assert any("2 instants" in text for text in scores.warnings)


def test_nothing_to_compare_is_zero_and_no_crash():
    scores = score_graphs(labels(), labels(), "mm-or")
    assert (scores.macro.f1, scores.weighted.f1, scores.pairs, scores.entity_recall) == (0, 0, 0, 0)


def test_an_unknown_predicate_in_the_truth_names_its_place():
    with pytest.raises(InputError, match=r"(?s)Manipulating.*1/000000, relation 1"):
        one([["human_0", "Holding", "instrument"], ["human_0", "Manipulating", "Patient"]], [])


def test_4d_or_needs_the_list_of_entities():
    with pytest.raises(InputError, match="1/000000"):
        one([["human_0", "Holding", "instrument"]], [], entities=None)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ConfigError, match="4d-or or mm-or"):
        one([], [], "egoexor")


def random_labels(rng, protocol, instants, density):
    """Labels as the protocols meet them: some pairs twice, some to themselves, some predicates unknown."""
    naming = load_terms().naming(protocol)
    entities = list(naming.entities[:9])
    rows = []
    for place in range(instants):
        listed = [name for name in entities if rng.random() < 0.8]
        relations = []
        for _ in range(rng.poisson(density)):
            subject, obj = rng.choice(entities if rng.random() < 0.1 else listed or entities, 2)
            relations.append([str(subject), str(rng.choice(naming.predicates)), str(obj)])
        rows.append({"id": f"1/{place:06d}", "entities": listed, "relations": relations})
    return rows


def disturbed(rng, rows, predicates):
    claims = []
    for row in rows:
        relations = [list(relation) for relation in row["relations"] if rng.random() < 0.8]
        for relation in relations:
            if rng.random() < 0.3:
                relation[1] = str(rng.choice([*predicates, "Juggling", "none"]))
            if rng.random() < 0.1:
                relation[0], relation[2] = relation[2], relation[0].upper()
        order = rng.permutation(len(relations))
        claims.append({"id": row["id"], "relations": [relations[k] for k in order] * (1 + (rng.random() < 0.2))})
    return claims


def naive_pairs(truth, claims, protocol):
    """Every pair of every instant with its two labels, written down as the text of the protocols says it."""
    known = [name.lower() for name in load_terms().naming(protocol).predicates]
    claim_of = {row["id"]: row["relations"] for row in claims}
    true_labels, claimed_labels = [], []
    for row in truth:
        true = [[word.lower() for word in relation] for relation in row["relations"]]
        claimed = [[word.lower() for word in relation] for relation in claim_of.get(row["id"], [])]
        claimed = [relation for relation in claimed if relation[1] in known]
        if protocol == "4d-or":
            entities = sorted({name.lower() for name in row["entities"]})
        else:
            entities = sorted({name for relation in true for name in (relation[0], relation[2])})
        for a in entities:
            for b in entities:
                if a != b:
                    for relations, found in ((true, true_labels), (claimed, claimed_labels)):
                        named = [p for s, p, o in relations if (s, o) == (a, b)]
                        found.append(named[0] if named else "none")
    return true_labels, claimed_labels, [*known, "none"]


@pytest.mark.parametrize("protocol", ["4d-or", "mm-or"])
@pytest.mark.parametrize("seed", range(6))
def test_scores_equal_those_of_scikit_learn(protocol, seed):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the extra 'dev'")
    rng = np.random.default_rng(seed)
    truth = random_labels(rng, protocol, 30, [0.5, 3, 12][seed % 3])
    claims = disturbed(rng, truth, load_terms().naming(protocol).predicates)
    scores = score_graphs(
        parse_labels({"instants": truth}, "truth"), parse_labels({"instants": claims}, "claims"), protocol
    )
    true, claimed, names = naive_pairs(truth, claims, protocol)
    assert scores.pairs == len(true)
    averaged = names if protocol == "4d-or" else [name for name in names if name in set(true)]
    for average, own, over in (("macro", scores.macro, averaged), ("weighted", scores.weighted, names)):
        expected = metrics.precision_recall_fscore_support(
            true, claimed, labels=over, average=average, zero_division=0.0
        )
        assert (own.precision, own.recall, own.f1) == pytest.approx(expected[:3], abs=1e-12)
    rows = metrics.precision_recall_fscore_support(true, claimed, labels=names, zero_division=0.0)
    for place, name in enumerate(names):
        row = scores.per_predicate[name]
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx([part[place] for part in rows])
    if protocol == "mm-or":
        related = metrics.precision_recall_fscore_support(
            [label != "none" for label in true],
            [label != "none" for label in claimed],
            labels=[True],
            zero_division=0.0,
        )
        row = scores.interaction
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx([part[0] for part in related])


def test_thousands_of_instants_take_less_than_two_seconds():
    rng = np.random.default_rng(0)
    truth = parse_labels({"instants": random_labels(rng, "4d-or", 2000, 15)}, "truth")
    begun_s = time.process_time()
    score_graphs(truth, truth, "4d-or")
    assert time.process_time() - begun_s < 2


@pytest.mark.parametrize(
    ("file", "protocol", "perfect"),
    [("or4d_graphs/relationships_validation.json", "4d-or", 15), ("mmor_graphs/002_PKA_MMOR.json", "mm-or", 17)],
)
def test_published_labels_score_themselves_one(test_data, file, protocol, perfect):
    truth = read_labels(test_data / file)
    scores = score_graphs(truth, truth, protocol)
    assert (scores.macro.f1, scores.weighted.f1) == (1.0, 1.0)
    assert [row.f1 for row in scores.per_predicate.values()] == [1.0] * perfect


def test_the_verb_writes_the_agreed_document(tmp_path, capsys):
    truth = {"instants": [{"id": "1/0", "entities": ["nurse", "saw"], "relations": [["nurse", "holding", "saw"]]}]}
    claim = [{"take_name": "1", "frame_id": "0", "relationships": [["nurse", "saw", "holding"]]}]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "pred.json").write_text(json.dumps(claim))
    words = ["score-graphs", "--truth", str(tmp_path / "truth.json"), "--pred", str(tmp_path / "pred.json")]
    out = tmp_path / "score.json"
    assert run([*words, "--protocol", "mm-or", "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    averages = {f"{name}_{m}" for name in ("macro", "weighted") for m in ("precision", "recall", "f1")}
    assert set(document) == {"protocol", "pairs", "per_predicate", "interaction", "entity_recall", *averages}
    assert (document["protocol"], document["pairs"], document["macro_f1"]) == ("mm-or", 2, 1.0)
    assert set(document["interaction"]) == {"precision", "recall", "f1", "support"}
    assert run([*words, "--protocol", "4d-or", "--out", str(out)]) == 0
    assert "interaction" not in json.loads(out.read_text())
    (tmp_path / "pred.json").write_text('{"instants": [{"id": "1/0", "relations": [["nurse", "saw"]]}]}')
    assert run([*words, "--protocol", "mm-or", "--out", str(out)]) == 3
    assert "relation 0" in capsys.readouterr().err
