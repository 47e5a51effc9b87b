"""How each family of pose networks is fed and read; the network itself is a function from arrays to arrays.

MoveNet MultiPose: Google's model card of 2021; six people at most. RTMO: Lu et al. 2024. RTMPose: Jiang et al. 2023,
whose output is one distribution per axis and joint (SimCC, Li et al. 2022). Of the keypoints of a network the first 17
are COCO's, as they are for COCO-17, Halpe-26 and COCO-WholeBody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..capture.errors import InputError
from .model_cards import FAMILIES, ModelCard
from .skeleton import NUM_JOINTS

Run = Callable[[np.ndarray], list[np.ndarray]]
STRIDE_PX = 32
SIMCC_SPLIT = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network says of one input.

    Args:
        keypoints_px: (n, 17, 2) pixels of the input, pixel centres at integers.
        scores: (n, 17) of the joints, 0 to 1.
        person_scores: (n,) of the people, 0 to 1.
    """

    keypoints_px: np.ndarray
    scores: np.ndarray
    person_scores: np.ndarray


def feed(images: Sequence[np.ndarray], card: ModelCard) -> np.ndarray:
    """The input of a network: images (h, w, 3) uint8, red first, as one array."""
    family = FAMILIES[card.family]
    stack = np.stack(images)
    if card.family == "movenet":
        return stack.astype(np.int32)
    values = (stack.astype(np.float32) - np.array(family.mean, np.float32)) / np.array(family.deviation, np.float32)
    if family.blue_first:
        values = values[..., ::-1]
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def read(outputs: Sequence[np.ndarray], image: int, input_px: tuple[int, int], card: ModelCard) -> Answers:
    """What the outputs of a network say of one of the images that it was given.

    Raises:
        InputError: the outputs have not the shapes of the family.
    """
    try:
        answers = READERS[card.family](outputs, image, input_px)
    except (ValueError, IndexError) as error:
        shapes = ", ".join(str(output.shape) for output in outputs)
        raise InputError(
            f"the model {card.name} does not answer as a model of the family {card.family} does",
            why=f"its outputs have the shapes {shapes}", todo=f"expected: {FAMILIES[card.family].title}",
        ) from error  # fmt: skip
    broken = ~np.isfinite(answers.keypoints_px).all(axis=-1) | ~np.isfinite(answers.scores)
    scores = np.where(broken, 0.0, np.clip(answers.scores, 0.0, 1.0))
    people = np.nan_to_num(np.clip(answers.person_scores, 0.0, 1.0), nan=0.0)
    return Answers(np.where(broken[..., None], 0.0, answers.keypoints_px), scores, people)


def _read_movenet(outputs: Sequence[np.ndarray], image: int, input_px: tuple[int, int]) -> Answers:
    (people,) = outputs
    table = people[image].astype(np.float64)
    keypoints = table[:, : 3 * NUM_JOINTS].reshape(-1, NUM_JOINTS, 3)
    return Answers(keypoints[..., 1::-1] * np.array(input_px) - 0.5, keypoints[..., 2], table[:, 3 * NUM_JOINTS + 4])


def _read_rtmo(outputs: Sequence[np.ndarray], image: int, input_px: tuple[int, int]) -> Answers:
    boxes, keypoints = outputs
    table = keypoints[image].astype(np.float64)
    _require(table.ndim == 3 and table.shape[1] >= NUM_JOINTS and table.shape[2] == 3)
    return Answers(table[:, :NUM_JOINTS, :2], table[:, :NUM_JOINTS, 2], boxes[image, :, 4].astype(np.float64))


def _read_simcc(outputs: Sequence[np.ndarray], image: int, input_px: tuple[int, int]) -> Answers:
    along = [output[image][:NUM_JOINTS].astype(np.float64) for output in outputs]
    _require(len(along) == 2 and all(part.shape[0] == NUM_JOINTS for part in along))
    _require(all(part.shape[1] == round(SIMCC_SPLIT * size) for part, size in zip(along, input_px, strict=True)))
    keypoints_px = np.stack([part.argmax(axis=1) / SIMCC_SPLIT for part in along], axis=-1)
    scores = np.minimum(along[0].max(axis=1), along[1].max(axis=1))
    return Answers(keypoints_px[None], scores[None], np.array([np.clip(scores, 0.0, 1.0).mean()]))


def _require(fulfilled: bool) -> None:
    if not fulfilled:
        raise ValueError("shape")


READERS: dict[str, Callable[[Sequence[np.ndarray], int, tuple[int, int]], Answers]] = {
    "movenet": _read_movenet, "rtmo": _read_rtmo, "rtmpose": _read_simcc,
}  # fmt: skip


def fitting_input_px(width_px: int, height_px: int, card: ModelCard, longest_px: int) -> tuple[int, int]:
    """Width and height of the input for a picture: MoveNet takes multiples of 32, others what they were made for."""
    if card.family != "movenet":
        return card.input_px or FAMILIES[card.family].input_px
    scale = longest_px / max(width_px, height_px)

    def whole(size: int) -> int:
        return max(STRIDE_PX, STRIDE_PX * -(-round(size * scale) // STRIDE_PX))

    return whole(width_px), whole(height_px)
