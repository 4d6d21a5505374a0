"""TaskSpecs as bytes and files: deterministic, and written all or none."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs

from flyte_core.cli.failure import FAILED, Failure
from flyte_core.cli.tracebacks import user_traceback

if TYPE_CHECKING:
    from flyteidl2.task.task_definition_pb2 import TaskSpec

    from flyte_core.cli.tasks import Task
    from flyte_core.models import SerializationContext

__all__ = ["FORMATS", "SpecFile", "as_dict", "encode", "file_name", "specs_of", "write_files"]

#: Formats of a file, which are also their suffixes.
FORMATS = ("pb", "json", "yaml")


@attrs.frozen(kw_only=True)
class SpecFile:
    """A file that was written.

    Args:
        spec: its message.
        path: the file.
        size: its length in bytes.
    """

    spec: TaskSpec
    path: Path
    size: int

    @property
    def task(self) -> str:
        """The task's full name."""
        return str(self.spec.task_template.id.name)

    @property
    def type(self) -> str:
        """The task type on the wire."""
        return str(self.spec.task_template.type)

    @property
    def target(self) -> str:
        """What the task is made of: container, pod, sql, or - for a task that a connector runs."""
        kind = self.spec.task_template.WhichOneof("target")
        return {"k8s_pod": "pod", None: "-"}.get(kind, str(kind))

    def to_dict(self) -> dict[str, Any]:
        """The file as JSON shows it."""
        return {
            "task": self.task,
            "type": self.type,
            "target": self.target,
            "bytes": self.size,
            "file": str(self.path),
            "version": self.spec.task_template.id.version,
        }


def specs_of(tasks: Sequence[Task], sctx: SerializationContext, *, whole_tracebacks: bool = False) -> list[TaskSpec]:
    """Serialize tasks.

    Args:
        tasks: the tasks.
        sctx: version, project, domain, organization and root folder.
        whole_tracebacks: whether the framework's frames are shown too.

    Returns:
        One message for each task, in their order.

    Raises:
        Failure: with status 1, naming every task that cannot be serialized; also when two have one name.
    """
    from flyte_core.serialize import task_spec

    specs: list[TaskSpec] = []
    problems = _same_names(tasks)
    tracebacks: list[str] = []
    for task in tasks:
        try:
            specs.append(task_spec(task, sctx))
        except Exception as error:  # noqa: PERF203 - each task may fail, and all failures are told
            problems.append(f"{task.name}: {type(error).__name__}: {error}")
            cause = error if whole_tracebacks else error.__cause__
            tracebacks += filter(None, [user_traceback(cause, whole=whole_tracebacks)])
    if problems:
        raise Failure(
            f"{len(problems)} of {len(tasks)} tasks cannot be serialized; nothing was written",
            status=FAILED,
            kind="user",
            code="SerializationError",
            problems=problems,
            traceback="\n".join(tracebacks) or None,
        )
    return specs


def _same_names(tasks: Sequence[Task]) -> list[str]:
    names = [task.name for task in tasks]
    return [
        f"{name}: {names.count(name)} tasks have this name; rename an environment or a function"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def as_dict(spec: TaskSpec) -> dict[str, Any]:
    """Give a message as JSON has it, with the fields' own names (https://protobuf.dev/programming-guides/json/)."""
    from google.protobuf.json_format import MessageToDict

    converted: dict[str, Any] = MessageToDict(spec, preserving_proto_field_name=True)
    return converted


def encode(content: Any, form: str) -> bytes:
    """Write plain data as JSON or YAML, keys sorted.

    Raises:
        Failure: with status 2 when PyYAML is needed and not installed.
    """
    if form == "json":
        return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    try:
        import yaml
    except ImportError as error:
        raise Failure(
            "--format yaml needs PyYAML, which is not installed; run pip install pyyaml, or take --format json"
        ) from error
    text: str = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    return text.encode()


def file_name(task: str, form: str) -> str:
    """Name a task's file; characters that a file's name cannot have everywhere are percent-encoded.

    Example:
        >>> file_name("flights.by/month", "json")
        'flights.by%2Fmonth.json'
    """
    return f"{quote(task, safe=' ')}.{form}"


def write_files(specs: Sequence[TaskSpec], folder: Path, form: str) -> list[SpecFile]:
    """Write a file for each message: first all of them under temporary names, then in place.

    Args:
        specs: the messages.
        folder: where to; made when it is not there.
        form: one of `FORMATS`.

    Returns:
        The files, in the order of the messages.

    Raises:
        Failure: with status 1 when a file cannot be written; then none of them is replaced.
    """
    contents = [
        spec.SerializeToString(deterministic=True) if form == "pb" else encode(as_dict(spec), form) for spec in specs
    ]
    names = [file_name(spec.task_template.id.name, form) for spec in specs]
    temporary: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for content in contents:
            handle, name = tempfile.mkstemp(prefix=".serialize-", dir=folder)
            temporary.append(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).chmod(0o666 & ~_umask())  # mkstemp gives 0600; these are ordinary files
        for name, target in zip(temporary, names, strict=True):
            Path(name).replace(folder / target)
    except OSError as error:
        raise Failure(
            f"{error.filename or folder}: {error.strerror or error}", status=FAILED, code=type(error).__name__
        ) from error
    finally:
        for name in temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108 - a text, as mkstemp gives it
    return [
        SpecFile(spec=spec, path=folder / name, size=len(content))
        for spec, name, content in zip(specs, names, contents, strict=True)
    ]


def _umask() -> int:
    # There is no way to read it but to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
