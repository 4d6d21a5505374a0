"""The examples in docstrings work."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import flyte_core


def _modules() -> list[str]:
    found = pkgutil.walk_packages(flyte_core.__path__, "flyte_core.")
    return ["flyte_core", *(module.name for module in found if not module.name.endswith("__main__"))]


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "cache"))
    # Examples that serialize take the working directory for the one that modules are imported from.
    monkeypatch.chdir(Path(__file__).parents[2])
    from flyte_core.runtime import initialize

    monkeypatch.setattr(initialize, "_config", None)
    yield
    initialize.init()


@pytest.mark.parametrize("name", _modules())
def test_the_examples_of_a_module_work(name, capsys):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0, capsys.readouterr().out
