"""Every public exception of flyte_core; each message says what happened, where, and what to do.

All of them derive from `FlyteCoreError`, and also from the built-in exception that the Flyte SDK
raises in the same place, so that ``except ValueError`` written for the SDK keeps working.

The run-time family (`BaseRuntimeError` and below) carries Flyte's error ``code`` and ``kind``; names and
constructor arguments are those of ``flyte.errors`` 2.0.0b33.
"""

from __future__ import annotations

from flyte_core.errors.base import (
    FlyteCoreError,
    near_misses,
    without_secrets,
)
from flyte_core.errors.base import (
    is_task_code as is_task_code,
)
from flyte_core.errors.base import (
    mark_as_task_code as mark_as_task_code,
)
from flyte_core.errors.images import (
    RegistryAnswerError,
    RegistryAuthError,
    RegistryError,
    RegistryTimeoutError,
    RegistryUnavailableError,
)
from flyte_core.errors.plugins import (
    HookCallError,
    HookError,
    HookValidationError,
    PluginBlockedError,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
    PluginVersionError,
    RequiredPluginError,
)
from flyte_core.errors.runtime import (
    ActionNotFoundError,
    BaseRuntimeError,
    CustomError,
    DeploymentError,
    ErrorKind,
    ImageBuildError,
    ImagePullBackOffError,
    InitializationError,
    InlineIOMaxBytesBreached,
    InvalidImageNameError,
    LogsNotYetAvailableError,
    ModuleLoadError,
    NotInTaskContextError,
    OnlyAsyncIOSupportedError,
    OOMError,
    PrimaryContainerNotFoundError,
    ReferenceTaskError,
    RetriesExhaustedError,
    RunAbortedError,
    RuntimeDataValidationError,
    RuntimeSystemError,
    RuntimeUnknownError,
    RuntimeUserError,
    SlowDownError,
    TaskInterruptedError,
    TaskTimeoutError,
    UnionRpcError,
)
from flyte_core.errors.sources import MissingSourceError, SourceError
from flyte_core.errors.storage import (
    BundleError,
    CacheError,
    SourceNotFoundError,
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    StoragePermissionError,
    StorageTimeoutError,
    UnsafePathError,
    UnsupportedStorageError,
)
from flyte_core.errors.values import (
    ClusterRequiredError,
    ConfigError,
    DataFrameSchemaError,
    DuplicateHandlerError,
    InputError,
    InvalidTypeError,
    InvalidValueError,
    SerializationError,
    TaskNotExecutableError,
    TypeTransformerFailedError,
    UnknownFieldError,
    UnresolvedAnnotationError,
)

__all__ = [
    "ActionNotFoundError",
    "BaseRuntimeError",
    "BundleError",
    "CacheError",
    "ClusterRequiredError",
    "ConfigError",
    "CustomError",
    "DataFrameSchemaError",
    "DeploymentError",
    "DuplicateHandlerError",
    "ErrorKind",
    "FlyteCoreError",
    "HookCallError",
    "HookError",
    "HookValidationError",
    "ImageBuildError",
    "ImagePullBackOffError",
    "InitializationError",
    "InlineIOMaxBytesBreached",
    "InputError",
    "InvalidImageNameError",
    "InvalidTypeError",
    "InvalidValueError",
    "LogsNotYetAvailableError",
    "MissingSourceError",
    "ModuleLoadError",
    "NotInTaskContextError",
    "OOMError",
    "OnlyAsyncIOSupportedError",
    "PluginBlockedError",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginVersionError",
    "PrimaryContainerNotFoundError",
    "ReferenceTaskError",
    "RegistryAnswerError",
    "RegistryAuthError",
    "RegistryError",
    "RegistryTimeoutError",
    "RegistryUnavailableError",
    "RequiredPluginError",
    "RetriesExhaustedError",
    "RunAbortedError",
    "RuntimeDataValidationError",
    "RuntimeSystemError",
    "RuntimeUnknownError",
    "RuntimeUserError",
    "SerializationError",
    "SlowDownError",
    "SourceError",
    "SourceNotFoundError",
    "StorageError",
    "StorageIntegrityError",
    "StorageNotFoundError",
    "StoragePermissionError",
    "StorageTimeoutError",
    "TaskInterruptedError",
    "TaskNotExecutableError",
    "TaskTimeoutError",
    "TypeTransformerFailedError",
    "UnionRpcError",
    "UnknownFieldError",
    "UnresolvedAnnotationError",
    "UnsafePathError",
    "UnsupportedStorageError",
    "near_misses",
    "without_secrets",
]

for _name in __all__:
    # Tracebacks name an exception where users import it.
    if isinstance(_class := globals()[_name], type):
        _class.__module__ = __name__
