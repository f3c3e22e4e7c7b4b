"""Write what the documents have from the code: `python docs/generate.py`. A test says when that is to be done.

- docs/commands.md: what `--help` says of every command.
- docs/formats.md: a table of the reasons of each section.
"""

import re
import subprocess
import sys
from pathlib import Path

from labeling.core.reasons import MEANINGS

DOCS = Path(__file__).parent
HEAD = "| reason | action | meaning |\n|---|---|---|\n"


def commands() -> str:
    """docs/commands.md."""
    docs = ["utils", "docs", "--name", "labeling", "--title", "Commands"]
    done = subprocess.run(
        [sys.executable, "-m", "typer", "labeling.cli", *docs], check=True, capture_output=True, text=True
    )
    return re.sub(r"[ \t]+\n", "\n", done.stdout).strip() + "\n"


def formats(page: str) -> str:
    """docs/formats.md with the tables that its sections are to have."""
    for title, meanings in MEANINGS.items():
        rows = "".join(f"| `{one.reason}` | {one.actions} | {one.meaning} |\n" for one in meanings)
        section = re.compile(rf"(?<=^### {re.escape(title)}\n\n)" + re.escape(HEAD) + r"(?:\| `.*\n)*", re.MULTILINE)
        page, found = section.subn(lambda _, rows=rows: HEAD + rows, page)
        if found != 1:
            raise ValueError(f"docs/formats.md has {found} tables under {title!r}")
    return page


def generated() -> dict[Path, str]:
    """Each page that has something generated, and what it is to be."""
    page = DOCS / "formats.md"
    return {DOCS / "commands.md": commands(), page: formats(page.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
