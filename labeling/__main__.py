"""`labeling`, and `python -m labeling`."""

import gc

from labeling.cycles import seldom


def main() -> None:
    """Run the command line (`labeling.cli`)."""
    # What is imported stays, and to look through all of it time and again takes a tenth of the start and of the end.
    usual = gc.get_threshold()
    seldom()
    try:
        from labeling.cli import main as run

        gc.set_threshold(*usual)  # a server's answers are large, and some of them are in a cycle
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
