"""The programs of ``bench/programs``, as they read for one SDK.

They are written for flyte_core; for the reference the package's name is replaced, so that both SDKs run the same text.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["load", "write"]

FOLDER = Path(__file__).resolve().parents[1] / "programs"
OURS = "flyte_core"

#: The reference keeps this one out of its public names.
_SERIALIZER = "from flyte_core.serialize import task_spec"
_REFERENCE_SERIALIZER = "from flyte._internal.runtime.task_serde import translate_task_to_wire as task_spec"


def write(program: str, sdk: str, folder: Path) -> Path:
    """Write one program for one SDK into a folder.

    Args:
        program: its name in ``bench/programs``.
        sdk: the SDK's package.
        folder: where to write it.

    Returns:
        The file.
    """
    text = (FOLDER / f"{program}.py").read_text(encoding="utf-8")
    if sdk != OURS:
        text = re.sub(rf"\b{OURS}\b", sdk, text.replace(_SERIALIZER, _REFERENCE_SERIALIZER))
    path = folder / f"{program}.py"
    path.write_text(text, encoding="utf-8")
    return path


def load(program: str, sdk: str, folder: Path) -> ModuleType:
    """Write one program for one SDK and import it."""
    path = write(program, sdk, folder)
    spec = importlib.util.spec_from_file_location(program, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # An SDK asks which module a function is in.
    sys.modules[program] = module
    spec.loader.exec_module(module)
    return module
