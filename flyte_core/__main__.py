"""``python -m flyte_core``: the command ``flyte-core`` where its script is not on the path."""

from __future__ import annotations

import sys

from flyte_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
