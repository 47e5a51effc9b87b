"""Who finds people in pictures: the contract of a 2D pose estimator, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..capture.arrays import ColorImage, read_only
from ..capture.plugins import find_plugin, plugin_names
from .detections import Detection

GROUP = "ortwin.pose_estimators"
BUILT_IN = {"onnx": ".estimator_onnx:open_onnx"}


@dataclass(frozen=True, slots=True)
class Region:
    """A box of a picture, pixels; pixel centres lie at integers, the right and lower edges are outside."""

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What an estimator is asked about: one colour image of one camera.

    Args:
        camera_id: which camera.
        color_rgb: (h, w, 3) uint8, as the camera gave it (distorted).
        regions: where somebody may be, e.g. where something moves; None = anywhere, empty = nowhere. An estimator may
            look beyond, and finds nobody who touches none of them.
        content_key: a hash of what the image was decoded from; with it an answer can be kept (keypoint_cache.py).
    """

    camera_id: str
    color_rgb: ColorImage
    regions: tuple[Region, ...] | None = None
    content_key: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "color_rgb", read_only(self.color_rgb))


class PoseEstimator(Protocol):
    """Finds people in colour images. The same pictures give the same answer, however they are batched."""

    @property
    def key(self) -> str:
        """What decides its answers besides the picture, as one word: hashes of its model and settings."""
        ...

    def estimate(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """The people in each picture, surest first; keypoints are pixels of the picture as it was given."""
        ...


@dataclass(frozen=True, slots=True)
class EstimatorRequest:
    """What a user asks of an estimator.

    Args:
        model: the name of a model in the model folder or the path of its file; None = the only one that is there.
        model_folder: where models are kept; None = the user's own folder (model_files.py).
        threads: how many threads it may use; one gives the same answer on every machine of a kind.
    """

    model: str | None = None
    model_folder: Path | None = None
    threads: int = 1


class EstimatorFactory(Protocol):
    """Makes an estimator ready."""

    def __call__(self, request: EstimatorRequest, /) -> PoseEstimator:
        """Load what is needed.

        Raises:
            MissingExtraError: a package is not installed.
            ConfigError: the request does not fit.
            InputError: the model is not there, or is not what it should be.
        """
        ...


def estimator_names() -> list[str]:
    """The estimators that there are, those of installed packages among them."""
    return plugin_names(GROUP, BUILT_IN)


def find_estimator(name: str) -> EstimatorFactory:
    """What makes the estimator of a name.

    Raises:
        ConfigError: nobody has it; names the nearest one. Or the package that offers it cannot be loaded.
    """
    return find_plugin(name, "pose estimator", GROUP, BUILT_IN, __package__)


def open_estimator(name: str, request: EstimatorRequest | None = None) -> PoseEstimator:
    """An estimator that is ready to look at pictures.

    Raises:
        ConfigError, MissingExtraError, InputError: see `find_estimator` and `EstimatorFactory`.
    """
    return find_estimator(name)(request or EstimatorRequest())
