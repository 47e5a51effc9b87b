"""Questions that streams answer: where people look, and how devices stand.

Gaze is a ray in the world, six streams of numbers for each person: `gaze_<person>_x`, `_y`, `_z` (where the eye is,
metres) and `gaze_<person>_dx`, `_dy`, `_dz` (where it looks, any length). `base_array_visible` and `robot_calibrated`
are 0 or 1, or words for them; `robot_step` is words.
"""

from __future__ import annotations

import numpy as np

from ..capture.errors import ConfigError
from ..reconstruction.state import OrientedBox
from .question_answers import Answer, seconds
from .question_scene import QuestionScene

NOTHING = "nothing"
YES, NO = (
    frozenset({"1", "1.0", "true", "yes", "visible", "calibrated"}),
    frozenset({"0", "0.0", "false", "no", "hidden"}),
)
BASE_ARRAY, CALIBRATED, ROBOT_STEP = "base_array_visible", "robot_calibrated", "robot_step"


def gaze_location(scene: QuestionScene, time_ns: int, person: str) -> Answer:
    """Where a person's gaze meets the first thing or the floor, metres, world."""
    ray = _gaze(scene, time_ns, person)
    if isinstance(ray, Answer):
        return ray
    name, distance = _first_hit(scene, time_ns, person, *ray)
    if distance is None:
        return Answer(None, "m", because="it meets nothing that is known")
    point_m = ray[0] + distance * ray[1]
    return Answer([round(float(value), 3) for value in point_m], "m", because=f"it meets {name}")


def gaze_object(scene: QuestionScene, time_ns: int, person: str) -> Answer:
    """What a person looks at: the first thing that the gaze meets."""
    ray = _gaze(scene, time_ns, person)
    return ray if isinstance(ray, Answer) else Answer(_first_hit(scene, time_ns, person, *ray)[0])


def is_base_array_visible(scene: QuestionScene, time_ns: int) -> Answer:
    """Whether the tracker sees the base array."""
    return _switch(scene, time_ns, BASE_ARRAY)


def is_robot_calibrated(scene: QuestionScene, time_ns: int) -> Answer:
    """Whether the robot is calibrated."""
    return _switch(scene, time_ns, CALIBRATED)


def current_robot_step(scene: QuestionScene, time_ns: int) -> Answer:
    """The step that the robot is in."""
    value = scene.stream(ROBOT_STEP).at(time_ns)
    return Answer.unknown(f"{ROBOT_STEP} says nothing then") if value is None else Answer(value)


def next_robot_step(scene: QuestionScene, time_ns: int) -> Answer:
    """The step that the robot is in after the current one; None where none follows."""
    samples = scene.stream(ROBOT_STEP)
    now = samples.at(time_ns)
    for at_ns, value in zip(samples.times_ns.tolist(), samples.values, strict=True):
        if at_ns > time_ns and value is not None and value != now:
            return Answer(value, because=f"from {seconds(scene, at_ns):g} s")
    return Answer(None, because="no other step follows")


def monitor_reading(scene: QuestionScene, time_ns: int) -> Answer:
    """Refused: what a screen shows would have to be read off its picture.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        "ortwin does not read screens", why="that takes a model that reads text in pictures, and its errors would pass "
        "for measurements", todo="record what the device says as a stream: `ortwin stream add`, then "
        "`ortwin query TWIN 'stream(\"name\") > 0'`",
    )  # fmt: skip


def _gaze(scene: QuestionScene, time_ns: int, person: str) -> tuple[np.ndarray, np.ndarray] | Answer:
    name = scene.find(person).node_id if f"gaze_{person}_x" not in scene.streams else person
    values = [scene.stream(f"gaze_{name}_{axis}").at(time_ns) for axis in ("x", "y", "z", "dx", "dy", "dz")]
    numbers = np.array([value if isinstance(value, float) else np.nan for value in values])
    direction = numbers[3:]
    if not np.isfinite(numbers).all() or not np.linalg.norm(direction) > 0:
        return Answer.unknown(f"nobody measured the gaze of {person} then")
    return numbers[:3], direction / np.linalg.norm(direction)


def _first_hit(
    scene: QuestionScene, time_ns: int, person: str, eye_m: np.ndarray, direction: np.ndarray
) -> tuple[str, float | None]:
    """The name of what a ray meets first and how far that is, metres; boxes stand for things."""
    own = scene.find(person).node_id
    hits = []
    for node in scene.nodes_at(time_ns):
        place = None if node.node_id == own else scene.place_at(node, time_ns)
        distance = None if place is None else box_distance_m(place.box, eye_m, direction)
        if distance is not None:
            hits.append((distance, node.node_id))
    if direction[2] < 0 < eye_m[2]:
        hits.append((float(-eye_m[2] / direction[2]), "floor"))
    return (min(hits)[1], min(hits)[0]) if hits else (NOTHING, None)


def box_distance_m(box: OrientedBox, eye_m: np.ndarray, direction: np.ndarray) -> float | None:
    """How far along a ray a box begins, metres, 0 from inside; None where the ray misses it (slabs, Kay 1986)."""
    local_eye, local_direction = (eye_m - box.center_m) @ box.rotation, direction @ box.rotation
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = (np.stack([-box.extent_m / 2, box.extent_m / 2]) - local_eye) / local_direction
    parallel = local_direction == 0
    if (np.abs(local_eye) > box.extent_m / 2)[parallel].any():
        return None
    near = float(sides.min(axis=0)[~parallel].max(initial=-np.inf))
    far = float(sides.max(axis=0)[~parallel].min(initial=np.inf))
    return max(near, 0.0) if near <= far and far >= 0 else None


def _switch(scene: QuestionScene, time_ns: int, name: str) -> Answer:
    value = scene.stream(name).at(time_ns)
    word = str(value).strip().lower()
    if value is None:
        return Answer.unknown(f"{name} says nothing then")
    if word not in YES | NO:
        raise ConfigError(f"the stream '{name}' says '{value}', neither yes nor no", todo="use 0 and 1")
    return Answer(word in YES)
