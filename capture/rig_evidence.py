"""What each camera of a recording brings to a registration: its standing surface and its colour features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .background import BackgroundModel
from .camera import CameraModel
from .errors import InputError
from .features import lift_features
from .lens_check import LensCheck, check_lens_pose
from .link import CameraEvidence, LinkConfig
from .recording import Recording
from .static_view import static_view
from .surface_icp import Surface


@dataclass(frozen=True, slots=True, eq=False)
class RigEvidence:
    """All cameras of a recording.

    Args:
        cameras: evidence by camera id.
        lenses: whether colour and depth lens stand to each other as the recording says.
        blind: why a camera brings nothing, by camera id.
    """

    cameras: Mapping[str, CameraEvidence]
    lenses: Mapping[str, LensCheck]
    blind: Mapping[str, str]


def gather_evidence(
    recording: Recording,
    config: LinkConfig,
    backgrounds: Mapping[str, BackgroundModel] | None = None,
    models: Mapping[str, CameraModel] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> RigEvidence:
    """Surfaces and features of all cameras, depth as read.

    Args:
        recording: cameras whose depth cannot be read bring nothing.
        config: how features are found and surfaces thinned.
        backgrounds: background by camera id, of depth as read; where absent, the temporal median is taken.
        models: lenses that take the place of the recording's, by camera id; a background's depth stays.
        progress: called with the name of a step and the share done, in [0, 1].

    Raises:
        InputError: no camera has depth.
    """
    say = progress or (lambda step, share: None)
    found: dict[str, CameraEvidence] = {}
    lenses: dict[str, LensCheck] = {}
    blind: dict[str, str] = {}
    for index, name in enumerate(recording.cameras):
        say(f"surface of {name}", index / len(recording.cameras))
        try:
            view = static_view(recording, name, (backgrounds or {}).get(name), (models or {}).get(name))
        except InputError as error:
            blind[name] = error.what
            continue
        if not len(view.points_m):
            blind[name] = "its depth shows no surface that stands still"
            continue
        lenses[name] = check_lens_pose(view)
        color_from_view = lenses[name].color_from_depth @ view.model.color_from_depth.inverse()
        features = lift_features(recording, view, config.features, color_from_view)
        coarse = Surface.of(view, config.icp, config.coarse_grid_m)
        found[name] = CameraEvidence(view, Surface.of(view, config.icp), coarse, features)
    if not found:
        raise InputError(
            "no camera has depth that can be read", where=str(getattr(recording, "path", "")),
            why="; ".join(f"{name}: {why}" for name, why in blind.items()),
            todo="import depth images, or attach known poses with `ortwin rig set`",
        )  # fmt: skip
    return RigEvidence(found, lenses, blind)
