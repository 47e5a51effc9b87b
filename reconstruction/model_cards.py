"""What a model file is: how its input is made and its output read, declared on a card and never guessed."""

from __future__ import annotations

from dataclasses import dataclass

from ..capture.errors import ConfigError, nearest_name


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are fed and read alike.

    Args:
        title: what they are, for people.
        finds: whether they find people in a picture; else they are shown one person and say where his joints are.
        input_px: width and height of the input where a card does not say.
        mean, deviation: what is taken from a pixel, and what the rest is divided by, red first.
        blue_first: whether blue comes first.
        beyond: grey level of what lies beyond the picture.
    """

    title: str
    finds: bool
    input_px: tuple[int, int]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blue_first: bool = False
    beyond: int = 0


FAMILIES = {
    "movenet": Family("MoveNet MultiPose: int32 [1,h,w,3] -> [1,6,56]", True, (512, 512)),
    "rtmo": Family(
        "RTMO: float [1,3,h,w] -> boxes [1,n,5], keypoints [1,n,k,3]", True, (640, 640), blue_first=True, beyond=114
    ),
    "rtmpose": Family(
        "RTMPose (SimCC): float [n,3,h,w] -> [n,k,2w], [n,k,2h]", False, (192, 256),
        mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model file.

    Args:
        name: what it is called here.
        sha256: of the file, hexadecimal.
        family: how it is fed and read, one of FAMILIES.
        input_px: width and height of its input; None = as its family has it.
        licence: as stated by its source, where known.
    """

    name: str
    sha256: str
    family: str
    input_px: tuple[int, int] | None = None
    licence: str = ""

    @property
    def finds(self) -> bool:
        """Whether it finds people by itself."""
        return FAMILIES[self.family].finds


KNOWN = (
    ModelCard(
        "movenet", "cf5aa011744d4cdfc993d402d80bbcc7b571ee0fab55f04a663bfc08578646ee", "movenet",
        licence="Apache-2.0, as its publisher says",
    ),
)  # fmt: skip
"""Models that are accepted without being told what they are."""


def known_card(sha256: str) -> ModelCard | None:
    """The card of a file that everybody knows."""
    return next((card for card in KNOWN if card.sha256 == sha256), None)


def find_family(name: str) -> Family:
    """A family by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in FAMILIES:
        raise ConfigError(
            f"unknown family of models '{name}'{nearest_name(name, FAMILIES)}", todo=f"use one of {', '.join(FAMILIES)}"
        )
    return FAMILIES[name]
