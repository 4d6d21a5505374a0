"""``python -m flyte_core_container.copilot``: the commands of CoPilot without the rest of ``flyte-core``."""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    if "sidecar" in sys.argv[1:]:
        # Before anything else is imported: a SIGTERM that comes now means that outputs are ready.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    from flyte_core_container.copilot.cli import copilot

    copilot.main(prog_name="copilot")
