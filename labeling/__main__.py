"""`labeling`, and `python -m labeling`."""

import gc
from typing import NoReturn

from labeling.ending import run


def main() -> NoReturn:
    """Run the command line (`labeling.cli`)."""
    try:
        run(_command)
    finally:
        gc.freeze()


def _command() -> int:
    # What is imported stays, and to look through all of it time and again takes a tenth of the start and of the end.
    gc.disable()
    from labeling.cli import main as command

    gc.enable()
    return command()


if __name__ == "__main__":
    main()
