"""flyte_core: a plugin-first framework for Flyte task types.

Every name below is imported on first use, so that ``import flyte_core`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core._logging import (
        logger as logger,
    )
    from flyte_core._version import (
        __version__ as __version__,
    )
    from flyte_core.context import (
        ctx as ctx,
    )
    from flyte_core.environment import (
        Environment as Environment,
    )
    from flyte_core.environment import (
        TaskEnvironment as TaskEnvironment,
    )
    from flyte_core.hookspecs import (
        HookCall as HookCall,
    )
    from flyte_core.hookspecs import (
        hookimpl as hookimpl,
    )
    from flyte_core.models import (
        AMD_GPU as AMD_GPU,
    )
    from flyte_core.models import (
        GPU as GPU,
    )
    from flyte_core.models import (
        HABANA_GAUDI as HABANA_GAUDI,
    )
    from flyte_core.models import (
        TPU as TPU,
    )
    from flyte_core.models import (
        Cache as Cache,
    )
    from flyte_core.models import (
        CachePolicy as CachePolicy,
    )
    from flyte_core.models import (
        CacheRequest as CacheRequest,
    )
    from flyte_core.models import (
        Cron as Cron,
    )
    from flyte_core.models import (
        Device as Device,
    )
    from flyte_core.models import (
        DeviceClass as DeviceClass,
    )
    from flyte_core.models import (
        FixedRate as FixedRate,
    )
    from flyte_core.models import (
        Image as Image,
    )
    from flyte_core.models import (
        Neuron as Neuron,
    )
    from flyte_core.models import (
        PodTemplate as PodTemplate,
    )
    from flyte_core.models import (
        Resources as Resources,
    )
    from flyte_core.models import (
        RetryStrategy as RetryStrategy,
    )
    from flyte_core.models import (
        ReusePolicy as ReusePolicy,
    )
    from flyte_core.models import (
        Secret as Secret,
    )
    from flyte_core.models import (
        SecretRequest as SecretRequest,
    )
    from flyte_core.models import (
        Timeout as Timeout,
    )
    from flyte_core.models import (
        TimeoutType as TimeoutType,
    )
    from flyte_core.models import (
        Trigger as Trigger,
    )
    from flyte_core.models import (
        TriggerTime as TriggerTime,
    )
    from flyte_core.runtime import (
        current_domain as current_domain,
    )
    from flyte_core.runtime import (
        custom_context as custom_context,
    )
    from flyte_core.runtime import (
        get_custom_context as get_custom_context,
    )
    from flyte_core.runtime import (
        group as group,
    )
    from flyte_core.runtime import (
        init as init,
    )
    from flyte_core.runtime import (
        init_from_config as init_from_config,
    )
    from flyte_core.runtime import (
        init_in_cluster as init_in_cluster,
    )
    from flyte_core.runtime import (
        map as map,
    )
    from flyte_core.runtime import (
        run as run,
    )
    from flyte_core.runtime import (
        trace as trace,
    )
    from flyte_core.runtime import (
        with_runcontext as with_runcontext,
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
