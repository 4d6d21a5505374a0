"""Import the package and nothing else."""

import flyte_core  # noqa: F401
