"""flyte_core: a plugin-first framework for Flyte task types.

Every name below is imported on first use, so that ``import flyte_core`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core._logging import (
        logger,
    )
    from flyte_core._version import (
        __version__,
    )
    from flyte_core.context import (
        ctx,
    )
    from flyte_core.environment import (
        Environment,
        TaskEnvironment,
    )
    from flyte_core.hookspecs import (
        HookCall,
        hookimpl,
    )
    from flyte_core.images import (
        build,
        build_images,
    )
    from flyte_core.models import (
        AMD_GPU,
        GPU,
        HABANA_GAUDI,
        TPU,
        Cache,
        CachePolicy,
        CacheRequest,
        Cron,
        Device,
        DeviceClass,
        FixedRate,
        Image,
        Neuron,
        PodTemplate,
        Resources,
        RetryStrategy,
        ReusePolicy,
        Secret,
        SecretRequest,
        Timeout,
        TimeoutType,
        Trigger,
        TriggerTime,
    )
    from flyte_core.runtime import (
        current_domain,
        custom_context,
        get_custom_context,
        group,
        init,
        init_from_config,
        init_in_cluster,
        map,
        run,
        trace,
        with_runcontext,
    )

__all__ = [
    "AMD_GPU",
    "Cache",
    "CachePolicy",
    "CacheRequest",
    "Cron",
    "Device",
    "DeviceClass",
    "Environment",
    "FixedRate",
    "GPU",
    "HABANA_GAUDI",
    "HookCall",
    "Image",
    "Neuron",
    "PodTemplate",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "SecretRequest",
    "TPU",
    "TaskEnvironment",
    "Timeout",
    "TimeoutType",
    "Trigger",
    "TriggerTime",
    "__version__",
    "build",
    "build_images",
    "ctx",
    "current_domain",
    "custom_context",
    "get_custom_context",
    "group",
    "hookimpl",
    "init",
    "init_from_config",
    "init_in_cluster",
    "logger",
    "map",
    "run",
    "trace",
    "version",
    "with_runcontext",
]

_HOME = {
    **dict.fromkeys(
        [
            "AMD_GPU",
            "Cache",
            "CachePolicy",
            "CacheRequest",
            "Cron",
            "Device",
            "DeviceClass",
            "FixedRate",
            "GPU",
            "HABANA_GAUDI",
            "Image",
            "Neuron",
            "PodTemplate",
            "Resources",
            "RetryStrategy",
            "ReusePolicy",
            "Secret",
            "SecretRequest",
            "TPU",
            "Timeout",
            "TimeoutType",
            "Trigger",
            "TriggerTime",
        ],
        ".models",
    ),
    **dict.fromkeys(["Environment", "TaskEnvironment"], ".environment"),
    **dict.fromkeys(["ctx"], ".context"),
    **dict.fromkeys(["HookCall", "hookimpl"], ".hookspecs"),
    **dict.fromkeys(["build", "build_images"], ".images"),
    **dict.fromkeys(["logger"], "._logging"),
    **dict.fromkeys(["__version__"], "._version"),
    **dict.fromkeys(
        [
            "current_domain",
            "custom_context",
            "get_custom_context",
            "group",
            "init",
            "init_from_config",
            "init_in_cluster",
            "map",
            "run",
            "trace",
            "with_runcontext",
        ],
        ".runtime",
    ),
}


def version() -> str:
    """Give the version of flyte_core."""
    from flyte_core._version import __version__

    return __version__


__getattr__, __dir__ = lazy_names(__name__, _HOME)
