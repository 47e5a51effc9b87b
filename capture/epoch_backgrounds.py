"""The background of every camera at every moment, where cameras were moved: one for each place of each camera."""

from __future__ import annotations

from collections.abc import Mapping

from .background import BackgroundConfig, BackgroundModel, estimate_background
from .camera import CameraRig
from .errors import InputError
from .rig_epochs import quiet_span_ns, still_span_ns
from .storage import StoredRecording


class EpochBackgrounds:
    """Backgrounds that are estimated when they are first asked for; equal inputs give equal ones.

    Args:
        recording: where the frames come from.
        rig: the cameras with their moves.
        config: how a background is estimated.
        known: background by camera in the longest span in which nothing was moved (see `quiet_span_ns`).
    """

    def __init__(
        self, recording: StoredRecording, rig: CameraRig, config: BackgroundConfig, known: Mapping[str, BackgroundModel]
    ) -> None:
        begin_ns, end_ns = recording.span_ns
        self._recording, self._rig, self._config, self._known = recording, rig, config, known
        self._span_ns = begin_ns, end_ns + 1
        self._quiet_ns = quiet_span_ns(rig, self._span_ns)[0]
        self._found: dict[tuple[str, int], BackgroundModel] = {}

    def at(self, time_ns: int) -> Mapping[str, BackgroundModel]:
        """Background by camera at a moment; a place without frames that can be read has that of the quiet span."""
        return {name: self._of(name, time_ns) for name in self._known}

    def _of(self, name: str, time_ns: int) -> BackgroundModel:
        span_ns = still_span_ns(self._rig, name, time_ns, self._span_ns)
        if span_ns[0] <= self._quiet_ns < span_ns[1]:
            return self._known[name]
        key = name, span_ns[0]
        if key not in self._found:
            try:
                self._found[key] = estimate_background(self._recording, name, self._config, self._rig[name], span_ns)
            except InputError:
                return self._known[name]
        return self._found[key]
