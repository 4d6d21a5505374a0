"""A file of 1 GB to local storage and back, hashed on the way."""

import tempfile
from pathlib import Path

from flyte_core.io import File, HashlibAccumulator

with tempfile.TemporaryDirectory() as folder:
    source = Path(folder) / "source"
    with source.open("wb") as file:
        file.truncate(2**30)
    method = HashlibAccumulator.from_hash_name("sha256")
    stored = File.from_local_sync(str(source), f"{folder}/stored", method)
    stored.download_sync(f"{folder}/back")
