"""Python types, Flyte's literal types and literals: the public names, resolved when they are first touched.

Importing this package loads no protobuf; touching `TypeEngine` does. Names and signatures are those of
``flyte.types`` 2.0.0b33.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.errors import TypeTransformerFailedError
    from flyte_core.types.engine import TypeEngine
    from flyte_core.types.interface import guess_interface
    from flyte_core.types.pickled import FlytePickle
    from flyte_core.types.renderer import Renderable
    from flyte_core.types.strings import literal_string_repr
    from flyte_core.types.transformer import TypeTransformer

__all__ = [
    "FlytePickle",
    "Renderable",
    "TypeEngine",
    "TypeTransformer",
    "TypeTransformerFailedError",
    "guess_interface",
    "literal_string_repr",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "FlytePickle": ".pickled",
        "Renderable": ".renderer",
        "TypeEngine": ".engine",
        "TypeTransformer": ".transformer",
        "TypeTransformerFailedError": "flyte_core.errors",
        "guess_interface": ".interface",
        "literal_string_repr": ".strings",
    },
)
