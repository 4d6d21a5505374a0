"""The imports of ``file_round_trip``, to be subtracted."""

from flyte_core.io import File, HashlibAccumulator

HashlibAccumulator.from_hash_name("sha256")
assert File
