"""flyte_core.runtime.documents: what error.pb says, and that others can read it."""

from __future__ import annotations

import pytest
from flyteidl2.core import execution_pb2
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import (
    ModuleLoadError,
    PluginNotFoundError,
    RuntimeSystemError,
    RuntimeUserError,
    StorageError,
)
from flyte_core.runtime import ErrorReport
from flyte_core.runtime.failures import as_task_error


def written(report: ErrorReport) -> execution_pb2.ContainerError:
    return execution_pb2.ErrorDocument.FromString(report.to_bytes()).error


@given(
    code=st.text(max_size=40),
    message=st.text(max_size=400),
    kind=st.sampled_from(["user", "system", "unknown"]),
    recoverable=st.booleans(),
    timestamp=st.none() | st.integers(0, 2**31),
    worker=st.text(max_size=300),
)
def test_what_is_written_is_read_again(**given_):
    report = ErrorReport(**given_)
    read = ErrorReport.from_bytes(report.to_bytes())
    assert read == report
    assert read.timestamp == report.timestamp


def test_others_read_code_message_kind_and_origin():
    error = written(ErrorReport(code="c", message="m", kind="system", recoverable=False))
    assert (error.code, error.message) == ("c", "m")
    assert (error.kind, error.origin) == (execution_pb2.ContainerError.NON_RECOVERABLE, 2)


def test_time_and_worker_stand_where_the_first_schema_has_them():
    data = ErrorReport(code="", message="", timestamp=1.5, worker="pod", recoverable=False).to_bytes()
    #             error, length   5: timestamp {1: 1, 2: 500000000}      6: worker
    assert data == bytes.fromhex("0a0f 2a080801 1080cab5ee01 3203") + b"pod"


def test_a_long_message_loses_its_middle():
    error = written(ErrorReport(code="c", message="begin" + "é" * 2**20 + "end"))
    assert len(error.message.encode()) < 2**21 - 2**18
    assert error.message.startswith("begin")
    assert error.message.endswith("end")
    assert "bytes are left out" in error.message


def test_a_text_that_is_no_utf8_is_written_all_the_same():
    assert written(ErrorReport(code="c", message="a\udcffb")).message == "a\\udcffb"


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as e:
        return e


def test_the_message_ends_with_the_traceback_of_the_users_code():
    report = ErrorReport.from_exception(as_task_error(_raised(ValueError("no rows")), "flow.load"))
    assert (report.code, report.kind, report.recoverable) == ("ValueError", "user", True)
    assert report.message.startswith("task 'flow.load' failed: ValueError: no rows")
    assert "in _raised" in report.message
    assert report.message.endswith("ValueError: no rows")


def test_credentials_are_left_out():
    report = ErrorReport.from_exception(_raised(ValueError("https://ann:pw@host/a")))
    assert "pw" not in report.message


def _chained(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeUserError("Mine", "m"), ("Mine", "user", True)),
        (RuntimeUserError("DataValidationError", "m"), ("DataValidationError", "user", False)),
        (RuntimeSystemError("Theirs", "m"), ("Theirs", "system", True)),
        (StorageError("s3://b/k", "read", "gone"), ("StorageError", "system", True)),
        (_chained(ModuleLoadError("m"), ModuleNotFoundError("x")), ("ModuleLoadError", "user", False)),
        (_chained(ModuleLoadError("m"), TimeoutError("x")), ("ModuleLoadError", "user", True)),
        (PluginNotFoundError("m"), ("PluginNotFoundError", "user", False)),
        (KeyError("k"), ("KeyError", "unknown", True)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_code_origin_and_whether_another_attempt_could_help(error, expected):
    report = ErrorReport.from_exception(error)
    assert (report.code, report.kind, report.recoverable) == expected
