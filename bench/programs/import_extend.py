"""Import the names for authors and touch each of them."""

import flyte_core.extend

for name in flyte_core.extend.__all__:
    getattr(flyte_core.extend, name)
