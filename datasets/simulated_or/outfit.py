"""Who wears what in an operating room: the choice of clothes and colours for a role."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .textures import Color

STERILE_ROLES = ("head_surgeon", "assistant_surgeon", "scrub_nurse", "second_assistant", "surgeon")
GOWNS: tuple[Color, ...] = ((86, 142, 186), (62, 128, 138), (104, 158, 170), (70, 112, 160))
SCRUBS: tuple[Color, ...] = ((58, 92, 140), (46, 120, 108), (120, 44, 62), (88, 128, 176), (72, 76, 88), (96, 74, 130))
CAPS: tuple[Color, ...] = ((110, 160, 200), (84, 150, 140), (196, 204, 210), (70, 90, 150), (150, 70, 80))
MASKS: tuple[Color, ...] = ((140, 184, 206), (150, 196, 180), (206, 212, 214))
STERILE_GLOVES: tuple[Color, ...] = ((226, 214, 188), (214, 216, 206), (150, 168, 120))
GLOVES: tuple[Color, ...] = ((70, 96, 168), (96, 110, 190), (160, 190, 210))
SHOES: tuple[Color, ...] = ((222, 224, 222), (60, 66, 74), (70, 130, 110), (60, 96, 150))
SKINS: tuple[Color, ...] = ((232, 190, 166), (222, 174, 146), (198, 148, 116), (150, 104, 78), (104, 72, 56))
PATIENT_GOWN: Color = (206, 214, 220)


@dataclass(frozen=True, slots=True)
class Outfit:
    """Colours are RGB; a garment that is None is not worn.

    Args:
        top: shirt, gown or, of the patient, nightshirt; `hem` says how far it hangs: a share of the way from the
            chest to the floor.
        sleeve: where sleeves end, along an arm (see body_map); 0 = none.
        trousers: colour of the legs.
        ease_m: how far the top stands off the skin.
    """

    skin: Color
    top: Color | None
    hem: float
    sleeve: float
    cuff: Color | None
    trousers: Color | None
    cap: Color | None
    bouffant: bool
    mask: Color | None
    gloves: Color | None
    shoes: Color | None
    ease_m: float


def choose(role: str, rng: np.random.Generator) -> Outfit:
    """An outfit for a role: sterile gowns at the table, scrubs elsewhere, a nightshirt for the patient."""
    skin = varied(SKINS[int(rng.choice(len(SKINS), p=(0.3, 0.3, 0.2, 0.12, 0.08)))], rng, 8)
    cap, mask = varied(one_of(CAPS, rng), rng), varied(one_of(MASKS, rng), rng)
    bouffant = bool(rng.random() < 0.5)
    scrubs, shoes = varied(one_of(SCRUBS, rng), rng), one_of(SHOES, rng)
    if role == "patient":
        return Outfit(skin, varied(PATIENT_GOWN, rng), 0.0, 0.3, None, None, cap, True, None, None, None, 0.004)
    if role in STERILE_ROLES:
        gown = varied(one_of(GOWNS, rng), rng)
        cuff = (232, 234, 230)
        gloves = one_of(STERILE_GLOVES, rng)
        return Outfit(skin, gown, 0.76, 0.7, cuff, scrubs, cap, bouffant, mask, gloves, shoes, 0.02)
    long_sleeves = bool(role.startswith("an") or rng.random() < 0.2)
    gloves = one_of(GLOVES, rng) if rng.random() < 0.6 else None
    return Outfit(
        skin, scrubs, 0.36, 0.72 if long_sleeves else 0.3, None, scrubs, cap, bouffant, mask, gloves, shoes, 0.014
    )


def undressed(rng: np.random.Generator) -> Outfit:
    """A patient in shorts and cap, for operations on the back."""
    skin = varied(SKINS[int(rng.choice(len(SKINS), p=(0.3, 0.3, 0.2, 0.12, 0.08)))], rng, 8)
    cap = varied(one_of(CAPS, rng), rng)
    return Outfit(skin, None, 0.0, 0.0, None, None, cap, True, None, None, None, 0.0)


def one_of(colors: tuple[Color, ...], rng: np.random.Generator) -> Color:
    """One of some colours."""
    return colors[int(rng.integers(len(colors)))]


def varied(color: Color, rng: np.random.Generator, spread: int = 12) -> Color:
    """A colour near another one."""
    r, g, b = (int(np.clip(value + rng.integers(-spread, spread + 1), 0, 255)) for value in color)
    return r, g, b
