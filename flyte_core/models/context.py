"""What surrounds a task: while it is serialized and while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import define, field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flyte_core.models.action import ActionID, Checkpoints, GroupData
    from flyte_core.models.bundle import CodeBundle
    from flyte_core.models.paths import RawDataPath

__all__ = ["ImageCache", "SerializationContext", "TaskContext"]


# Not dict itself: of its many overloads mypy takes none for the type of the constructor's argument.
def _copy(images: Mapping[str, str]) -> dict[str, str]:
    return dict(images)


@frozen(slots=False)
class ImageCache:
    """Which image each environment runs in, once the images are built.

    Args:
        image_lookup: image by name of environment.
        serialized_form: the text that this cache was read from, handed on as it is.

    Example:
        >>> cache = ImageCache({"env": "registry/app:1"})
        >>> ImageCache.from_transport(cache.to_transport).image_lookup
        {'env': 'registry/app:1'}
    """

    image_lookup: dict[str, str] = field(converter=_copy)
    serialized_form: str | None = None

    @property
    def to_transport(self) -> str:
        """The cache as one word of a command line: base64 of gzip of JSON, the same bytes for the same cache."""
        if self.serialized_form is not None:
            return self.serialized_form
        import base64
        import gzip
        import io
        import json

        text = json.dumps({"image_lookup": self.image_lookup}, sort_keys=True, separators=(",", ":"))
        packed = io.BytesIO()
        # Not gzip.compress: from Python 3.11 on its header depends on the platform.
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
            file.write(text.encode())
        return base64.b64encode(packed.getvalue()).decode()

    @classmethod
    def from_transport(cls, text: str) -> ImageCache:
        """Read what `to_transport` wrote.

        Raises:
            InvalidValueError: when the text is something else.
        """
        import base64
        import gzip
        import json
        import zlib

        allowed = "base64 of gzip of a JSON object with image_lookup"
        try:
            content = json.loads(gzip.decompress(base64.b64decode(text, validate=True)))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise InvalidValueError("ImageCache", "text", text, allowed) from error
        lookup = content.get("image_lookup") if isinstance(content, dict) else None
        if not isinstance(lookup, dict):
            raise InvalidValueError("ImageCache", "text", text, allowed)
        return cls(image_lookup=lookup, serialized_form=text)


# Not frozen: the reference's is not, and code written for it assigns to its attributes.
@define(slots=False)
class SerializationContext:
    """What a task's wire form depends on besides the task itself.

    Args:
        version: the version that the task is registered under.
        project: the project.
        domain: the domain.
        org: the organization.
        code_bundle: where the task's code is.
        input_path: where the container reads its inputs.
        output_path: where the container writes its outputs.
        interpreter_path: the Python interpreter inside the image.
        image_cache: the image of each environment, once built.
        root_dir: the folder that modules are named from.

    Example:
        >>> SerializationContext("v1").get_entrypoint_path()
        '/opt/venv/bin/runtime.py'
    """

    version: str
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    code_bundle: CodeBundle | None = None
    input_path: str = "{{.input}}"
    output_path: str = "{{.outputPrefix}}"
    interpreter_path: str = "/opt/venv/bin/python"
    image_cache: ImageCache | None = None
    root_dir: Path | None = None

    def get_entrypoint_path(self, interpreter_path: str | None = None) -> str:
        """The script beside the interpreter that starts a task.

        Args:
            interpreter_path: another interpreter than this context's.
        """
        import posixpath

        folder = posixpath.dirname(self.interpreter_path if interpreter_path is None else interpreter_path)
        return posixpath.join(folder, "runtime.py")


@frozen(kw_only=True, slots=False, eq=False)
class TaskContext:
    """The surroundings of one running action.

    Args:
        action: the action.
        version: the version of the task.
        raw_data_path: where its files go.
        input_path: where its inputs are.
        output_path: where its outputs go.
        run_base_dir: the folder of the run's metadata.
        report: the report that the task may write.
        group_data: the group that the action belongs to.
        checkpoints: the action's checkpoints.
        code_bundle: the code that it runs.
        compiled_image_cache: the image of each environment.
        data: what plugins keep for the time of the action.
        mode: where the run is.
        interactive_mode: whether the run was started from a notebook or a console.
        custom_context: texts that every action hands on to the actions it starts; no part of a cache key.
    """

    action: ActionID
    version: str
    raw_data_path: RawDataPath
    input_path: str | None = None
    output_path: str
    run_base_dir: str
    # The module of reports stands to the right of this one, so that its class can't be named here.
    report: Any
    group_data: GroupData | None = None
    checkpoints: Checkpoints | None = None
    code_bundle: CodeBundle | None = None
    compiled_image_cache: ImageCache | None = None
    data: dict[str, Any] = field(factory=dict)
    mode: Literal["local", "remote", "hybrid"] = "remote"
    interactive_mode: bool = False
    custom_context: dict[str, str] = field(factory=dict)

    def replace(self, *, data: Mapping[str, Any] | None = None, **changes: Any) -> TaskContext:
        """The same context with some fields changed.

        Args:
            data: merged into this context's ``data``.
            **changes: new values of other fields.

        Raises:
            InvalidTypeError: when there is no field of that name.
        """
        unknown = changes.keys() - self.__dict__.keys()
        if unknown:
            name = min(unknown)
            raise InvalidTypeError("TaskContext", name, changes[name], f"one of {', '.join(self.__dict__)}")
        if data:
            changes["data"] = {**self.data, **data}
        # A nested task takes a new context at every call; this is a quarter of what attrs.evolve costs.
        changed = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, **changes)
        return changed

    def __getitem__(self, key: str) -> Any | None:
        return self.data.get(key)

    def is_in_cluster(self) -> bool:
        """Whether the task runs on a cluster."""
        return self.mode == "remote"
