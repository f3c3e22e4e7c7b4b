"""`labeling`, and `python -m labeling`."""

import gc
import sys
from typing import NoReturn

from labeling.ending import run
from labeling.loading import for_one_command, what_stays


def main() -> NoReturn:
    """Run the command line (`labeling.cli`)."""
    for_one_command()
    try:
        run(_command)
    finally:
        gc.freeze()


def _command() -> int:
    with what_stays():
        from labeling.cli import main as command

        if {"-h", "--help"} & set(sys.argv):
            import typer.rich_utils  # noqa: F401  (it draws the help, and takes a third of its time)

    return command()


if __name__ == "__main__":
    main()
