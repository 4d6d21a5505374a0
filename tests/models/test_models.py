import ast
import doctest
import importlib
import inspect
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import flyte_core.models

MODULES = sorted(module.name for module in pkgutil.iter_modules(flyte_core.models.__path__))
# Names that code written for the reference's models module uses.
REFERENCE = [
    "ActionID",
    "Checkpoints",
    "CodeBundle",
    "Docstring",
    "GroupData",
    "MAX_INLINE_IO_BYTES",
    "NativeInterface",
    "PathRewrite",
    "RawDataPath",
    "SerializationContext",
    "TaskContext",
    "extract_return_annotation",
    "generate_random_name",
    "literal_to_enum",
]


def in_new_process(code):
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", [*REFERENCE, *flyte_core.models.__all__])
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(flyte_core.models, name)
    assert name in flyte_core.models.__all__
    assert name in dir(flyte_core.models)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__module__.startswith("flyte_core.models.")
        assert inspect.getdoc(value)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        flyte_core.models.nothing_like_it  # noqa: B018 - it raises


def test_the_names_for_type_checkers_are_those_of_the_interpreter():
    tree = ast.parse(pathlib.Path(flyte_core.models.__file__).read_text())
    guard = next(node for node in tree.body if isinstance(node, ast.If))
    checked = {alias.name: node.module for node in guard.body for alias in node.names}
    resolved = {
        name: f"flyte_core.models.{module}"
        for module, names in flyte_core.models._NAMES.items()
        for name in names.split()
    }
    assert checked == resolved
    assert sorted(checked) == sorted(flyte_core.models.__all__)


def test_importing_the_package_imports_no_module_of_it():
    in_new_process(
        "import sys, flyte_core.models; assert not [m for m in sys.modules if m.startswith('flyte_core.models.')]"
    )


def test_all_values_together_need_nothing_heavy():
    heavy = "kubernetes google flyteidl2 rich pydantic msgpack mashumaro docstring_parser packaging asyncio sqlite3"
    in_new_process(
        "import sys, flyte_core.models as m\n"
        "for name in m.__all__: getattr(m, name)\n"
        "m.Image.from_debian_base(name='x').with_pip_packages('x').uri\n"
        f"assert not set('{heavy}'.split()) & {{name.split('.')[0] for name in sys.modules}}"
    )


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_work(name):
    module = importlib.import_module(f"flyte_core.models.{name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_a_module_names_what_it_offers(name):
    module = importlib.import_module(f"flyte_core.models.{name}")
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    assert own <= set(module.__all__)
    assert all(hasattr(module, key) for key in module.__all__)
