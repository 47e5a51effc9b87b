"""The predicate protocol: how a relation is measured, and how measures come in from outside.

A predicate is one pure function over a window of time. It grades every pair at every instant and says what it
measured; it knows nothing of earlier windows, of durations, or of what could not be seen. To add one, write that
function and one `PredicateSpec` row, in vocabulary.py or, from another package, under the entry-point group
`ortwin.predicates`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..capture.errors import ConfigError
from ..capture.plugins import installed_plugins
from .derivation import Derive
from .vocabulary import GROUPS, LAYERS, PREDICATES, PredicateSpec, Threshold

if TYPE_CHECKING:
    from .pair_features import PairFeatures

ENTRY_POINT_GROUP = "ortwin.predicates"

#: A relation begins where its score reaches ENTER_SCORE and ends where it falls below EXIT_SCORE.
ENTER_SCORE = 0.75
EXIT_SCORE = 0.25


@runtime_checkable
class Predicate(Protocol):
    """Measures one relation for all pairs of a window."""

    def __call__(self, features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
        """(T, P) scores in [0, 1] and the evidence.

        A score is NaN where the pair is absent or nothing can be said. The evidence columns are those that the row
        names, each (T, P), in the unit of the name.
        """
        ...


def grade(measure: np.ndarray, enter: np.ndarray | float, exit: np.ndarray | float) -> np.ndarray:
    """Scores of a measure: ENTER_SCORE at `enter`, EXIT_SCORE at `exit`, straight in between and beyond, in [0, 1].

    Works either way round: `enter < exit` for gaps, `enter > exit` for shares. Keeps NaN.
    """
    beyond = (np.asarray(measure) - enter) / (np.asarray(exit) - enter)
    return np.clip(ENTER_SCORE - (ENTER_SCORE - EXIT_SCORE) * beyond, 0.0, 1.0)


def grade_by(threshold: Threshold, measure: np.ndarray) -> np.ndarray:
    """`grade` with the numbers of a vocabulary row."""
    return grade(measure, threshold.enter, threshold.exit)


def load_predicates() -> Mapping[str, PredicateSpec]:
    """All predicate rows by name: the built-in ones, then those of installed packages.

    Raises:
        ConfigError: an installed package offers a predicate that is not a sound row, or a name that is taken.
    """
    specs = dict(PREDICATES)
    for where, spec in installed_plugins("predicate", ENTRY_POINT_GROUP):
        _check_spec(spec, where)
        if spec.name in specs:
            raise ConfigError(f"the predicate '{spec.name}' is offered twice", where=where, todo="rename one of them")
        specs[spec.name] = spec
    return MappingProxyType(specs)


def measuring_function(spec: PredicateSpec) -> Predicate:
    """The function of a row, imported when first asked for.

    Raises:
        ConfigError: the module or the function does not exist.
    """
    return spec.function if callable(spec.function) else _imported(spec, spec.function)


def deriving_function(spec: PredicateSpec) -> Derive:
    """The function that tells a predicate from the intervals of a recording, imported when first asked for.

    Raises:
        ConfigError: the module or the function does not exist.
    """
    return _imported(spec, spec.derive)


def _imported(spec: PredicateSpec, path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module, __package__), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"the predicate '{spec.name}' has no function '{path}'", why=str(error)) from error


def _check_spec(spec: object, where: str) -> None:
    if not isinstance(spec, PredicateSpec):
        raise ConfigError("a predicate entry point must name a PredicateSpec", where=where)
    sound = spec.domain and spec.range and (spec.domain | spec.range) <= set(LAYERS) and spec.minimum_s >= 0
    sound = sound and (spec.subjects | spec.objects) <= set(GROUPS)
    if not sound or not spec.name.isidentifier():
        raise ConfigError(
            f"the predicate '{spec.name}' has an unsound row", where=where,
            todo=f"name layers among {', '.join(LAYERS)}, groups among {', '.join(GROUPS)}, a minimum of 0 s or "
            "more, and a snake_case name",
        )  # fmt: skip
