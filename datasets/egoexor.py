"""EgoExOR (Özsoy, Mamur et al., 2025): ultrasound and spine procedures, worn and fixed cameras, in HDF5.

Traps that are taken care of: takes lie under `take` or under `takes`; triplets are bytes or text, spelled with and
without capitals, and with two spellings of anaesthetist. The lens of the small images (336x336, cut from 2048x1536) is
documented nowhere: a recording needs --rig with the lenses. Worn cameras have no pose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.camera import CameraRig
from ..capture.errors import InputError, MissingExtraError
from ..capture.image_bytes import encode_color
from ..capture.import_frames import ImportPlan, PlannedFrame, TakenFrame
from ..capture.recording_writer import DamagedFrame
from ..capture.rig_file import read_rig
from ..scenegraph.labels import LabelledInstant, Labels, Triplet
from ..scenegraph.vocabulary_terms import load_terms
from .base import DataSet, LabelledSequence, OpenOptions

FPS = 15
FRAME_NS = round(1e9 / FPS)
NO_SOURCE = ("blank", "-1")
ASSUMPTIONS = (
    f"frames of EgoExOR are 1/{FPS} s apart, and frame 0 is at time 0; the files hold no times",
    "what no relation says is false, as nothing lists who is there; a thing exists from its first relation to its last",
    "units and axes of its point clouds are documented nowhere; they are not read",
)
NO_LENS = (
    "the lens of the 336x336 images is documented nowhere (they were cut from 2048x1536), so there is no recording "
    "without --rig rig.json: an entry for each camera, called like its source"
)


def open_sequences(
    root: Path, takes: Sequence[str] | None = None, options: OpenOptions | None = None
) -> tuple[LabelledSequence, ...]:
    """The takes of an HDF5 file, or of all of a folder.

    Args:
        root: a .h5 file or a folder of such.
        takes: which, as "MISS/1/3" (surgery, procedure, take); None for all.
        options: `rig` gives the lenses, without which there are labels only.

    Raises:
        InputError: there is no such file, one is unsound, or a take is not there.
        MissingExtraError: h5py is not installed.
    """
    files = [root] if root.is_file() else sorted(path for path in root.glob("*.h5") if path.name != "splits.h5")
    if not files:
        raise InputError(
            "there is no HDF5 file of EgoExOR", where=str(root), todo="give a .h5 file or a folder of such"
        )
    found: dict[str, LabelledSequence] = {}
    for path in files:
        with open_file(path) as file:
            for name, group in _takes(file, path):
                if takes is None or name in takes:
                    found[name] = _sequence(path, name, group, options or OpenOptions())
    for name in takes or ():
        if name not in found:
            raise InputError(f"there is no take '{name}'", where=str(root), todo="`ortwin datasets show` lists them")
    return tuple(found.values())


def open_file(path: Path) -> Any:
    """An open h5py.File, for reading.

    Raises:
        InputError: it is no HDF5 file, or damaged.
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "egoexor") from None
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            "the file is no HDF5 file, or it is damaged", where=str(path), why=str(error), todo="copy it again"
        ) from error


def canonical_word(spelling: str) -> str:
    """A word of EgoExOR as its vocabulary writes it: "closeTo" is "closeto", "anaesthetist" is "anesthetist"."""
    word = spelling.strip().lower()
    return "anesthetist" if word == "anaesthetist" else word


def _takes(file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    if "data" not in file:
        raise InputError("this is no file of EgoExOR", where=str(path), why="it has no group /data")
    for surgery, procedures in file["data"].items():
        for procedure, holder in procedures.items():
            inside = next((holder[key] for key in ("take", "takes") if key in holder), None)
            if inside is None:
                raise InputError("a procedure has no takes", where=f"{path}, /data/{surgery}/{procedure}")
            for take, group in inside.items():
                yield f"{surgery}/{procedure}/{take}", group


def _sequence(path: Path, name: str, group: Any, options: OpenOptions) -> LabelledSequence:
    labels = Labels("egoexor", tuple(_instants(path, name, group)))
    plan = _plan(path, name, group, options.rig)
    notes = plan.assumptions if plan else (NO_LENS,)
    return LabelledSequence(name, labels, (), FRAME_NS, plan, (*ASSUMPTIONS, *notes))


def _instants(path: Path, name: str, group: Any) -> Iterator[LabelledInstant]:
    frames = group.get("annotations", {})
    known = {word.lower() for word in load_terms().naming("egoexor").predicates}
    for key in sorted(frames, key=_number):
        rows = []
        for place, row in enumerate(frames[key]["rel_annotations"][()]):
            words = [canonical_word(word.decode() if isinstance(word, bytes) else str(word)) for word in row]
            if len(words) != 3 or words[1] not in known:
                raise InputError(
                    f"{words} is no relation of EgoExOR", where=f"{path}, {name}, {key}, relation {place}",
                    why="they are written subject, predicate, object",
                )  # fmt: skip
            rows.append(Triplet(*words))
        yield LabelledInstant(name, f"{_number(key):06d}", tuple(dict.fromkeys(rows)))


def _number(key: str) -> int:
    digits = key.rpartition("_")[2]
    if not digits.isdigit():
        raise InputError(f"'{key}' is no frame", todo="annotations are called frame_<number>")
    return int(digits)


def _sources(group: Any) -> dict[str, int]:
    """The place of each camera in the images, by its name; blank ones are left out."""
    attributes = group["sources"].attrs if "sources" in group else {}
    names = [attributes[f"source_{place}"] for place in range(int(attributes.get("source_count", 0)))]
    words = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    return {word: place for place, word in enumerate(words) if word not in NO_SOURCE}


def _plan(path: Path, name: str, group: Any, rig_path: Path | None) -> ImportPlan | None:
    if rig_path is None or "frames/rgb" not in group:
        return None
    images, inside = group["frames/rgb"], str(group["frames/rgb"].name)
    rig, places = read_rig(rig_path), _sources(group)
    known = {camera: place for camera, place in places.items() if camera in rig.cameras}
    if not known:
        raise InputError(
            f"the rig knows no camera of {name}", where=str(rig_path), why=f"it knows {', '.join(rig.cameras)}",
            todo=f"the take has {', '.join(places)}",
        )  # fmt: skip
    size = (int(images.shape[3]), int(images.shape[2]))
    for camera in known:
        lens = rig[camera].color
        if (lens.width_px, lens.height_px) != size:
            raise InputError(
                f"the lens of {camera} is for {lens.width_px}x{lens.height_px}, the images are {size[0]}x{size[1]}",
                where=str(rig_path),
            )
    frames = [
        PlannedFrame(camera, index, index * FRAME_NS, None, place, None)
        for index in range(int(images.shape[0]))
        for camera, place in known.items()
    ]
    notes = [f"{camera}: no lens is known, so it was left out" for camera in places if camera not in known]
    placed = {camera: rig[camera] for camera in known}
    return ImportPlan(
        f"{path}, {name}", placed, frames, lambda wanted: _read(path, inside, wanted),
        {"importer": "egoexor", "name": path.name, "take": name}, CameraRig(placed, rig.world_frame), fps=float(FPS),
        assumptions=("images are stored as PNG, exactly", *notes),
    )  # fmt: skip


def _read(path: Path, images: str, frames: Sequence[PlannedFrame]) -> Iterator[TakenFrame]:
    with open_file(path) as file:
        for frame in frames:
            try:
                color = encode_color(np.asarray(file[images][frame.index, frame.color])[..., ::-1], lossless=True)
            except OSError as error:
                what = DamagedFrame(frame.camera_id, frame.index, path.name, f"it cannot be read: {error}")
                yield TakenFrame(frame, None, None, (what,))
                continue
            yield TakenFrame(frame, None, color)


DATA_SET = DataSet(
    "EgoExOR", "Apache-2.0", "scene graphs of worn and fixed cameras; recordings where the lenses are given",
    open_sequences,
)  # fmt: skip
