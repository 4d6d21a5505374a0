"""flyte_core.storage: local places that nobody named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flyte_core import storage


@pytest.mark.parametrize("name", ["s3://bucket/a/b.csv", Path("/x/b.csv"), "b.csv", "https://host/b.csv?sig=1"])
def test_a_random_path_keeps_the_last_part_and_nothing_is_there_yet(name: str | Path) -> None:
    one, other = storage.get_random_local_path(name), storage.get_random_local_path(name)
    assert one != other
    assert one.name == other.name == "b.csv"
    assert one.parent.is_dir()
    assert not one.exists()


def test_a_random_path_without_a_name_can_become_a_file_or_a_folder() -> None:
    path = storage.get_random_local_path()
    assert path.parent.is_dir()
    assert not path.exists()


def test_a_random_folder_is_there_and_empty() -> None:
    assert list(storage.get_random_local_directory().iterdir()) == []


def test_the_scratch_folder_is_removed_when_the_process_ends_and_not_before() -> None:
    code = """if True:
        import os
        from flyte_core import storage
        folder = storage.scratch_folder()
        assert folder == storage.scratch_folder()
        child = os.fork()
        if child == 0:
            import atexit
            assert storage.scratch_folder() != folder
            atexit._run_exitfuncs()
            os._exit(0)
        os.waitpid(child, 0)
        assert folder.is_dir()
        print(folder)
    """
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not Path(ran.stdout.strip()).exists()


def test_names_are_new_also_where_a_task_seeds_its_random_numbers() -> None:
    import random

    random.seed(1)
    one = storage.get_random_local_path("a")
    random.seed(1)
    assert storage.get_random_local_path("a") != one
