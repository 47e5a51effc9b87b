"""A body that can be posed: skin over bones.

Model frame: x forward, y to the left, z up, metres, soles at z = 0. Every bone rests with the identity as orientation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...capture.geometry import SE3

SIDES = ("left", "right")
SUFFIX = {"left": ".L", "right": ".R"}


@dataclass(frozen=True, slots=True)
class Phenotype:
    """What somebody looks like, in anny's units: all within [0, 1]; 0.5 is the middle of the population.

    Args:
        gender: 0 male, 1 female.
        age: 0.67 a young adult, 1 old.
        height: see `draw_phenotype`; it stretches far beyond the heights of adults.
        weight, muscle, proportions: from little to much, and from uncommon to ideal.
    """

    gender: float = 0.0
    age: float = 0.7
    height: float = 0.4
    weight: float = 0.5
    muscle: float = 0.5
    proportions: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class BodyShape:
    """A body at rest: arms spread downwards, model frame.

    Args:
        phenotype: whose body.
        vertices_m: (n, 3) float32 skin, closed but for nothing: inside is inside.
        faces: (m, 3) int64.
        weights: (n, 4) float32, how much a vertex follows the bones (n, 4) of weight_bones.
        weight_bones: (n, 4) int64.
        bone_names, bone_parents: (b,), parents before children; the root's parent is -1.
        bone_heads_m: (b, 3) where a bone turns.
        joints_m: (17, 3) COCO-17 joints, inside the body.
        joint_bones: (17,) the bone that each joint rides on.
        hands: model_from_hand of the left and the right hand: palm centre, +z along the fingers, +y out of the palm.
        soles_m: (2, 2, 3) left and right; heel and toe, on the floor.
    """

    phenotype: Phenotype
    vertices_m: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    weight_bones: np.ndarray
    bone_names: tuple[str, ...]
    bone_parents: np.ndarray
    bone_heads_m: np.ndarray
    joints_m: np.ndarray
    joint_bones: np.ndarray
    hands: tuple[SE3, SE3]
    soles_m: np.ndarray

    def bone(self, name: str, side: str = "") -> int:
        """The number of a bone; `side` is left, right or empty."""
        return self.bone_names.index(name + SUFFIX.get(side, ""))

    @property
    def height_m(self) -> float:
        """Standing height."""
        return float(self.vertices_m[:, 2].max())


def skin(shape: BodyShape, bone_rotations: np.ndarray, root: SE3) -> tuple[np.ndarray, np.ndarray]:
    """Linear blend skinning (Magnenat-Thalmann et al. 1988).

    Args:
        shape: the body.
        bone_rotations: (b, 3, 3) of each bone against its parent; the root's is on top of `root`.
        root: world_from_root, where the head of the root bone is.

    Returns:
        (n, 3) float32 vertices in the world, and (b, 3, 4) world_from_model of each bone.
    """
    transforms = pose_bones(shape.bone_heads_m, shape.bone_parents, bone_rotations, root)
    return blend(shape.vertices_m, shape.weights, shape.weight_bones, transforms), transforms


def pose_bones(heads_m: np.ndarray, parents: np.ndarray, bone_rotations: np.ndarray, root: SE3) -> np.ndarray:
    """(b, 3, 4) float64 world_from_model of each bone: where it takes a point of the resting body."""
    rotations = np.empty((len(heads_m), 3, 3))
    places_m = np.empty((len(heads_m), 3))
    for bone, parent in enumerate(parents):
        if parent < 0:
            rotations[bone], places_m[bone] = root.rotation @ bone_rotations[bone], root.translation_m
        else:
            rotations[bone] = rotations[parent] @ bone_rotations[bone]
            places_m[bone] = places_m[parent] + rotations[parent] @ (heads_m[bone] - heads_m[parent])
    shifts_m = places_m - np.einsum("bij,bj->bi", rotations, heads_m)
    return np.concatenate([rotations, shifts_m[:, :, None]], axis=2)


def blend(vertices_m: np.ndarray, weights: np.ndarray, bones: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """(n, 3) float32: resting vertices (n, 3) taken along by weighted bones (n, k) of transforms (b, 3, 4)."""
    flat = transforms.reshape(-1, 12).astype(vertices_m.dtype)
    mixed = np.einsum("nk,nkc->nc", weights, flat[bones]).reshape(-1, 3, 4)
    return np.einsum("nij,nj->ni", mixed[:, :, :3], vertices_m) + mixed[:, :, 3]
