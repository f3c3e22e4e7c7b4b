"""An HTML page → the fields of its article, by trafilatura; nothing is fetched."""

import logging
from copy import deepcopy
from typing import Any

# Below its default of 250 characters, trafilatura falls back to text without paragraphs, headline included.
MIN_TEXT = 1


def read_html(page: bytes, *, keep_all: bool) -> dict[str, Any]:
    """Title, text, date, source and URL of the page; no `text` if none is found.

    Paragraphs and list items are separated by an empty line. `keep_all` takes all visible text.
    """
    import trafilatura  # slow to import
    from trafilatura.settings import DEFAULT_CONFIG

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    if keep_all:
        return {"text": trafilatura.html2txt(page)}
    config = deepcopy(DEFAULT_CONFIG)
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", str(MIN_TEXT))
    found = trafilatura.bare_extraction(
        page, with_metadata=True, include_comments=False, include_tables=True, config=config
    )
    if found is None:
        return {}
    fields = found.as_dict() if hasattr(found, "as_dict") else dict(found)
    text = "\n\n".join(filter(None, (line.strip() for line in (fields.get("text") or "").split("\n"))))
    return {
        "text": text,
        "title": fields.get("title") or "",
        "published": fields.get("date") or "",
        "source": fields.get("sitename") or fields.get("hostname") or "",
        "url": fields.get("url") or "",
    }
