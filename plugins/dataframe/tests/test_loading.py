"""What is loaded for which class of frames, and how another library is added."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from flyte_core.extend import TaskPluginRegistry

LIBRARIES = {"pandas", "polars", "pyarrow"}
GROUP = "flyte_core.type_transformers"
CLAIMS = {
    "pandas.DataFrame": "flyte_core_dataframe.pandas",
    "polars.DataFrame": "flyte_core_dataframe.polars",
    "polars.LazyFrame": "flyte_core_dataframe.polars",
    "pyarrow.Table": "flyte_core_dataframe.arrow",
}


def run(code: str, *paths: Path) -> str:
    code = f"import sys\nsys.path[:0] = {[str(path) for path in paths]!r}\n{textwrap.dedent(code)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_entry_points_carry_the_types():
    assert {ep.name: ep.value for ep in entry_points(group=GROUP) if ep.name in CLAIMS} == CLAIMS


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_module_imports_its_own_library_and_arrow_alone(library):
    module = "arrow" if library == "pyarrow" else library
    code = f"import flyte_core_dataframe.{module}; print(*{sorted(LIBRARIES)!r} & sys.modules.keys())"
    loaded = run(code.replace("*[", "*{").replace("] &", "} &"))
    assert set(loaded.split()) == {library, "pyarrow"}


def test_the_package_itself_imports_no_library():
    assert run(f"import flyte_core_dataframe; print(*{LIBRARIES!r} & sys.modules.keys())") == ""


def test_a_type_is_found_when_it_is_met_and_not_before():
    out = run("""
        import pandas, flyte_core.io
        from flyte_core.types import TypeEngine
        TypeEngine.to_literal_type(int)
        before = "flyte_core_dataframe" in sys.modules
        TypeEngine.to_literal_type(pandas.DataFrame)
        print(before, "flyte_core_dataframe.pandas" in sys.modules, "flyte_core_dataframe.polars" in sys.modules)
    """)
    assert out == "False True False"


def test_without_the_plugin_errors_and_warnings_name_it():
    out = run("""
        import logging, pandas
        from flyte_core.discovery import PluginIndex
        names = PluginIndex.names
        PluginIndex.names = lambda self, group: [] if "transformers" in group else names(self, group)
        import flyte_core
        from flyte_core.io import DataFrame
        from flyte_core.types.codec import codec_for
        try:
            codec_for(DataFrame).encode(DataFrame.from_df(pandas.DataFrame()))
        except TypeError as error:
            print(error)
        class Keep(logging.Handler):
            def emit(self, record): print(record.getMessage())
        flyte_core.logger.addHandler(Keep())
        env = flyte_core.TaskEnvironment("frames", image="python:3.12")
        @env.task
        def rows(df: pandas.DataFrame) -> int:
            return len(df)
        print(flyte_core.run(rows, pandas.DataFrame({"a": [1, 2]})).outputs())
    """)
    error, warning, rows = out.splitlines()
    assert "pip install flyte-core-dataframe" in error
    assert "pickled" in warning
    assert "pip install flyte-core-dataframe" in warning
    assert rows == "2"


def test_another_library_needs_a_small_module_and_one_entry_point(tmp_path):
    library = "class Rows:\n    def __init__(self, rows): self.rows = rows\n"
    (tmp_path / "rowslib.py").write_text(library)
    (tmp_path / "rows_frames.py").write_text(
        textwrap.dedent("""
        import pyarrow as pa
        from flyte_core_dataframe import ArrowFrameTransformer
        from rowslib import Rows

        class RowsTransformer(ArrowFrameTransformer[Rows]):
            def to_arrow(self, frame): return pa.Table.from_pylist(frame.rows)
            def from_arrow(self, table): return Rows(table.to_pylist())

        TRANSFORMERS = [RowsTransformer(Rows)]
        """)
    )
    info = tmp_path / "rows_frames-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rows-frames\nVersion: 1.0\n\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nrowslib.Rows = rows_frames\n")
    out = run(
        """
        import polars
        from rowslib import Rows
        import flyte_core
        env = flyte_core.TaskEnvironment("rows", image="python:3.12")
        @env.task
        async def make() -> Rows:
            return Rows([{"a": 1}, {"a": 2}])
        @env.task
        async def total(df: polars.DataFrame) -> int:
            return df["a"].sum()
        @env.task
        async def main() -> int:
            return await total(await make())
        print(flyte_core.run(main).outputs())
        """,
        tmp_path,
    )
    assert out == "3"


def test_the_plugin_is_listed_under_its_types():
    names = {info.name for info in TaskPluginRegistry.plugins() if info.distribution == "flyte-core-dataframe"}
    assert names == set(CLAIMS)
