"""Model files are taken in by their hash, and nothing that could run a program is opened."""

import hashlib
import json
import pickle

import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.cli.app import run
from ortwin.reconstruction import model_cards, model_files
from ortwin.reconstruction.model_cards import ModelCard
from ortwin.reconstruction.model_files import add_model, list_models, load_model

CONTENT = b"\x08\x07not really a network"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "rtmo-s.onnx"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ORTWIN_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_a_declared_model_is_taken_in_and_found_by_name_path_and_alone(model, folder):
    card = add_model(model, sha256=HASH.upper(), family="rtmo", input_px=(416, 416), licence="Apache-2.0")
    assert card == ModelCard("rtmo-s", HASH, "rtmo", (416, 416), "Apache-2.0")
    assert list_models() == [card]
    for wanted in ("rtmo-s", str(model), None):
        assert load_model(wanted) == (card, CONTENT)


def test_a_known_model_needs_no_declaration(model, folder, monkeypatch):
    known = ModelCard("famous", HASH, "movenet")
    monkeypatch.setattr(model_files, "known_card", lambda sha256: known if sha256 == HASH else None)
    assert load_model(str(model)) == (known, CONTENT)
    assert add_model(model, name="mine").name == "mine"
    assert load_model("mine")[1] == CONTENT


def test_an_unknown_model_is_refused_and_its_hash_said(model, folder):
    for declared in ({}, {"family": "rtmo"}, {"sha256": HASH}):
        with pytest.raises(ConfigError, match=HASH):
            add_model(model, **declared)
    with pytest.raises(InputError, match=HASH):
        load_model(str(model))
    assert list_models() == []


def test_another_hash_is_refused(model, folder):
    with pytest.raises(InputError, match="not the file"):
        add_model(model, sha256="0" * 64, family="rtmo")


def test_a_model_that_was_changed_in_the_folder_is_refused(model, folder):
    card = add_model(model, sha256=HASH, family="rtmo")
    (folder / f"{card.sha256}.onnx").write_bytes(CONTENT + b"!")
    with pytest.raises(InputError, match="was changed"):
        load_model("rtmo-s")


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pkl", "model.onnx"])
def test_a_pickle_is_refused_whatever_it_is_called(tmp_path, folder, name):
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="pickle"):
        add_model(path, sha256=digest, family="rtmo")


def test_a_file_that_is_too_large_is_not_read(model, folder, monkeypatch):
    monkeypatch.setattr(model_files, "LARGEST_BYTES", 10)
    with pytest.raises(InputError, match="too large"):
        add_model(model, sha256=HASH, family="rtmo")


def test_a_name_is_a_plain_word_and_a_family_is_known(model, folder):
    with pytest.raises(ConfigError, match="cannot be called"):
        add_model(model, name="../escape", sha256=HASH, family="rtmo")
    with pytest.raises(ConfigError, match="did you mean 'rtmo'"):
        add_model(model, sha256=HASH, family="rtmoo")


def test_where_there_are_none_or_several_one_must_be_named(model, folder):
    with pytest.raises(InputError, match="models add"):
        load_model(None)
    add_model(model, name="one", sha256=HASH, family="rtmo")
    add_model(model, name="closer", sha256=HASH, family="rtmpose")
    assert load_model(None)[0].name == "one"
    add_model(model, name="two", sha256=HASH, family="movenet")
    with pytest.raises(ConfigError, match="one of one, two"):
        load_model(None)
    with pytest.raises(InputError, match="did you mean 'closer'"):
        load_model("closr")


def test_a_damaged_list_is_said(model, folder):
    add_model(model, sha256=HASH, family="rtmo")
    (folder / "models.json").write_text('{"schema_version": 1, "models": [{}]}')
    with pytest.raises(InputError, match="list of models"):
        list_models()


def test_the_command_line_adds_and_lists(model, folder, capsys):
    assert run(["models", "add", str(model), "--sha256", HASH, "--family", "rtmo", "--input", "640x640"]) == 0
    capsys.readouterr()
    assert run(["models", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["models"]
    assert (row["name"], row["input"], row["sha256"]) == ("rtmo-s", "640x640", HASH)
    assert run(["models", "add", str(model), "--sha256", HASH, "--family", "rtmo", "--input", "640"]) == 2
    assert run(["models", "add", str(model.with_suffix(".pt"))]) == 3


def test_the_known_models_have_a_family_and_a_hash_of_their_own(test_data):
    assert len({card.sha256 for card in model_cards.KNOWN}) == len(model_cards.KNOWN)
    card, _ = load_model(str(test_data / "models" / "movenet_multipose.onnx"))
    assert (card.name, card.family) == ("movenet", "movenet")
