"""`labeling`, and `python -m labeling`."""

import gc
from typing import NoReturn

from labeling.ending import run
from labeling.loading import what_stays


def main() -> NoReturn:
    """Run the command line (`labeling.cli`)."""
    try:
        run(_command)
    finally:
        gc.freeze()


def _command() -> int:
    with what_stays():
        from labeling.cli import main as command

    return command()


if __name__ == "__main__":
    main()
