"""The people's bodies: anny's parametric body, made light once and kept in a cache.

The model is anny (Bregier et al., "Human Mesh Modeling for Anny Body", 2025; shapes and rig of MakeHuman, CC0). It
needs torch and minutes of preparation, so a body is drawn from it once: thinned out to about 7000 triangles, its
fingers half closed, its 163 bones merged to the 36 that move here. What remains is one small file per body.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import os
import sys
import tempfile
import warnings
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...capture.errors import InputError, MissingExtraError
from ...capture.geometry import SE3
from .body import SIDES, SUFFIX, BodyShape, Phenotype, blend, pose_bones, skin

CACHE_DIR = "ORTWIN_CACHE_DIR"
FORMAT = 3
NUM_FACES = 7000
NUM_WEIGHTS = 4
LIMB_BONES = (
    "pelvis", "upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot",
    "clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist",
)  # fmt: skip
BONES = {"root", "spine05", "spine04", "spine03", "spine02", "spine01", "neck01", "neck02", "neck03", "head"} | {
    bone + suffix for bone in LIMB_BONES for suffix in SUFFIX.values()
}
FINGER_CURL_RAD = {"1": (0.1, 0.2, 0.25), "2": (0.4, 0.5, 0.35), "3": (0.45, 0.55, 0.35), "4": (0.5, 0.6, 0.4),
                   "5": (0.5, 0.6, 0.4)}  # fmt: skip
# COCO-17: five points of the face, which ride on the head, then the joints that are heads of bones.
JOINT_BONES = ("upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot")
FACE_POINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
FACE_DEPTHS_M = np.arange(0.02, 0.08, 0.004)
CLEARANCE_M = 0.009
PALM_DEPTH_M = 0.018

__all__ = ["BodyShape", "Phenotype", "body_shape", "draw_phenotype", "skin"]


def draw_phenotype(rng: np.random.Generator) -> Phenotype:
    """An adult between 1.55 and 1.95 m, in working age.

    anny's height is linear in its parameter, 1.35 to 2.43 m for men and 1.21 to 2.29 m for women.
    """
    gender = float(rng.integers(2))
    low_m, high_m, base_m = (1.58, 1.80, 1.21) if gender else (1.66, 1.92, 1.345)
    stature_m = float(np.clip(rng.normal((low_m + high_m) / 2, 0.065), low_m, high_m))
    return Phenotype(
        gender=gender,
        age=round(float(rng.uniform(0.67, 0.9)), 3),
        height=round((stature_m - base_m) / 1.083, 3),
        weight=round(float(rng.uniform(0.35, 0.75)), 3),
        muscle=round(float(rng.uniform(0.4, 0.65)), 3),
        proportions=round(float(rng.uniform(0.4, 0.7)), 3),
    )


@lru_cache(maxsize=64)
def body_shape(phenotype: Phenotype) -> BodyShape:
    """The body of a phenotype, from the cache or, the first time, from anny.

    The cache is the folder `ORTWIN_CACHE_DIR`, or `ortwin` in the platform's cache folder.

    Raises:
        MissingExtraError: the body is not in the cache, and anny is not installed.
    """
    path = _place(phenotype)
    if path.exists():
        return _load(path)
    shape = _from_anny(phenotype)
    _save(shape, path)
    return shape


def cache_folder() -> Path:
    """Where bodies are kept."""
    named = os.environ.get(CACHE_DIR)
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ortwin"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "ortwin" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ortwin"


def _place(phenotype: Phenotype) -> Path:
    """Where a body is kept: its name says all that it depends on."""
    text = json.dumps([FORMAT, NUM_FACES, dataclasses.asdict(phenotype)], sort_keys=True)
    return cache_folder() / "bodies" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"


def _load(path: Path) -> BodyShape:
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        return BodyShape(
            phenotype=Phenotype(*data["phenotype"].tolist()),
            bone_names=tuple(data["bone_names"].tolist()),
            hands=(SE3.from_matrix(data["hands"][0]), SE3.from_matrix(data["hands"][1])),
            **{name: data[name] for name in ARRAYS},
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "a cached body is damaged", where=str(path), why=str(error), todo="delete the file; it is made anew"
        ) from error


ARRAYS = (
    "vertices_m", "faces", "weights", "weight_bones", "bone_parents", "bone_heads_m", "joints_m", "joint_bones",
    "soles_m",
)  # fmt: skip


def _save(shape: BodyShape, path: Path) -> None:
    """Complete or not at all: several processes may want the same body at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.savez(
            file,
            phenotype=np.array(dataclasses.astuple(shape.phenotype)),
            bone_names=np.array(shape.bone_names),
            hands=np.stack([hand.matrix() for hand in shape.hands]),
            **{name: getattr(shape, name) for name in ARRAYS},
        )
    Path(file.name).replace(path)


def _from_anny(phenotype: Phenotype) -> BodyShape:
    """A body as anny makes it, turned to the model frame and made light."""
    full = _model()
    bones = full.bones
    heads_m, vertices_m = full.rest(phenotype)
    vertices_m, heads_m = _close_fingers(vertices_m, heads_m, full)
    light = _thinned_middle()
    weights, weight_bones = _merged_weights(full, light)
    kept = [index for index, name in enumerate(bones) if name in BONES]
    names = tuple(bones[index] for index in kept)
    number = {index: new for new, index in enumerate(kept)}
    parents = np.array([number[full.parents[i]] if full.parents[i] >= 0 else -1 for i in kept])

    joints_m = np.empty((17, 3))
    head_m = heads_m[bones.index("head")]
    points_m = np.stack([full.keypoints[name] @ vertices_m for name in FACE_POINTS])
    thin_m = light.at(vertices_m)
    joints_m[:5] = _sunk(points_m, head_m, thin_m, light.faces)
    joint_bones = np.full(17, names.index("head"))
    for row, (name, side) in enumerate((name, side) for name in JOINT_BONES for side in SIDES):
        joints_m[5 + row] = heads_m[bones.index(name + SUFFIX[side])]
        joint_bones[5 + row] = names.index(name + SUFFIX[side])
    return BodyShape(
        phenotype=phenotype,
        vertices_m=thin_m.astype(np.float32),
        faces=light.faces,
        weights=weights,
        weight_bones=weight_bones,
        bone_names=names,
        bone_parents=parents,
        bone_heads_m=heads_m[kept],
        joints_m=joints_m,
        joint_bones=joint_bones,
        hands=(_hand(heads_m, bones, "left"), _hand(heads_m, bones, "right")),
        soles_m=np.stack([_sole(thin_m, weight_bones[:, 0], names.index(f"foot{SUFFIX[side]}")) for side in SIDES]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _FullModel:
    """What is needed of anny's model, in numpy."""

    model: Any
    bones: list[str]
    parents: list[int]
    triangles: np.ndarray
    weights: np.ndarray
    weight_bones: np.ndarray
    keypoints: dict[str, np.ndarray]

    def rest(self, phenotype: Phenotype) -> tuple[np.ndarray, np.ndarray]:
        """Bone heads (b, 3) and vertices (n, 3) of a phenotype in the model frame."""
        out = self.model(phenotype_kwargs=dataclasses.asdict(phenotype), return_bone_ends=True)
        turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        vertices_m = out["rest_vertices"][0].numpy() @ turn.T
        heads_m = out["rest_bone_heads"][0].numpy() @ turn.T
        floor = np.array([0.0, 0.0, vertices_m[:, 2].min()])
        return heads_m - floor, vertices_m - floor


@dataclass(frozen=True, slots=True, eq=False)
class _Thinned:
    """A lighter surface, whose points (n, 3 corners, 3 shares) stand on the triangles of the full one."""

    faces: np.ndarray
    corners: np.ndarray
    shares: np.ndarray

    def at(self, values: np.ndarray) -> np.ndarray:
        """Values (n_full, k) of the full surface, at the points of the lighter one."""
        return np.einsum("nc,nck->nk", self.shares, values[self.corners])


@lru_cache(maxsize=1)
def _model() -> _FullModel:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warp = importlib.import_module("warp")
            warp.config.log_level = warp.LOG_ERROR  # else it greets on stdout
            anny = importlib.import_module("anny")
            model = anny.Anny(rig="makehuman", topology="anny", pose_parameterization="local-bone")
            regressor = anny.KeypointsRegressor.coco(model)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "anny", "bodies") from error
    rows = regressor.regression_weights.numpy()
    faces = model.get_triangular_faces().numpy() if model.faces.shape[1] == 4 else model.faces.numpy()
    return _FullModel(
        model=model,
        bones=list(model.bone_labels),
        parents=[int(parent) for parent in model.bone_parents],
        triangles=faces,
        weights=model.vertex_bone_weights.numpy(),
        weight_bones=model.vertex_bone_indices.numpy(),
        keypoints=dict(zip(regressor.labels, rows, strict=True)),
    )


@lru_cache(maxsize=1)
def _thinned_middle() -> _Thinned:
    """The lighter surface that all bodies share, found on the middle of all phenotypes (Garland, Heckbert 1997)."""
    import open3d as o3d

    full = _model()
    heads_m, vertices_m = full.rest(Phenotype(gender=0.5, age=0.75, height=0.4))
    vertices_m, _ = _close_fingers(vertices_m, heads_m, full)
    mesh = o3d.geometry.TriangleMesh(o3d.utility.Vector3dVector(vertices_m), o3d.utility.Vector3iVector(full.triangles))
    thin = mesh.simplify_quadric_decimation(NUM_FACES)
    scene = o3d.t.geometry.RaycastingScene(1)
    as_tensor = o3d.core.Tensor.from_numpy
    scene.add_triangles(as_tensor(vertices_m.astype(np.float32)), as_tensor(full.triangles.astype(np.uint32)))
    found = scene.compute_closest_points(as_tensor(np.asarray(thin.vertices).astype(np.float32)))
    u, v = found["primitive_uvs"].numpy().astype(np.float64).T
    shares = np.stack([1 - u - v, u, v], axis=1)
    faces = np.asarray(thin.triangles).astype(np.int64)
    return _Thinned(faces, full.triangles[found["primitive_ids"].numpy().astype(np.int64)], shares)


def _merged_weights(full: _FullModel, light: _Thinned) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bones (n, NUM_WEIGHTS) of the lighter surface, what rides on a dropped bone riding on its parent."""
    kept = [index for index, name in enumerate(full.bones) if name in BONES]
    number = {index: new for new, index in enumerate(kept)}
    target = np.empty(len(full.bones), dtype=np.int64)
    for index, parent in enumerate(full.parents):
        target[index] = number[index] if index in number else target[parent]
    dense = np.zeros((len(full.weights), len(kept)))
    np.add.at(dense, (np.arange(len(dense))[:, None], target[full.weight_bones]), full.weights)
    thin = light.at(dense)
    order = np.argsort(-thin, axis=1, kind="stable")[:, :NUM_WEIGHTS]
    weights = np.take_along_axis(thin, order, axis=1)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), order


def _close_fingers(vertices_m: np.ndarray, heads_m: np.ndarray, full: _FullModel) -> tuple[np.ndarray, np.ndarray]:
    """The body with its fingers half closed, as hands are that hold things or nothing."""
    turned = np.tile(np.eye(3), (len(heads_m), 1, 1))
    for side in SIDES:
        across = _hand(heads_m, full.bones, side).rotation[:, 0]
        for finger, angles in FINGER_CURL_RAD.items():
            for joint, angle in enumerate(angles, start=1):
                bone = full.bones.index(f"finger{finger}-{joint}{SUFFIX[side]}")
                turned[bone] = SE3.exp(np.concatenate([-angle * across, np.zeros(3)])).rotation
    transforms = pose_bones(heads_m, np.array(full.parents), turned, SE3(np.eye(3), heads_m[0]))
    posed_m = blend(vertices_m, full.weights, full.weight_bones, transforms)
    return posed_m, np.einsum("bij,bj->bi", transforms[:, :, :3], heads_m) + transforms[:, :, 3]


def _sunk(points_m: np.ndarray, head_m: np.ndarray, vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Points (k, 3) of a face, moved towards the middle of the head until CLEARANCE_M of flesh is all around them."""
    import open3d as o3d

    as_tensor = o3d.core.Tensor.from_numpy
    scene = o3d.t.geometry.RaycastingScene(1)
    scene.add_triangles(as_tensor(vertices_m.astype(np.float32)), as_tensor(faces.astype(np.uint32)))
    middle_m = np.stack([np.full(len(points_m), head_m[0] + 0.02), np.zeros(len(points_m)), points_m[:, 2]], axis=1)
    inward = (middle_m - points_m) / np.linalg.norm(middle_m - points_m, axis=1, keepdims=True)
    tried_m = points_m + FACE_DEPTHS_M[:, None, None] * inward
    clearance_m = -scene.compute_signed_distance(as_tensor(tried_m.astype(np.float32)), nsamples=5).numpy()
    enough = np.minimum(clearance_m, CLEARANCE_M)
    return tried_m[enough.argmax(axis=0), np.arange(len(points_m))]


def _hand(heads_m: np.ndarray, bones: list[str], side: str) -> SE3:
    """world_from_hand of a hand at rest: the origin lies on the skin of the palm."""
    at = {name: heads_m[bones.index(name + SUFFIX[side])] for name in ("wrist", "finger3-1", "finger2-1", "finger5-1")}
    along = at["finger3-1"] - at["wrist"]
    along /= np.linalg.norm(along)
    across = at["finger2-1"] - at["finger5-1"]
    outward = np.cross(along, across) if side == "left" else np.cross(across, along)
    outward /= np.linalg.norm(outward)
    rotation = np.stack([np.cross(outward, along), outward, along], axis=1)
    return SE3(rotation, (0.4 * at["wrist"] + 0.6 * at["finger3-1"]) + PALM_DEPTH_M * outward)


def _sole(vertices_m: np.ndarray, followed: np.ndarray, foot: int) -> np.ndarray:
    """Heel and toe (2, 3) of the vertices that follow a foot, on the floor: where it touches first and last."""
    points_m = vertices_m[(followed == foot) & (vertices_m[:, 2] < 0.03)]
    back, front, middle = points_m[:, 0].min() + 0.01, points_m[:, 0].max() - 0.002, points_m[:, 1].mean()
    return np.array([[back, middle, 0.0], [front, middle, 0.0]])
