from __future__ import annotations

import json
import os
import sys

import pytest

from flyte_core.cli.tracebacks import format_error, user_traceback
from flyte_core.models import Resources
from flyte_core.models import resources as resources_module


def failing():
    return int("x")


def caught(function):
    with pytest.raises(Exception) as error:
        function()
    return error.value


def test_the_users_frames_stay():
    text = format_error(caught(failing))
    assert "in failing" in text
    assert text.endswith("ValueError: invalid literal for int() with base 10: 'x'\n")


def test_the_frameworks_frames_are_left_out_unless_asked_for():
    error = caught(lambda: Resources(cpu="1x"))
    assert "flyte_core/models" not in format_error(error).replace("\\", "/")
    assert "flyte_core/models" in format_error(error, whole=True).replace("\\", "/")


def test_errors_that_it_was_raised_from_are_there_with_the_users_frames():
    def chained():
        try:
            Resources(cpu="1x")
        except ValueError as error:
            raise LookupError("outer") from error

    text = format_error(caught(chained))
    assert "direct cause" in text
    assert "in chained" in text
    assert "flyte_core/models" not in text.replace("\\", "/")


def test_an_error_that_the_framework_caught_itself_is_left_out():
    def framework(call):
        try:
            Resources(cpu="1x")
        except ValueError:
            call()

    # As if the function stood in a module of flyte_core.
    code = framework.__code__.replace(co_filename=resources_module.__file__)
    text = format_error(caught(lambda: type(framework)(code, globals())(failing)))
    assert "During handling" not in text
    assert "in failing" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups of errors exist from Python 3.11 on")
def test_the_members_of_a_group_are_trimmed_too():
    group = ExceptionGroup("all", [caught(lambda: Resources(cpu="1x"))])  # noqa: F821 - newer than 3.10
    assert "flyte_core/models" not in format_error(group).replace("\\", "/")


def test_an_error_without_frames_of_the_user_has_no_traceback():
    assert user_traceback(ValueError("never raised")) is None
    assert user_traceback(None) is None
    assert user_traceback(caught(failing)) is not None


def test_frames_of_installed_packages_and_of_python_itself_are_left_out():
    error = caught(lambda: json.loads("{"))
    assert "json" + os.sep not in format_error(error)
    assert format_error(error).splitlines()[-1].startswith("json.decoder.JSONDecodeError")
    assert "json" + os.sep in format_error(error, whole=True)


def from_afar(error, cause=None):
    """Raise as a function of an installed package would."""

    def far(error, cause):
        raise error from cause

    code = far.__code__.replace(co_filename="/env/lib/python3.12/site-packages/far/away.py")
    type(far)(code, globals())(error, cause)


def test_a_chain_of_errors_from_elsewhere_is_one_line_each():
    def chained():
        try:
            from_afar(OSError("the disk is full"), ValueError("no room left"))
        except OSError as error:
            raise LookupError("outer") from error

    lines = format_error(caught(chained)).splitlines()
    assert "ValueError: no room left" in lines
    assert "away.py" not in "".join(lines)


def test_a_message_that_is_repeated_is_printed_once():
    message = "no such file x"
    text = format_error(caught(lambda: from_afar(OSError(f"cannot read: {message}"), ValueError(message))))
    assert "ValueError: " not in text
    assert text.count("no such file x") == 1


def test_a_task_of_an_installed_package_keeps_its_frames():
    error = ValueError("far")
    error.__traceback__ = caught(lambda: from_afar(ValueError())).__traceback__.tb_next.tb_next.tb_next
    assert "away.py" in format_error(error)


def test_an_error_of_a_library_that_a_plugin_talks_through_has_no_frames():
    requests = pytest.importorskip("requests")
    error = caught(lambda: requests.get("nowhere"))
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # as where the framework called it
    assert user_traceback(error) is None
