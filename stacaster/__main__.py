"""The command ``stacaster``, also as ``python -m stacaster``."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported ends it without a word, too."""
    try:
        from stacaster.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # What is done is done: Python would end by the signal while it shuts down.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
