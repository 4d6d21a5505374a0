from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import pytest
from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType, SimpleType

from flyte_core import registry
from flyte_core.discovery import PluginIndex
from flyte_core.errors import PluginConflictError, PluginLoadError, PluginVersionError, TypeTransformerFailedError
from flyte_core.registry import Registry
from flyte_core.types import TypeTransformer, lookup
from flyte_core.types.codec import codec_for

GROUP = "flyte_core.type_transformers"

TRANSFORMER = """
import asyncio
from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
from flyteidl2.core.types_pb2 import LiteralType, SimpleType
from flyte_core.types import TypeTransformer
from {module} import {cls}

class Transformer(TypeTransformer):
    def __init__(self):
        super().__init__("{cls}", {cls})
    def get_literal_type(self, t):
        return LiteralType(simple=SimpleType.STRING)
    async def to_literal(self, python_val, python_type, expected):
        return Literal(scalar=Scalar(primitive=Primitive(string_value=python_val.text)))
    async def to_python_value(self, lv, expected_python_type):
        return {cls}(lv.scalar.primitive.string_value)

TRANSFORMERS = [Transformer]
"""

FRAMES = """
class Base:
    def __init__(self, text):
        self.text = text

class Frame(Base):
    pass

class Streamed:
    __own_stream__ = True
    def __init__(self, text):
        self.text = text
"""


RECORD = """
import dataclasses
from flyte_core.types.codec import codec_for
P = dataclasses.make_dataclass("P", [("x", int)])
codec = codec_for(P)
assert codec.decode(codec.encode(P(1))) == P(1)
"""


@pytest.fixture
def plugins(site, monkeypatch, own_registry):
    """A site folder whose plugins, and no others, the type system sees, with a package of classes."""
    site.module("framelib.frames", FRAMES)
    monkeypatch.setattr("flyte_core.registry.TaskPluginRegistry", Registry(index=PluginIndex(path=[str(site)])))
    return site


def frames() -> types.ModuleType:
    import framelib.frames

    return framelib.frames


def claim(site, name, cls="Frame", **more):
    source = TRANSFORMER.format(module="framelib.frames", cls=cls)
    return site.plugin(GROUP, name, source, dist=f"dist-{name.replace('.', '-')}", **more)


def test_a_plugin_serves_the_class_it_claims_and_is_imported_for_no_other(plugins):
    module = claim(plugins, "framelib.Frame")
    codec_for(list[int])
    codec_for(complex)
    assert module not in sys.modules
    t = frames().Frame
    codec = codec_for(list[t])
    assert module in sys.modules
    assert codec.literal_type.collection_type.WhichOneof("type") == "simple"
    assert codec.decode(codec.encode([t("x")]))[0].text == "x"


def test_a_claim_of_a_base_serves_the_subclass(plugins):
    claim(plugins, "framelib.Base", cls="Base")
    assert lookup.find_transformer(frames().Frame).name == "Base"


def test_the_claim_of_the_class_itself_comes_before_the_one_of_its_base(plugins):
    claim(plugins, "framelib.Base", cls="Base")
    claim(plugins, "framelib.Frame")
    assert lookup.find_transformer(frames().Frame).name == "Frame"


def test_a_claim_of_a_protocol_serves_every_class_that_offers_it(plugins):
    source = TRANSFORMER.format(module="framelib.frames", cls="Streamed")
    plugins.plugin(GROUP, "protocol.own_stream", source, dist="dist-protocol")

    class Like:
        __own_stream__ = True

    Like.__module__ = "elsewhere"
    assert lookup.find_transformer(Like).name == "Streamed"
    assert lookup.find_transformer(frames().Frame).name == "FlytePickle"


def test_a_plugin_that_lists_no_transformer_for_its_claim_is_an_error_that_names_it(plugins):
    module = plugins.plugin(GROUP, "framelib.Frame", "TRANSFORMERS = []", dist="dist-empty")
    with pytest.raises(TypeTransformerFailedError, match=rf"{module} claims 'framelib\.Frame'"):
        lookup.find_transformer(frames().Frame)


def test_two_claims_of_one_class_are_a_conflict_that_names_both(plugins):
    claim(plugins, "framelib.Frame")
    plugins.plugin(GROUP, "framelib.Frame", "TRANSFORMERS = []", dist="dist-second")
    with pytest.raises(PluginConflictError, match=r"(?s)dist-framelib-frame.*dist-second"):
        lookup.find_transformer(frames().Frame)


def test_a_transformer_registered_by_hand_needs_no_plugin(plugins, celsius):
    plugins.plugin(GROUP, f"{celsius.__module__.partition('.')[0]}.Celsius", "raise AssertionError('imported')")
    assert lookup.find_transformer(celsius).name == "celsius"


@pytest.mark.parametrize(
    ("t", "name"),
    [
        (int, "int"),
        (None, "none"),
        (Any, "FlytePickle"),
        (object, "FlytePickle"),
        (bytes, "FlytePickle"),
        (list, "Typed List"),
        (dict[int, Any], "Typed Dict"),
        (int | None, "Typed Union"),
    ],
)
def test_every_type_has_a_transformer(t, name):
    assert lookup.find_transformer(t).name == name


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import flyte_core.types, flyte_core.io", {"google", "flyteidl2", "msgpack", "mashumaro", "pydantic"}),
        (
            "from flyte_core.types import TypeEngine; TypeEngine.to_literal_type(list[int])",
            {"msgpack", "mashumaro", "pydantic", "cloudpickle"},
        ),
        (
            RECORD,
            {"pydantic", "cloudpickle"},
        ),
    ],
)
def test_a_library_is_imported_only_when_a_type_needs_it(code, absent):
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


def test_the_public_names_are_listed_and_others_are_missing():
    import flyte_core.types

    assert set(flyte_core.types.__all__) <= set(dir(flyte_core.types))
    for name in flyte_core.types.__all__:
        assert getattr(flyte_core.types, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        flyte_core.types.nonsense  # noqa: B018 - the look-up is what is tested


def test_the_class_itself_is_asked_also_after_its_base_was_used(plugins):
    claim(plugins, "framelib.Base", cls="Base")
    claim(plugins, "framelib.Frame")
    assert lookup.find_transformer(frames().Base).name == "Base"
    assert lookup.find_transformer(frames().Frame).name == "Frame"


def test_a_base_that_is_registered_by_hand_comes_before_the_claim_of_one_further_away(plugins, celsius_transformer):
    claim(plugins, "framelib.Base", cls="Base")

    class Between(frames().Base):
        pass

    class Lowest(Between):
        pass

    own = celsius_transformer()
    lookup.register_additional(own, Between, override=False)
    assert lookup.find_transformer(Lowest) is own


_BASE = "from flyte_core.types import TypeTransformer\nclass A(TypeTransformer):\n"


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("raise KeyError('boom')", PluginLoadError, r"(?s)dist-broken.*KeyError: 'boom'"),
        ("flyte_core_api = '>=99'\nTRANSFORMERS = []", PluginVersionError, r"(?s)dist-broken.*made for version '>=99'"),
        ("flyte_core_api = 'x'", PluginVersionError, r"(?s)dist-broken.*flyte_core_api"),
        ("TRANSFORMERS = [5]", PluginLoadError, "TRANSFORMERS has 5, which is no TypeTransformer"),
        ("TRANSFORMERS = [dict]", PluginLoadError, "which is no TypeTransformer"),
        ("TRANSFORMERS = 5", PluginLoadError, "its TRANSFORMERS is 5, which is no list"),
        ("", PluginLoadError, r"(?s)dist-broken.*has no TRANSFORMERS, the list of its transformers; mend"),
        ("TRANSFORMER = []", PluginLoadError, "is TRANSFORMER a misspelling of it?"),
        ("transformers = []", PluginLoadError, "is transformers a misspelling of it?"),
        (
            f"{_BASE}    def get_literal_typ(self, t): ...\n    async def to_literal(self, v, t, e): ...\nTRANSFORMERS = [A]",
            PluginLoadError,
            r"A has no get_literal_type; is get_literal_typ a misspelling of it\?; A has no to_python_value; mend",
        ),
        (
            f"{_BASE}    codec = None\n    def __init__(self, x): ...\nTRANSFORMERS = [A]",
            TypeTransformerFailedError,
            "cannot be made",
        ),
        (
            "from flyte_core.types import TypeTransformer\nTRANSFORMERS = [TypeTransformer('other', complex)]",
            TypeTransformerFailedError,
            r"claims 'framelib\.Frame', but none of its TRANSFORMERS is for .*Frame",
        ),
    ],
)
def test_a_broken_plugin_is_an_error_that_names_it_each_time(plugins, source, error, message):
    plugins.plugin(GROUP, "framelib.Frame", source, dist="dist-broken")
    for _ in range(2):
        with pytest.raises(error, match=message):
            lookup.find_transformer(frames().Frame)


class Failing(TypeTransformer):
    """Fails where it is told to, returns nonsense elsewhere."""

    def __init__(self, t, place):
        super().__init__("failing", t)
        self._place = place

    def _act(self, place, result):
        if self._place == place:
            raise KeyError("boom")
        return "nonsense" if self._place == f"{place} nonsense" else result

    def get_literal_type(self, t):
        return self._act("get_literal_type", LiteralType(simple=SimpleType.STRING))

    def assert_type(self, t, v):
        self._act("assert_type", None)

    async def to_literal(self, python_val, python_type, expected):
        return self._act("to_literal", Literal())

    async def to_python_value(self, lv, expected_python_type):
        return self._act("to_python_value", None)


@pytest.mark.parametrize(
    "place",
    [
        "get_literal_type",
        "get_literal_type nonsense",
        "assert_type",
        "to_literal",
        "to_literal nonsense",
        "to_python_value",
    ],
)
def test_what_a_transformer_does_wrong_is_told_as_its_own(own_registry, place):
    class Odd:
        pass

    lookup.register(Failing(Odd, place))
    reason = "must return a .*'nonsense'" if "nonsense" in place else "failed with KeyError: 'boom'"
    with pytest.raises(TypeTransformerFailedError, match=f"{place.split()[0]} of the transformer 'failing' .*{reason}"):
        codec_for(list[Odd]).decode(codec_for(list[Odd]).encode([Odd()]))


def test_a_transformer_without_a_method_is_named_with_the_misspelt_one(own_registry):
    class Cents:
        pass

    class CentsTransformer(TypeTransformer):
        def get_literal_typ(self, t):
            return LiteralType(simple=SimpleType.INTEGER)

    lookup.register(CentsTransformer("cents", Cents))
    with pytest.raises(
        TypeTransformerFailedError, match=r"'cents' of .*test_lookup is incomplete: .*get_literal_typ a"
    ):
        codec_for(Cents)


def test_checking_a_plugin_of_transformers_finds_what_a_run_would(plugins):
    plugins.plugin(GROUP, "framelib.Frame", "TRANSFORMER = []", dist="dist-broken")
    with pytest.raises(PluginLoadError, match="has no TRANSFORMERS"):
        registry.TaskPluginRegistry.check("transformer", "framelib.Frame")
