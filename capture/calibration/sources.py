"""Where boards were filmed: a recording, a plain folder, a folder of videos, or photos of one camera."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Times
from ..camera import Intrinsics
from ..errors import InputError, nearest_name
from ..plain_times import absurd_times, clocks_of, read_timestamps
from ..rig_file import lens_from_json
from ..storage import open_recording
from ..sync import ABSENT, synchronize
from .board import Board
from .camera_file_toml import read_toml_cameras
from .detection import BoardDetector, CornerView, majority
from .film import IMAGE_ENDINGS, VIDEO_ENDINGS, Film, film_of_images, film_of_recording, film_of_video
from .not_found import explain_no_board
from .observations import NO_TIME, BoardObservations
from .video_times import read_video_times

WORKERS = 2
SAME_NUMBER_HZ = 30.0


def read_observations(
    path: Path, board: Board, progress: Callable[[int, int], None] | None = None, only: str | None = None
) -> BoardObservations:
    """Find the board in everything that was filmed, and put together what was seen at one instant.

    Frames of different cameras are one instant where their numbers say so (videos with sync_index, images without
    times), else by time: `capture.sync.synchronize`.

    Args:
        path: a `.recording`; a plain folder (calibration.json, <camera>/color/NNNNNN.png, timestamps.csv); a folder of
            one video per camera with timestamps.csv; a folder of photos of one camera; or one video.
        board: what was filmed.
        progress: called with (films searched, films in all).
        only: look at this camera alone.

    Raises:
        InputError: nothing can be read, times are wrong, images of one camera differ in size, or no camera saw the
            board; the message says what to film or fix.
    """
    films, instants = _open(Path(path))
    if only is not None:
        films = _only(films, only, str(path))
    detectors = [BoardDetector(board) for _ in films]
    done = 0
    found: list[dict[int, CornerView]] = []
    sizes: dict[str, tuple[int, int]] = {}
    with ThreadPoolExecutor(WORKERS) as workers:
        for film, (views, size_px) in zip(films, workers.map(_search, films, detectors), strict=True):
            found.append(views)
            if size_px is not None:
                sizes[film.camera_id] = size_px
            done += 1
            if progress:
                progress(done, len(films))
    print_kind = majority(view for views in found for view in views.values())
    if print_kind is None:
        raise explain_no_board(films, board, str(path))
    for film, views in zip(films, found, strict=True):
        if not views:
            _refuse_mirrored(film, board, str(path))
    board = replace(board, legacy_pattern=print_kind[0], inverted=print_kind[1])
    rows = _pair(films, instants)
    return replace(_together(films, board, print_kind, found, rows), sizes_px=sizes)


def _only(films: list[Film], camera_id: str, where: str) -> list[Film]:
    known = [film.camera_id for film in films]
    if camera_id not in known:
        raise InputError(
            f"there is no camera '{camera_id}'{nearest_name(camera_id, known)}", where=where, todo=", ".join(known)
        )
    return [film for film in films if film.camera_id == camera_id]


@dataclass(frozen=True, slots=True, eq=False)
class _Timed:
    """Films as something that can be synchronized."""

    cameras: dict[str, Film]

    def timestamps_ns(self, camera_id: str) -> Times:
        return self.cameras[camera_id].times_ns


def _open(path: Path) -> tuple[list[Film], dict[str, np.ndarray] | None]:
    """The films, and the number of the instant of each image where numbers say it."""
    if (path / "recording.json").exists():
        recording = open_recording(path)
        films = [film_of_recording(recording, n) for n in recording.cameras if recording.has_stream(n, "color")]
        if not films:
            raise InputError("no camera of the recording has colour", where=str(path), todo="boards are seen in colour")
        return films, None
    if path.is_file() and path.suffix.lower() in VIDEO_ENDINGS:
        return _videos(path.parent, [path], {})
    if not path.is_dir():
        raise InputError(
            "there is no such folder", where=str(path), todo="give the folder in which the board was filmed"
        )
    lenses = _lenses(path)
    videos = sorted(file for file in path.iterdir() if file.suffix.lower() in VIDEO_ENDINGS)
    folders = sorted(folder for folder in path.iterdir() if (folder / "color").is_dir())
    photos = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_ENDINGS)
    if folders:
        return _plain(path, folders, lenses)
    if videos:
        return _videos(path, videos, lenses)
    if photos:
        times_ns = np.arange(len(photos), dtype=np.int64) * 1_000_000_000
        lens = next(iter(lenses.values())) if len(lenses) == 1 else None
        return [film_of_images("camera", lens, times_ns, photos)], {"camera": np.arange(len(photos))}
    raise InputError(
        "nothing was filmed here", where=str(path),
        why="there is neither a recording, nor <camera>/color, nor a video, nor a photo",
        todo="give a recording, a plain folder, or a folder with one video per camera",
    )  # fmt: skip


def _plain(
    root: Path, folders: list[Path], lenses: dict[str, Intrinsics | None]
) -> tuple[list[Film], dict[str, np.ndarray] | None]:
    files = {
        folder.name: {
            int(file.stem): file for file in sorted((folder / "color").iterdir())
            if file.suffix.lower() in IMAGE_ENDINGS and file.stem.isdecimal()
        } for folder in folders
    }  # fmt: skip
    for name, images in files.items():
        if not images:
            raise InputError("the camera has no image", where=f"{root}/{name}/color", todo="film the board before it")
    stamps = {name: read_timestamps(root / name / "timestamps.csv", name) for name in files}
    if all(entry is None for entry in stamps.values()):
        films = [
            film_of_images(name, lenses.get(name), _at_rate(images), list(images.values()))
            for name, images in files.items()
        ]
        return films, {name: np.array(list(images)) for name, images in files.items()}
    sound = {}
    for name, entry in stamps.items():
        if entry is None:
            raise InputError("the camera has no times and others have", where=f"{root}/{name}/timestamps.csv")
        wrong = absurd_times(entry[0], str(root))
        sound[name] = {index: stamp for index, stamp in entry[0].items() if index in files[name] and index not in wrong}
        if not sound[name]:
            raise InputError("no image of the camera has a time", where=f"{root}/{name}/timestamps.csv")
    clocks = clocks_of({name: list(entry.values()) for name, entry in sound.items()})
    films = []
    for name, entry in sound.items():
        times_ns = clocks[name].rig_ns(np.array([entry[k].device_ns for k in sorted(entry)], dtype=np.int64))
        order = np.argsort(times_ns, kind="stable")
        images = [files[name][k] for k in sorted(entry)]
        films.append(film_of_images(name, lenses.get(name), times_ns[order], [images[k] for k in order]))
    return films, None


def _at_rate(images: dict[int, Path]) -> np.ndarray:
    return np.rint(np.array(list(images), dtype=np.float64) * 1e9 / SAME_NUMBER_HZ).astype(np.int64)


def _videos(
    root: Path, videos: list[Path], lenses: dict[str, Intrinsics | None]
) -> tuple[list[Film], dict[str, np.ndarray] | None]:
    times = {video.stem: read_video_times(root / "timestamps.csv", video) for video in videos}
    films = [
        film_of_video(video.stem, lenses.get(video.stem), video, times[video.stem].frames, times[video.stem].times_ns)
        for video in videos
    ]
    numbers = {name: entry.instants for name, entry in times.items()}
    known = {name: number for name, number in numbers.items() if number is not None}
    return films, known if len(known) == len(numbers) else None


def _lenses(root: Path) -> dict[str, Intrinsics | None]:
    """What the folder says of lenses: calibration.json, or the camera_array.toml of Caliscope."""
    path = root / "calibration.json"
    if path.exists():
        try:
            cameras = json.loads(path.read_text("utf-8"))["cameras"]
            return {name: _lens_of(entry, f"{path}, camera {name}") for name, entry in cameras.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("calibration.json cannot be read", where=str(path), why=repr(error)) from error
    if (root / "camera_array.toml").exists():
        return dict(read_toml_cameras(root / "camera_array.toml").lenses)
    return {}


def _lens_of(entry: Any, where: str) -> Intrinsics | None:
    return lens_from_json(entry["color"], where) if entry.get("color") is not None else None


def _search(film: Film, detector: BoardDetector) -> tuple[dict[int, CornerView], tuple[int, int] | None]:
    """The views of one camera by position, and the width and height of its images."""
    views: dict[int, CornerView] = {}
    size: tuple[int, ...] | None = (film.lens.height_px, film.lens.width_px) if film.lens else None
    for position, gray in enumerate(film.images()):
        if gray is None:
            continue
        if size is not None and gray.shape != size:
            raise InputError(
                f"the images have {gray.shape[1]}x{gray.shape[0]} pixels instead of {size[1]}x{size[0]}",
                where=f"{film.where}, image {position}",
                why="the resolution was changed between films, or the lens was given for another resolution",
                todo="film with one resolution, and give the intrinsics of that resolution",
            )  # fmt: skip
        size = gray.shape
        view = detector.detect(gray)
        if view is not None:
            views[position] = view
    return views, None if size is None else (size[1], size[0])


def _refuse_mirrored(film: Film, board: Board, where: str) -> None:
    """A camera that sees no board may be mirrored; that is said, the rest is for whoever links cameras."""
    error = explain_no_board([film], board, where)
    if "mirrored" in error.what:
        raise error


def _pair(films: list[Film], instants: dict[str, np.ndarray] | None) -> np.ndarray:
    """(i, c) position of each camera's image at each instant, ABSENT where it has none."""
    if instants is None:
        table = synchronize(_Timed({film.camera_id: film for film in films}))
        return table.positions[(table.positions != ABSENT).any(axis=1)]
    numbers = np.unique(np.concatenate(list(instants.values())))
    rows = np.full((len(numbers), len(films)), ABSENT, dtype=np.int64)
    for column, film in enumerate(films):
        mine = instants[film.camera_id]
        rows[np.searchsorted(numbers, mine), column] = np.arange(len(mine))
    return rows


def _together(
    films: list[Film], board: Board, print_kind: tuple[bool, bool], found: list[dict[int, CornerView]], rows: np.ndarray
) -> BoardObservations:
    camera, instant, point, pixels = [], [], [], []
    times_ns = np.full(rows.shape, NO_TIME, dtype=np.int64)
    for column, (film, views) in enumerate(zip(films, found, strict=True)):
        there = rows[:, column] != ABSENT
        times_ns[there, column] = film.times_ns[rows[there, column]]
        for row in np.flatnonzero(there).tolist():
            view = views.get(int(rows[row, column]))
            if view is None or view.variant != print_kind:
                continue
            count = len(view.point_ids)
            camera.append(np.full(count, column))
            instant.append(np.full(count, row))
            point.append(view.point_ids)
            pixels.append(view.pixels_px)
    return BoardObservations(
        tuple(film.camera_id for film in films), board, np.concatenate(camera), np.concatenate(instant),
        np.concatenate(point), np.concatenate(pixels), times_ns, {film.camera_id: film.lens for film in films},
    )  # fmt: skip
