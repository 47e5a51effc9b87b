"""People in pictures by a network in ONNX: first the whole picture, then a closer look at everyone who was found.

    answers = look(whole picture) + look(each region where something moves, enlarged)
    people  = one of every group of answers that show the same person
    people  = for everyone: look again at him alone, enlarged and mirrored, and take what fits what was seen before

The second look is what makes small people and wrists usable: a network of 512 pixels sees a person of 150 pixels in a
picture of 1920 as 40. The picture and its mirror image are averaged, so that what a network prefers to one side
cancels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..capture.errors import ConfigError, InputError
from .detections import Detection
from .estimators import EstimatorRequest, Picture, Region
from .model_cards import FAMILIES, ModelCard
from .model_files import load_model
from .picture_crops import Crop, Halves, box_crop, box_of, joined, whole_crop
from .pose_networks import Answers, Run, feed, fitting_input_px, read
from .skeleton import COCO_SIGMA, OTHER_SIDE

REFINER = "+"


@dataclass(frozen=True, slots=True)
class OnnxConfig:
    """How a picture is looked at.

    Args:
        whole_px: longer side of the input for the whole picture, where the network takes any size.
        zoom_px: side of the input for one person, where the network takes any size.
        zoom: how often everyone is looked at again; 0 = never.
        padding: by how much the box of a person is enlarged for that.
        mirror: whether he is looked at in the mirror too.
        min_person: people with a lower score are not believed.
        min_first: nor, before they are looked at again, those with a lower one than this.
        min_joint: joints with a lower score count as not seen.
        same: two answers that resemble each other more than this (0 to 1) are one person.
        fits: a second look that resembles the first less than this is of somebody else.
        region_gain: regions are looked at by themselves where that enlarges them so many times.
    """

    whole_px: int = 512
    zoom_px: int = 256
    zoom: int = 1
    padding: float = 1.3
    mirror: bool = True
    upright: bool = True
    min_person: float = 0.2
    min_first: float = 0.1
    min_joint: float = 0.15
    same: float = 0.5
    fits: float = 0.2
    region_gain: float = 1.5


def open_onnx(request: EstimatorRequest) -> OnnxEstimator:
    """The estimator `onnx`: one model that finds people, or `FINDER+REFINER`, where a second one looks closer.

    Raises:
        ConfigError, InputError: see EstimatorFactory.
    """
    names = [None] if request.model is None else list(request.model.split(REFINER))
    if len(names) > 2:
        raise ConfigError(f"a model that finds and one that looks closer, not {len(names)}", where=str(request.model))
    loaded = [load_model(name, request.model_folder) for name in names]
    networks = [Network(card, session(card, data, request.threads)) for card, data in loaded]
    if not networks[0].card.finds:
        raise ConfigError(
            f"the model {networks[0].card.name} is shown one person at a time and finds nobody by itself",
            todo=f"name a model that finds people before it, e.g. movenet+{networks[0].card.name}",
        )
    return OnnxEstimator(networks[0], networks[-1])


def session(card: ModelCard, data: bytes, threads: int) -> Run:
    """A network that is ready to run on the processor; the same input gives the same output.

    Raises:
        InputError: it is no network that ONNX Runtime can run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        loaded = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        name = loaded.get_inputs()[0].name
    except Exception as error:  # the runtime has many kinds, none of them public
        raise InputError(f"the model {card.name} cannot be run", why=str(error).splitlines()[0]) from error

    def run(images: np.ndarray) -> list[np.ndarray]:
        try:
            return [np.asarray(output) for output in loaded.run(None, {name: images})]
        except Exception as error:
            raise InputError(
                f"the model {card.name} does not take what its family takes", why=str(error).splitlines()[0],
                todo=f"{card.family} is {FAMILIES[card.family].title}",
            ) from error  # fmt: skip

    return run


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network with its card."""

    card: ModelCard
    run: Run

    def look(self, picture: Halves, crops: Sequence[Crop]) -> list[Answers]:
        """What it says of pieces of a picture, in pixels of the picture and as if nothing were mirrored."""
        found = []
        for crop in crops:  # one at a time: MoveNet takes no more, and so no answer hangs on its neighbours
            beyond = FAMILIES[self.card.family].beyond
            outputs = self.run(feed([picture.take(crop, beyond)], self.card))
            answers = read(outputs, 0, crop.size_px, self.card)
            keypoints_px, scores = crop.to_picture(answers.keypoints_px), answers.scores
            if crop.mirrored:
                keypoints_px, scores = keypoints_px[:, OTHER_SIDE], scores[:, OTHER_SIDE]
            found.append(Answers(keypoints_px, scores, answers.person_scores))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Somebody in a picture, while it is looked at.

    Args:
        keypoints_px: (17, 2).
        scores: (17,).
        score: of the person.
    """

    keypoints_px: np.ndarray
    scores: np.ndarray
    score: float


class OnnxEstimator:
    """Finds people by networks in ONNX; fulfils `PoseEstimator`."""

    def __init__(self, finder: Network, refiner: Network, config: OnnxConfig | None = None) -> None:
        self._finder, self._refiner, self._config = finder, refiner, config or OnnxConfig()
        settings = {
            "finder": asdict(finder.card), "refiner": asdict(refiner.card), "config": asdict(self._config),
            "version": 1,
        }  # fmt: skip
        self._key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def key(self) -> str:
        """See PoseEstimator."""
        return self._key

    def estimate(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """See PoseEstimator."""
        return [self._people(picture) for picture in pictures]

    def _people(self, picture: Picture) -> tuple[Detection, ...]:
        if picture.regions is not None and not picture.regions:
            return ()
        halves = Halves(picture.color_rgb)
        people = self._distinct(self._first_look(picture, halves), self._config.min_first)
        people = [person for person in people if _lies_in(person, picture.regions)]
        for _ in range(self._config.zoom):
            people = self._distinct([self._closer(person, halves) for person in people], self._config.min_first)
        people = [person for person in people if person.score >= self._config.min_person]
        return tuple(_detection(person, self._config.min_joint) for person in people)

    def _first_look(self, picture: Picture, halves: Halves) -> list[Seen]:
        height_px, width_px = picture.color_rgb.shape[:2]
        size_px = fitting_input_px(width_px, height_px, self._finder.card, self._config.whole_px)
        whole = whole_crop(width_px, height_px, size_px)
        crops = [whole]
        for region in joined(picture.regions or (), max(width_px, height_px) // 50):
            box = (region.left_px, region.top_px, region.right_px, region.bottom_px)
            size_px = self._zoom_size_px(self._finder, box)
            crop = box_crop(box, size_px, self._config.padding)
            if crop.scale >= self._config.region_gain * whole.scale:
                crops.append(crop)
        return [person for answers in self._finder.look(halves, crops) for person in _seen(answers)]

    def _closer(self, person: Seen, halves: Halves) -> Seen:
        """A person as he is when looked at alone; as before where that is somebody else or nobody."""
        known = person.scores >= self._config.min_joint
        box = box_of(person.keypoints_px[known] if known.sum() >= 2 else person.keypoints_px)
        size_px = self._zoom_size_px(self._refiner, box)
        turn_rad = _upright_rad(person, self._config.min_joint) if self._config.upright else 0.0
        if turn_rad:
            around = np.array([[np.cos(turn_rad), -np.sin(turn_rad)], [np.sin(turn_rad), np.cos(turn_rad)]])
            points_px = person.keypoints_px[known] if known.sum() >= 2 else person.keypoints_px
            left, top, right, bottom = box_of(points_px @ around.T)
            middle_px = around.T @ np.array([(left + right) / 2, (top + bottom) / 2])
            half = np.array([right - left, bottom - top]) / 2
            box = (*(middle_px - half).tolist(), *(middle_px + half).tolist())
            size_px = self._zoom_size_px(self._refiner, box)
        crops = [
            box_crop(box, size_px, self._config.padding, turn_rad=turn_rad, mirrored=flip) for flip in (False, True)
        ]
        looks = []
        for answers in self._refiner.look(halves, crops[: 1 + self._config.mirror]):
            candidates = _seen(answers)
            fits = [similarity(person, other) for other in candidates]
            if fits and max(fits) >= self._config.fits:
                looks.append(candidates[int(np.argmax(fits))])
        return _mean(looks) if looks else person

    def _zoom_size_px(self, network: Network, box: Sequence[float]) -> tuple[int, int]:
        width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
        return fitting_input_px(round(width), round(height), network.card, self._config.zoom_px)

    def _distinct(self, people: Sequence[Seen], least: float) -> list[Seen]:
        kept: list[Seen] = []
        for person in sorted(people, key=lambda each: -each.score):
            if person.score >= least and all(similarity(other, person) < self._config.same for other in kept):
                kept.append(person)
        return kept


def _upright_rad(person: Seen, least: float) -> float:
    """By how much a picture must be turned clockwise for the trunk of a person to stand upright; 0 where unknown."""
    if (person.scores[[5, 6, 11, 12]] < least).any():
        return 0.0
    up = person.keypoints_px[5:7].mean(axis=0) - person.keypoints_px[11:13].mean(axis=0)
    return float(np.arctan2(-up[0], -up[1]))


def similarity(first: Seen, second: Seen) -> float:
    """How much two people of one picture are the same, 0 to 1: COCO's object keypoint similarity.

    Taken over the joints of the first that have half of his best score at least; his size is that of their box.
    """
    sure = first.scores >= 0.5 * first.scores.max()
    left, top, right, bottom = box_of(first.keypoints_px[sure])
    extent = max(right - left, bottom - top)
    area = max((right - left) * (bottom - top), 0.2 * extent**2, 1.0)
    squared = ((first.keypoints_px - second.keypoints_px)[sure] ** 2).sum(axis=1)
    spread = (2 * np.array(COCO_SIGMA)[sure]) ** 2
    return float(np.exp(-squared / (2 * area * spread)).mean())


def _seen(answers: Answers) -> list[Seen]:
    return [
        Seen(keypoints_px, scores, float(score))
        for keypoints_px, scores, score in zip(
            answers.keypoints_px, answers.scores, answers.person_scores, strict=True
        )
        if scores.max() > 0
    ]  # fmt: skip


def _mean(looks: Sequence[Seen]) -> Seen:
    """The mean of looks at one person, joint by joint, each weighted by its score."""
    weight = np.stack([look.scores for look in looks]) + 1e-6
    keypoints_px = (np.stack([look.keypoints_px for look in looks]) * weight[..., None]).sum(0) / weight.sum(0)[:, None]
    scores = np.mean([look.scores for look in looks], axis=0)
    return Seen(keypoints_px, scores, float(np.mean([look.score for look in looks])))


def _lies_in(person: Seen, regions: Sequence[Region] | None) -> bool:
    if regions is None:
        return True
    left, top, right, bottom = box_of(person.keypoints_px[person.scores >= 0.5 * person.scores.max()])
    return any(
        left < region.right_px and right > region.left_px and top < region.bottom_px and bottom > region.top_px
        for region in regions
    )


def _detection(person: Seen, least: float) -> Detection:
    seen = person.scores >= least
    return Detection(
        np.where(seen[:, None], person.keypoints_px, np.nan), np.where(seen, person.scores, 0.0), person.score
    )
