"""Answers of an estimator that are kept: the same picture, model and settings are not looked at twice."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..capture.files import require_writable, write_atomic
from .detections import Detection
from .estimators import Picture, PoseEstimator
from .skeleton import NUM_JOINTS

COLUMNS = 3 * NUM_JOINTS + 1


class KeptAnswers:
    """An estimator that remembers; fulfils `PoseEstimator`.

    An answer is a file of its own, named by the hash of the picture's content key, its regions and the estimator's key.
    Whatever is damaged is asked for again. Pictures without a content key are always asked for. Depths are not kept.

    Args:
        estimator: who is asked.
        folder: where answers are kept; made where it is not there.
    """

    def __init__(self, estimator: PoseEstimator, folder: Path) -> None:
        self._estimator, self._folder = estimator, Path(folder)
        require_writable(self._folder, folder=True)
        self.num_kept = 0

    @property
    def key(self) -> str:
        """See PoseEstimator."""
        return self._estimator.key

    def estimate(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """See PoseEstimator."""
        paths = [self._path(picture) for picture in pictures]
        known = [None if path is None else _read(path) for path in paths]
        self.num_kept += sum(answer is not None for answer in known)
        missing = [number for number, answer in enumerate(known) if answer is None]
        new = self._estimator.estimate([pictures[number] for number in missing]) if missing else []
        for number, answer in zip(missing, new, strict=True):
            known[number] = answer
            path = paths[number]
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, _bytes(answer))
        return [answer for answer in known if answer is not None]

    def _path(self, picture: Picture) -> Path | None:
        if picture.content_key is None:
            return None
        name = hashlib.sha256(f"{picture.content_key} {picture.regions} {self.key}".encode()).hexdigest()
        return self._folder / name[:2] / f"{name[2:40]}.npy"


def _bytes(answer: Sequence[Detection]) -> bytes:
    table = np.zeros((len(answer), COLUMNS))
    for row, detection in zip(table, answer, strict=True):
        row[: 2 * NUM_JOINTS] = detection.keypoints_px.ravel()
        row[2 * NUM_JOINTS : -1], row[-1] = detection.scores, detection.score
    file = io.BytesIO()
    np.save(file, table, allow_pickle=False)
    return file.getvalue()


def _read(path: Path) -> tuple[Detection, ...] | None:
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if table.ndim != 2 or table.shape[1] != COLUMNS or table.dtype != np.float64:
        return None
    return tuple(
        Detection(row[: 2 * NUM_JOINTS].reshape(NUM_JOINTS, 2), row[2 * NUM_JOINTS : -1], float(row[-1]))
        for row in table
    )
