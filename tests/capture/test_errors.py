"""An error says what, where, why and what to do, and knows the exit code of the command line."""

import pytest
from ortwin.capture import errors
from ortwin.cli.app import ExitCode


def test_a_message_has_one_line_per_known_part():
    error = errors.InputError("the frame is damaged", where="cam_1/depth/000012.png", todo="copy it again")
    assert str(error).splitlines() == [
        "the frame is damaged",
        "  where: cam_1/depth/000012.png",
        "  do: copy it again",
    ]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.OrtwinError, ExitCode.BUG),
        (errors.ConfigError, ExitCode.USAGE),
        (errors.InputError, ExitCode.INPUT),
        (errors.QualityError, ExitCode.QUALITY),
        (errors.ResourceError, ExitCode.RESOURCES),
        (errors.PrivacyError, ExitCode.PRIVACY),
    ],
)
def test_each_kind_has_its_exit_code(kind, code):
    error = kind("what")
    assert isinstance(error, errors.OrtwinError)
    assert error.exit_code == code


def test_a_missing_extra_names_the_command_that_installs_it():
    assert "pip install 'ortwin[pytorch3d]'" in str(errors.MissingExtraError("pytorch3d", "pytorch3d"))


def test_the_nearest_name_is_offered_when_it_is_near():
    assert errors.nearest_name("voxel_sise_m", ["voxel_size_m", "truncation_m"]) == " (did you mean 'voxel_size_m'?)"
    assert errors.nearest_name("banana", ["voxel_size_m", "truncation_m"]) == ""
