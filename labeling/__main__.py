"""`labeling`, and `python -m labeling`."""

import gc

from labeling.cycles import seldom


def main() -> None:
    """Run the command line (`labeling.cli`)."""
    # What is imported and loaded stays, and to look through all of it time and again takes a tenth of a second at the
    # start and another at the end.
    seldom()
    try:
        from labeling.cli import main as run

        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
