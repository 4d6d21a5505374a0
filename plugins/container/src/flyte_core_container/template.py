"""ContainerTask: any image as a typed task, with no SDK inside it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface, check_timeout
from flyte_core_container import wire
from flyte_core_container.copilot.choices import FORMATS, check_choice
from flyte_core_container.copilot.names import RESERVED_INPUTS
from flyte_core_container.declaration import (
    RESERVED_OUTPUTS,
    check_names,
    check_templates,
    folder,
    words,
)
from flyte_core_container.misspelt import warn_of_misspelt

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2

    from flyte_core.models import Image, SerializationContext

__all__ = ["TASK_TYPE", "ContainerTask"]

#: The task type, here and on the wire.
TASK_TYPE = "raw-container"

#: Seconds that a pull may take unless the task says otherwise.
_PULL_TIMEOUT = 1800.0

#: Seconds between SIGTERM and SIGKILL, as Docker has it.
_STOP_GRACE = 10.0


class ContainerTask(TaskTemplate):
    """A container as a task: an image, its command, and files for its inputs and outputs.

    Each input is a file in ``input_data_dir`` that has its name; each output is a file, or for a `Dir` a folder, that
    the container writes into ``output_data_dir``. Small inputs can stand in the command as ``{{.inputs.NAME}}``. On a
    cluster Flyte's CoPilot carries the data; a local run does the same with a Docker engine.

    Args:
        name: the task's name.
        image: URI, `Image`, or ``"auto"`` for the default image.
        command: the words that the image's entry point gets; no shell is involved.
        inputs: of each input its type.
        arguments: further words, after the command.
        outputs: of each output its type, in the order in which callers get them.
        input_data_dir: folder of the inputs in the container.
        output_data_dir: folder of the outputs in the container.
        metadata_format: of the file ``inputs.json``, ``inputs.yaml`` or ``inputs.pb`` beside the inputs.
        local_logs: whether a local run prints what the container prints.
        user: user or user:group in the container; default the image's.
        working_dir: working folder in the container; default the image's.
        pull_policy: for local runs: ``"missing"`` pulls an image that the engine does not have, ``"always"`` and
            ``"never"`` are what they say.
        pull_timeout: seconds that a pull may take.
        stop_grace: seconds between SIGTERM and SIGKILL when a local run is cancelled or takes too long.
        **kwargs: further fields of a task: ``resources``, ``env_vars``, ``timeout``, ``retries``, ``cache``, ...

    Raises:
        InvalidValueError: (a ValueError) for words that are no texts, names that cannot be files, templates of inputs
            that are not declared or have no form as a word, folders that are not absolute, and unknown formats.
        InvalidTypeError: (a TypeError) for values of a wrong type.

    Example:
        >>> area = ContainerTask(
        ...     name="area",
        ...     image="busybox:1",
        ...     command=["sh", "-c", "echo $(({{.inputs.a}} * {{.inputs.b}})) > /var/outputs/area"],
        ...     inputs={"a": int, "b": int},
        ...     outputs={"area": int},
        ... )
        >>> area.task_type
        'raw-container'
    """

    MetadataFormat: ClassVar[Any] = Literal["JSON", "YAML", "PROTO"]

    def __init__(
        self,
        name: str,
        image: str | Image,
        command: Sequence[str],
        inputs: Mapping[str, Any] | None = None,
        arguments: Sequence[str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        input_data_dir: str | os.PathLike[str] = "/var/inputs",
        output_data_dir: str | os.PathLike[str] = "/var/outputs",
        metadata_format: Literal["JSON", "YAML", "PROTO"] = "JSON",
        local_logs: bool = True,
        *,
        user: str | int | None = None,
        working_dir: str | os.PathLike[str] | None = None,
        pull_policy: Literal["missing", "always", "never"] = "missing",
        pull_timeout: float = _PULL_TIMEOUT,
        stop_grace: float = _STOP_GRACE,
        **kwargs: Any,
    ) -> None:
        # Before the template's own fields, since its __init__ ends in __post_init__.
        self.command = words(f"task {name!r}", "command", command)
        self.arguments = words(f"task {name!r}", "arguments", arguments)
        self.input_data_dir: PurePosixPath = input_data_dir  # type: ignore[assignment] # __post_init__ makes it one
        self.output_data_dir: PurePosixPath = output_data_dir  # type: ignore[assignment] # as above
        self.metadata_format = metadata_format
        self.local_logs = local_logs
        self.user = _user(f"task {name!r}", user)
        self.working_dir: PurePosixPath | None = working_dir  # type: ignore[assignment] # as above
        self.pull_policy = pull_policy
        self.pull_timeout = pull_timeout
        self.stop_grace = stop_grace
        no_default = inspect.Parameter.empty
        interface = NativeInterface(
            {key: (python_type, no_default) for key, python_type in _types(name, "inputs", inputs).items()},
            dict(_types(name, "outputs", outputs)),
        )
        super().__init__(name=name, image=image, interface=interface, task_type=TASK_TYPE, **kwargs)

    def __post_init__(self) -> None:
        """Bring the fields into their full form and check them; also after ``override``."""
        super().__post_init__()
        owner = f"task {self.name!r}"
        if self.image is None:
            raise InvalidTypeError(owner, "image", None, "an image: it is what the task runs")
        self.command = words(owner, "command", self.command)
        self.arguments = words(owner, "arguments", self.arguments)
        self.input_data_dir = folder(owner, "input_data_dir", self.input_data_dir)
        self.output_data_dir = folder(owner, "output_data_dir", self.output_data_dir)
        if self.input_data_dir == self.output_data_dir:
            raise InvalidValueError(
                owner, "output_data_dir", str(self.output_data_dir), "another folder than the inputs'"
            )
        if self.working_dir is not None:
            self.working_dir = folder(owner, "working_dir", self.working_dir)
        self.user = _user(owner, self.user)
        check_choice(owner, "metadata_format", self.metadata_format, FORMATS)
        check_choice(owner, "pull_policy", self.pull_policy, ("missing", "always", "never"))
        check_timeout(owner, self.timeout)
        for field in ("pull_timeout", "stop_grace"):
            _check_seconds(owner, field, getattr(self, field))
        inputs = self.interface.inputs
        check_names(owner, "inputs", inputs, RESERVED_INPUTS)
        check_names(owner, "outputs", self.interface.outputs, RESERVED_OUTPUTS)
        types = {key: python_type for key, (python_type, _) in inputs.items()}
        for field, texts in (("command", self.command), ("arguments", self.arguments)):
            check_templates(owner, field, texts, types, self.input_data_dir)
            warn_of_misspelt(owner, field, texts, types, self.output_data_dir)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the container on the local Docker engine and give its outputs, one for each that is declared.

        Args:
            *args: none; inputs have names.
            **kwargs: the inputs.

        Returns:
            A tuple with the outputs in their order.

        Raises:
            ContainerFailedError: when the container ends with another code than 0, or cannot be started.
            OOMError: when it needs more memory than it has.
            TaskTimeoutError: when it takes longer than the task's timeout.
            ImagePullBackOffError: when the image cannot be had.
            EngineUnavailableError: when there is no engine.
            OutputError: when an output is missing or cannot be read.
        """
        from flyte_core_container.local import execute

        return await execute(self, args, kwargs)

    def container_args(self, sctx: SerializationContext) -> list[str]:
        """Give command and arguments, with their templates for the cluster to fill in."""
        return wire.container_args(self)

    def custom_config(self, sctx: SerializationContext) -> Mapping[str, Any]:
        """Give what a container on the wire has no field for: the user and the working folder."""
        return wire.custom_config(self)

    def data_loading_config(self, sctx: SerializationContext) -> tasks_pb2.DataLoadingConfig:
        """Have CoPilot carry the inputs and outputs."""
        return wire.data_loading_config(self)


def _types(name: str, field: str, variables: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if variables is None:
        return {}
    if not isinstance(variables, Mapping):
        raise InvalidTypeError(f"task {name!r}", field, variables, "a mapping of types by name")
    return variables


def _user(owner: str, user: str | int | None) -> str | None:
    if user is None:
        return None
    text = str(user)
    if isinstance(user, bool) or not isinstance(user, (str, int)):
        raise InvalidTypeError(owner, "user", user, "a name or number such as 1000, app or app:staff")
    if not text or any(c.isspace() or c == "\0" for c in text) or text.startswith("-"):
        raise InvalidValueError(owner, "user", user, "a name or number such as 1000, app or app:staff")
    return text


def _check_seconds(owner: str, field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTypeError(owner, field, value, "a number of seconds")
    if not 0 <= value < float("inf"):
        raise InvalidValueError(owner, field, value, "a number of seconds of at least 0")
