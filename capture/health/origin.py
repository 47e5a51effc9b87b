"""Where a recording came from, and what had to be assumed of files that do not say everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..storage import StoredRecording
from .finding import Finding, Severity

SPARSE_S = 5.0
"""Frames that lie farther apart than this show moments and no movement."""
TRAPS: Mapping[str, str] = {
    "4d-or": "images bear other numbers than their instants; camera_pose places the depth lens, y up, axes right, up, "
    "backward; intrinsics_matrix is broken in its third row; human_0 is somebody else at every instant",
    "mm-or": "images bear other numbers than their instants; relations say subject, object, predicate; the list of "
    "instants counts seconds with gaps, while labels count its rows; some cameras are not calibrated",
    "egoexor": "the lens of its small images is documented nowhere; its worn cameras have no pose",
    "mvor": "lengths are millimetres, the floor lies a metre below zero, 3D points are in the first camera's frame "
    "whatever ref_camera says, and the stored distortion is not in OpenCV's order",
    "bop": "cam_R_w2c takes the world to the camera and is no pose; depth_scale makes millimetres and need not be 1; "
    "nothing says which way is up",
}
TITLES = {"4d-or": "4D-OR", "mm-or": "MM-OR", "egoexor": "EgoExOR", "mvor": "MVOR", "bop": "BOP or MVPSP"}


def check_origin(recording: StoredRecording) -> Iterator[Finding]:
    """What the importer assumed, and what its kind of files is known for."""
    importer = str(recording.source.get("importer", ""))
    if importer in TRAPS:
        yield Finding(
            "origin", Severity.GOOD, f"imported from {TITLES[importer]}; taken care of: {TRAPS[importer]}",
            todo="labels of it: `ortwin datasets labels`",
        )  # fmt: skip
    for sentence in recording.source.get("assumptions") or ():
        yield Finding(
            "origin", Severity.ADVICE, f"assumed at import: {sentence}", "", "the files do not say it",
            "where it is wrong, import again and say what is right (--depth-unit, --rig)",
        )  # fmt: skip
    for name in recording.cameras if importer in TRAPS else ():
        yield from _sparse(name, recording.timestamps_ns(name))


def _sparse(name: str, times_ns: np.ndarray) -> Iterator[Finding]:
    steps_s = np.diff(np.unique(times_ns)) * 1e-9
    if not len(steps_s):
        return
    usual_s = float(np.median(steps_s))
    if usual_s > SPARSE_S:
        yield Finding(
            "origin", Severity.WARNING, f"frames are {usual_s:.0f} s apart", f"camera {name}",
            "the data set holds single moments", "nobody can be followed through time; use `ortwin lift` on keypoints",
        )  # fmt: skip
        return
    gaps = int((steps_s > 1.5 * usual_s).sum())
    if gaps:
        yield Finding(
            "origin", Severity.WARNING, f"{gaps} gaps: the number of a frame is not its time", f"camera {name}",
            "instants were dropped before the data set was given out",
            "labels go by the numbers of frames; take their times from the recording",
        )  # fmt: skip
