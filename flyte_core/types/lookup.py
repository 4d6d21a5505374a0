"""Which transformer is responsible for a Python type.

Exact class first, then the class's MRO, then what plugins claim, then dataclass-like classes, then pickle.
Loads no protobuf until the built-in transformers are asked for.
"""

from __future__ import annotations

import enum
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from flyte_core.errors import InvalidValueError, TypeTransformerFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core.types.transformer import TypeTransformer

__all__ = [
    "find_transformer",
    "is_annotated",
    "is_class",
    "is_pydantic",
    "is_record",
    "is_union",
    "load_claimed",
    "provider_hint",
    "register",
    "register_additional",
    "register_lazily",
    "registered",
    "underlying",
    "version",
]


_GROUP = "flyte_core.type_transformers"
_PROTOCOL = "protocol."


class _State:
    """The registry. `TypeEngine` of the reference keeps it on the class, so there is one in a process."""

    transformers: typing.ClassVar[dict[Any, TypeTransformer[Any]]] = {}
    lazy: typing.ClassVar[dict[Any, Callable[[], TypeTransformer[Any]]]] = {}
    builtins_loaded = False
    version = 0


def version() -> int:
    """A number that grows with every registration; what was compiled before is out of date."""
    return _State.version


def is_class(t: Any) -> bool:
    """Whether the type is a class; in Python 3.10 ``isinstance(list[int], type)`` is true as well."""
    return isinstance(t, type) and typing.get_origin(t) is None


def is_annotated(t: Any) -> bool:
    """Whether the type is ``Annotated[...]``."""
    return typing.get_origin(t) is typing.Annotated


def underlying(t: Any) -> Any:
    """The type inside ``Annotated[...]``, or the type itself."""
    return typing.get_args(t)[0] if is_annotated(t) else t


def is_union(t: Any) -> bool:
    """Whether the type is ``Union[...]``, ``Optional[...]`` or ``A | B``."""
    return t is typing.Union or typing.get_origin(t) in (typing.Union, types.UnionType)


def registered() -> dict[Any, TypeTransformer[Any]]:
    """All registered types with their transformers, in the order of registration."""
    _load_builtins()
    for python_type in list(_State.lazy):
        _wake(python_type)
    return _State.transformers


def register(transformer: TypeTransformer[Any], additional_types: list[Any] | None = None) -> None:
    """Make a transformer responsible for its type, and for more types.

    Raises:
        ValueError: if one of the types has a transformer already; both are named.
    """
    _load_builtins()
    wanted = [transformer.python_type, *(additional_types or [])]
    for python_type in wanted:
        existing = _registered(python_type)
        if existing is not None:
            raise InvalidValueError(
                "TypeEngine.register",
                "transformer",
                transformer.name,
                f"no second transformer for {python_type!r}; {existing.name!r} is registered already",
            )
    for python_type in wanted:
        _State.transformers[python_type] = transformer
    _State.version += 1


def register_additional(transformer: TypeTransformer[Any], python_type: Any, override: bool) -> None:
    """Make a transformer responsible for one more type, unless another is and ``override`` is false."""
    _load_builtins()
    if override or _registered(python_type) is None:
        _State.lazy.pop(python_type, None)
        _State.transformers[python_type] = transformer
        _State.version += 1


def register_lazily(python_type: Any, make: Callable[[], TypeTransformer[Any]]) -> None:
    """Register a type whose transformer is made when the type is first used; for modules that load no protobuf."""
    _State.lazy[python_type] = make
    _State.version += 1


def find_transformer(t: Any) -> TypeTransformer[Any]:
    """The transformer for a type; there always is one, the last resort being pickle."""
    _load_builtins()
    if is_annotated(t):
        for annotation in t.__metadata__:
            if _is_transformer(annotation):
                return typing.cast("TypeTransformer[Any]", annotation)
        return find_transformer(underlying(t))
    return _special(t) or _registered(t) or _by_bases(t) or _by_structure(t)


def _is_transformer(annotation: object) -> bool:
    from flyte_core.types.transformer import TypeTransformer

    return isinstance(annotation, TypeTransformer)


def _special(t: Any) -> TypeTransformer[Any] | None:
    """Types that the registry's keys cannot express."""
    if is_class(t) and issubclass(t, enum.Enum):
        # before the MRO, since ``class Word(str, Enum)`` is an enum, not a str
        return _registered(t) or _State.transformers[enum.Enum]
    if is_union(t):
        return _State.transformers[typing.Union]
    if typing.get_origin(t) is typing.Literal:
        return _State.transformers[typing.Literal]
    return None


def _by_bases(t: Any) -> TypeTransformer[Any] | None:
    """The nearest base class that is registered or claimed by a plugin; then what claims a protocol of the class."""
    owner = typing.get_origin(t) or t
    if not isinstance(owner, type):
        return _registered(owner)
    claimed = _claimed(owner)
    for base in owner.__mro__:
        found = _registered(base)
        if found is not None:
            return found
        if _claimed_name(base) in claimed and _may_be_claimed(base):
            return _load(owner, _claimed_name(base))
    for name in claimed:
        if name.startswith(_PROTOCOL) and hasattr(owner, _dunder(name)):
            return _load(owner, name)
    return None


def _claimed(owner: type) -> list[str]:
    """The names that plugins claim, if asking makes sense for this class."""
    if not _may_be_claimed(owner):
        return []
    from flyte_core.registry import TaskPluginRegistry

    return TaskPluginRegistry.index.names(_GROUP)


def _dunder(name: str) -> str:
    """The attribute that ``protocol.NAME`` claims: ``__NAME__``, such as ``__arrow_c_stream__``."""
    return f"__{name.removeprefix(_PROTOCOL)}__"


def _registered(t: Any) -> TypeTransformer[Any] | None:
    try:
        found = _State.transformers.get(t)
        return _wake(t) if found is None and t in _State.lazy else found
    except TypeError:  # not hashable: a generic over an annotation such as a dict of columns
        return None


def _wake(t: Any) -> TypeTransformer[Any]:
    transformer = _State.lazy[t]()
    _State.transformers[t] = transformer
    del _State.lazy[t]
    return transformer


def load_claimed(t: type) -> bool:
    """Load the plugin that claims a class, also when something else is registered for the class already.

    Args:
        t: the class.

    Returns:
        Whether one claims it, or one of its bases.

    Raises:
        PluginError: it is blocked, contested or broken.
    """
    _load_builtins()
    claimed = _claimed(t)
    for base in t.__mro__:
        if _claimed_name(base) in claimed and _may_be_claimed(base):
            _load(t, _claimed_name(base))
            return True
    return False


def provider_hint(t: Any) -> str:
    """Say what to install for a class that a plugin of this project serves; empty for any other class.

    Args:
        t: the class.

    Example:
        >>> provider_hint(int)
        ''
    """
    from flyte_core.registry.claims import providers_of

    owner = typing.get_origin(t) or t
    for base in getattr(owner, "__mro__", ()):
        for name in providers_of(f"transformer:{_claimed_name(base)}"):
            return f"pip install {name}"
    return ""


def _claimed_name(base: type) -> str:
    return f"{base.__module__.partition('.')[0]}.{base.__name__}"


def _load(owner: type, name: str) -> TypeTransformer[Any]:
    """Register what a plugin's module lists under ``TRANSFORMERS``, and hold it to its claim.

    Raises:
        PluginError: the plugin is blocked, contested or broken, or made for another version of the hook API.
        TypeTransformerFailedError: what it lists is no transformer, or none of it is for the class.
    """
    from flyte_core.registry import TaskPluginRegistry

    module = TaskPluginRegistry.load("transformer", name)
    source = getattr(module, "__name__", str(module))
    for item in getattr(module, "TRANSFORMERS", ()):
        transformer = _made(item, source)
        register_additional(transformer, transformer.python_type, override=False)
        if name.startswith(_PROTOCOL) and hasattr(transformer.python_type, _dunder(name)):
            register_additional(transformer, owner, override=False)
    for base in owner.__mro__:
        found = _registered(base)
        if found is not None:
            return found
    raise TypeTransformerFailedError(f"{source} claims {name!r}, but none of its TRANSFORMERS is for {owner!r}")


def _made(item: Any, source: str) -> TypeTransformer[Any]:
    try:
        transformer = item() if isinstance(item, type) else item
    except Exception as error:  # a plugin's constructor
        raise TypeTransformerFailedError(f"{source}: {item!r} of its TRANSFORMERS cannot be made: {error}") from error
    if not _is_transformer(transformer):
        raise TypeTransformerFailedError(f"{source}: its TRANSFORMERS has {item!r}, which is no TypeTransformer")
    return typing.cast("TypeTransformer[Any]", transformer)


def _may_be_claimed(owner: type) -> bool:
    """Whether asking plugins makes sense: not for the standard library, nor for what the core serves itself."""
    top = owner.__module__.partition(".")[0]
    return top not in sys.stdlib_module_names and top != "pydantic" and not (is_record(owner) or is_pydantic(owner))


def is_record(t: Any) -> bool:
    """Whether the type is a dataclass or an attrs class, or a generic over one."""
    owner = typing.get_origin(t) or t
    return isinstance(owner, type) and (hasattr(owner, "__dataclass_fields__") or hasattr(owner, "__attrs_attrs__"))


def is_pydantic(t: Any) -> bool:
    """Whether the type is a pydantic model; never imports pydantic, since a model's module did."""
    main = sys.modules.get("pydantic.main")
    return main is not None and isinstance(t, type) and issubclass(t, main.BaseModel)


def _by_structure(t: Any) -> TypeTransformer[Any]:
    from flyte_core.types import records
    from flyte_core.types.pickled import PICKLE

    if is_pydantic(t):
        return records.PYDANTIC
    if is_record(t):
        return records.RECORD
    return PICKLE


def _load_builtins() -> None:
    if not _State.builtins_loaded:
        from flyte_core.types.builtin import builtin_transformers

        # reentrant: codecs made while the table is built find it complete, or build the same one again
        _State.transformers = {**builtin_transformers(), **_State.transformers}
        _State.builtins_loaded = True
