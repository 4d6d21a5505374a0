"""Python function tasks for flyte_core."""
