"""Under test, every annotation of an array is a promise that is kept: shapes and dtypes are checked at each call."""

import os
import signal
import sys
import typing
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from beartype import BeartypeConf, FrozenDict, beartype
from hypothesis import settings
from jaxtyping import install_import_hook

# As Python's own rule has it, an int is welcome where a float is asked for; Self is beyond a checker of single methods.
CHECKER = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({typing.Self: object})))

TEST_DATA = "ORTWIN_TEST_DATA"
REQUIRE_TEST_DATA = "ORTWIN_REQUIRE_TEST_DATA"


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its annotations enforced. Protocols are left to pyright: they cannot be asked at run time."""
    annotations = getattr(function, "__annotations__", {})
    for name, hint in annotations.items():
        if isinstance(hint, str):
            try:
                hint = eval(hint, getattr(function, "__globals__", {}))
            except Exception:  # a name that only type checkers import
                continue
        if any(getattr(part, "_is_protocol", False) for part in (hint, *typing.get_args(hint))):
            annotations[name] = object
    return CHECKER(function)


def checked_modules() -> list[str]:
    """All modules but those that numba compiles: its cache cannot store a function that the hook has wrapped."""
    root = Path(__file__).resolve().parent.parent
    folders = [path for path in root.iterdir() if (path / "__init__.py").exists() or path.name == "datasets"]
    files = [*root.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    plain = [file for file in files if file.stem != "__init__" and "import numba" not in file.read_text("utf-8")]
    return sorted(".".join(("ortwin", *file.relative_to(root).with_suffix("").parts)) for file in plain)


# The hook takes the checker by name only.
sys.modules["ortwin_checker"] = ModuleType("ortwin_checker")
vars(sys.modules["ortwin_checker"])["checked"] = checked
install_import_hook(checked_modules(), "ortwin_checker.checked")

# The same examples on every machine and every day; a slow machine is no failure.
settings.register_profile("ortwin", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("ortwin")


def pytest_configure() -> None:
    """Where nothing may be missing, the bodies of simulated people may not be missing either: no test is skipped."""
    if os.environ.get(REQUIRE_TEST_DATA) == "1" and find_spec("anny") is None:
        raise pytest.UsageError("the package anny is not installed: pip install -e .[bodies]")


# Whoever starts the tests in the background may have had Ctrl-C ignored; some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real inputs. A test that asks for it is skipped where it is absent, or fails where CI needs it."""
    folder = os.environ.get(TEST_DATA)
    if folder and Path(folder).is_dir():
        return Path(folder)
    reason = f"{TEST_DATA} names no folder: {folder!r}"
    if os.environ.get(REQUIRE_TEST_DATA) == "1":
        pytest.fail(reason)
    pytest.skip(reason)
