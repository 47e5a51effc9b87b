"""The front door for commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from .cli.app import run
    except KeyboardInterrupt:  # before there is anybody who could put it better
        sys.exit(130)
    sys.exit(run())


if __name__ == "__main__":
    main()
