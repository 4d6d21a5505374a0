"""flyte_core: a plugin-first framework for Flyte task types."""
