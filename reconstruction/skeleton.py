"""The skeleton that people are lifted to: COCO-17, which joints are pairs, and which are joined by bones."""

from __future__ import annotations

JOINT_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
NUM_JOINTS = len(JOINT_NAMES)
JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}

PAIRS = tuple((left, left + 1) for left in range(1, NUM_JOINTS, 2))
"""Left and right joint of each pair, eyes first."""

OTHER_SIDE = (0, *(other for left, right in PAIRS for other in (right, left)))
"""The joint of the other side, by joint."""

BONES = tuple(
    (JOINT[begin], JOINT[end])
    for begin, end in (
        ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
        *((f"{side}_{begin}", f"{side}_{end}") for side in ("left", "right") for begin, end in (
            ("shoulder", "hip"), ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"),
        )),
    )
)  # fmt: skip
"""Joints (begin, end) whose distance hardly changes."""

COCO_SIGMA = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip
"""How far people differ in where a joint is, by joint, as a share of the square root of the person's area in the image
(the constants of COCO's object keypoint similarity, measured on 5000 images annotated twice)."""
