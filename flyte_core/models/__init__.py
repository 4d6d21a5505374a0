"""Frozen values that describe tasks; every name is loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.models.accelerators import DEVICES, wire_name
    from flyte_core.models.action import ActionID, Checkpoints, GroupData, generate_random_name
    from flyte_core.models.bundle import CodeBundle
    from flyte_core.models.cache import (
        Cache,
        CacheBehavior,
        CachePolicy,
        CacheRequest,
        FunctionBodyPolicy,
        VersionParameters,
        cache_from_request,
    )
    from flyte_core.models.context import ImageCache, SerializationContext, TaskContext
    from flyte_core.models.docstring import Docstring
    from flyte_core.models.documentation import Documentation
    from flyte_core.models.image import Architecture, Image
    from flyte_core.models.interface import (
        NativeInterface,
        default_output_name,
        extract_return_annotation,
        literal_to_enum,
    )
    from flyte_core.models.layers import (
        AptPackages,
        Commands,
        CopyConfig,
        DockerIgnore,
        Env,
        Layer,
        LayerFile,
        PipOption,
        PipPackages,
        PoetryProject,
        PythonWheels,
        Requirements,
        UVProject,
        UVScript,
        WorkDir,
        layer_files,
    )
    from flyte_core.models.limits import MAX_INLINE_IO_BYTES
    from flyte_core.models.paths import PathRewrite, RawDataPath
    from flyte_core.models.pod import PRIMARY_CONTAINER_DEFAULT_NAME, PRIMARY_CONTAINER_NAME_FIELD, PodTemplate
    from flyte_core.models.quantity import is_quantity, parse_quantity
    from flyte_core.models.resources import AMD_GPU, GPU, HABANA_GAUDI, TPU, Device, DeviceClass, Neuron, Resources
    from flyte_core.models.retry import RetryStrategy, retry_from_request
    from flyte_core.models.reuse import ReusePolicy
    from flyte_core.models.secret import Secret, SecretRequest, secrets_from_request
    from flyte_core.models.timeout import Timeout, TimeoutType, check_timeout, timeout_from_request
    from flyte_core.models.trigger import Cron, FixedRate, Trigger, TriggerTime

__all__ = [
    "AMD_GPU",
    "DEVICES",
    "GPU",
    "HABANA_GAUDI",
    "MAX_INLINE_IO_BYTES",
    "PRIMARY_CONTAINER_DEFAULT_NAME",
    "PRIMARY_CONTAINER_NAME_FIELD",
    "TPU",
    "ActionID",
    "AptPackages",
    "Architecture",
    "Cache",
    "CacheBehavior",
    "CachePolicy",
    "CacheRequest",
    "Checkpoints",
    "CodeBundle",
    "Commands",
    "CopyConfig",
    "Cron",
    "Device",
    "DeviceClass",
    "DockerIgnore",
    "Docstring",
    "Documentation",
    "Env",
    "FixedRate",
    "FunctionBodyPolicy",
    "GroupData",
    "Image",
    "ImageCache",
    "Layer",
    "LayerFile",
    "NativeInterface",
    "Neuron",
    "PathRewrite",
    "PipOption",
    "PipPackages",
    "PodTemplate",
    "PoetryProject",
    "PythonWheels",
    "RawDataPath",
    "Requirements",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "SecretRequest",
    "SerializationContext",
    "TaskContext",
    "Timeout",
    "TimeoutType",
    "Trigger",
    "TriggerTime",
    "UVProject",
    "UVScript",
    "VersionParameters",
    "WorkDir",
    "cache_from_request",
    "check_timeout",
    "default_output_name",
    "extract_return_annotation",
    "generate_random_name",
    "is_quantity",
    "layer_files",
    "literal_to_enum",
    "parse_quantity",
    "retry_from_request",
    "secrets_from_request",
    "timeout_from_request",
    "wire_name",
]

# The same as the imports above, for the interpreter; a test keeps the two equal.
_NAMES = {
    "accelerators": "DEVICES wire_name",
    "action": "ActionID Checkpoints GroupData generate_random_name",
    "bundle": "CodeBundle",
    "cache": "Cache CacheBehavior CachePolicy CacheRequest FunctionBodyPolicy VersionParameters cache_from_request",
    "limits": "MAX_INLINE_IO_BYTES",
    "context": "ImageCache SerializationContext TaskContext",
    "docstring": "Docstring",
    "documentation": "Documentation",
    "image": "Architecture Image",
    "interface": "NativeInterface default_output_name extract_return_annotation literal_to_enum",
    "layers": "AptPackages Commands CopyConfig DockerIgnore Env Layer LayerFile PipOption PipPackages PoetryProject"
    " PythonWheels Requirements UVProject UVScript WorkDir layer_files",
    "paths": "PathRewrite RawDataPath",
    "pod": "PRIMARY_CONTAINER_DEFAULT_NAME PRIMARY_CONTAINER_NAME_FIELD PodTemplate",
    "quantity": "is_quantity parse_quantity",
    "resources": "AMD_GPU GPU HABANA_GAUDI TPU Device DeviceClass Neuron Resources",
    "retry": "RetryStrategy retry_from_request",
    "reuse": "ReusePolicy",
    "secret": "Secret SecretRequest secrets_from_request",
    "timeout": "Timeout TimeoutType check_timeout timeout_from_request",
    "trigger": "Cron FixedRate Trigger TriggerTime",
}

__getattr__, __dir__ = lazy_names(
    __name__, {name: f".{module}" for module, names in _NAMES.items() for name in names.split()}
)
