"""The questions of the field by name (ORQA, Özsoy et al. 2025), answered from the twin alone, without a language model.

To add one: a function (scene, time_ns, *arguments) -> Answer, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from ..capture.errors import ConfigError, nearest_name
from . import questions_device, questions_people, questions_place, questions_steps, questions_time
from .question_answers import Answer, Question
from .question_scene import QuestionScene


def _row(answer: Callable[..., Answer], *takes: str) -> Question:
    return Question(answer.__name__, takes, (answer.__doc__ or "").splitlines()[0], answer)


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        row.name: row
        for row in (
            _row(questions_people.count_people),
            _row(questions_people.role_people),
            _row(questions_people.list_all_entities),
            _row(questions_people.list_all_entities_ordered_2d, "camera"),
            _row(questions_time.interaction, "entity", "entity"),
            _row(questions_time.current_scene_graph),
            _row(questions_time.current_action, "person"),
            _row(questions_steps.status_action, "step"),
            _row(questions_steps.did_happen, "step"),
            _row(questions_steps.time_until_step, "step"),
            _row(questions_steps.tools_used),
            _row(questions_place.tool_equipment_attribute, "entity"),
            _row(questions_place.where_2d, "entity", "camera"),
            _row(questions_place.where_3d, "entity"),
            _row(questions_place.distance_3d, "entity", "entity"),
            _row(questions_people.sterility_breach),
            _row(questions_device.gaze_location, "person"),
            _row(questions_device.gaze_object, "person"),
            _row(questions_device.is_base_array_visible),
            _row(questions_device.is_robot_calibrated),
            _row(questions_device.current_robot_step),
            _row(questions_device.next_robot_step),
            _row(questions_device.monitor_reading),
        )
    }
)


def ask(scene: QuestionScene, name: str, arguments: Sequence[str], time_ns: int) -> Answer:
    """Answers a question.

    Args:
        scene: to what it is put.
        name: of the question.
        arguments: as many as it takes.
        time_ns: about which instant, rig clock.

    Raises:
        ConfigError: there is no such question, it takes other arguments, or one means nothing here; or it is refused.
    """
    if name not in QUESTIONS:
        raise ConfigError(f"unknown question '{name}'{nearest_name(name, QUESTIONS)}", todo="ortwin ask --list")
    question = QUESTIONS[name]
    if len(arguments) != len(question.takes):
        raise ConfigError(
            f"{name} takes {len(question.takes)} arguments, got {len(arguments)}", todo=f"write {question.usage()}"
        )
    begin_ns, end_ns = scene.span_ns
    if not begin_ns <= time_ns < end_ns:
        length_s = (end_ns - begin_ns) * 1e-9
        raise ConfigError(
            f"{(time_ns - begin_ns) * 1e-9:g} s lies outside the recording", todo=f"give --at from 0 to {length_s:g}"
        )
    return question.answer(scene, time_ns, *arguments)
