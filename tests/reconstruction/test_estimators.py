"""Pose estimators are found by name, and what is wrong with one is said."""

import numpy as np
import pytest
from ortwin.capture import plugins
from ortwin.capture.errors import ConfigError
from ortwin.reconstruction import estimators
from ortwin.reconstruction.estimators import EstimatorRequest, Picture, find_estimator, open_estimator


class Point:
    name, value = "theirs", "package.module:function"

    def __init__(self, load):
        self.load = load


def offer(monkeypatch, load):
    def entry_points(group, name=None):
        return [Point(load)] if name in (None, "theirs") else []

    monkeypatch.setattr(plugins.metadata, "entry_points", entry_points)


def test_an_estimator_of_another_package_gets_the_request(monkeypatch):
    offer(monkeypatch, lambda: lambda request: ("ready", request.model))
    assert "theirs" in estimators.estimator_names()
    assert open_estimator("theirs", EstimatorRequest("a")) == ("ready", "a")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="onnx"):
        find_estimator("onx")


def test_a_package_that_does_not_load_is_named(monkeypatch):
    def load():
        raise ImportError("libmissing.so")

    offer(monkeypatch, load)
    with pytest.raises(ConfigError) as caught:
        find_estimator("theirs")
    assert "package.module:function" in caught.value.where
    assert "libmissing.so" in caught.value.why


def test_a_picture_cannot_be_written_to():
    picture = Picture("cam_1", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        picture.color_rgb[0] = 1
