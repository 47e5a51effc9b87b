"""SMPL and SMPL-X, for users who have the licence: their files in the form of body_model.py.

The models of Loper et al. (2015) and Pavlakos et al. (2019) may not be passed on, so the user names a file of his own:
the `.npz` of SMPL-X (or of SMPL, converted from its pickle). Pickles are refused, because reading one runs what is
written in it. Hands follow the wrist and faces the head; the corrections that depend on pose are left out, which
costs up to a centimetre near bent joints.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ..capture.errors import ConfigError, InputError
from .body_model import BodyModel

NUM_SHAPES = 10
NUM_WEIGHTS = 4
SPACING_M = 0.028
FACE_DEPTH_M = 0.02
# Our bones by number of the joint, the same in SMPL and SMPL-X; what hangs below another joint rides on its parent.
BONES = {
    0: "pelvis", 1: "left_thigh", 2: "right_thigh", 3: "lumbar", 4: "left_shin", 5: "right_shin", 6: "thorax",
    7: "left_foot", 8: "right_foot", 9: "chest", 12: "neck", 13: "left_clavicle", 14: "right_clavicle", 15: "head",
    16: "left_upper_arm", 17: "right_upper_arm", 18: "left_forearm", 19: "right_forearm", 20: "left_hand",
    21: "right_hand",
}  # fmt: skip
JOINT_BONES = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
# Nose, eyes and ears, left first, by number of vertices.
FACES = {6890: (332, 2800, 6260, 583, 4071), 10475: (9120, 9448, 9929, 6, 616)}
NEEDED = ("v_template", "shapedirs", "J_regressor", "weights", "kintree_table", "f")


def read_smpl(path: Path | None) -> BodyModel:
    """The model of a file.

    Args:
        path: `SMPLX_NEUTRAL.npz`, or SMPL's arrays under their usual names in an `.npz`.

    Raises:
        ConfigError: no file was named, or it is a pickle.
        InputError: the file is unreadable or holds something else.
    """
    if path is None:
        raise ConfigError("SMPL needs a file", why="its licence does not let it be passed on", todo="name your own")
    if path.suffix != ".npz":
        raise ConfigError(
            "a body model is read from .npz only", where=str(path), why="a pickle runs what is written in it",
            todo=f"save the arrays {', '.join(NEEDED)} with numpy.savez, in a process that you trust the pickle with",
        )  # fmt: skip
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: np.asarray(file[name]) for name in NEEDED}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError("the file holds no SMPL or SMPL-X", where=str(path), why=str(error)) from error
    if len(data["v_template"]) not in FACES:
        raise InputError(
            f"a body of {len(data['v_template'])} vertices is neither SMPL nor SMPL-X", where=str(path),
            todo="give SMPL (6890 vertices) or SMPL-X (10475)",
        )  # fmt: skip
    return _converted(data)


def _converted(data: dict[str, np.ndarray]) -> BodyModel:
    turn = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    template_m = data["v_template"].astype(np.float64) @ turn.T
    floor_m = np.array([0.0, 0.0, template_m[:, 2].min()])
    template_m = template_m - floor_m
    shapes_m = np.moveaxis(data["shapedirs"][:, :, :NUM_SHAPES].astype(np.float64), 2, 0) @ turn.T
    regressor = data["J_regressor"].astype(np.float64)
    parents = np.where(data["kintree_table"][0] > len(regressor), -1, data["kintree_table"][0].astype(np.int64))
    kept = sorted(BONES)
    number = {joint: row for row, joint in enumerate(kept)}
    owner = np.zeros(len(regressor), np.int64)
    for joint in range(len(regressor)):
        owner[joint] = number[joint] if joint in number else owner[parents[joint]]
    names = tuple(BONES[joint] for joint in kept)
    face = list(FACES[len(template_m)])
    joint_bones = [names.index("head")] * len(face)
    joint_bones += [names.index(f"{side}_{bone}") for bone in JOINT_BONES for side in ("left", "right")]

    bones_m, bone_shapes_m = regressor[kept] @ template_m, regressor[kept] @ shapes_m
    inward = np.array([bones_m[names.index("head"), 0] + 0.02, 0.0, 0.0]) - template_m[face] * [1.0, 1.0, 0.0]
    face_m = template_m[face] + FACE_DEPTH_M * inward / np.linalg.norm(inward, axis=1, keepdims=True)
    rows = joint_bones[len(face) :]
    dense = np.zeros((len(template_m), len(kept)))
    np.add.at(dense.T, owner, data["weights"].astype(np.float64).T)
    order = np.argsort(-dense, axis=1, kind="stable")[:, :NUM_WEIGHTS]
    weights = np.take_along_axis(dense, order, axis=1)
    return BodyModel(
        name="smpl" if len(template_m) == 6890 else "smplx",
        vertices_m=template_m.astype(np.float32), vertex_shapes_m=shapes_m.astype(np.float32),
        bones_m=bones_m.astype(np.float32), bone_shapes_m=bone_shapes_m.astype(np.float32),
        joints_m=np.concatenate([face_m, bones_m[rows]]).astype(np.float32),
        joint_shapes_m=np.concatenate([shapes_m[:, face], bone_shapes_m[:, rows]], axis=1).astype(np.float32),
        joint_bones=np.array(joint_bones), faces=data["f"].astype(np.int64),
        weights=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), weight_bones=order,
        bone_names=names, bone_parents=np.array([-1, *(owner[parents[joint]] for joint in kept[1:])]),
        samples=_spread(template_m, SPACING_M),
    )  # fmt: skip


def _spread(points_m: np.ndarray, spacing_m: float) -> np.ndarray:
    """Rows (s,) of points (n, 3) none of which is nearer to another than the spacing."""
    from scipy.spatial import KDTree

    tree, taken, free = KDTree(points_m), [], np.ones(len(points_m), bool)
    for row in range(len(points_m)):
        if free[row]:
            taken.append(row)
            free[tree.query_ball_point(points_m[row], spacing_m)] = False
    return np.array(taken)
