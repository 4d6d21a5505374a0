"""The examples in docstrings work."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import flyte_core


def _modules() -> list[str]:
    found = pkgutil.walk_packages(flyte_core.__path__, "flyte_core.")
    return ["flyte_core", *(module.name for module in found if not module.name.endswith("__main__"))]


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    from flyte_core.runtime import initialize

    monkeypatch.setattr(initialize, "_config", None)


@pytest.mark.parametrize("name", _modules())
def test_the_examples_of_a_module_work(name, capsys):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0, capsys.readouterr().out
