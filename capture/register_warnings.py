"""What a person should know of a registration, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .errors import InputError
from .lens_check import LensCheck
from .link import PairResult
from .refine import Refinement

LOOP_ALARM = 10.0
BENT_DEPTH_FACTOR = 6.0
BENT_DEPTH_MM = 50.0


def unlinked_cameras(placed: Sequence[str], left_out: Sequence[str], pairs: Sequence[PairResult]) -> InputError:
    """What is raised where cameras do not hang together.

    Args:
        placed, left_out: the cameras that do, and the others.
        pairs: what was tried.
    """
    tried = [pair for pair in pairs if (pair.first_id in placed) != (pair.second_id in placed)]
    return InputError(
        f"{', '.join(left_out)} cannot be linked to {', '.join(placed)}",
        where="; ".join(f"{pair.first_id} and {pair.second_id}" for pair in tried),
        why="; ".join(f"{pair.first_id} and {pair.second_id}: {pair.reason}" for pair in tried),
        todo="let the cameras see more of the same things (posters, furniture, floor), add a camera between them, "
        "attach known poses with `ortwin rig set`, or place only the linked cameras with --partial",
    )


def registration_warnings(
    pairs: Sequence[PairResult],
    lenses: Mapping[str, LensCheck],
    misfit: Mapping[tuple[str, str], float],
    left_out: Mapping[str, str],
    refinement: Refinement | None = None,
) -> list[str]:
    """All warnings.

    Args:
        pairs: what was found about pairs.
        lenses: whether colour and depth lens stand to each other as the recording says.
        misfit: by pair, the Mahalanobis length by which it disagrees with the rig.
        left_out: why a camera was not placed.
        refinement: what refining came to; None where nobody asked.
    """
    said: list[str] = []
    for name, check in lenses.items():
        if check.verdict in ("inverse", "identity"):
            other = "its inverse" if check.verdict == "inverse" else "no offset at all"
            said.append(
                f"{name}: depth edges meet colour edges {check.gain:.0%} better with {other} than with the given "
                "color_from_depth; colours may sit beside their surfaces"
            )
    for pair in (pair for pair in pairs if pair.linked):
        together = f"{pair.first_id} and {pair.second_id}"
        if pair.origin == "geometry":
            said.append(f"{together} were linked by the shape of the room alone; look at the result")
        refined = refinement is not None and refinement.accepted
        if not refined and pair.color_offset_mm > max(BENT_DEPTH_FACTOR * pair.residual_median_mm, BENT_DEPTH_MM):
            said.append(
                f"{together}: what looks the same lies {pair.color_offset_mm:.0f} mm apart although the surfaces meet "
                f"within {pair.residual_median_mm:.0f} mm; the depth of a camera may be bent at long range"
                + ("" if refinement is not None else "; --refine estimates that together with the poses")
            )
        if misfit.get((pair.first_id, pair.second_id), 0.0) > LOOP_ALARM:
            said.append(f"{together} disagree with the rest of the rig and were given little weight")
    if refinement is not None and not refinement.accepted:
        said.append(f"the refinement was not kept: {refinement.reason}")
    return said + [f"{name} was left out: {why}" for name, why in left_out.items()]
